"""Arguments and options that several commands share, and how they print."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hadron.atomic import check_file
from hadron.errors import UsageError

__all__ = ["Config", "Html", "Index", "Input", "JsonFile", "Lane", "Memory",
           "MemoryModel", "Model", "On",
           "Pixels", "Scale", "StreamInput", "check_files", "console"]

_TABLE_COLUMNS = 128


class Lane(StrEnum):
    """What runs the network."""

    GOLDEN = "golden"
    RTL = "rtl"


class Memory(StrEnum):
    """Memory behind the simulated NPU."""

    FAST = "fast"
    SDRAM = "sdram"


class Scale(StrEnum):
    """What a pixel stands for."""

    UNIT = "unit"
    RAW = "raw"
    SIGNED = "signed"


Model = Annotated[str, typer.Argument(
    metavar="MODEL", help="A .tflite or .onnx file, the folder of a compiled program, or digits.",
    show_default=False)]
Config = Annotated[str | None, typer.Option(
    "--config", metavar="NAME|FILE", show_default=False,
    help="h64, h128, h256 or a TOML file. Default: h256, or what a program was compiled for.")]
JsonFile = Annotated[Path | None, typer.Option(
    "--json", metavar="FILE", show_default=False, help="Write the result as JSON, too.")]
Html = Annotated[Path | None, typer.Option(
    "--html", metavar="FILE", show_default=False, help="Write a report as one HTML file.")]
On = Annotated[Lane, typer.Option(
    "--on", help="Golden model, or the RTL in simulation, which is built once.")]
MemoryModel = Annotated[Memory, typer.Option(
    "--memory", help="Memory behind the simulated NPU: on-chip, or the ULX3S's SDRAM.")]
Input = Annotated[str | None, typer.Option(
    "--input", metavar="FILE", show_default=False,
    help=".npy, .npz, .png, .jpg or .raw; for digits also a digit, whose sample is taken.")]
Index = Annotated[int | None, typer.Option(
    "--index", metavar="K", show_default=False, help="Take sample K of the input alone.")]
Pixels = Annotated[Scale | None, typer.Option(
    "--pixels", show_default=False,
    help="What a pixel p stands for: p/255, p, or p/127.5-1. Default: what the input's "
         "quantization covers.")]

StreamInput = Annotated[bool, typer.Option(
    "--stream-input", help="The input comes from the NPU's stream, the ISP's tensor for one, "
                           "not from memory.")]


def console() -> Console:
    """Return where text reports go; wide enough for a table when it is no terminal."""
    output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    return output if output.is_terminal else Console(
        highlight=False, markup=False, emoji=False, soft_wrap=True, width=_TABLE_COLUMNS)


def check_files(*paths: Path | None, inputs: Iterable[str | Path | None] = ()) -> None:
    """Check, before any long work, that output files can be written, and to a place of their own.

    Raises
    ------
    UsageError
        When one cannot, is one of the input files, or is named twice.
    """
    read = {Path(path).resolve() for path in inputs if path is not None}
    written = set()
    for path in paths:
        if path is None:
            continue
        check_file(path)
        place = path.resolve()
        if path.is_file() and place in read:
            raise UsageError(f"cannot write {path}: it is an input")
        if place in written and (path.is_file() or not path.exists()):
            raise UsageError(f"cannot write {path}: another output goes there, too")
        written.add(place)
