"""``hadron quantize``: from real numbers to integers."""

import math
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from hadron.atomic import write_json
from hadron.cli.options import Config, JsonFile, Scale, check_files, console
from hadron.errors import CheckFailedError
from hadron.models import load_model
from hadron.pixels import PixelScale
from hadron.progress_bar import ProgressBar
from hadron.quantize import Method, Quantization, quantize_model
from hadron.report import predicted_report
from hadron.text_report import short_name, summary
from hadron_compiler import CompileError

__all__ = ["quantize"]


def quantize(
        model: Annotated[Path, typer.Argument(
            metavar="MODEL", show_default=False, help="A .tflite or .onnx file of real numbers.")],
        calibration: Annotated[Path, typer.Option(
            "--calibration", metavar="DIR|FILE", show_default=False,
            help="Samples as the network will see them, a hundred or so: a folder of images, "
                 "cropped and scaled to the input; or real numbers as .npy, or as .npz with an "
                 "array for each input.")],
        output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", show_default=False,
                                             help="Where to write the quantized model.")],
        pixels: Annotated[Scale | None, typer.Option(
            "--pixels", show_default=False,
            help="What a pixel p of an image stands for: p/255, p, or p/127.5-1.")] = None,
        method: Annotated[Method, typer.Option(
            "--method", help="How ranges of activations are chosen.")] = Method.MINMAX,
        weight_bits: Annotated[int, typer.Option(
            "--weight-bits", metavar="8|4", help="Bits of a weight.")] = 8,
        activation_bits: Annotated[int, typer.Option(
            "--activation-bits", metavar="8|16|4",
            help="Bits of an activation: 16 with weights of 8, 4 with weights of 4, and of TFLite "
                 "models alone.")] = 8,
        layer: Annotated[list[str] | None, typer.Option(
            "--layer", metavar="PATTERN=PRECISION", show_default=False,
            help="Another precision (W8A8, W4A8, W8A16, W4A4) where the name of an operator's "
                 "output matches; may be repeated. Of TFLite models alone.")] = None,
        samples: Annotated[int | None, typer.Option(
            "--samples", metavar="N", show_default=False, help="Take only the first N.")] = None,
        config: Config = None, json_file: JsonFile = None) -> None:
    """Quantize a network of real numbers, and measure what is lost.

    Weights get a scale a channel, activations INT8 unless asked otherwise. The network of real
    numbers and the quantized one run on the samples; then it is compiled, to see whether Hadron
    runs it.
    """
    check_files(output, json_file, inputs=(model, calibration))
    with ProgressBar() as progress:
        result = quantize_model(
            model, calibration, output, method=method, weight_bits=weight_bits,
            activation_bits=activation_bits, layers=layer or (), samples=samples,
            pixels=None if pixels is None else PixelScale(pixels.value), on_progress=progress)
    if json_file is not None:
        write_json(json_file, result.to_json())
    terminal = console()
    terminal.print(f"{output}: weights of {weight_bits} bits, activations of "
                   f"{result.activation_bits}; {result.samples} samples of {calibration}, {method}")
    terminal.print(_table(result))
    for note in result.notes:
        terminal.print(Text(note))
    try:
        terminal.print(summary(predicted_report(load_model(output, config).program)))
    except CompileError as error:
        raise CheckFailedError(f"it is written, but does not compile: {error}") from None


def _table(result: Quantization) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(("output", "shape", "SQNR, dB", "same class")):
        table.add_column(header, justify="left" if number < 2 else "right", no_wrap=True)
    for output in result.outputs:
        same = output.same_class
        cells = (short_name(output.name), "x".join(map(str, output.shape)),
                 f"{output.sqnr:.1f}" if math.isfinite(output.sqnr) else "exact",
                 "" if same is None else f"{same} of {result.samples}")
        table.add_row(*(Text(cell) for cell in cells))
    return table
