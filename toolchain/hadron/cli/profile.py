"""``hadron profile``: where the cycles of a network go."""

from dataclasses import replace

import numpy as np

from hadron.atomic import write_json, write_text
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
from hadron.errors import CheckFailedError
from hadron.html_report import html_report
from hadron.layers import STALLS
from hadron.progress_bar import ProgressBar
from hadron.report import RunReport
from hadron.session import Session
from hadron.text_report import layer_table, summary

__all__ = ["profile"]


def profile(model: Model, config: Config = None, on: On = Lane.RTL,
            memory: MemoryModel = Memory.FAST, json_file: JsonFile = None,
            html: Html = None) -> None:
    """Show predicted and, on the RTL, measured cycles of each layer, and what it moves."""
    check_files(json_file, html)
    with ProgressBar() as progress:
        session = Session(model, config, on.value, memory=memory.value, on_progress=progress)
        # Cycles hardly depend on the data: a built-in model's sample, or all zeros.
        if session.model.default_sample is not None:
            inputs = session.bind()
        else:
            zeros = {binding.name: np.full(binding.shape, binding.zero_point, np.int8)
                     for binding in session.program.inputs}
            inputs = replace(session.bind(zeros), source="zeros")
        report = session.run(inputs).report
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
    if report.matches_golden is False:
        raise CheckFailedError(f"{report.program.model}: RTL and golden model differ: "
                               f"{report.difference}")


def _stalls(report: RunReport) -> str:
    sums = {cause: sum(layer.measured.stalls[cause] for layer in report.layers
                       if layer.measured is not None) for cause in STALLS}
    return (f"EXECUTE waited while LOAD ran {sums['load']:,} cycles, STORE {sums['store']:,}, "
            f"for commands {sums['command']:,}")
