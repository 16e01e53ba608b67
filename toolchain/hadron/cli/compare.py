"""``hadron compare``: every tensor beside TensorFlow Lite Micro's."""

import math
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from hadron.atomic import write_json
from hadron.bench.measure import model_file
from hadron.cli.options import Config, Input, JsonFile, Lane, On, Pixels, check_files, console
from hadron.cli.run import find_input
from hadron.compare import Comparison, compare_model
from hadron.errors import CheckFailedError, UsageError
from hadron.models import BUILT_IN, load_model
from hadron.progress_bar import ProgressBar
from hadron.text_report import LANE_NAMES, short_name

__all__ = ["compare"]


def compare(
        model: Annotated[str, typer.Argument(
            metavar="MODEL", show_default=False, help="A .tflite file, or digits.")],
        input_file: Input = None, config: Config = None, on: On = Lane.GOLDEN,
        pixels: Pixels = None,
        index: Annotated[int, typer.Option(
            "--index", metavar="K", help="Which of several samples of the input.")] = 0,
        json_file: JsonFile = None) -> None:
    """Compare every tensor of one inference with TensorFlow Lite Micro's reference kernels."""
    path = model_file(model)
    check_files(json_file, inputs=(path, input_file))
    if input_file is None and model not in BUILT_IN:
        raise UsageError(f"{path.name}: --input is missing")
    source = find_input(load_model(model), input_file) if model in BUILT_IN else input_file
    with ProgressBar() as progress:
        comparison = compare_model(path, source, config, on=on.value,
                                   pixels=None if pixels is None else pixels.value, index=index,
                                   on_progress=progress)
    terminal = console()
    terminal.print(f"{comparison.model} on {comparison.config}: {LANE_NAMES[on.value]} and "
                   f"TensorFlow Lite Micro\ninput   {comparison.source}")
    terminal.print(_table(comparison))
    if json_file is not None:
        write_json(json_file, comparison.to_json())
    first = comparison.first
    if first is not None:
        differ = sum(tensor.differing > 0 for tensor in comparison.tensors)
        raise CheckFailedError(
            f"{comparison.model}: {differ} of {len(comparison.tensors)} tensors differ, the first "
            f"is {first.name} of {first.kind} #{first.operator}: {first.differing:,} elements by "
            f"up to {first.max_steps} steps")
    terminal.print(f"all {len(comparison.tensors)} tensors are equal")


def _table(comparison: Comparison) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(("", "tensor", "operator", "shape", "differ", "max error",
                                     "steps", "cosine", "SQNR, dB")):
        table.add_column(header, justify="left" if number in (1, 2, 3) else "right", no_wrap=True)
    for tensor in comparison.tensors:
        cells = (str(tensor.operator), short_name(tensor.name), tensor.kind,
                 "x".join(map(str, tensor.shape)), f"{tensor.differing:,}",
                 f"{tensor.max_error:.4g}", f"{tensor.max_steps}", f"{tensor.cosine:.6f}",
                 "exact" if math.isinf(tensor.sqnr) and tensor.sqnr > 0 else f"{tensor.sqnr:.1f}")
        table.add_row(*(Text(cell) for cell in cells))
    return table
