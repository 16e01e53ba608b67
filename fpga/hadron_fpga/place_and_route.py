"""From a netlist to a placed, routed and timed ECP5 design, one seed at a time."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .tools import ToolError, run_tool

__all__ = ["PLACERS", "RESOURCES", "RoutedDesign", "place_and_route", "place_and_route_seeds"]

RESOURCES = {
    "lut4": "TRELLIS_COMB",
    "ff": "TRELLIS_FF",
    "ebr": "DP16KD",
    "mult18": "MULT18X18D",
    "pll": "EHXPLLL",
    "io": "TRELLIS_IO",
}
"""Names in Hadron's reports and in nextpnr's."""

PLACERS = {"85k": "static"}
"""nextpnr's placer by device, where its default, HeAP, is not best: docs/adr/0008-floorplan.md."""

# How far along a line of nextpnr's log is; routing reports what remains itself.
_STAGES = (
    (re.compile(r"Packing"), 0.01),
    (re.compile(r"Running Static placer|Creating initial analytic placement"), 0.02),
    (re.compile(r"Running simulated annealing|HeAP Placer Time"), 0.35),
    (re.compile(r"Routing \d+ arcs"), 0.40),
)
_PLACEMENT = re.compile(r"Info: iter=(\d+) ")
_PLACEMENT_ITERATIONS = 550
"""About as many as the static placer takes for designs of any size."""
_PLACER_PATIENCE = 900.0
"""Seconds that nextpnr may be silent before it routes: an iteration of its placers takes half a
minute of a full device, or never ends."""
_ROUTER_PATIENCE = 3600.0
"""Seconds from then on. The router never gives up, and writes a line when it has tried a thousand
connections: on a busy machine, the last ones of a full device took 20 minutes."""
_ARCS = re.compile(r"Routing (\d+) arcs")
_ROUTE = re.compile(r"Info:\s+\d+\s*\|.*\|\s*(\d+)\|")


@dataclass(frozen=True)
class RoutedDesign:
    """What one run of place and route gave.

    Attributes
    ----------
    seed : int
        The placer's seed.
    fmax_mhz : dict of str to float
        Highest frequency of each clock, slow corner, the device's speed grade.
    resources : dict of str to dict
        `used` and `available` of each kind in :data:`RESOURCES`.
    critical_path : list of str
        The slowest path, a line a segment: delay in ns, kind, where from and to.
    seconds : float
        Time it took.
    """

    seed: int
    fmax_mhz: dict[str, float]
    resources: dict[str, dict[str, int]]
    critical_path: list[str]
    seconds: float


def place_and_route(*, folder: Path, netlist: str, seed: int, device_options: list[str],
                    lpf: str | None = None, config: str | None = None,
                    on_progress: Callable[[float], None] = lambda fraction: None) -> RoutedDesign:
    """Place and route `netlist` (a JSON file in `folder`).

    Parameters
    ----------
    folder : Path
        Working folder; the tool's log and report go there, named after the seed.
    netlist, lpf, config : str
        File names in `folder`: Yosys's JSON, pin constraints (None: pins where the tool likes),
        and the textual configuration to write (None: none).
    seed : int
        The placer's seed.
    device_options : list of str
        nextpnr's options for device, package and speed grade.
    on_progress : callable
        Called with the fraction done, 0 to 1.

    Raises
    ------
    ToolError
        When the design does not fit, or does not route or seems not to. A missed frequency is not
        an error.
    """
    report = f"seed{seed}.report.json"
    arguments = [*device_options, "--json", netlist, "--seed", str(seed), "--report", report,
                 "--timing-allow-fail"]
    for device, placer in PLACERS.items():
        if f"--{device}" in device_options:
            arguments += ["--placer", placer]
    arguments += ["--lpf", lpf] if lpf else ["--lpf-allow-unconstrained"]
    if config:
        arguments += ["--textcfg", config]

    arcs = 0
    done = 0.0

    def reach(fraction: float) -> None:
        nonlocal done
        if fraction > done:
            done = fraction
            on_progress(fraction)

    def follow(line: str) -> None:
        nonlocal arcs
        if match := _ARCS.search(line):
            arcs = int(match[1])
        for pattern, fraction in _STAGES:
            if pattern.search(line):
                reach(fraction)
        if match := _PLACEMENT.match(line):
            reach(0.02 + 0.33 * min(1.0, int(match[1]) / _PLACEMENT_ITERATIONS))
        if match := _ROUTE.match(line):
            reach(0.40 + 0.55 * max(0.0, 1 - int(match[1]) / max(1, arcs)))

    begin = time.monotonic()
    run_tool("nextpnr-ecp5", arguments, folder=folder, log=f"seed{seed}.nextpnr.log",
             on_line=follow, patience=lambda: _ROUTER_PATIENCE if arcs else _PLACER_PATIENCE)
    reach(1.0)
    data = json.loads((folder / report).read_text(encoding="utf-8"))
    return RoutedDesign(
        seed=seed,
        fmax_mhz={name: round(clock["achieved"], 2) for name, clock in data["fmax"].items()},
        resources={name: {"used": data["utilization"][cell]["used"],
                          "available": data["utilization"][cell]["available"]}
                   for name, cell in RESOURCES.items() if cell in data["utilization"]},
        critical_path=_critical_path(data),
        seconds=round(time.monotonic() - begin, 1),
    )


def place_and_route_seeds(
        route: Callable[[int], RoutedDesign], seeds: Sequence[int],
        jobs: int | None = None) -> Iterator[tuple[list[RoutedDesign], dict[str, str]]]:
    """Call `route` for each seed, `jobs` side by side, by default as many as there are processors.

    Yields
    ------
    list of RoutedDesign, dict
        After each seed, once one is routed: those that are so far, in order, and why the others
        are not, by seed.

    Raises
    ------
    ToolError
        When none was: the error of the first.
    """
    def attempt(seed: int) -> RoutedDesign | ToolError:
        try:
            return route(seed)
        except ToolError as error:
            return error

    routed: list[RoutedDesign] = []
    errors: dict[int, ToolError] = {}
    with ThreadPoolExecutor(max_workers=jobs or os.cpu_count() or 1) as pool:
        for seed, design in zip(seeds, pool.map(attempt, seeds), strict=True):
            if isinstance(design, ToolError):
                errors[seed] = design
            else:
                routed.append(design)
            if routed:
                yield list(routed), {str(seed): str(error) for seed, error in errors.items()}
    if not routed:
        raise next(iter(errors.values()))


def _critical_path(data: dict) -> list[str]:
    """Describe the slowest path inside a clock domain; a carry chain is one segment."""
    inside = [path for path in data.get("critical_paths", ()) if path["from"] == path["to"]]
    if not inside:
        return []
    slowest = max(inside, key=lambda path: sum(step["delay"] for step in path["path"]))
    segments: list[dict] = []
    for step in slowest["path"]:
        if step["type"] == "routing" and step["delay"] == 0:
            continue
        if segments and step["type"] == segments[-1]["type"]:
            segments[-1]["delay"] += step["delay"]
            segments[-1]["to"] = step["to"]
        else:
            segments.append(dict(step))
    return [f"{step['delay']:.2f} ns {step['type']}: {step['from']['cell']} -> "
            f"{step['to']['cell']}" for step in segments]
