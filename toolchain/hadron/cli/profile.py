"""``hadron profile``: where the cycles of a network go."""

from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import write_json, write_text
from hadron.bench.measure import stand_in
from hadron.chrome_trace import chrome_trace
from hadron.cli.options import (
    Config,
    Html,
    JsonFile,
    Lane,
    Memory,
    MemoryModel,
    Model,
    On,
    check_files,
    console,
)
from hadron.cli.run import agreement
from hadron.errors import CheckFailedError, UsageError
from hadron.html_report import html_report
from hadron.layers import STALLS
from hadron.progress_bar import ProgressBar
from hadron.report import RunReport
from hadron.session import Session
from hadron.text_report import layer_table, summary

__all__ = ["profile"]

_LONGEST = 4


def profile(model: Model, config: Config = None, on: On = Lane.RTL,
            memory: MemoryModel = Memory.FAST, json_file: JsonFile = None,
            html: Html = None,
            trace: Annotated[Path | None, typer.Option(
                "--trace", metavar="FILE", show_default=False,
                help="Write what LOAD, EXECUTE and STORE did when as a Chrome trace, for "
                     "ui.perfetto.dev.")] = None) -> None:
    """Show predicted and, on the RTL, measured cycles of each layer, and what it moves."""
    if trace is not None and on is not Lane.RTL:
        raise UsageError("--trace needs --on rtl: the golden model has no time")
    check_files(json_file, html, trace, inputs=(model,))
    with ProgressBar() as progress:
        session = Session(model, config, on.value, memory=memory.value, on_progress=progress)
        report = session.run(stand_in(session)).report
    terminal = console()
    terminal.print(summary(report))
    terminal.print(layer_table(report, traffic=True))
    if report.measured:
        terminal.print(_stalls(report))
    if report.matches_golden is not None:
        terminal.print(agreement(report))
    if json_file is not None:
        write_json(json_file, report.to_json())
    if html is not None:
        write_text(html, html_report(report))
    if trace is not None:
        write_json(trace, chrome_trace(report))
    if report.matches_golden is False:
        raise CheckFailedError(f"{report.program.model}: RTL and golden model differ: "
                               f"{report.difference}")


def _stalls(report: RunReport) -> str:
    """Return what was waited for, and in which layers most."""
    timed = [(layer.predicted, layer.measured.stalls) for layer in report.layers
             if layer.measured is not None]
    lines = []
    for cause in STALLS:
        total = sum(stalls[cause] for _, stalls in timed)
        longest = sorted(timed, key=lambda entry: -entry[1][cause])[:_LONGEST]
        where = ", ".join(f"{layer.index} {stalls[cause]:,}" for layer, stalls in longest
                          if stalls[cause])
        lines.append(f"  for {cause:<12} {total:>9,} cycles" + (f"; layers {where}" if where
                                                               else ""))
    return "waited\n" + "\n".join(lines)
