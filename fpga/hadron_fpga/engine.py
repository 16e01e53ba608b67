"""Place and route the NPU, or its array with its weight memories, as :mod:`hadron_fpga.parts` does.

    python -m hadron_fpga.engine --config h256 --seeds 3
    python -m hadron_fpga.engine --config h256 --whole --seeds 5
    python -m hadron_fpga.engine --config h256 --whole --every-precision
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from hadron_rtl.array import SystolicArray
from hadron_rtl.npu import Npu
from hadron_spec.config import NpuConfig, load_config

from .hierarchy import NPU_APART
from .npu_netlist import prepare_netlist
from .parts import NETLIST, measure_seeds, record, synthesize

__all__ = ["DEVICES", "measure"]

DEVICES = {"h64": "25k", "h128": "45k", "h256": "85k"}
"""Device that each configuration is aimed at, as nextpnr calls it."""


def measure(config: NpuConfig, device: str, seeds: int, folder: Path, *,
            whole: bool = False) -> Iterator[dict]:
    """Synthesize once, place and route with seeds 1 to `seeds`; yield the figures after each."""
    component = Npu(config) if whole else SystolicArray(config=config)
    sink_lut4 = synthesize(component, folder, apart=NPU_APART)
    modules = prepare_netlist(folder / NETLIST, device)
    for figures in measure_seeds(config.name, device, seeds, folder):
        lut4 = figures["resources"]["lut4"]
        yield figures | {"modules": modules, "sink_lut4": sink_lut4,
                         "lut4_percent": round(100 * lut4["used"] / lut4["available"], 1)}


def main(arguments: list[str] | None = None) -> None:
    """Measure one configuration and enter it in the baseline."""
    parser = argparse.ArgumentParser(prog="python -m hadron_fpga.engine", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="h256", help="a configuration, or a TOML file of one")
    parser.add_argument("--device", choices=sorted(set(DEVICES.values())),
                        help="default: the device the configuration is aimed at")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--whole", action="store_true",
                        help="the whole NPU, not the array alone")
    parser.add_argument("--every-precision", action="store_true",
                        help="activations of 16 and of four bits, too")
    parser.add_argument("--build", type=Path, default=Path("build"))
    options = parser.parse_args(arguments)
    config = load_config(options.config)
    device = options.device or DEVICES.get(config.name, "85k")
    if options.every_precision:
        config = replace(config, name=f"{config.name}-every-precision", deep=True, shallow=True)
    part = "npu" if options.whole else "engine"
    for figures in measure(config, device, options.seeds, options.build / part / config.name,
                           whole=options.whole):
        record(part, (config.name,), figures)


if __name__ == "__main__":
    main()
