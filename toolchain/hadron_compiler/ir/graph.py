"""Tensors, operations and the graph they make.

Identity matters, not value: two tensors with equal fields are two tensors.
"""

from dataclasses import dataclass, field
from enum import Enum
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.attributes import (
    FILL,
    Activation,
    AddAttributes,
    AddConstantAttributes,
    Attributes,
    ChannelTablesAttributes,
    ClampAttributes,
    ColumnDigitsAttributes,
    ConcatenationAttributes,
    ConvolutionAttributes,
    DigitSumsAttributes,
    DynamicWeightsAttributes,
    ExtremumAttributes,
    FullyConnectedAttributes,
    LinesAttributes,
    LookupAttributes,
    MatmulAttributes,
    MoveAttributes,
    MulAttributes,
    PadAttributes,
    Padding,
    PartialSumsAttributes,
    PoolAttributes,
    ProductAttributes,
    ReduceAttributes,
    RescaleAttributes,
    ResizeAttributes,
    RowDigitsAttributes,
    ScaledChannelsAttributes,
    SoftmaxAttributes,
    SquaredDifferenceAttributes,
    TableAttributes,
    TransposeConvolutionAttributes,
    TwoLinesAttributes,
    Window,
)
from hadron_compiler.ir.strided import dense_strides, reshaped
from hadron_compiler.program import HostEdge

__all__ = [
    "DEEP_KINDS",
    "FILL",
    "NIBBLE_KINDS",
    "SHALLOW_KINDS",
    "WEIGHT_KINDS",
    "Activation",
    "AddAttributes",
    "AddConstantAttributes",
    "Attributes",
    "ChannelTablesAttributes",
    "ClampAttributes",
    "ColumnDigitsAttributes",
    "ConcatenationAttributes",
    "ConvolutionAttributes",
    "DType",
    "DigitSumsAttributes",
    "DynamicWeightsAttributes",
    "ExtremumAttributes",
    "FullyConnectedAttributes",
    "Graph",
    "LinesAttributes",
    "LookupAttributes",
    "MatmulAttributes",
    "MoveAttributes",
    "MulAttributes",
    "OpKind",
    "Operation",
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
    "Tensor",
    "TransposeConvolutionAttributes",
    "TwoLinesAttributes",
    "Window",
]


class DType(Enum):
    """Element types the compiler works with; of INT4, constants only, a byte each."""

    INT4 = "int4"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"


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
    SQUARED_DIFFERENCE = "SQUARED_DIFFERENCE"
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
    EXP = "EXP"
    LOG = "LOG"
    RSQRT = "RSQRT"
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
    TILE = "TILE"
    REVERSE_V2 = "REVERSE_V2"


_BYTES = {DType.INT16: 2, DType.INT32: 4}

DEEP_KINDS = frozenset({
    OpKind.CONV_2D, OpKind.DEPTHWISE_CONV_2D, OpKind.TRANSPOSE_CONV, OpKind.FULLY_CONNECTED,
    OpKind.AVERAGE_POOL_2D, OpKind.MAX_POOL_2D, OpKind.ADD, OpKind.SUB, OpKind.MUL,
    OpKind.MAXIMUM, OpKind.MINIMUM, OpKind.CONCATENATION, OpKind.MEAN, OpKind.SUM, OpKind.RELU,
    OpKind.RELU6, OpKind.LEAKY_RELU, OpKind.ABS, OpKind.LOGISTIC, OpKind.TANH, OpKind.QUANTIZE,
    OpKind.RESHAPE, OpKind.SQUEEZE, OpKind.EXPAND_DIMS, OpKind.PAD, OpKind.PADV2,
    OpKind.MIRROR_PAD, OpKind.SLICE, OpKind.STRIDED_SLICE, OpKind.SPLIT, OpKind.SPLIT_V,
    OpKind.PACK, OpKind.UNPACK, OpKind.TRANSPOSE, OpKind.DEPTH_TO_SPACE, OpKind.SPACE_TO_DEPTH,
    OpKind.SPACE_TO_BATCH_ND, OpKind.BATCH_TO_SPACE_ND, OpKind.GATHER,
    OpKind.RESIZE_NEAREST_NEIGHBOR, OpKind.BROADCAST_TO})
"""Operators whose activations may have 16 bits."""

NIBBLE_KINDS = (OpKind.CONV_2D, OpKind.DEPTHWISE_CONV_2D, OpKind.FULLY_CONNECTED)
"""Operators whose weights may have four bits."""

WEIGHT_KINDS = (*NIBBLE_KINDS, OpKind.TRANSPOSE_CONV)
"""Operators whose second input are constant weights."""

SHALLOW_KINDS = (OpKind.CONV_2D, OpKind.FULLY_CONNECTED)
"""Operators whose activations may have four bits, too."""


