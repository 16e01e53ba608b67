"""From an ONNX network of real numbers to one of integers, with onnxruntime's quantizer.

Weights become symmetric integers with a scale a channel, activations INT8 of a range that samples
show, in the QDQ form that the compiler reads. What that costs is measured: both networks run on the
samples in onnxruntime.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from hadron.calibration import RealInput, Sample, read_samples
from hadron.errors import UsageError, first_line
from hadron.progress import OnProgress, Progress, counted
from hadron.quantize.report import Method, OutputQuality, Quantized, Request, output_quality
from hadron_compiler.frontend.onnx_file import is_quantized, read_onnx

__all__ = ["quantize_onnx"]

_OPSETS = {8: 13, 4: 21}
"""Version of ONNX's operators from which on weights of so many bits have a scale a channel."""


def quantize_onnx(request: Request, on_progress: OnProgress) -> Quantized:
    """Quantize an ONNX model of real numbers.

    Raises
    ------
    ModelFormatError
        When it is no ONNX model, or a damaged one.
    ModuleNotFoundError
        When onnxruntime is not installed.
    UsageError
        When the model is quantized already or has inputs without
        a fixed shape; when something is asked for that is there for TFLite models alone; when the
        samples do not fit; when the quantizer fails.
    """
    model, weight_bits = request.model, request.precision.weights
    if request.precision.activations != 8 or request.layers:
        raise UsageError(f"{model}: activations of 16 and of 4 bits, and layers of another "
                         "precision, are there for TFLite models alone")
    quantization = _import_quantization()
    network = _load(model, request.data)
    taken = read_samples(request.calibration, _real_inputs(model, network), request.pixels,
                         request.samples)
    with tempfile.TemporaryDirectory() as folder, _quiet():
        fixed, prepared, quantized = (Path(folder) / f"{name}.onnx"
                                      for name in ("fixed", "prepared", "quantized"))
        on_progress(Progress("preparing"))
        try:
            # Shapes of all tensors; operators that are constant, or part of the one before, go.
            # Taken from a file: of a model in memory it puts constants where it does not find them.
            import_module("onnx").save(_in_opset(network, _OPSETS[weight_bits]), fixed)
            quantization.shape_inference.quant_pre_process(fixed, prepared,
                                                           skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared, quantized, _Reader(counted(taken, "calibrating", on_progress)),
                quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                activation_type=quantization.QuantType.QInt8,
                weight_type=getattr(quantization.QuantType, f"QInt{weight_bits}"),
                calibrate_method=_calibrations(quantization)[request.method])
            outputs = _measure(prepared, quantized, taken, on_progress)
        except Exception as error:  # the quantizer raises whatever it stumbles on
            raise UsageError(f"{model}: onnxruntime's quantizer fails "
                             f"({first_line(error)})") from None
        return Quantized(quantized.read_bytes(), len(taken), outputs)


def _import_quantization() -> Any:
    # Late, as it takes a second; untyped, as onnx is in the compiler.
    import_module("onnxruntime.quantization.shape_inference")
    return import_module("onnxruntime.quantization")


def _load(path: Path, data: bytes) -> Any:
    """Return the ONNX model in a file, which must be one of real numbers."""
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
            for sample in counted(samples, "measuring", on_progress)]
    return tuple(
        output_quality(name, [(wanted[i], got[i]) for wanted, got in runs])
        for i, name in enumerate(names))


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
