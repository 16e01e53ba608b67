"""``hadron build``: a board's bitstream with its resources and frequencies."""

from pathlib import Path
from typing import Annotated, Any

import rich.progress
import typer
from rich.console import Console

from hadron.atomic import make_folder, write_json
from hadron.bench.baseline import read_baseline
from hadron.build_baseline import regressions
from hadron.cli.options import Config, JsonFile, check_files, console
from hadron.errors import CheckFailedError, HadronError, UsageError
from hadron.models import find_config

__all__ = ["build", "slowest_clock"]


def build(board: Annotated[str, typer.Argument(metavar="BOARD", show_default=False,
                                               help="Board, such as ulx3s-85f.")],
          config: Config = None,
          seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help=(
              "Placements to try; the bitstream is the fastest."))] = 1,
          fail_under: Annotated[float | None, typer.Option(
              "--fail-under", metavar="MHZ", show_default=False,
              help="Exit with 1 when a clock of the bitstream is slower.")] = None,
          check: Annotated[Path | None, typer.Option(
              "--check", metavar="FILE", show_default=False,
              help="Fail when slower or larger than the build whose --json this is.")] = None,
          jobs: Annotated[int | None, typer.Option(
              "--jobs", min=1, metavar="N", show_default=False,
              help="Placements side by side. Default: a processor each.")] = None,
          output: Annotated[Path | None, typer.Option(
              "-o", "--output", metavar="DIR", show_default=False,
              help="Working folder. Default: build/BOARD.")] = None,
          json_file: JsonFile = None) -> None:
    """Build a bitstream; needs the extra fpga."""
    try:
        from hadron_fpga.boards import BOARDS
        from hadron_fpga.build import build as build_board
        from hadron_fpga.tools import ToolError
    except ModuleNotFoundError as error:
        raise UsageError(f"building needs {error.name}: pip install 'hadron-npu[fpga]'") from None
    if board not in BOARDS:
        raise UsageError(f"unknown board {board!r}; known: {', '.join(BOARDS)}")
    sizes = None if config is None else find_config(config)
    check_files(json_file)
    baseline = None if check is None else _baseline(check)
    folder = make_folder(output or Path("build") / board)
    try:
        with _Stages() as stages:
            result = build_board(board, config=sizes, seeds=range(1, seeds + 1), folder=folder,
                                 jobs=jobs, on_progress=stages)
    except ToolError as error:
        raise HadronError(str(error)) from None
    _print(result)
    if json_file is not None:
        write_json(json_file, result)
    if fail_under is not None:
        name, reached = slowest_clock(result)
        if reached < fail_under:
            raise CheckFailedError(f"{board}: clock {name} reaches {reached:.2f} MHz, below "
                                   f"{fail_under:g}")
    if baseline is not None:
        _check(baseline, result, str(check))


def _baseline(file: Path) -> dict[str, Any]:
    baseline = read_baseline(file)
    if not {"config", "device", "clocks", "resources"} <= baseline.keys():
        raise UsageError(f"{file}: not a baseline")
    return baseline


def _check(baseline: dict[str, Any], result: dict[str, Any], file: str) -> None:
    before, now = (f"{build['config']} on {build['device']}" for build in (baseline, result))
    if before != now:
        raise UsageError(f"{file}: of {before}, not of {now}")
    if worse := regressions(baseline, result):
        raise CheckFailedError(f"worse than {file}:\n" + "\n".join(worse))
    console().print(f"as good as {file}")


def slowest_clock(result: dict[str, Any]) -> tuple[str, float]:
    """Return the slowest clock and its frequency in MHz, each clock taken at its best seed."""
    best = {clock["name"]: max((mhz for mhz in clock["fmax_mhz"] if mhz is not None), default=0.0)
            for clock in result["clocks"]}
    if not best:
        return "none", 0.0
    return min(best.items(), key=lambda item: item[1])


def _print(result: dict[str, Any]) -> None:
    terminal = console()
    terminal.print(f"{result['board']}, {result['config']} on {result['device']}: "
                   f"{result['bitstream']}, {result['seconds']:.0f} s")
    for seed, reason in result.get("unrouted", {}).items():
        terminal.print(f"seed {seed} is left out: {reason.splitlines()[0].rstrip(':')}")
    for clock in result["clocks"]:
        speeds = ", ".join("-" if mhz is None else f"{mhz:.1f}" for mhz in clock["fmax_mhz"])
        terminal.print(f"clock   {clock['name']}: {speeds} MHz (target {clock['target_mhz']:g})")
    for name, resource in result["resources"].items():
        used, available = resource["used"], resource["available"]
        terminal.print(f"{name:<7} {used:,} of {available:,} ({used / max(1, available):.0%})")
    terminal.print("slowest path, of the slowest seed:")
    for step in result["critical_path"]:
        terminal.print(f"  {step}")


class _Stages:
    """A bar a stage; a line a stage where there is no terminal."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False)
        self.animated = self.console.is_terminal
        self.tasks: dict[str, rich.progress.TaskID] = {}
        self.bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"), rich.progress.BarColumn(),
            rich.progress.TaskProgressColumn(), rich.progress.TimeElapsedColumn(),
            console=self.console, transient=True, disable=not self.animated)

    def __enter__(self) -> "_Stages":
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def __call__(self, stage: str, fraction: float) -> None:
        if stage not in self.tasks:
            self.tasks[stage] = self.bars.add_task(stage, total=1.0)
            if not self.animated:
                self.console.print(stage)
        self.bars.update(self.tasks[stage], completed=fraction)
