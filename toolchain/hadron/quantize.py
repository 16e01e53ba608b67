"""From an ONNX network of real numbers to one of integers, with onnxruntime's quantizer.

Weights become symmetric integers with a scale a channel, activations INT8 of a range that samples
show, in the QDQ form that the compiler reads. What that costs is measured: both networks run on the
samples in onnxruntime.
"""

import logging
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import write_bytes
from hadron.calibration import RealInput, Sample, read_samples
from hadron.compare import sqnr_of
from hadron.errors import UsageError
from hadron.pixels import PixelScale
from hadron.progress import OnProgress, Progress, ignore_progress
from hadron_compiler.frontend.onnx_file import is_quantized, read_onnx

__all__ = ["Method", "OutputQuality", "Quantization", "quantize_model"]

OPSETS = {8: 13, 4: 21}
"""Version of ONNX's operators from which on weights of so many bits have a scale a channel."""


class Method(StrEnum):
    """How a range is chosen from what samples show."""

    MINMAX = "minmax"
    """The smallest and the largest number."""
    ENTROPY = "entropy"
    """The range that keeps the distribution best, by Kullback-Leibler divergence. This and the
    next hold all activations of all samples in memory."""
    PERCENTILE = "percentile"
    """The range without the outermost 0.001 %."""


@dataclass(frozen=True)
class OutputQuality:
    """How near an output comes to that of the network of real numbers.

    Parameters
    ----------
    name : str
        The output.
    shape : tuple of int
        Of one sample.
    sqnr : float
        Power of the numbers over that of the error, in dB, over all samples.
    same_class : int or None
        Samples whose largest element is the same; None where the output is no row of classes.
    """

    name: str
    shape: tuple[int, ...]
    sqnr: float
    same_class: int | None


