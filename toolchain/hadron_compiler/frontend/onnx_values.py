"""What the names of an ONNX graph stand for while it is imported."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import Activation, Attributes, OpKind, Tensor

__all__ = ["Constant", "Image", "Pending", "Quantized"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Quantized:
    """A constant that DequantizeLinear makes real numbers of."""

    name: str
    data: npt.NDArray[np.int64]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The real numbers."""
        def along(values: tuple[float, ...]) -> npt.NDArray[np.float64]:
            shape = [1] * self.data.ndim
            if len(values) > 1:
                shape[self.axis] = len(values)
            return np.array(values, np.float64).reshape(shape)

        real: npt.NDArray[np.float64] = (self.data - along(self.zero_points)) * along(self.scales)
        return real


@dataclass(frozen=True)
class Constant:
    """Numbers as they are."""

    name: str
    data: Array


@dataclass(frozen=True, eq=False)
class Image:
    """An activation: `tensor` holds it, its last axis the channels if `channels_last`.

    `shape` is the shape that the ONNX graph sees; of an image with `channels_last`, (n, channels,
    rows, columns), while the tensor has (n, rows, columns, channels).
    """

    tensor: Tensor
    shape: tuple[int, ...]
    channels_last: bool = False


@dataclass(eq=False)
class Pending:
    """Real numbers that an operator has made of quantized ones, waiting to be quantized.

    `inputs` returns the operator's inputs once the output is known.
    """

    label: str
    kind: OpKind
    inputs: Callable[[Tensor], list[Tensor | None]]
    attributes: Callable[[Activation, Tensor], Attributes]
    shape: tuple[int, ...]
    channels_last: bool
    index: int
    activation: Activation = field(default=Activation.NONE)
