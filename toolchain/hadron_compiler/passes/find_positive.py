"""16-bit tensors that hold nothing below zero: sums over them reach about half as far.

An accumulator has 32 bits, and a convolution whose sums may leave them is refused. Behind a RELU
weights of one sign alone add up.
"""

from hadron_compiler.ir.graph import (
    Activation,
    ClampAttributes,
    ConcatenationAttributes,
    ExtremumAttributes,
    Graph,
    LinesAttributes,
    MoveAttributes,
    Operation,
    PadAttributes,
    PoolAttributes,
    ReduceAttributes,
    RescaleAttributes,
    Tensor,
    TwoLinesAttributes,
)

__all__ = ["run"]

_KEEPING = (ConcatenationAttributes | ExtremumAttributes | MoveAttributes | PadAttributes
            | PoolAttributes | ReduceAttributes)
"""What makes of values that are not negative others that are not."""


def run(graph: Graph) -> Graph:
    """Mark the tensors; one that several operations write is one if all say so."""
    found: dict[Tensor, bool] = {}
    for operation in graph.operations:
        for output in operation.outputs:
            if output.deep:
                tensor = output.storage
                found[tensor] = found.get(tensor, True) and _is_positive(operation)
                tensor.positive = found[tensor]
    return graph


def _is_positive(operation: Operation) -> bool:
    attributes = operation.attributes
    source = operation.activations[0].storage
    if getattr(attributes, "activation", None) in (Activation.RELU, Activation.RELU6):
        return True
    match attributes:
        case RescaleAttributes():
            return attributes.positive or source.positive
        case ClampAttributes():
            return attributes.smallest >= 0
        case LinesAttributes():
            return min(attributes.lines.starts) >= 0
        case TwoLinesAttributes():
            return attributes.mirrored or source.positive
        case MoveAttributes():
            return source.positive and attributes.fill >= 0
    return (isinstance(attributes, _KEEPING)
            and all(tensor.storage.positive for tensor in operation.activations))
