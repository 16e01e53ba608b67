"""Place and route a part of the design alone, and record what it takes and how fast it runs.

It sits between a shift register, which drives every input, and a tree of exclusive-ors, which
observes every output, so that pins limit neither (:class:`Harness`). Both belong to the figures:
``sink_lut4`` is how many LUTs the tree takes, the shift register takes none.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.lib import wiring

from hadron_rtl.vendor.target import Ecp5Export

from .harness import Harness
from .hierarchy import JOIN, keep
from .module_resources import KINDS
from .place_and_route import RoutedDesign, place_and_route, place_and_route_seeds
from .tools import run_tool, tool_versions

__all__ = ["BASELINES", "NETLIST", "measure_seeds", "record", "synthesize"]

BASELINES = Path(__file__).resolve().parents[1] / "baselines"
NETLIST = "top.json"
"""The netlist's file in a working folder."""

_PACKAGE = "CABGA381"
_SPEED = 6


def synthesize(component: wiring.Component, folder: Path, *, apart: tuple[str, ...]) -> int:
    """Write ``NETLIST`` to `folder`; return how many LUTs observe the outputs.

    Parameters
    ----------
    apart : tuple of str
        Modules to be mapped one by one, as :func:`keep` takes them; `component` is
        ``top.component``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    harness = Harness(component)
    text = rtlil.convert(harness, name="top", platform=Ecp5Export(), emit_src=False)
    (folder / "top.il").write_text(text, encoding="utf-8")
    script = ["read_rtlil top.il", "hierarchy -top top", keep(*apart), "synth_ecp5 -top top", JOIN,
              f"write_json {NETLIST}", ""]
    (folder / "synthesis.ys").write_text("\n".join(script), encoding="utf-8")
    run_tool("yosys", ["-s", "synthesis.ys"], folder=folder, log="yosys.log")
    return harness.sink_lut4


def measure_seeds(label: str, device: str, seeds: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Place and route the netlist in `folder` with seeds 1 to `seeds`, a seed a core; yield figures
    after each.

    The figures are device, fmax_mhz of each seed that is routed, unrouted (the others, each with
    the reason), worst_fmax_mhz, critical_path and resources of the slowest, and tools.
    """
    def route(seed: int) -> RoutedDesign:
        return place_and_route(
            folder=folder, netlist=NETLIST, seed=seed,
            device_options=[f"--{device}", "--package", _PACKAGE, "--speed", str(_SPEED)])

    for runs, unrouted in place_and_route_seeds(route, range(1, seeds + 1)):
        last, worst = runs[-1], min(runs, key=_fmax)
        print(f"{label} seed {last.seed}: {_fmax(last)} MHz, "
              + ", ".join(f"{count['used']} {name}" for name, count in last.resources.items()),
              *last.critical_path, *unrouted.values(), sep="\n  ", flush=True)
        yield {
            "device": f"LFE5U-{device[:2]}F-{_SPEED}{_PACKAGE}",
            "fmax_mhz": [_fmax(run) for run in runs],
            "unrouted": unrouted,
            "worst_fmax_mhz": _fmax(worst),
            "critical_path": worst.critical_path,
            "resources": {kind: worst.resources[kind] for kind in KINDS},
            "tools": tool_versions(),
        }


def _fmax(run: RoutedDesign) -> float:
    frequency, = run.fmax_mhz.values()
    return round(frequency, 1)


def record(name: str, keys: tuple[str, ...], figures: dict[str, Any]) -> None:
    """Enter figures under `keys`, the outermost first, in the baseline of that name."""
    file = BASELINES / f"{name}.json"
    baseline = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    *outer, last = keys
    entry = baseline
    for key in outer:
        entry = entry.setdefault(key, {})
    entry[last] = figures
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(baseline, indent=2, sort_keys=True) + "\n", encoding="utf-8")
