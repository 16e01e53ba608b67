"""Tensors, operations and the graph they make.

Identity matters, not value: two tensors with equal fields are two tensors.
"""

from dataclasses import dataclass, field
from enum import Enum
from math import prod
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from hadron_compiler.program import HostEdge

__all__ = [
    "FILL",
    "Activation",
    "AddAttributes",
    "Attributes",
    "ChannelTablesAttributes",
    "ConcatenationAttributes",
    "ConvolutionAttributes",
    "DType",
    "DynamicWeightsAttributes",
    "ExtremumAttributes",
    "FullyConnectedAttributes",
    "Graph",
    "LookupAttributes",
    "MatmulAttributes",
    "MoveAttributes",
    "MulAttributes",
    "OpKind",
    "Operation",
    "PadAttributes",
    "Padding",
    "PoolAttributes",
    "ProductAttributes",
    "ReduceAttributes",
    "ResizeAttributes",
    "SoftmaxAttributes",
    "TableAttributes",
    "Tensor",
    "TransposeConvolutionAttributes",
    "Window",
]


class DType(Enum):
    """Element types the compiler works with."""

    INT8 = "int8"
    INT32 = "int32"


class OpKind(Enum):
    """Operators, by their TFLite names."""

    CONV_2D = "CONV_2D"
    DEPTHWISE_CONV_2D = "DEPTHWISE_CONV_2D"
    TRANSPOSE_CONV = "TRANSPOSE_CONV"
    FULLY_CONNECTED = "FULLY_CONNECTED"
    BATCH_MATMUL = "BATCH_MATMUL"
    AVERAGE_POOL_2D = "AVERAGE_POOL_2D"
    MAX_POOL_2D = "MAX_POOL_2D"
    ADD = "ADD"
    SUB = "SUB"
    MUL = "MUL"
    PRELU = "PRELU"
    MAXIMUM = "MAXIMUM"
    MINIMUM = "MINIMUM"
    CONCATENATION = "CONCATENATION"
    MEAN = "MEAN"
    SUM = "SUM"
    REDUCE_MAX = "REDUCE_MAX"
    REDUCE_MIN = "REDUCE_MIN"
    PAD = "PAD"
    RESHAPE = "RESHAPE"
    SQUEEZE = "SQUEEZE"
    EXPAND_DIMS = "EXPAND_DIMS"
    SOFTMAX = "SOFTMAX"
    RELU = "RELU"
    RELU6 = "RELU6"
    RELU_N1_TO_1 = "RELU_N1_TO_1"
    LEAKY_RELU = "LEAKY_RELU"
    ELU = "ELU"
    GELU = "GELU"
    HARD_SWISH = "HARD_SWISH"
    LOGISTIC = "LOGISTIC"
    TANH = "TANH"
    ABS = "ABS"
    QUANTIZE = "QUANTIZE"
    SLICE = "SLICE"
    STRIDED_SLICE = "STRIDED_SLICE"
    SPLIT = "SPLIT"
    SPLIT_V = "SPLIT_V"
    PACK = "PACK"
    UNPACK = "UNPACK"
    TRANSPOSE = "TRANSPOSE"
    DEPTH_TO_SPACE = "DEPTH_TO_SPACE"
    SPACE_TO_DEPTH = "SPACE_TO_DEPTH"
    SPACE_TO_BATCH_ND = "SPACE_TO_BATCH_ND"
    BATCH_TO_SPACE_ND = "BATCH_TO_SPACE_ND"
    RESIZE_NEAREST_NEIGHBOR = "RESIZE_NEAREST_NEIGHBOR"
    RESIZE_BILINEAR = "RESIZE_BILINEAR"
    PADV2 = "PADV2"
    MIRROR_PAD = "MIRROR_PAD"
    GATHER = "GATHER"
    BROADCAST_TO = "BROADCAST_TO"


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


@dataclass(frozen=True)
class SoftmaxAttributes:
    """SOFTMAX over the last axis."""

    beta: float


Attributes: TypeAlias = (
    ConvolutionAttributes
    | TransposeConvolutionAttributes
    | ResizeAttributes
    | FullyConnectedAttributes
    | PoolAttributes
    | AddAttributes
    | TableAttributes
    | ChannelTablesAttributes
    | ExtremumAttributes
    | MatmulAttributes
    | DynamicWeightsAttributes
    | LookupAttributes
    | ProductAttributes
    | MulAttributes
    | ConcatenationAttributes
    | ReduceAttributes
    | PadAttributes
    | MoveAttributes
    | SoftmaxAttributes
    | None
)


@dataclass(eq=False)
class Tensor:
    """A tensor of the network.

    `root` is the tensor whose bytes this one shows under another shape, or None when it has bytes
    of its own. `data` holds the values of a constant.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    quantized_dimension: int = 0
    data: npt.NDArray[np.generic] | None = None
    root: "Tensor | None" = None
    in_memory: bool = False
    """Whether it must be stored to memory: weights are loaded from there."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of an activation."""
        return self.elements * (4 if self.dtype is DType.INT32 else 1)

    @property
    def storage(self) -> "Tensor":
        """The tensor that owns the bytes."""
        return self if self.root is None else self.root.storage

    @property
    def scale(self) -> float:
        """Scale of an activation."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """Zero point of an activation."""
        return self.zero_points[0]


_ACTIVATION_INPUTS = {OpKind.ADD: 2, OpKind.SUB: 2, OpKind.CONCATENATION: None,
                      OpKind.PACK: None, OpKind.MAXIMUM: 2, OpKind.MINIMUM: 2}


@dataclass(eq=False)
class Operation:
    """One operator: `inputs` in TFLite's order, None where an optional one is absent."""

    kind: OpKind
    index: int
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    attributes: Attributes

    @property
    def label(self) -> str:
        """What messages call it: type and position in the model."""
        return f"{self.kind.value} #{self.index}"

    @property
    def activations(self) -> list[Tensor]:
        """The inputs that are read as activations: both of sums, products and extrema, all of
        CONCATENATION's, the first of the others."""
        count = _ACTIVATION_INPUTS.get(self.kind, 1)
        if isinstance(self.attributes, ProductAttributes | MatmulAttributes):
            count = 2
        elif isinstance(self.attributes, DynamicWeightsAttributes | LookupAttributes):
            count = None
        return [tensor for tensor in self.inputs[:count] if tensor is not None]

    def required(self, position: int) -> Tensor:
        """Return an input that the frontend has made sure of."""
        tensor = self.inputs[position]
        if tensor is None:
            raise LookupError(f"{self.label} has no input {position}")
        return tensor


@dataclass(eq=False)
class Graph:
    """A network: operations in an order in which they can run; `host` is what is left to it."""

    name: str
    operations: list[Operation]
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    host: tuple[HostEdge, ...] = ()
