"""Figures of parts, and where they are entered; nothing is placed."""

import json

import hadron_fpga.parts as subject
from hadron_fpga.module_resources import KINDS
from hadron_fpga.place_and_route import RoutedDesign
from hadron_fpga.tools import ToolError

RESOURCES = {kind: {"used": 1, "available": 4} for kind in (*KINDS, "pll")}


def test_figures_are_those_of_the_slowest_seed(tmp_path, monkeypatch):
    speeds = {1: 150.04, 2: 120.0, 4: 130.0}

    def place_and_route(*, folder, netlist, seed, device_options):
        assert (folder, netlist) == (tmp_path, subject.NETLIST)
        assert device_options[0] == "--85k"
        if seed == 3:
            raise ToolError("no route")
        return RoutedDesign(seed, {"clk": speeds[seed]}, RESOURCES, [f"path {seed}"], 1.0)

    monkeypatch.setattr(subject, "place_and_route", place_and_route)
    first, _, _, last = subject.measure_seeds("part", "85k", 4, tmp_path)
    assert (first["fmax_mhz"], first["worst_fmax_mhz"]) == ([150.0], 150.0)
    assert last["fmax_mhz"] == [150.0, 120.0, 130.0]
    assert (last["worst_fmax_mhz"], last["critical_path"]) == (120.0, ["path 2"])
    assert set(last["resources"]) == set(KINDS)
    assert (first["unrouted"], last["unrouted"]) == ({}, {"3": "no route"})


def test_figures_are_entered_beside_the_others(tmp_path, monkeypatch):
    monkeypatch.setattr(subject, "BASELINES", tmp_path / "baselines")
    subject.record("isp", ("isp1920", "whole"), {"worst_fmax_mhz": 1})
    subject.record("isp", ("isp1920", "gamma"), {"worst_fmax_mhz": 2})
    subject.record("isp", ("isp1920", "whole"), {"worst_fmax_mhz": 3})
    assert json.loads((tmp_path / "baselines/isp.json").read_text()) == {
        "isp1920": {"whole": {"worst_fmax_mhz": 3}, "gamma": {"worst_fmax_mhz": 2}}}
