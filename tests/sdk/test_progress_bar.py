"""Progress: bars on a terminal, a line a long stage elsewhere."""

import io
import time

from rich.console import Console

from hadron.progress import Progress
from hadron.progress_bar import ProgressBar


def test_without_a_terminal_long_stages_are_named_once() -> None:
    out = io.StringIO()
    with ProgressBar(Console(file=out)) as bar:
        bar(Progress("elaborate"))
        bar(Progress("compile", seconds=60))
        bar(Progress("compile", seconds=60))
        bar(Progress("simulate", 3, 10))
    assert out.getvalue() == "building the simulation, once: compile, about 60 s\n"


def test_a_terminal_shows_how_much_is_done() -> None:
    out = io.StringIO()
    with ProgressBar(Console(file=out, force_terminal=True, width=100)) as bar:
        bar(Progress("simulate", 0, 10))
        bar(Progress("simulate", 5, 10))
        time.sleep(0.3)
    assert "simulate" in out.getvalue()
    assert "50%" in out.getvalue()


def test_a_stage_of_known_duration_moves_by_time() -> None:
    out = io.StringIO()
    with ProgressBar(Console(file=out, force_terminal=True, width=100)) as bar:
        bar(Progress("compile", seconds=0.1))
        time.sleep(0.8)
    assert "97%" in out.getvalue()


def test_what_is_known_is_better_than_the_clock() -> None:
    out = io.StringIO()
    with ProgressBar(Console(file=out, force_terminal=True, width=100)) as bar:
        bar(Progress("compile", seconds=0.1))
        bar(Progress("compile", 1, 4))
        time.sleep(0.8)
    assert "25%" in out.getvalue()
    assert "97%" not in out.getvalue()
