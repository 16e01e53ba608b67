"""`hadron build`: reports, limits and messages; the tools themselves are not run."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from hadron.cli.build import slowest_clock
from hadron_fpga.boards import BOARDS
from hadron_fpga.tools import ToolError
from hadron_spec.config import CONFIGS
from hadron_testing.command_line import Outcome, fails, read, succeeds


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


BUILD = {
    "board": "ulx3s-25f", "config": "h64", "device": "LFE5U-25F-6", "seeds": [1, 2],
    "clocks": [{"name": "$glbnet$clk", "target_mhz": 75.0, "fmax_mhz": [70.0, 80.5]},
               {"name": "slow", "target_mhz": 75.0, "fmax_mhz": [200.0, None]}],
    "resources": {"lut4": {"used": 12, "available": 24}}, "critical_path": ["0.5 ns"],
    "seconds": 1.0, "bitstream": "build/ulx3s-25f/x.bit", "tools": {},
}


def test_build_reports_clocks_and_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def build(board: str, **arguments: Any) -> dict[str, Any]:
        calls.append((board, arguments))
        arguments["on_progress"]("synthesis", 0.0)
        arguments["on_progress"]("synthesis", 1.0)
        return BUILD

    monkeypatch.setattr("hadron_fpga.build.build", build)
    outcome = Outcome("build", "ulx3s-25f", "--config", "h64", "--seeds", 2, "--json", "b.json",
                      "--fail-under", 80)
    assert (outcome.status, outcome.err) == (0, "synthesis\n")
    assert "clock   $glbnet$clk: 70.0, 80.5 MHz (target 75)\n" in outcome.out
    assert "lut4    12 of 24 (50%)\n" in outcome.out
    assert outcome.out.endswith("slowest path, of the slowest seed:\n  0.5 ns\n")
    assert read("b.json") == BUILD
    [(board, arguments)] = calls
    assert (board, arguments["config"]) == ("ulx3s-25f", CONFIGS["h64"])
    assert list(arguments["seeds"]) == [1, 2]
    message = fails("build", "ulx3s-25f", "--fail-under", 81, "--json", "b.json", status=1)
    assert message == "ulx3s-25f: clock $glbnet$clk reaches 80.50 MHz, below 81"


def test_a_design_without_clocks_reaches_nothing() -> None:
    assert slowest_clock({"clocks": []}) == ("none", 0.0)


def test_an_unknown_board_is_told_with_those_there_are() -> None:
    assert fails("build", "ulx4") == f"unknown board 'ulx4'; known: {', '.join(BOARDS)}"


def test_a_failing_tool_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(board: str, **arguments: Any) -> None:
        raise ToolError("nextpnr-ecp5 failed (log: x):\nfirst\nlast")

    monkeypatch.setattr("hadron_fpga.build.build", build)
    assert fails("build", "ulx3s-25f", status=1) == \
        "nextpnr-ecp5 failed (log: x): first; last"


def test_build_without_its_extra_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amaranth_boards", None)
    monkeypatch.delitem(sys.modules, "hadron_fpga.boards", raising=False)
    assert fails("build", "ulx3s-25f") == \
        "building needs amaranth_boards: pip install 'hadron-npu[fpga]'"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the next builds report."""
    result = copy.deepcopy(BUILD)
    monkeypatch.setattr("hadron_fpga.build.build", lambda board, **arguments: result)
    return result


def test_a_build_is_held_to_a_baseline(built: dict[str, Any]) -> None:
    Path("baseline.json").write_text(json.dumps(BUILD))
    assert "as good as baseline.json\n" in succeeds(
        "build", "ulx3s-25f", "--check", "baseline.json")
    built["clocks"][0]["fmax_mhz"] = [68.0, 80.5]
    built["resources"]["lut4"]["used"] = 12.5
    succeeds("build", "ulx3s-25f", "--check", "baseline.json")


def test_a_slower_or_larger_build_fails(built: dict[str, Any]) -> None:
    Path("baseline.json").write_text(json.dumps(BUILD))
    built["clocks"][0]["fmax_mhz"] = [80.5, 67.8]
    built["resources"]["lut4"]["used"] = 13
    assert fails("build", "ulx3s-25f", "--check", "baseline.json", status=1) == (
        "worse than baseline.json: clock $glbnet$clk 67.8 MHz, below 97% of 70.0; "
        "lut4 13, above 105% of 12")


def test_a_seed_that_is_not_routed_is_told_and_fails_a_check(built: dict[str, Any]) -> None:
    Path("baseline.json").write_text(json.dumps(BUILD))
    built |= {"seeds": [1], "unrouted": {"2": "stopped:\nslept"}}
    for clock in built["clocks"]:
        clock["fmax_mhz"].pop()
    assert "seed 2 is left out: stopped\n" in succeeds("build", "ulx3s-25f")
    assert fails("build", "ulx3s-25f", "--check", "baseline.json", status=1) == \
        "worse than baseline.json: seed 2 is not routed"


def test_a_build_of_something_else_is_not_compared(built: dict[str, Any]) -> None:
    Path("baseline.json").write_text(json.dumps(BUILD | {"config": "h128"}))
    assert fails("build", "ulx3s-25f", "--check", "baseline.json") == \
        "baseline.json: of h128 on LFE5U-25F-6, not of h64 on LFE5U-25F-6"


@pytest.mark.parametrize(("content", "reason"), [
    ("{", "not JSON"), ("[]", "not a baseline"), ("{}", "not a baseline")])
def test_a_baseline_that_is_none_is_told_before_the_build(
        content: str, reason: str, built: dict[str, Any]) -> None:
    Path("baseline.json").write_text(content)
    built.clear()
    assert fails("build", "ulx3s-25f", "--check", "baseline.json") == f"baseline.json: {reason}"
