"""``hadron compile``: a program that any host can run, and what it will cost."""

from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import make_folder, write_json, write_text
from hadron.cli.options import Config, JsonFile, Model, StreamInput, check_files, console
from hadron.errors import UsageError
from hadron.html_report import html_report
from hadron.models import load_model
from hadron.report import predicted_report
from hadron.text_report import layer_table, summary

__all__ = ["compile_program"]


def compile_program(
        model: Model,
        output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", show_default=False,
                                             help="Where to write the program.")],
        config: Config = None, stream_input: StreamInput = False,
        json_file: JsonFile = None) -> None:
    """Compile a network to commands and constants, with a C header and reports.

    Writes program.json, memory.bin, program.h, report.json and report.html.
    """
    check_files(json_file, inputs=(model,))
    program = load_model(model, config, stream_input=stream_input).program
    folder = make_folder(output)
    try:
        program.save(folder)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    report = predicted_report(program)
    write_json(folder / "report.json", report.to_json())
    write_text(folder / "report.html", html_report(report))
    if json_file is not None:
        write_json(json_file, report.to_json())
    terminal = console()
    terminal.print(summary(report))
    terminal.print(layer_table(report, traffic=True))
    terminal.print(f"{folder}: {program.command_count} commands, {len(program.memory):,} bytes of "
                   f"commands and constants in a region of {program.region_bytes:,}")
