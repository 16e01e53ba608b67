"""Which values an activation can have: those that its operator lets through."""

from collections.abc import Sequence

from hadron_compiler.codegen.integers import bounds
from hadron_compiler.ir.graph import (
    FILL,
    AddAttributes,
    ConcatenationAttributes,
    ConvolutionAttributes,
    ExtremumAttributes,
    FullyConnectedAttributes,
    Graph,
    MoveAttributes,
    MulAttributes,
    Operation,
    OpKind,
    PadAttributes,
    PoolAttributes,
    ProductAttributes,
    TableAttributes,
    Tensor,
    TransposeConvolutionAttributes,
)

__all__ = ["WHOLE", "Levels", "find_levels"]

Levels = tuple[int, int]
"""The smallest and the largest value."""

WHOLE: Levels = (-128, 127)
"""Those of a tensor of which nothing is known."""


def find_levels(graph: Graph) -> dict[Tensor, Levels]:
    """Return the levels of the INT8 tensors that operations write."""
    levels: dict[Tensor, Levels] = {}
    for operation in graph.operations:
        output = operation.outputs[0].storage
        if output.deep:
            continue
        made = _made(operation, [_read(tensor.storage, levels) for tensor in operation.activations])
        # Several operations may write parts of a tensor.
        levels[output] = _union([made, levels.get(output, made)])
    return levels


def _read(tensor: Tensor, levels: dict[Tensor, Levels]) -> Levels:
    if tensor.data is not None:
        return int(tensor.data.min()), int(tensor.data.max())
    return levels.get(tensor, WHOLE)


def _union(levels: Sequence[Levels]) -> Levels:
    return min(least for least, _ in levels), max(most for _, most in levels)


def _made(operation: Operation, sources: Sequence[Levels]) -> Levels:
    """Return the levels of what an operation writes when it reads `sources`."""
    output = operation.outputs[0]
    match operation.attributes:
        case (ConvolutionAttributes(activation=activation)
              | TransposeConvolutionAttributes(activation=activation)
              | FullyConnectedAttributes(activation=activation)
              | AddAttributes(activation=activation)
              | MulAttributes(activation=activation)
              | ProductAttributes(activation=activation)):
            return bounds(activation, output)
        case PoolAttributes(activation=activation):
            # The largest of some values, and their average, lie between them.
            least, most = bounds(activation, output)
            first, last = (min(max(value, least), most) for value in sources[0])
            return first, last
        case TableAttributes(table=table):
            first, last = sources[0]
            return min(table[first + 128:last + 129]), max(table[first + 128:last + 129])
        case MoveAttributes(axes=axes, fill=fill):
            filled = any((axis == FILL).any() for axis in axes)
            return _union([*sources, (fill, fill)] if filled else sources)
        case PadAttributes():
            return _union([*sources, (output.zero_point, output.zero_point)])
        case ConcatenationAttributes() | ExtremumAttributes():
            return _union(sources)
        case _ if operation.kind in (OpKind.REDUCE_MAX, OpKind.REDUCE_MIN):
            return sources[0]
        case _:
            return WHOLE
