"""Cycles and stalls of each layer, from a trace."""

import numpy as np

from hadron.layers import layer_timings, transfers
from hadron_compiler import LayerReport
from hadron_cosim.simulator import TraceEvent
from hadron_spec.commands import Unit


def layers(count: int) -> list[LayerReport]:
    return [LayerReport(i, f"l{i}", "CONV_2D", 1, 1, 0, 0, i) for i in range(count)]


def test_layers_add_up_to_the_run() -> None:
    trace = [TraceEvent(Unit.LOAD, 0, 5, 20), TraceEvent(Unit.LOAD, 1, 20, 60),
             TraceEvent(Unit.EXECUTE, 0, 20, 50), TraceEvent(Unit.EXECUTE, 1, 60, 90),
             TraceEvent(Unit.STORE, 1, 85, 100)]
    first, second = layer_timings(layers(2), trace)
    assert (first.cycles, second.cycles) == (50, 50)
    assert first.stalls == {"load": 15, "store": 0, "command": 5, "requantizer": 0}
    assert second.stalls == {"load": 10, "store": 10, "command": 0, "requantizer": 0}


def test_a_layer_without_commands_takes_nothing() -> None:
    trace = [TraceEvent(Unit.EXECUTE, 0, 0, 10), TraceEvent(Unit.EXECUTE, 2, 10, 30)]
    assert [t.cycles for t in layer_timings(layers(3), trace)] == [10, 0, 20]


def test_a_layer_that_ends_late_costs_the_next_one_nothing() -> None:
    trace = [TraceEvent(Unit.EXECUTE, 0, 0, 10), TraceEvent(Unit.EXECUTE, 1, 10, 20),
             TraceEvent(Unit.STORE, 0, 10, 25)]
    assert [t.cycles for t in layer_timings(layers(2), trace)] == [25, 0]


def test_work_belongs_to_the_layer_of_its_command() -> None:
    trace = [TraceEvent(Unit.EXECUTE, 0, 0, 10, 6, 2), TraceEvent(Unit.EXECUTE, 1, 12, 30, 9),
             TraceEvent(Unit.EXECUTE, 0, 30, 35, 4, 1)]
    first, second = layer_timings(layers(2), trace)
    assert (first.mac_active, first.execute_busy, first.stalls["requantizer"]) == (10, 15, 3)
    assert (second.mac_active, second.execute_busy, second.stalls["requantizer"]) == (9, 18, 0)


def test_fused_layers_take_turns() -> None:
    trace = [TraceEvent(Unit.LOAD, 0, 0, 10), TraceEvent(Unit.EXECUTE, 0, 10, 20),
             TraceEvent(Unit.EXECUTE, 1, 22, 40), TraceEvent(Unit.LOAD, 0, 40, 50),
             TraceEvent(Unit.EXECUTE, 0, 50, 60), TraceEvent(Unit.EXECUTE, 1, 60, 70),
             TraceEvent(Unit.STORE, 1, 70, 85), TraceEvent(Unit.EXECUTE, 2, 72, 95)]
    fused = [LayerReport(i, f"l{i}", "CONV_2D", 1, 1, 0, 0, chain)
             for i, chain in enumerate((0, 0, 2))]
    first, second, third = layer_timings(fused, trace)
    assert (first.cycles, second.cycles, third.cycles) == (40, 45, 10)
    assert first.stalls == {"load": 20, "store": 0, "command": 0, "requantizer": 0}
    assert second.stalls == {"load": 0, "store": 2, "command": 2, "requantizer": 0}


def test_transfers_are_hidden_while_work_runs() -> None:
    trace = [TraceEvent(Unit.LOAD, 0, 0, 10), TraceEvent(Unit.EXECUTE, 0, 8, 30),
             TraceEvent(Unit.LOAD, 1, 12, 20), TraceEvent(Unit.STORE, 0, 18, 34)]
    assert transfers(trace) == (10 + 22, 2 + 18)
    assert transfers([]) == (0, 0)


def test_no_trace_is_no_time() -> None:
    assert [t.cycles for t in layer_timings(layers(2), [])] == [0, 0]
    assert layer_timings([], []) == []


def test_stalls_equal_a_count_by_cycles(rng: np.random.Generator) -> None:
    trace = []
    for unit in (Unit.LOAD, Unit.EXECUTE, Unit.STORE):
        edges = np.sort(rng.choice(400, 24, replace=False))
        owners = np.sort(rng.integers(0, 4, 12))
        trace += [TraceEvent(unit, int(layer), int(start), int(end))
                  for layer, (start, end) in zip(owners, edges.reshape(-1, 2), strict=True)]
    timings = layer_timings(layers(4), trace)
    busy = {unit: {c for e in trace if e.unit == unit for c in range(e.start, e.end)}
            for unit in Unit}
    begin = 0
    for timing in timings:
        span = set(range(begin, begin + timing.cycles))
        rest = span - busy[Unit.EXECUTE]
        load = rest & busy[Unit.LOAD]
        store = rest & busy[Unit.STORE] - load
        assert timing.stalls == {"load": len(load), "store": len(store),
                                 "command": len(rest - load - store), "requantizer": 0}
        begin += timing.cycles
    assert begin == max(event.end for event in trace)
