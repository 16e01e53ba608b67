"""Parts of one tensor that lie side by side in a CONCATENATION, too, are one part.

The halves of a SPLIT that are joined again, with more behind them, are the tensor they come from;
shares of a tensor that make up all of a CONCATENATION are one movement (the four phases of an image
that some networks begin with).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.attributes import summed_offsets
from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    Graph,
    MoveAttributes,
    Operation,
    OpKind,
    Tensor,
)

__all__ = ["run"]

Offsets = tuple[npt.NDArray[np.int64], ...]


@dataclass(frozen=True)
class _Part:
    """Tensors joined one behind the other, and what they are moved from, if from one tensor."""

    tensors: tuple[Tensor, ...]
    source: Tensor | None = None
    offsets: Offsets = ()

    def is_all(self) -> bool:
        """Tell whether it is the source, in order."""
        if self.source is None or tuple(one.size for one in self.offsets) != self.source.shape:
            return False
        return bool((summed_offsets(self.offsets) == np.arange(self.source.elements)).all())


def run(graph: Graph) -> Graph:
    """Join the parts of every CONCATENATION that can be; what nobody reads then is dead."""
    moves = {operation.outputs[0]: operation for operation in graph.operations
             if isinstance(operation.attributes, MoveAttributes)}
    return replace(graph, operations=[_merged(operation, moves) for operation in graph.operations])


def _merged(operation: Operation, moves: Mapping[Tensor, Operation]) -> Operation:
    attributes = operation.attributes
    if not isinstance(attributes, ConcatenationAttributes) or attributes.shape:
        return operation
    parts: list[_Part] = []
    for tensor in operation.activations:
        part = _part(tensor, moves)
        joined = _joined(parts[-1], part, attributes.axis) if parts else None
        parts[-1:] = [part] if not parts else [parts[-1], part] if joined is None else [joined]
    if len(parts) == 1 and len(parts[0].tensors) > 1 and parts[0].source is not None:
        return replace(operation, kind=OpKind.TRANSPOSE, inputs=[parts[0].source],
                       attributes=MoveAttributes(parts[0].offsets))
    kept: list[Tensor | None] = []
    for part in parts:
        kept += [part.source] if part.is_all() else part.tensors
    return operation if kept == operation.inputs else replace(operation, inputs=kept)


def _part(tensor: Tensor, moves: Mapping[Tensor, Operation]) -> _Part:
    move = moves.get(tensor)
    if move is None or not isinstance(move.attributes, MoveAttributes):
        return _Part((tensor,))
    axes = move.attributes.axes
    if (tuple(axis.size for axis in axes) != tensor.shape or tensor.deep
            or any((axis == FILL).any() for axis in axes)):
        return _Part((tensor,))
    return _Part((tensor,), move.activations[0], axes)


def _joined(a: _Part, b: _Part, axis: int) -> _Part | None:
    """Return both as one movement of their source; None where they are none."""
    if a.source is None or a.source is not b.source:
        return None
    further = 0
    for place, (one, other) in enumerate(zip(a.offsets, b.offsets, strict=True)):
        if place != axis:
            if (other - one != other[0] - one[0]).any():
                return None
            further += int(other[0] - one[0])
    offsets = list(a.offsets)
    offsets[axis] = np.concatenate((a.offsets[axis], b.offsets[axis] + further))
    return replace(a, tensors=a.tensors + b.tensors, offsets=tuple(offsets))
