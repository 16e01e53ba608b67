"""From a TFLite network of real numbers to one of integers, with LiteRT to run both.

Weights become symmetric integers with a scale a channel, activations integers of a range that
samples show. Constants that are stored as FLOAT16, sparse, or as integers for operators of real
numbers count as the real numbers that they stand for.
"""

from collections.abc import Sequence

import numpy as np

from hadron.calibration import Sample, read_samples
from hadron.errors import UsageError
from hadron.pixels import PixelScale
from hadron.progress import OnProgress, Progress, counted
from hadron.quantize.report import Method, OutputQuality, Quantized, Request, output_quality
from hadron.quantize.tflite_customs import replace_customs
from hadron.quantize.tflite_file import TfliteFile
from hadron.quantize.tflite_plan import make_plan
from hadron.quantize.tflite_ranges import Range, observe
from hadron.quantize.tflite_rewrite import fuse_activations, rewrite
from hadron.quantize.tflite_runtime import Runtime

__all__ = ["quantize_tflite"]


def quantize_tflite(request: Request, on_progress: OnProgress) -> Quantized:
    """Quantize a TFLite model of real numbers.

    Raises
    ------
    ModelFormatError
        When it is no TFLite model, a damaged one, or one with control flow.
    ModuleNotFoundError
        When LiteRT is not installed.
    UsageError
        When LiteRT does not run the model; when the model is quantized
        already; when the samples do not fit.
    """
    source = str(request.model)
    if request.method is Method.ENTROPY:
        raise UsageError("--method entropy is there for ONNX models alone")
    on_progress(Progress("preparing"))
    file = TfliteFile.read(source, request.data)
    if replace_customs(file):
        file = TfliteFile.read(source, file.pack())
    real = Runtime(source, file.data)
    _check_real(source, file)
    samples = read_samples(request.calibration, real.inputs, request.pixels, request.samples)
    ranges = observe(source, file, real, samples, request.method, on_progress)
    if request.pixels is not None and request.calibration.is_dir():
        ranges |= dict.fromkeys(file.graph.inputs, _pixel_range(request.pixels))
    for place, shape in real.shapes().items():
        if place < len(file.graph.tensors):
            file.graph.tensors[place].shape = list(shape)
            file.graph.tensors[place].shapeSignature = None
    fuse_activations(file)
    plan = make_plan(file, ranges, request.precision, request.layers)
    rewrite(plan)
    data = file.pack()
    outputs = _measure(source, real, data, samples, on_progress)
    return Quantized(data, len(samples), outputs, tuple(plan.notes))


def _check_real(source: str, file: TfliteFile) -> None:
    made = {place for operator in file.graph.operators for place in operator.outputs}
    for place in file.graph.inputs:
        if file.dtype(place) != "FLOAT32":
            raise UsageError(f"{source}: input {file.name(place)} is {file.dtype(place)}, not of "
                             "real numbers; is the model quantized already?")
    for place in sorted(made):
        if file.dtype(place) in ("INT8", "UINT8", "INT16") and place not in file.constants:
            raise UsageError(f"{source}: the model is quantized already (tensor "
                             f"{file.name(place)} is {file.dtype(place)})")


def _pixel_range(pixels: PixelScale) -> Range:
    """Return what pixels can stand for, not what those of the samples happen to."""
    low, high = pixels.real(np.array([0, 255], np.uint8))
    return float(low), float(high)


def _measure(source: str, real: Runtime, data: bytes, samples: Sequence[Sample],
             on_progress: OnProgress) -> tuple[OutputQuality, ...]:
    quantized = Runtime(f"{source}, quantized", data)
    runs = [(real.run(sample), quantized.run(sample))
            for sample in counted(samples, "measuring", on_progress)]
    return tuple(output_quality(name, [(wanted[i], got[i]) for wanted, got in runs])
                 for i, name in enumerate(real.output_names))
