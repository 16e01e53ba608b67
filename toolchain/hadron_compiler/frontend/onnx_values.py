"""What the names of an ONNX graph stand for while it is imported."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import Activation, Attributes, OpKind, Tensor

__all__ = ["Chosen", "Constant", "Function", "Image", "Pending", "Quantized", "Value", "axes_first",
           "axes_last", "hull", "inverse", "kept_range", "quantization", "range_of", "stored_shape"]

Array = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]
Range = tuple[float, float]


def axes_last(rank: int) -> tuple[int, ...]:
    """Return the order of the axes of an image with its channels, the second axis, last."""
    return (0, *range(2, rank), 1)


def axes_first(rank: int) -> tuple[int, ...]:
    """Return the order that takes an image with its channels last back."""
    return (0, rank - 1, *range(1, rank - 1))


def kept_range(scale: float, zero_point: int) -> Range:
    """Return the least and the largest number that INT8 holds."""
    return (-128 - zero_point) * scale, (127 - zero_point) * scale


def quantization(low: float, high: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return scale and zero point with which INT8 holds a range with 0 in it."""
    scale = (high - low) / 255 or 1.0
    return (scale,), (round(-128 - low / scale),)


def range_of(tensor: Tensor) -> Range:
    """Return the least and the largest number that a tensor of INT8 holds."""
    return kept_range(tensor.scale, tensor.zero_point)


def hull(numbers: Iterable[float]) -> Range:
    """Return the least and the largest of some numbers."""
    some = list(numbers)
    return min(some), max(some)


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order that takes axes in an order back."""
    return tuple(order.index(axis) for axis in range(len(order)))


def stored_shape(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    """Return the shape of the tensor that holds a value."""
    return tuple(shape[axis] for axis in axes_last(len(shape))) if channels_last else shape


@dataclass(frozen=True)
class Quantized:
    """A constant that DequantizeLinear makes real numbers of."""

    name: str
    data: npt.NDArray[np.int64]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int

    @property
    def centered(self) -> npt.NDArray[np.int64]:
        """The integers less their zero points."""
        points = np.array(self.zero_points, np.int64)
        return self.data - points.reshape(self._along(points.size))

    @property
    def real(self) -> npt.NDArray[np.float64]:
        """The real numbers."""
        scales = np.array(self.scales).reshape(self._along(len(self.scales)))
        real: npt.NDArray[np.float64] = self.centered * scales
        return real

    def _along(self, count: int) -> list[int]:
        shape = [1] * self.data.ndim
        if count > 1:
            shape[self.axis] = count
        return shape


@dataclass(frozen=True)
class Constant:
    """Numbers as they are."""

    name: str
    data: Array


@dataclass(frozen=True, eq=False)
class Image:
    """An activation: `tensor` holds it, its last axis the channels if `channels_last`.

    `shape` is the shape that the ONNX graph sees; of an image with `channels_last`, (n, channels,
    rows, columns), while the tensor has (n, rows, columns, channels). With `order`, axis i of the
    tensor is axis ``order[i]`` of the shape: what Reshape and Transpose make of images, whose bytes
    are moved when somebody else needs them.
    """

    tensor: Tensor
    shape: tuple[int, ...]
    channels_last: bool = False
    order: tuple[int, ...] = ()

    def axis(self, axis: int) -> int:
        """Return which axis of the tensor an axis of the shape is."""
        axis %= len(self.shape)
        return axes_last(len(self.shape)).index(axis) if self.channels_last else axis


@dataclass(frozen=True, eq=False)
class Function:
    """Real numbers that depend on one activation alone, element by element.

    `apply` makes each of the real number that an element of `source` stands for; `kind` is what
    reports call it.
    """

    source: Image
    apply: Callable[[float], float]
    kind: OpKind
    index: int

    @property
    def range(self) -> Range:
        """The least and the largest number that it makes."""
        tensor = self.source.tensor
        return hull(self.apply((q - tensor.zero_point) * tensor.scale) for q in range(-128, 128))


@dataclass(eq=False)
class Pending:
    """Real numbers that an operator has made of quantized ones, waiting to be quantized.

    `inputs` returns the operator's inputs once the output is known. What is quantized are the
    operator's results, after the activation, times `gain`; `then` is what happens to the bytes.
    """

    label: str
    kind: OpKind
    inputs: Callable[[Tensor], list[Tensor | None]]
    attributes: Callable[[Activation, Tensor], Attributes]
    shape: tuple[int, ...]
    channels_last: bool
    index: int
    activation: Activation = Activation.NONE
    gain: float = 1.0
    then: tuple[Callable[[Image], "Value | None"], ...] = ()
    affine: "Callable[[Reals, Reals], Pending] | None" = None
    """Makes what has the sums of each channel times one number, plus another, before all else."""
    likely: Range | None = None
    """The range in which the results are likely to be, before all else."""
    name: str = ""
    """What the file calls it."""
    origin: object = field(default_factory=object)
    """The same of all that come from one node."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Positions of the largest elements of `tensor` along an axis, which `keep` leaves there with
    one element; `label` is the node that asks for them."""

    tensor: Tensor
    axis: int
    keep: bool
    label: str


Value = Quantized | Constant | Image | Function | Pending | Chosen
