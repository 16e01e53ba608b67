"""Networks of real numbers become networks of integers; how much that costs is measured."""

from collections.abc import Sequence
from pathlib import Path

from hadron.atomic import write_bytes
from hadron.errors import UsageError
from hadron.pixels import PixelScale
from hadron.progress import OnProgress, ignore_progress
from hadron.quantize.onnx_network import quantize_onnx
from hadron.quantize.report import (
    PRECISIONS,
    LayerBits,
    Method,
    OutputQuality,
    Precision,
    Quantization,
    Request,
)
from hadron.quantize.tflite_network import quantize_tflite

__all__ = ["LayerBits", "Method", "OutputQuality", "Precision", "Quantization", "quantize_model"]


def quantize_model(model: Path, calibration: Path, output: Path, *,
                   pixels: PixelScale | None = None, method: Method = Method.MINMAX,
                   weight_bits: int = 8, activation_bits: int = 8, layers: Sequence[str] = (),
                   samples: int | None = None, on_progress: OnProgress = ignore_progress,
                   ) -> Quantization:
    """Quantize a model of real numbers, and write the result.

    Parameters
    ----------
    model, output : Path
        TFLite or ONNX files, both of one kind.
    calibration : Path
        Samples, as :func:`hadron.calibration.read_samples` takes them.
    pixels : PixelScale, optional
        What a pixel stands for, where samples are images.
    weight_bits, activation_bits : int
        8 and 8, 4 and 8, 8 and 16 or 4 and 4; of ONNX models, the first two.
    layers : sequence of str
        Layers of other precisions, as :class:`LayerBits` reads them; the last that fits counts.
    samples : int, optional
        Take only so many.

    Raises
    ------
    ModelFormatError
        When `model` is no such model, or a damaged one.
    UsageError
        When what quantizes is not installed; when `model` cannot be read, is quantized already or
        has inputs without a fixed shape; when the samples do not fit; when the quantizer fails.
        Nothing is written then.
    """
    precision = Precision(weight_bits, activation_bits)
    if precision not in PRECISIONS:
        known = ", ".join(map(str, PRECISIONS))
        raise UsageError(f"weights of {weight_bits} bits and activations of {activation_bits}, "
                         f"must be one of {known}")
    parsed = tuple(map(LayerBits.parse, layers))
    try:
        data = model.read_bytes()
    except OSError as error:
        raise UsageError(f"{model}: {error.strerror}") from None
    quantize = quantize_tflite if model.suffix.lower() == ".tflite" else quantize_onnx
    if output.suffix.lower() != model.suffix.lower():
        raise UsageError(f"{output}: must end with {model.suffix}, as what is quantized does")
    request = Request(model, data, calibration, pixels, samples, method, precision, parsed)
    try:
        made = quantize(request, on_progress)
    except ModuleNotFoundError as error:
        raise UsageError(f"quantizing needs {error.name}: pip install "
                         "'hadron-npu[quantize]'") from None
    write_bytes(output, made.data)
    return Quantization(str(model), str(output), made.samples, method, weight_bits,
                        activation_bits, made.outputs, tuple(layers), made.notes)
