"""What each layer took: from the trace of a simulation to cycles and stalls a layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hadron_compiler import LayerReport
from hadron_compiler.schedule.attribution import Work, cycles_of, spans_of
from hadron_cosim.simulator import TraceEvent
from hadron_spec.commands import Unit

__all__ = ["STALLS", "LayerTiming", "layer_timings", "transfers"]

STALLS = ("load", "store", "command", "requantizer")
"""Why a layer waited: EXECUTE rested while LOAD ran; while STORE ran and LOAD did not; while
nothing ran; EXECUTE ran, but a step waited for room for its result."""

Cycles = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LayerTiming:
    """Measured cycles of one layer.

    Parameters
    ----------
    cycles : int
        From the end of the layers before to the end of its last command, as the compiler predicts
        them: the layers of a program add up to its run. What a layer computes while the one before
        still stores counts for the latter, so utilization may exceed 1 by a little. Layers that
        are fused take turns (`hadron_compiler.schedule.attribution`).
    stalls : dict of str to int
        Of these, cycles in which the layer waited, by cause (`STALLS`).
    mac_active : int
        Cycles in which the array had weights and activations of the layer.
    execute_busy : int
        Cycles in which EXECUTE ran a command of the layer.
    """

    cycles: int
    stalls: dict[str, int]
    mac_active: int = 0
    execute_busy: int = 0


def layer_timings(layers: Sequence[LayerReport], trace: Sequence[TraceEvent]) -> list[LayerTiming]:
    """Measure each layer of a program from the trace of its run."""
    spans = spans_of([layer.chain for layer in layers],
                     [Work(event.layer, event.end, event.unit == Unit.EXECUTE) for event in trace])
    cycles = cycles_of(len(layers), spans)
    stalls = _rests(spans, len(layers), trace)
    active, busy, stalled = (np.zeros(len(layers), np.int64) for _ in range(3))
    for event in trace:
        if event.unit == Unit.EXECUTE and event.layer < len(layers):
            active[event.layer] += event.mac_active
            busy[event.layer] += event.end - event.start
            stalled[event.layer] += event.stalled
    stalls["requantizer"] = stalled
    return [LayerTiming(cycles[i], {cause: int(stalls[cause][i]) for cause in STALLS},
                        int(active[i]), int(busy[i]))
            for i in range(len(layers))]


def transfers(trace: Sequence[TraceEvent]) -> tuple[int, int]:
    """Return in how many cycles LOAD or STORE ran, and in how many of these EXECUTE did, too."""
    points = np.unique(np.array([edge for event in trace for edge in (event.start, event.end)],
                                dtype=np.int64))
    widths = np.diff(points)
    moving = _runs(points, trace, Unit.LOAD) | _runs(points, trace, Unit.STORE)
    hidden = moving & _runs(points, trace, Unit.EXECUTE)
    return int(widths[moving].sum()), int(widths[hidden].sum())


def _runs(points: Cycles, trace: Sequence[TraceEvent], unit: Unit) -> npt.NDArray[np.bool_]:
    """Tell of each interval between two points, at which all events start and end, whether the
    unit ran."""
    change = np.zeros(len(points), dtype=np.int64)
    for event in trace:
        if event.unit == unit:
            change[np.searchsorted(points, event.start)] += 1
            change[np.searchsorted(points, event.end)] -= 1
    return np.cumsum(change)[:-1] > 0


def _rests(spans: Sequence[tuple[int, int]], layers: int,
           trace: Sequence[TraceEvent]) -> dict[str, Cycles]:
    """Split the run where any unit starts or ends and sum up the pieces in which EXECUTE rests."""
    ends = [end for end, _ in spans]
    owners = np.array([*(layer for _, layer in spans), layers], dtype=np.int64)
    edges = [0, *ends, *(event.start for event in trace), *(event.end for event in trace)]
    points = np.unique(np.array(edges, dtype=np.int64))
    widths = np.diff(points)
    layer = owners[np.searchsorted(ends, points[:-1], side="right")]

    load, execute, store = (_runs(points, trace, unit)
                            for unit in (Unit.LOAD, Unit.EXECUTE, Unit.STORE))
    causes = {"load": ~execute & load, "store": ~execute & ~load & store,
              "command": ~execute & ~load & ~store}
    return {cause: np.bincount(layer, widths * rests, layers + 1)[:layers].astype(np.int64)
            for cause, rests in causes.items()}