@dataclass(eq=False)
class Tensor:
    """A tensor of the network.

    `root` is the tensor whose bytes this one shows under another shape, or None when it has bytes
    of its own. `data` holds the values of a constant. A *view* shows some bytes of its root only:
    from `offset` on, as far apart as `strides` say.
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
    offset: int = 0
    strides: tuple[int, ...] | None = None
    gap: int = 0
    """Bytes between the rows of its images in the scratchpad."""
    positive: bool = False
    """Whether it is known to hold nothing below zero, which is found out of 16 bits."""

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of an activation."""
        return self.elements * _BYTES.get(self.dtype, 1)

    @property
    def row(self) -> int:
        """Bytes of a row of its images, an activation's of shape NHWC."""
        return self.shape[-1] * self.shape[-2]

    @property
    def footprint(self) -> int:
        """Bytes it takes in the scratchpad."""
        return self.size + (self.size // self.row * self.gap if self.gap else 0)

    @property
    def deep(self) -> bool:
        """Whether it is an activation of 16 bits: a plane of low bytes, then one of high bytes."""
        return self.dtype is DType.INT16

    @property
    def storage(self) -> "Tensor":
        """The tensor that owns the bytes."""
        return self if self.root is None else self.root.storage

    @property
    def is_view(self) -> bool:
        """Whether it shows some bytes of another tensor only."""
        return self.strides is not None or (self.root is not None and self.root.is_view)

    def strided(self, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]] | None:
        """Return where its bytes lie in those of `storage` under a shape: the first one, and the
        strides; None where there are no such strides."""
        if self.strides is None and self.root is not None and self.root.is_view:
            return self.root.strided(shape)
        own = self.strides or dense_strides(self.shape)
        strides = reshaped(self.shape, own, shape)
        return None if strides is None else (self.offset, strides)

    @property
    def scale(self) -> float:
        """Scale of an activation."""
        return self.scales[0]

    @property
    def zero_point(self) -> int:
        """Zero point of an activation."""
        return self.zero_points[0]

    @property
    def largest(self) -> int:
        """The largest magnitude that an element of 8 bits has, less its zero point."""
        return max(127 - self.zero_point, 128 + self.zero_point)


_ACTIVATION_INPUTS = {OpKind.ADD: 2, OpKind.SUB: 2, OpKind.CONCATENATION: None,
                      OpKind.PACK: None, OpKind.MAXIMUM: 2, OpKind.MINIMUM: 2,
                      OpKind.SQUARED_DIFFERENCE: 2}


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
        elif isinstance(self.attributes, DynamicWeightsAttributes | LookupAttributes
                        | ScaledChannelsAttributes):
            count = None
        return [tensor for tensor in self.inputs[:count] if tensor is not None]

    @property
    def work(self) -> str:
        """What reports tell of its size: the shapes of its activations, and a window's."""
        read, written = (" + ".join("x".join(map(str, tensor.shape)) for tensor in tensors)
                         for tensors in (self.activations, self.outputs))
        window = getattr(self.attributes, "window", None)
        sizes = f"{read} to {written}"
        return f"{sizes}, {_sizes(window)}" if isinstance(window, Window) else sizes

    def required(self, position: int) -> Tensor:
        """Return an input that the frontend has made sure of."""
        tensor = self.inputs[position]
        if tensor is None:
            raise LookupError(f"{self.label} has no input {position}")
        return tensor


def _sizes(window: Window) -> str:
    text = f"{window.kernel_y}x{window.kernel_x}"
    for name, y, x in (("stride", window.stride_y, window.stride_x),
                       ("dilation", window.dilation_y, window.dilation_x)):
        if (y, x) != (1, 1):
            text += f" {name} {y}" if y == x else f" {name} {y}x{x}"
    return text


@dataclass(eq=False)
class Graph:
    """A network: operations in an order in which they can run; `host` is what is left to it."""

    name: str
    operations: list[Operation]
    inputs: list[Tensor]
    outputs: list[Tensor] = field(default_factory=list)
    host: tuple[HostEdge, ...] = ()

    def producers(self) -> dict[Tensor, Operation]:
        """Return the operation that makes each tensor."""
        return {output: operation for operation in self.operations
                for output in operation.outputs}

    def spans(self) -> dict[Tensor, tuple[int, int]]:
        """Return of all tensors that own bytes the first and the last layer that touches them."""
        spans: dict[Tensor, tuple[int, int]] = {}
        for index, operation in enumerate(self.operations):
            for tensor in (*operation.activations, *operation.outputs):
                owner = tensor.storage
                spans[owner] = (spans.get(owner, (index, index))[0], index)
        return spans
