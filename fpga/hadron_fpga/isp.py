"""Place and route the ISP, whole or a stage alone, and record what it takes and how fast it runs.

    python -m hadron_fpga.isp --part whole --seeds 5
    python -m hadron_fpga.isp --part demosaic --seeds 1

Settings are driven from a shift register, so that none is a constant; a stage alone has them as
inputs and does without the registers that hold them in the whole.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from hadron_rtl.isp.isp import STAGE_COMPONENTS, Isp
from hadron_rtl.vendor.target import Ecp5Export
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig

from .carry_chains import trim_carry_chains
from .harness import Harness
from .place_and_route import RoutedDesign, place_and_route
from .tools import run_tool, tool_versions

__all__ = ["PARTS", "measure"]

WHOLE = "whole"
PARTS = (WHOLE, *STAGE_COMPONENTS)
"""What can be measured."""

_KEPT = (*STAGE_COMPONENTS, "registers")

# Stages are mapped one by one, and joined afterwards: registers lie between them, and ABC does not
# get through the whole at once.
_SCRIPT = """\
read_rtlil top.il
hierarchy -top top
setattr -mod -set keep_hierarchy 1{keep}
synth_ecp5 -top top
setattr -mod -unset keep_hierarchy *
flatten
clean
write_json top.json
"""

DEVICE = "85k"
PACKAGE = "CABGA381"
SPEED = 6
BASELINE = Path(__file__).resolve().parents[1] / "baselines" / "isp.json"


def _component(part: str, config: IspConfig) -> wiring.Component:
    return Isp(config) if part == WHOLE else STAGE_COMPONENTS[part](config)


def synthesize(part: str, config: IspConfig, folder: Path) -> int:
    """Write ``top.json`` to `folder`; return how many LUTs observe the outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    harness = Harness(_component(part, config))
    text = rtlil.convert(harness, name="top", platform=Ecp5Export(), emit_src=False)
    (folder / "top.il").write_text(text, encoding="utf-8")
    script = _SCRIPT.format(keep="".join(f" top.component.{name}" for name in _KEPT)
                            if part == WHOLE else " top.component")
    (folder / "synthesis.ys").write_text(script, encoding="utf-8")
    run_tool("yosys", ["-s", "synthesis.ys"], folder=folder, log="yosys.log")
    trim_carry_chains(folder / "top.json")
    return harness.sink_lut4


def measure(part: str, config: IspConfig, seeds: int, folder: Path) -> Iterator[dict]:
    """Synthesize once, place and route with seeds 1 to `seeds`; yield the figures after each."""
    sink_lut4 = synthesize(part, config, folder)
    runs = []
    for seed in range(1, seeds + 1):
        run = place_and_route(
            folder=folder, netlist="top.json", seed=seed,
            device_options=[f"--{DEVICE}", "--package", PACKAGE, "--speed", str(SPEED)])
        runs.append(run)
        print(f"{config.name} {part} seed {seed}: {_fmax(run)} MHz, "
              + ", ".join(f"{count['used']} {name}" for name, count in run.resources.items()),
              *run.critical_path, sep="\n  ", flush=True)
        yield {
            "device": f"LFE5U-{DEVICE[:2]}F-{SPEED}{PACKAGE}",
            "fmax_mhz": [_fmax(run) for run in runs],
            "worst_fmax_mhz": min(_fmax(run) for run in runs),
            "resources": {name: runs[0].resources[name]
                          for name in ("lut4", "ff", "ebr", "mult18")},
            "sink_lut4": sink_lut4,
            "tools": tool_versions(),
        }


def _fmax(run: RoutedDesign) -> float:
    frequency, = run.fmax_mhz.values()
    return round(frequency, 1)


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
            baseline = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
            baseline.setdefault(config.name, {})[part] = figures
            BASELINE.write_text(json.dumps(baseline, indent=2, sort_keys=True) + "\n",
                                encoding="utf-8")


if __name__ == "__main__":
    main()
