"""What is read from nextpnr's report; the tool itself is not run."""

import json
from pathlib import Path

import pytest

import hadron_fpga.place_and_route as subject
from hadron_fpga.tools import ToolError


def step(kind, delay, start, end):
    return {"type": kind, "delay": delay, "from": {"cell": start}, "to": {"cell": end}}


REPORT = {
    "fmax": {"clk": {"achieved": 123.456}},
    "utilization": {"TRELLIS_COMB": {"used": 5, "available": 9}},
    "critical_paths": [
        {"from": "posedge clk", "to": "posedge clk", "path": [
            step("clk-to-q", 0.5, "a", "a"),
            step("routing", 1.25, "a", "carry0"),
            step("logic", 0.25, "carry0", "carry0"),
            step("routing", 0.0, "carry0", "carry1"),
            step("logic", 0.5, "carry1", "carry1"),
            step("routing", 0.75, "carry1", "b"),
            step("setup", 0.0, "b", "b")]},
        {"from": "<async>", "to": "posedge clk", "path": [step("routing", 9.0, "pin", "b")]},
    ],
}


def test_reads_frequency_resources_and_the_slowest_path(tmp_path: Path, monkeypatch):
    def nextpnr(tool, arguments, *, folder, log, on_line, patience):
        assert (tool, log) == ("nextpnr-ecp5", "seed3.nextpnr.log")
        report = arguments[arguments.index("--report") + 1]
        (folder / report).write_text(json.dumps(REPORT))
        for line in ("Info: Packing IOs..", "Info: iter=110 steplen=1.6 a=1.0 penalty=[0.17]",
                     "Info: Routing 200 arcs.",
                     "Info:   100 |  0  50 |  0  50 |   100|  0.1  0.1|"):
            on_line(line)
            waits.append(patience())

    progress, waits = [], []
    monkeypatch.setattr(subject, "run_tool", nextpnr)
    design = subject.place_and_route(
        folder=tmp_path, netlist="top.json", seed=3, device_options=["--25k"],
        on_progress=progress.append)
    assert design.fmax_mhz == {"clk": 123.46}
    assert design.resources == {"lut4": {"used": 5, "available": 9}}
    assert design.critical_path == [
        "0.50 ns clk-to-q: a -> a",
        "1.25 ns routing: a -> carry0",
        "0.75 ns logic: carry0 -> carry1",
        "0.75 ns routing: carry1 -> b",
        "0.00 ns setup: b -> b",
    ]
    assert waits[0] == waits[1] < waits[2] == waits[3]
    assert progress == sorted(progress)
    assert progress == pytest.approx([0.01, 0.02 + 0.33 / 5, 0.40, 0.40 + 0.55 / 2, 1.0])


def routed(seed: int) -> subject.RoutedDesign:
    return subject.RoutedDesign(seed, {}, {}, [], 0.0)


def route_even(seed: int) -> subject.RoutedDesign:
    if seed % 2:
        raise ToolError(f"no route for {seed}")
    return routed(seed)


def test_seeds_that_do_not_route_are_told_apart():
    no_1 = {"1": "no route for 1"}
    no_3 = {"3": "no route for 3"}
    assert list(subject.place_and_route_seeds(route_even, range(1, 5))) == [
        ([routed(2)], no_1), ([routed(2)], no_1 | no_3), ([routed(2), routed(4)], no_1 | no_3)]


def test_a_design_that_no_seed_routes_is_an_error():
    with pytest.raises(ToolError, match=r"^no route for 3$"):
        list(subject.place_and_route_seeds(route_even, [3, 5], jobs=1))
