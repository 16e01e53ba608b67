"""The oracle of bit-exactness: TensorFlow Lite Micro's reference kernels."""

from collections.abc import Sequence

import numpy as np
from tflite_micro.python.tflite_micro import runtime

__all__ = ["run", "run_all"]

_ARENA_BYTES = 8 << 20


def _interpreter(model: bytes, inputs: Sequence[np.ndarray], arena: int, kind: str
                 ) -> runtime.Interpreter:
    interpreter = runtime.Interpreter.from_bytes(
        model, arena_size=arena, intrepreter_config=runtime.InterpreterConfig[kind])
    for index, array in enumerate(inputs):
        interpreter.set_input(np.ascontiguousarray(array), index)
    interpreter.invoke()
    return interpreter


def run(model: bytes, inputs: Sequence[np.ndarray], *, outputs: int = 1,
        arena: int = _ARENA_BYTES) -> list[np.ndarray]:
    """Run a model and return its first `outputs` outputs.

    Parameters
    ----------
    model : bytes
        A TFLite model.
    inputs : sequence of ndarray
        One array an input, of the input's shape and type.
    outputs : int
        How many outputs to read.
    arena : int
        Bytes for tensors.

    Raises
    ------
    RuntimeError
        When TensorFlow Lite Micro refuses the model (the reason goes to stderr).
    """
    interpreter = _interpreter(model, inputs, arena, "kAllocationRecording")
    return [np.array(interpreter.get_output(index)) for index in range(outputs)]


def run_all(model: bytes, inputs: Sequence[np.ndarray], tensors: Sequence[int], *,
            arena: int = 64 << 20) -> dict[int, np.ndarray]:
    """Run a model with every tensor kept, and return the tensors of these indices."""
    interpreter = _interpreter(model, inputs, arena, "kPreserveAllTensors")
    return {index: np.array(interpreter.GetTensor(index, 0)["tensor_data"]) for index in tensors}
