"""Layer by layer: Hadron's tensors beside those of TensorFlow Lite Micro's reference kernels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import HadronError, UsageError
from hadron.models import DEFAULT_CONFIG, find_config
from hadron.progress import OnProgress, ignore_progress
from hadron.session import Session
from hadron_compiler import HostEdge, TensorBinding, compile_model
from hadron_compiler.frontend.tflite import operator_outputs, with_found_shapes
from hadron_spec.config import NpuConfig

__all__ = ["Comparison", "TensorDifference", "compare_model", "difference_of", "sqnr_of"]

_ARENA_BYTES = 256 << 20
_UINT8_OFFSET = 128

Int8Array = npt.NDArray[np.int8]


@dataclass(frozen=True)
class TensorDifference:
    """How a tensor differs from the reference.

    Parameters
    ----------
    operator : int
        Position of the operator that writes it in the model.
    kind, name : str
        That operator; the tensor.
    shape : tuple of int
        Of the tensor.
    differing : int
        Elements that differ.
    max_steps : int
        Largest difference, in steps of the quantization.
    max_error : float
        The same in real numbers.
    cosine : float
        Of the angle between both, as vectors of real numbers; 1 when both are zero, NaN when one
        is.
    sqnr : float
        Power of the reference over that of the difference, in dB; infinite when nothing differs.
    """

    operator: int
    kind: str
    name: str
    shape: tuple[int, ...]
    differing: int
    max_steps: int
    max_error: float
    cosine: float
    sqnr: float

    def to_json(self) -> dict[str, Any]:
        """Return the tensor as `--json` writes it; null is what JSON has no number for."""
        return {"operator": self.operator, "kind": self.kind, "name": self.name,
                "shape": list(self.shape), "differing": self.differing,
                "max_steps": self.max_steps, "max_error": self.max_error,
                "cosine": self.cosine if math.isfinite(self.cosine) else None,
                "sqnr_db": self.sqnr if math.isfinite(self.sqnr) else None}


@dataclass(frozen=True)
class Comparison:
    """All tensors of one inference, in the model's order."""

    model: str
    config: str
    on: str
    source: str
    tensors: Sequence[TensorDifference]

    @property
    def first(self) -> TensorDifference | None:
        """The first tensor that differs, or None."""
        return next((tensor for tensor in self.tensors if tensor.differing), None)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as `--json` writes it."""
        return {"model": self.model, "config": self.config, "on": self.on, "input": self.source,
                "reference": "tflite-micro", "equal": self.first is None,
                "tensors": [tensor.to_json() for tensor in self.tensors]}


def compare_model(model: Path, inputs: Any, config: str | NpuConfig | None = None, *,
                  on: str = "golden", pixels: str | None = None, index: int = 0,
                  on_progress: OnProgress = ignore_progress) -> Comparison:
    """Run a TFLite model with every tensor kept, here and on TensorFlow Lite Micro.

    The program is compiled anew with all tensors as outputs, so that its tiles and addresses may be
    others than those of the program that runs without a comparison.

    Parameters
    ----------
    model : Path
        A TFLite file.
    inputs : Any
        See :func:`hadron.inputs.bind_inputs`.
    config, on, pixels
        See :class:`hadron.session.Session`.
    index : int
        Which of several samples.

    Raises
    ------
    CompileError, UsageError
        When the model cannot be compiled, or the inputs do not fit.
    HadronError
        When TensorFlow Lite Micro is not installed or refuses the model.
    """
    try:
        data = model.read_bytes()
    except OSError as error:
        raise UsageError(f"{model}: {error.strerror}") from None
    program = compile_model(data, find_config(config or DEFAULT_CONFIG), name=model.name,
                            keep_tensors=True)
    written = operator_outputs(model.name, data)
    bindings = program.outputs
    # Sessions tell outputs apart by name; those of a model's tensors may be equal.
    program = replace(program, outputs=tuple(
        replace(binding, name=str(number)) for number, binding in enumerate(bindings)))
    session = Session(program, on=on, pixels=pixels, on_progress=on_progress)
    bound = session.bind(inputs)
    if len(bound.samples) > 1 or index:
        bound = bound.select(index)
    ours = session.run(bound, check=False).outputs
    [sample] = bound.samples
    theirs = _reference(model.name, with_found_shapes(model.name, data),
                        _model_inputs(sample, program.inputs, program.host),
                        [output.tensor for output in written])
    tensors = [
        difference_of(output.operator, output.kind, binding, ours[str(number)],
                      theirs[output.tensor].reshape(binding.shape))
        for number, (output, binding) in enumerate(zip(written, bindings, strict=True))]
    return Comparison(model.name, program.config.name, on, bound.source, tensors)


def difference_of(operator: int, kind: str, binding: TensorBinding, ours: Int8Array,
                  theirs: Int8Array) -> TensorDifference:
    """Compare one tensor."""
    steps = ours.astype(np.int64) - theirs.astype(np.int64)
    mine, reference = ((array.astype(np.float64) - binding.zero_point) * binding.scale
                       for array in (ours, theirs))
    lengths = float(np.linalg.norm(mine) * np.linalg.norm(reference))
    cosine = min(1.0, float(np.sum(mine * reference)) / lengths) if lengths else math.nan
    if not mine.any() and not reference.any():
        cosine = 1.0
    largest = int(np.abs(steps).max(initial=0))
    return TensorDifference(operator, kind, binding.name, binding.shape,
                            int(np.count_nonzero(steps)), largest, largest * binding.scale,
                            cosine, sqnr_of(reference, mine - reference))


def sqnr_of(reference: npt.NDArray[np.float64], error: npt.NDArray[np.float64]) -> float:
    """Return the power of numbers over that of their error in dB, infinite without error."""
    signal, noise = float(np.sum(reference ** 2)), float(np.sum(error ** 2))
    return math.inf if not noise else 10 * math.log10(signal / noise) if signal else -math.inf


def _model_inputs(sample: Sequence[Int8Array], bindings: Sequence[TensorBinding],
                  host: Sequence[HostEdge]) -> list[npt.NDArray[Any]]:
    """Return the model's own inputs: where the host is left a QUANTIZE, `sample` follows it."""
    inputs: list[npt.NDArray[Any]] = list(sample)
    for edge in host:
        values, binding = sample[edge.position].astype(np.int16), bindings[edge.position]
        if edge.dtype == "uint8":
            inputs[edge.position] = (values + _UINT8_OFFSET).astype(np.uint8)
        else:
            inputs[edge.position] = (
                (values - binding.zero_point) * np.float32(binding.scale)).astype(np.float32)
    return inputs


def _reference(name: str, data: bytes, inputs: Sequence[npt.NDArray[Any]],
               tensors: Sequence[int]) -> dict[int, Int8Array]:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ModuleNotFoundError:
        raise UsageError("comparing needs tflite-micro: pip install 'hadron-npu[compare]'"
                         ) from None
    try:
        interpreter = runtime.Interpreter.from_bytes(
            data, arena_size=_ARENA_BYTES,
            intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors)
        for position, array in enumerate(inputs):
            interpreter.set_input(np.ascontiguousarray(array), position)
        interpreter.invoke()
    except (RuntimeError, ValueError) as error:
        raise HadronError(f"{name}: TensorFlow Lite Micro refuses the model: {error}") from None
    return {index: np.array(interpreter.GetTensor(index, 0)["tensor_data"]) for index in tensors}
