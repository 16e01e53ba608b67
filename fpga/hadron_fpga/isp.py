"""Place and route the ISP, whole or a stage alone, as :mod:`hadron_fpga.parts` does.

    python -m hadron_fpga.isp --part whole --seeds 5
    python -m hadron_fpga.isp --part demosaic --seeds 1

Settings are driven from a shift register, so that none is a constant; a stage alone has them as
inputs and does without the registers that hold them in the whole.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from hadron_rtl.isp.isp import STAGE_COMPONENTS, Isp
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig

from .carry_chains import trim_carry_chains
from .netlist import edited_netlist
from .parts import NETLIST, measure_seeds, record, synthesize

__all__ = ["PARTS", "measure"]

WHOLE = "whole"
PARTS = (WHOLE, *STAGE_COMPONENTS)
"""What can be measured."""

DEVICE = "85k"

_WHOLE_APART = tuple(f"top.component.{name}" for name in (*STAGE_COMPONENTS, "registers"))


def measure(part: str, config: IspConfig, seeds: int, folder: Path) -> Iterator[dict]:
    """Synthesize once, place and route with seeds 1 to `seeds`; yield the figures after each."""
    whole = part == WHOLE
    sink_lut4 = synthesize(Isp(config) if whole else STAGE_COMPONENTS[part](config), folder,
                           apart=_WHOLE_APART if whole else ("top.component",))
    with edited_netlist(folder / NETLIST) as design:
        trim_carry_chains(design)
    for figures in measure_seeds(f"{config.name} {part}", DEVICE, seeds, folder):
        yield figures | {"sink_lut4": sink_lut4}


def main(arguments: list[str] | None = None) -> None:
    """Measure parts of one configuration and enter them in the baseline."""
    parser = argparse.ArgumentParser(prog="python -m hadron_fpga.isp", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=ISP_CONFIGS, default="isp1920")
    parser.add_argument("--part", choices=PARTS, action="append",
                        help="may be repeated; default: all")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--build", type=Path, default=Path("build") / "isp")
    options = parser.parse_args(arguments)
    config = ISP_CONFIGS[options.config]
    for part in options.part or PARTS:
        for figures in measure(part, config, options.seeds, options.build / config.name / part):
            record("isp", (config.name, part), figures)


if __name__ == "__main__":
    main()
