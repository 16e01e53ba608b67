"""What operations are made with: windows, activations, and the attributes of every kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hadron_model.operators.deep_lines import Lines

__all__ = [
    "FILL",
    "Activation",
    "AddAttributes",
    "AddConstantAttributes",
    "Attributes",
    "ChannelTablesAttributes",
    "ClampAttributes",
    "ColumnDigitsAttributes",
    "ConcatenationAttributes",
    "ConvolutionAttributes",
    "DigitSumsAttributes",
    "DynamicWeightsAttributes",
    "ExtremumAttributes",
    "FullyConnectedAttributes",
    "LinesAttributes",
    "LookupAttributes",
    "MatmulAttributes",
    "MoveAttributes",
    "MulAttributes",
    "PadAttributes",
    "Padding",
    "PartialSumsAttributes",
    "PoolAttributes",
    "ProductAttributes",
    "ReduceAttributes",
    "RescaleAttributes",
    "ResizeAttributes",
    "RowDigitsAttributes",
    "ScaledChannelsAttributes",
    "SoftmaxAttributes",
    "SquaredDifferenceAttributes",
    "TableAttributes",
    "TransposeConvolutionAttributes",
    "TwoLinesAttributes",
    "Window",
    "summed_offsets",
]


class Activation(Enum):
    """Activation fused into the operator before it."""

    NONE = "NONE"
    RELU = "RELU"
    RELU_N1_TO_1 = "RELU_N1_TO_1"
    RELU6 = "RELU6"


class Padding(Enum):
    """How a window treats the border."""

    SAME = "SAME"
    VALID = "VALID"


@dataclass(frozen=True)
class Window:
    """A sliding window: sizes, steps and the padding before the first row and column."""

    kernel_y: int = 1
    kernel_x: int = 1
    stride_y: int = 1
    stride_x: int = 1
    dilation_y: int = 1
    dilation_x: int = 1
    pad_top: int = 0
    pad_left: int = 0

    @property
    def span_y(self) -> int:
        """Rows from the first to the last tap."""
        return (self.kernel_y - 1) * self.dilation_y + 1

    @property
    def span_x(self) -> int:
        """Columns from the first to the last tap."""
        return (self.kernel_x - 1) * self.dilation_x + 1


@dataclass(frozen=True)
class ConvolutionAttributes:
    """CONV_2D and DEPTHWISE_CONV_2D."""

    window: Window
    activation: Activation


@dataclass(frozen=True)
class TransposeConvolutionAttributes:
    """TRANSPOSE_CONV: output row o takes input row i times kernel row o + pad_top - i * stride_y.

    The inputs are data, weights and bias: the shape of the output is known.
    """

    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    activation: Activation


@dataclass(frozen=True)
class ResizeAttributes:
    """RESIZE_BILINEAR."""

    align_corners: bool
    half_pixel: bool


@dataclass(frozen=True)
class ColumnDigitsAttributes:
    """The columns of a bilinear resize: each row as rows of the digits of its sums, the first one
    first; `units` are what these stand for, in units of a weight."""

    resize: ResizeAttributes
    units: tuple[int, ...]


@dataclass(frozen=True)
class RowDigitsAttributes:
    """The rows of a bilinear resize of what `ColumnDigitsAttributes` makes."""

    resize: ResizeAttributes
    units: tuple[int, ...]


@dataclass(frozen=True)
class FullyConnectedAttributes:
    """FULLY_CONNECTED."""

    activation: Activation


@dataclass(frozen=True)
class PoolAttributes:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""

    window: Window
    activation: Activation


@dataclass(frozen=True)
class AddAttributes:
    """ADD and SUB."""

    activation: Activation


@dataclass(frozen=True)
class AddConstantAttributes:
    """ADD and SUB of 16 bits with one number, `value` times `scale`; `first`: less what is read."""

    activation: Activation
    value: int
    scale: float
    first: bool


@dataclass(frozen=True)
class RescaleAttributes:
    """QUANTIZE from or to 16 bits, and RELU of them, of which nothing less than zero is left."""

    positive: bool = False


@dataclass(frozen=True)
class LinesAttributes:
    """LOGISTIC and TANH of 16 bits."""

    lines: Lines


@dataclass(frozen=True)
class TwoLinesAttributes:
    """LEAKY_RELU and ABS of 16 bits: what values above zero, and those below, are multiplied with;
    those below `mirrored` before.
    """

    right: float
    left: float
    mirrored: bool = False


@dataclass(frozen=True)
class ClampAttributes:
    """16-bit values brought between two bounds."""

    smallest: int
    largest: int


@dataclass(frozen=True)
class TableAttributes:
    """Operators of one operand: the outputs of the inputs -128 to 127."""

    table: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ChannelTablesAttributes:
    """PRELU: the outputs of the inputs -128 to 127, a row a channel."""

    tables: npt.NDArray[np.int64]


@dataclass(frozen=True)
class MatmulAttributes:
    """BATCH_MATMUL of two tensors, their matrices transposed or not."""

    adj_x: bool
    adj_y: bool


@dataclass(frozen=True)
class DynamicWeightsAttributes:
    """Rows (the first input) times weights in memory (the others), which a pass has laid out.

    `largest` is the largest magnitude of a product, `scales` those of its factors.
    """

    rows: int
    taps: int
    channels: int
    scales: tuple[float, float]
    largest: int


@dataclass(frozen=True, eq=False)
class LookupAttributes:
    """The sum of a table entry of each input, as it is."""

    tables: tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True)
class ProductAttributes:
    """MUL of two tensors of one shape."""

    activation: Activation


@dataclass(frozen=True)
class SquaredDifferenceAttributes:
    """SQUARED_DIFFERENCE of two tensors of one shape."""


@dataclass(frozen=True)
class ScaledChannelsAttributes:
    """MUL of the first input by a factor a channel, which a pass has laid out in memory.

    The second input holds the parameters of all channels, the others shares of the weights.
    `scales` are those of both factors, `largest` is the largest magnitude of a product.
    """

    activation: Activation
    scales: tuple[float, float]
    largest: int


@dataclass(frozen=True)
class ExtremumAttributes:
    """MAXIMUM or MINIMUM (`least`) of two tensors of one shape and quantization."""

    least: bool


@dataclass(frozen=True)
class MulAttributes:
    """MUL of the first input by a constant, the second."""

    activation: Activation


@dataclass(frozen=True)
class ConcatenationAttributes:
    """CONCATENATION: the inputs fill the output along `axis`, from element `first` on."""

    axis: int
    first: int = 0
    shape: tuple[int, ...] = ()
    """The output's, where its tensor has another one."""


