"""A run as a Chrome trace, which Perfetto (ui.perfetto.dev) and chrome://tracing show.

Source: Trace Event Format, "Complete", "Counter" and "Metadata" events.
"""

from typing import Any

from hadron.report import NOMINAL_MHZ, RunReport
from hadron_spec.commands import Unit

__all__ = ["chrome_trace"]

_PROCESS = 1


def chrome_trace(report: RunReport) -> dict[str, Any]:
    """Return what each unit did when: a thread a unit, a slice a layer's commands, named like it.

    Times are those at `NOMINAL_MHZ`; cycles are in the slices' arguments. The counter ``array`` is
    the part of a slice's cycles in which the array multiplied, in percent.
    """
    layers = {layer.predicted.index: layer for layer in report.layers}
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": _PROCESS, "name": "process_name",
         "args": {"name": f"{report.program.model} on {report.program.config.name}"}}]
    for unit in Unit:
        events += [
            {"ph": "M", "pid": _PROCESS, "tid": int(unit), "name": "thread_name",
             "args": {"name": unit.name}},
            {"ph": "M", "pid": _PROCESS, "tid": int(unit), "name": "thread_sort_index",
             "args": {"sort_index": int(unit)}},
        ]
    for event in report.trace:
        layer = layers.get(event.layer)
        cycles = event.end - event.start
        arguments: dict[str, Any] = {"layer": event.layer, "start": event.start, "cycles": cycles}
        if layer is not None:
            arguments["operator"] = layer.predicted.op
        if event.unit == Unit.EXECUTE:
            arguments |= {"mac_active": event.mac_active, "stalled": event.stalled}
            share = round(100 * event.mac_active / max(1, cycles), 1)
            events += [_array(event.start, share), _array(event.end, 0)]
        events.append({
            "ph": "X", "pid": _PROCESS, "tid": int(event.unit), "cat": event.unit.name,
            "name": f"layer {event.layer}" if layer is None else layer.predicted.name,
            "ts": event.start / NOMINAL_MHZ, "dur": cycles / NOMINAL_MHZ, "args": arguments})
    return {"traceEvents": events, "displayTimeUnit": "ns",
            "otherData": {"cycles": report.cycles, "memory": report.memory,
                          "mhz": NOMINAL_MHZ}}


def _array(cycle: int, share: float) -> dict[str, Any]:
    return {"ph": "C", "pid": _PROCESS, "name": "array", "ts": cycle / NOMINAL_MHZ,
            "args": {"busy %": share}}
