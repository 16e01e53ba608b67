"""LiteRT, which runs a TFLite model on the host: with real numbers or with integers."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.calibration import RealInput, Sample
from hadron.errors import UsageError, first_line
from hadron.quantize.tflite_file import Array

__all__ = ["Runtime"]


class Runtime:
    """A model that is ready to run.

    Parameters
    ----------
    source : str
        The model's file, for messages.
    data : bytes
        The model.

    Raises
    ------
    UsageError
        When LiteRT does not take it.
    """

    def __init__(self, source: str, data: bytes) -> None:
        interpreters: Any = import_module("ai_edge_litert.interpreter")
        try:
            # Delegates have kernels of their own, and do not tell what is inside.
            self._interpreter = interpreters.Interpreter(
                model_content=data, experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=interpreters.OpResolverType
                .BUILTIN_WITHOUT_DEFAULT_DELEGATES)
            self._interpreter.allocate_tensors()
            self._inputs = self._interpreter.get_input_details()
            self._outputs = self._interpreter.get_output_details()
            self._tensors = self._interpreter.get_tensor_details()
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"{source}: LiteRT does not run it ({first_line(error)})") from None
        self._source = source

    @property
    def inputs(self) -> list[RealInput]:
        """The model's inputs."""
        return [RealInput(entry["name"], tuple(int(size) for size in entry["shape"]))
                for entry in self._inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the model's outputs."""
        return [entry["name"] for entry in self._outputs]

    def shapes(self) -> dict[int, tuple[int, ...]]:
        """Return the shape of each tensor, by its place in the file."""
        return {entry["index"]: tuple(int(size) for size in entry["shape"])
                for entry in self._tensors}

    def run(self, sample: Sample) -> list[npt.NDArray[np.float64]]:
        """Run one sample of real numbers; return the outputs as real numbers.

        Raises
        ------
        UsageError
            When LiteRT fails.
        """
        for entry in self._inputs:
            self._interpreter.set_tensor(entry["index"], _quantized(sample[entry["name"]], entry))
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise UsageError(f"{self._source}: LiteRT does not run it "
                             f"({first_line(error)})") from None
        return [_real(self._interpreter.get_tensor(entry["index"]), entry)
                for entry in self._outputs]

    def tensors(self, places: Sequence[int],
                found: Callable[[int, Array], None]) -> None:
        """Hand over what these tensors held in the last run, one by one."""
        for place in places:
            found(place, self._interpreter.get_tensor(place))


def _quantized(values: npt.NDArray[np.float32], entry: dict[str, Any]) -> Array:
    dtype = np.dtype(entry["dtype"])
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    scale, zero_point = entry["quantization"]
    ends = np.iinfo(dtype)
    integers: Array = np.clip(np.rint(values / scale) + zero_point, ends.min, ends.max)
    return integers.astype(dtype)


def _real(values: Array, entry: dict[str, Any]) -> npt.NDArray[np.float64]:
    scale, zero_point = entry["quantization"]
    real = values.astype(np.float64)
    return (real - zero_point) * scale if scale else real
