"""Running a tool: here a module that the working folder holds."""

import pytest

from hadron_fpga.tools import TOOLS, ToolError, run_tool

TOOL = """
import time

def main(arguments):
    for seconds in arguments:
        print("slept", flush=True)
        time.sleep(float(seconds))
    return len(arguments) == 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "sleeper.py").write_text(TOOL)
    monkeypatch.setitem(TOOLS, "sleeper", ("amaranth", "sleeper", "main"))
    return tmp_path


def test_lines_are_followed_and_logged(folder):
    lines = []
    run_tool("sleeper", ["0", "0"], folder=folder, log="log", on_line=lines.append,
             patience=lambda: 30)
    assert lines == ["slept\n"] * 2
    assert (folder / "log").read_text() == "slept\n" * 2


def test_a_failure_names_tool_and_log(folder):
    with pytest.raises(ToolError, match=r"^sleeper failed \(log: .*/log\):\nslept\nslept\nslept$"):
        run_tool("sleeper", ["0", "0", "0"], folder=folder, log="log")


def test_a_silent_tool_is_stopped(folder):
    with pytest.raises(ToolError, match=r"^sleeper was stopped, as it had written nothing for 2 s "
                                        r"\(log: .*/log\):\nslept$"):
        run_tool("sleeper", ["0", "600"], folder=folder, log="log", patience=lambda: 2)


def test_a_tool_that_writes_is_not_stopped(folder):
    run_tool("sleeper", ["1", "1", "1", "1"], folder=folder, log="log", patience=lambda: 3)


def test_a_missing_tool_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(TOOLS, "sleeper", ("no-such-distribution", "sleeper", "main"))
    with pytest.raises(ToolError, match=r"^sleeper is not installed: pip install 'hadron-npu"):
        run_tool("sleeper", [], folder=folder, log="log")