@dataclass(frozen=True)
class Quantization:
    """What was made of a network.

    Parameters
    ----------
    model, output : str
        The file that was read, the file that was written.
    samples : int
        How many it was calibrated and measured with.
    method : Method
        How ranges were chosen.
    weight_bits : int
        Bits of a weight.
    outputs : tuple of OutputQuality
        Of each output.
    """

    model: str
    output: str
    samples: int
    method: Method
    weight_bits: int
    outputs: tuple[OutputQuality, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` writes it; an infinite SQNR is null."""
        report = asdict(self)
        for output in report["outputs"]:
            sqnr = output.pop("sqnr")
            output["sqnr_db"] = sqnr if math.isfinite(sqnr) else None
        return report


def quantize_model(model: Path, calibration: Path, output: Path, *,
                   pixels: PixelScale | None = None, method: Method = Method.MINMAX,
                   weight_bits: int = 8, samples: int | None = None,
                   on_progress: OnProgress = ignore_progress) -> Quantization:
    """Quantize an ONNX model of real numbers, and write the result.

    Parameters
    ----------
    model, output : Path
        ONNX files.
    calibration : Path
        Samples, as :func:`hadron.calibration.read_samples` takes them.
    pixels : PixelScale, optional
        What a pixel stands for, where samples are images.
    weight_bits : int
        8 or 4.
    samples : int, optional
        Take only so many.

    Raises
    ------
    ModelFormatError
        When `model` is no ONNX model, or a damaged one.
    UsageError
        When onnxruntime is not installed; when `model` cannot be read, is quantized already or has
        inputs without a fixed shape; when the samples do not fit; when the quantizer fails. Nothing
        is written then.
    """
    if weight_bits not in OPSETS:
        raise UsageError(f"weights of {weight_bits} bits, must be 8 or 4")
    quantization = _import_quantization()
    network = _load(model)
    taken = read_samples(calibration, _real_inputs(model, network), pixels, samples)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        fixed, prepared, quantized = (Path(folder) / f"{name}.onnx"
                                      for name in ("fixed", "prepared", "quantized"))
        on_progress(Progress("preparing"))
        try:
            # Shapes of all tensors; operators that are constant, or part of the one before, go.
            # Taken from a file: of a model in memory it puts constants where it does not find them.
            import_module("onnx").save(_in_opset(network, OPSETS[weight_bits]), fixed)
            quantization.shape_inference.quant_pre_process(fixed, prepared,
                                                           skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared, quantized, _Reader(_counted(taken, "calibrating", on_progress)),
                quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=getattr(quantization.QuantType, f"QInt{weight_bits}"),
                calibrate_method=_calibrations(quantization)[method])
            outputs = _measure(prepared, quantized, taken, on_progress)
        except Exception as error:  # the quantizer raises whatever it stumbles on
            raise UsageError(f"{model}: onnxruntime's quantizer fails "
                             f"({_first_line(error)})") from None
        write_bytes(output, quantized.read_bytes())
    return Quantization(str(model), str(output), len(taken), method, weight_bits, outputs)


def _import_quantization() -> Any:
    # Late, as it takes a second; untyped, as onnx is in the compiler.
    try:
        import_module("onnxruntime.quantization.shape_inference")
        return import_module("onnxruntime.quantization")
    except ModuleNotFoundError as error:
        raise UsageError(f"quantizing needs {error.name}: pip install "
                         "'hadron-npu[quantize]'") from None


def _load(path: Path) -> Any:
    """Return the ONNX model in a file, which must be one of real numbers."""
    if path.suffix.lower() == ".tflite":
        raise UsageError(f"{path}: quantize a TFLite model where it is converted from TensorFlow "
                         "(converter.optimizations, representative_dataset); this command takes "
                         ".onnx files")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    network = read_onnx(str(path), data, path.parent)
    integer = sorted({node.op_type for node in network.graph.node if is_quantized(node.op_type)})
    if integer:
        raise UsageError(f"{path}: the model is quantized already (it has {', '.join(integer)})")
    return network


def _real_inputs(path: Path, network: Any) -> list[RealInput]:
    """Return the inputs; a batch without a size becomes one, in `network`, too."""
    real = import_module("onnx").TensorProto.FLOAT
    constants = {constant.name for constant in network.graph.initializer}
    inputs = []
    for value in network.graph.input:
        if value.name in constants:
            continue
        kind = value.type.tensor_type
        if kind.elem_type != real:
            raise UsageError(f"{path}: input {value.name} does not hold numbers of FLOAT")
        dimensions = kind.shape.dim
        if dimensions and not dimensions[0].HasField("dim_value"):
            dimensions[0].dim_value = 1
        shape = tuple(dimension.dim_value for dimension in dimensions)
        if not shape or min(shape) < 1:
            raise UsageError(f"{path}: input {value.name} has no fixed shape ({list(shape)}); "
                             "Hadron needs one")
        inputs.append(RealInput(value.name, shape))
    if not inputs:
        raise UsageError(f"{path}: the model has no inputs")
    return inputs


def _in_opset(network: Any, least: int) -> Any:
    """Return a model with operators of that version of ONNX, or of a later one."""
    version = next(one.version for one in network.opset_import if one.domain in ("", "ai.onnx"))
    converter = import_module("onnx.version_converter")
    return network if version >= least else converter.convert_version(network, least)


def _calibrations(quantization: Any) -> dict[Method, Any]:
    methods = quantization.CalibrationMethod
    return {Method.MINMAX: methods.MinMax, Method.ENTROPY: methods.Entropy,
            Method.PERCENTILE: methods.Percentile}


class _Reader:
    """Hands the samples to the quantizer: what it calls a CalibrationDataReader."""

    def __init__(self, samples: Iterator[Sample]) -> None:
        self.samples = samples

    def get_next(self) -> Sample | None:
        """Return the next sample, None behind the last."""
        return next(self.samples, None)


def _counted(samples: Sequence[Sample], stage: str, on_progress: OnProgress) -> Iterator[Sample]:
    for number, sample in enumerate(samples):
        on_progress(Progress(stage, number, len(samples)))
        yield sample


def _measure(real: Path, quantized: Path, samples: Sequence[Sample], on_progress: OnProgress,
             ) -> tuple[OutputQuality, ...]:
    runtime: Any = import_module("onnxruntime")
    # As the nodes say: with integers of its own, onnxruntime's biases overflow in silence.
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    sessions = [runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
                for path in (real, quantized)]
    names = [output.name for output in sessions[0].get_outputs()]
    runs = [[one.run(names, sample) for one in sessions]
            for sample in _counted(samples, "measuring", on_progress)]
    return tuple(
        _quality(name, [(wanted[i], got[i]) for wanted, got in runs])
        for i, name in enumerate(names))


def _quality(name: str, runs: Iterable[tuple[Any, Any]]) -> OutputQuality:
    wanted, got = (np.stack(values).astype(np.float64) for values in zip(*runs, strict=True))
    shape = wanted.shape[1:]
    same_class = None
    if len(shape) == 2 and shape[0] == 1 and shape[1] > 1:
        same_class = int((wanted.argmax(-1) == got.argmax(-1)).sum())
    return OutputQuality(name, shape, sqnr_of(wanted, got - wanted), same_class)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the quantizer tells programmers off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logging.disable(before)
