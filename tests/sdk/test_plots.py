"""The timeline, the roofline and the Chrome trace of a run."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hadron.chrome_trace import chrome_trace
from hadron.layers import layer_timings
from hadron.plots import roofline, timeline
from hadron.report import NOMINAL_MHZ, SHARES, LayerResult, RunReport, predicted_report
from hadron_compiler import compile_model
from hadron_cosim.simulator import TraceEvent
from hadron_spec.commands import Unit
from hadron_spec.config import CONFIGS

TRACE = [TraceEvent(Unit.LOAD, 0, 0, 100), TraceEvent(Unit.EXECUTE, 0, 100, 500, 300, 20),
         TraceEvent(Unit.LOAD, 1, 110, 140), TraceEvent(Unit.EXECUTE, 1, 500, 900, 100),
         TraceEvent(Unit.STORE, 8, 900, 1000)]


@pytest.fixture(scope="module")
def report(project: Path) -> RunReport:
    program = compile_model(project / "toolchain/hadron/data/digits.tflite", CONFIGS["h64"])
    timings = layer_timings(program.layers, TRACE)
    return RunReport(program, "rtl", 1000, [
        LayerResult(layer, timing) for layer, timing in zip(program.layers, timings, strict=True)],
        memory="fast", trace=TRACE)


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(svg).iter(tag))


def test_cycles_go_where_they_were_measured_to_go(report: RunReport) -> None:
    config = report.program.config
    first, second, *_ = report.layers
    assert first.predicted.macs == 9216
    assert first.breakdown(config) == {"macs": 144, "lanes": 156, "other": 80, "load": 100,
                                       "store": 0, "command": 0, "requantizer": 20}
    assert sum(first.breakdown(config).values()) == first.cycles
    assert first.bound(config) == "lanes"
    assert second.bound(config) == "other"
    assert list(first.breakdown(config)) == list(SHARES)


@pytest.mark.parametrize(("precision", "rate"), [("W4A8", 1), ("W8A16", 0.5), ("W4A4", 2)])
def test_a_layer_is_measured_by_what_its_precision_can_do(report: RunReport, precision: str,
                                                          rate: float) -> None:
    config = report.program.config
    plain = report.layers[0]
    layer = replace(plain, predicted=replace(plain.predicted, precision=precision))
    assert layer.utilization(config) == pytest.approx(plain.utilization(config) / rate)
    assert layer.breakdown(config)["macs"] == 144 / rate
    assert sum(layer.breakdown(config).values()) == layer.cycles
    roof = roofline(replace(report, layers=[layer]))
    assert f"array: {64 * rate:g} MACs a cycle" in roof


def test_a_prediction_says_nothing_of_where_cycles_go(report: RunReport) -> None:
    layer = predicted_report(report.program).layers[0]
    assert layer.breakdown(report.program.config) == {}
    assert layer.bound(report.program.config) is None


def test_timeline_has_a_bar_for_each_event(report: RunReport) -> None:
    bars = elements(timeline(report), "rect")
    assert len(bars) == len(TRACE)
    widths = [float(bar.get("width", "")) for bar in bars]
    # Bars go unit by unit; lengths are in proportion.
    assert widths[0] / widths[1] == pytest.approx(100 / 30, rel=0.01)
    assert widths[2] == widths[3] == pytest.approx(4 * widths[4], rel=0.01)
    titles = [bar[0].text or "" for bar in bars]
    assert titles[0] == "0 CONV_2D re_lu_4_1/Relu: 0 to 100"


def test_what_is_too_short_to_see_is_joined(report: RunReport) -> None:
    events = [TraceEvent(Unit.LOAD, 0, 2 * i, 2 * i + 1) for i in range(50_000)]
    many = replace(report, trace=events, cycles=100_000)
    assert len(elements(timeline(many), "rect")) == 1


def test_roofline_has_a_point_for_each_layer_that_multiplies(report: RunReport) -> None:
    multiplying = [layer for layer in report.layers if layer.predicted.macs and layer.cycles]
    points = elements(roofline(report), "circle")
    assert len(points) == len(multiplying) > 1
    # More MACs a cycle is higher up.
    rates = [layer.predicted.macs / layer.cycles for layer in multiplying]
    heights = [-float(point.get("cy", "")) for point in points]
    ordered = [height for _, height in sorted(zip(rates, heights, strict=True))]
    assert all(low <= high for low, high in pairwise(ordered))


def test_roofs_are_those_of_array_and_memory(report: RunReport) -> None:
    assert "array: 64 MACs a cycle; memory port: 8 bytes a cycle" in roofline(report)
    slow = replace(report, memory="sdram")
    assert "memory port: 2 bytes a cycle" in roofline(slow)


def test_chrome_trace_has_a_slice_for_each_event(report: RunReport) -> None:
    trace = chrome_trace(report)
    slices = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [(s["tid"], round(s["ts"] * NOMINAL_MHZ), round(s["dur"] * NOMINAL_MHZ))
            for s in slices] == [
        (int(event.unit), event.start, event.end - event.start) for event in TRACE]
    assert slices[1]["name"] == report.layers[0].predicted.name
    assert slices[1]["args"] == {"layer": 0, "start": 100, "cycles": 400, "operator": "CONV_2D",
                                 "mac_active": 300, "stalled": 20}
    threads = {event["tid"]: event["args"]["name"] for event in trace["traceEvents"]
               if event["name"] == "thread_name"}
    assert threads == {int(unit): unit.name for unit in Unit}


def test_chrome_trace_counts_how_busy_the_array_is(report: RunReport) -> None:
    counters = [(event["ts"] * NOMINAL_MHZ, event["args"]["busy %"])
                for event in chrome_trace(report)["traceEvents"] if event["ph"] == "C"]
    assert counters == [(100, 75.0), (500, 0), (500, 25.0), (900, 0)]


def test_a_prediction_has_no_trace(report: RunReport) -> None:
    predicted = chrome_trace(predicted_report(report.program))
    assert not [event for event in predicted["traceEvents"] if event["ph"] != "M"]


def test_names_are_escaped(report: RunReport) -> None:
    first = report.layers[0]
    named = replace(first, predicted=replace(first.predicted, name="<a>&"))
    odd = replace(report, layers=[named, *report.layers[1:]])
    for svg in (timeline(odd), roofline(odd)):
        assert "<a>" not in svg
        assert re.search(r"&lt;a&gt;&amp;", svg)