@dataclass(frozen=True)
class ReduceAttributes:
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN: over windows side by side that cover an image.

    `image` is (images, rows, columns, channels), `window` (rows, columns).
    """

    image: tuple[int, int, int, int]
    window: tuple[int, int]


@dataclass(frozen=True)
class PartialSumsAttributes:
    """Sums over windows side by side, each in two bytes: the sum over their elements, rounded, and
    what is left.

    `image` is (images, rows, columns, channels), `window` (rows, columns). Windows may reach beyond
    the image, where elements count as zero. The output has two pixels a window.
    """

    image: tuple[int, int, int, int]
    window: tuple[int, int]


@dataclass(frozen=True)
class DigitSumsAttributes:
    """What MEAN, SUM or AVERAGE_POOL_2D, whose attributes are `whole`, makes of the sum of `count`
    elements: that of all pixels, every other one `base` times, all `weight` times."""

    base: int
    count: int
    weight: int
    whole: ReduceAttributes | PoolAttributes


@dataclass(frozen=True)
class PadAttributes:
    """PAD of rows and columns: how many come before the first."""

    top: int
    left: int


FILL = -(1 << 40)
"""Offset that stands for no input byte: the output is filled there."""


@dataclass(frozen=True, eq=False)
class MoveAttributes:
    """Operators that move bytes.

    The output, in order, has an axis for each of `axes`; element (i, j, ...) is the input's byte
    axes[0][i] + axes[1][j] + ..., or `fill` where one of them is `FILL`.
    """

    axes: tuple[npt.NDArray[np.int64], ...]
    fill: int = 0


def summed_offsets(axes: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Return the sum of every combination of offsets, in order; `FILL` where one of them is."""
    total = np.zeros(1, np.int64)
    for axis in axes:
        fill = (total[:, None] == FILL) | (axis[None, :] == FILL)
        total = np.where(fill, FILL, total[:, None] + axis[None, :]).reshape(-1)
    return total


@dataclass(frozen=True)
class SoftmaxAttributes:
    """SOFTMAX over the last axis."""

    beta: float


Attributes: TypeAlias = (
    ConvolutionAttributes
    | TransposeConvolutionAttributes
    | ResizeAttributes
    | ColumnDigitsAttributes
    | RowDigitsAttributes
    | FullyConnectedAttributes
    | PoolAttributes
    | AddAttributes
    | AddConstantAttributes
    | TableAttributes
    | ChannelTablesAttributes
    | ExtremumAttributes
    | MatmulAttributes
    | DynamicWeightsAttributes
    | LookupAttributes
    | ProductAttributes
    | SquaredDifferenceAttributes
    | ScaledChannelsAttributes
    | MulAttributes
    | ConcatenationAttributes
    | ReduceAttributes
    | PartialSumsAttributes
    | DigitSumsAttributes
    | RescaleAttributes
    | ClampAttributes
    | LinesAttributes
    | TwoLinesAttributes
    | PadAttributes
    | MoveAttributes
    | SoftmaxAttributes
    | None
)
