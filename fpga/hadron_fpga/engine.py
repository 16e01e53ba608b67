"""Place and route the NPU, or its array alone, and record what it takes and how fast it runs.

    python -m hadron_fpga.engine --config h256 --seeds 3
    python -m hadron_fpga.engine --config h256 --whole --seeds 5

The array with its weight memories, or the whole NPU, sits between a shift register, which drives
every input, and a tree of exclusive-ors, which observes every output, so that pins limit neither.
Both belong to the figures: ``sink_lut4`` is how many LUTs the tree takes, the shift register takes
none.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

from hadron_rtl.array import SystolicArray
from hadron_rtl.npu import Npu
from hadron_rtl.vendor.target import Ecp5Export
from hadron_spec.config import NpuConfig, load_config

from .carry_chains import trim_carry_chains
from .floorplan import floorplan
from .harness import Harness
from .hierarchy import JOIN, KEEP
from .module_resources import module_resources
from .place_and_route import RoutedDesign, place_and_route
from .tools import run_tool, tool_versions

__all__ = ["DEVICES", "measure"]

DEVICES = {"h64": "25k", "h128": "45k", "h256": "85k"}
"""Device that each configuration is aimed at, as nextpnr calls it."""

PACKAGE = "CABGA381"
SPEED = 6
BASELINES = Path(__file__).resolve().parents[1] / "baselines"


def synthesize(component: wiring.Component, device: str, folder: Path) -> int:
    """Write ``top.json`` to `folder`; return how many LUTs observe the outputs."""
    folder.mkdir(parents=True, exist_ok=True)
    harness = Harness(component)
    text = rtlil.convert(harness, name="top", platform=Ecp5Export(), emit_src=False)
    (folder / "top.il").write_text(text, encoding="utf-8")
    script = ["read_rtlil top.il", KEEP, "synth_ecp5 -top top", JOIN, "write_json top.json"]
    (folder / "synthesis.ys").write_text("\n".join([*script, ""]), encoding="utf-8")
    run_tool("yosys", ["-s", "synthesis.ys"], folder=folder, log="yosys.log")
    trim_carry_chains(folder / "top.json")
    floorplan(folder / "top.json", device)
    return harness.sink_lut4


def measure(config: NpuConfig, device: str, seeds: int, folder: Path, *,
            whole: bool = False) -> Iterator[dict]:
    """Synthesize once, place and route with seeds 1 to `seeds`; yield the figures after each."""
    component = Npu(config) if whole else SystolicArray(config=config)
    sink_lut4 = synthesize(component, device, folder)
    modules = module_resources(folder / "top.json")
    runs: list[RoutedDesign] = []
    for seed in range(1, seeds + 1):
        run = place_and_route(
            folder=folder, netlist="top.json", seed=seed,
            device_options=[f"--{device}", "--package", PACKAGE, "--speed", str(SPEED)])
        runs.append(run)
        print(f"{config.name} seed {seed}: {_fmax(run)} MHz, "
              + ", ".join(f"{count['used']} {name}" for name, count in run.resources.items()),
              *run.critical_path, sep="\n  ", flush=True)
        worst = min(runs, key=_fmax)
        resources = {name: worst.resources[name] for name in ("lut4", "ff", "ebr", "mult18")}
        yield {
            "device": f"LFE5U-{device[:2]}F-{SPEED}{PACKAGE}",
            "fmax_mhz": [_fmax(run) for run in runs],
            "worst_fmax_mhz": _fmax(worst),
            "critical_path": worst.critical_path,
            "resources": resources,
            "modules": modules,
            "sink_lut4": sink_lut4,
            "lut4_percent": round(
                100 * resources["lut4"]["used"] / resources["lut4"]["available"], 1),
            "tools": tool_versions(),
        }


def _fmax(run: RoutedDesign) -> float:
    frequency, = run.fmax_mhz.values()
    return round(frequency, 1)


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
    parser.add_argument("--build", type=Path, default=Path("build"))
    options = parser.parse_args(arguments)
    config = load_config(options.config)
    device = options.device or DEVICES.get(config.name, "85k")
    part = "npu" if options.whole else "engine"
    file = BASELINES / f"{part}.json"
    for figures in measure(config, device, options.seeds, options.build / part / config.name,
                           whole=options.whole):
        baseline = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        baseline[config.name] = figures
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps(baseline, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
