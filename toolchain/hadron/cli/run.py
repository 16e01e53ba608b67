"""``hadron run``: one network, one or more inputs, on the golden model or the RTL."""

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hadron.atomic import make_folder, write_bytes, write_json
from hadron.cli.options import (
    Config,
    Index,
    Input,
    JsonFile,
    Lane,
    Memory,
    MemoryModel,
    Model,
    On,
    Pixels,
    StreamInput,
    check_files,
    console,
)
from hadron.errors import CheckFailedError, UsageError
from hadron.models import Model as LoadedModel
from hadron.progress_bar import ProgressBar
from hadron.report import RunReport
from hadron.session import Result, Session
from hadron.text_report import layer_table, summary

__all__ = ["agreement", "find_input", "run"]

Output = Annotated[Path | None, typer.Option(
    "-o", "--output", metavar="DIR", show_default=False,
    help="Write each output tensor as .npy into this folder.")]


def run(model: Model, input_file: Input = None, config: Config = None, on: On = Lane.GOLDEN,
        memory: MemoryModel = Memory.FAST, pixels: Pixels = None, index: Index = None,
        stream_input: StreamInput = False, output: Output = None, json_file: JsonFile = None,
        no_check: Annotated[bool, typer.Option(
            "--no-check", help="Do not compare the RTL with the golden model.")] = False) -> None:
    """Run a network; on the RTL, compare every byte with the golden model."""
    check_files(json_file, inputs=(model, input_file))
    folder = None if output is None else make_folder(output)
    with ProgressBar() as progress:
        session = Session(model, config, on.value, memory=memory.value,
                          pixels=None if pixels is None else pixels.value,
                          stream_input=stream_input, on_progress=progress)
        inputs = session.bind(find_input(session.model, input_file))
        if index is not None:
            inputs = inputs.select(index)
        result = session.run(inputs, check=not no_check)
    report = result.report if folder is None else _save(result, folder)
    terminal = console()
    terminal.print(summary(report))
    terminal.print(layer_table(report))
    if report.matches_golden is not None:
        terminal.print(agreement(report))
    if json_file is not None:
        write_json(json_file, report.to_json())
    if report.matches_golden is False:
        raise CheckFailedError(f"{report.program.model}: RTL and golden model differ: "
                               f"{report.difference}")


def find_input(model: LoadedModel, name: str | None) -> str | Path:
    """Return the file of an input: as named, a sample of a built-in model, or its default.

    Raises
    ------
    UsageError
        When none was named and the model brings none.
    """
    if name is None:
        if model.default_sample is None:
            raise UsageError(f"{model.program.model}: --input is missing")
        return model.default_sample
    if name.isdecimal() and model.samples:
        if int(name) >= len(model.samples):
            raise UsageError(f"--input {name}: {model.program.model} has the samples 0 to "
                             f"{len(model.samples) - 1}")
        return model.samples[int(name)]
    return name


def agreement(report: RunReport) -> str:
    """Return the line that says whether RTL and golden model agree."""
    if report.matches_golden:
        return f"RTL = golden: yes, {report.bytes_compared:,} bytes"
    return f"RTL = golden: no, {report.difference}"


def _save(result: Result, folder: Path) -> RunReport:
    """Write the outputs; return the report with the names of the files."""
    summaries = []
    for number, output in enumerate(result.report.outputs):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", output.binding.name).strip("._") or "output"
        path = folder / f"{number}_{name[:80]}.npy"
        data = io.BytesIO()
        np.save(data, result.outputs[output.binding.name], allow_pickle=False)
        write_bytes(path, data.getvalue())
        summaries.append(replace(output, file=str(path)))
    return replace(result.report, outputs=summaries)
