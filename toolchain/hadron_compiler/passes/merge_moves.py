"""A movement of what another movement has made is one movement, where that moves longer runs.

A detection head in the order of ONNX is turned to channels first, cut into anchors and turned
again: together, runs of an anchor's values. Others stay two: a channel shuffle has a kernel of its
own, and what cuts a tensor may be a view.
"""

from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.attributes import summed_offsets
from hadron_compiler.ir.graph import FILL, Graph, MoveAttributes, Operation, Tensor

__all__ = ["run"]

MOST_ELEMENTS = 1 << 22
"""Largest movement looked at: all its offsets are."""

_RUN_BYTES = 16
"""Neighbouring bytes that move in a step."""

_Offsets = npt.NDArray[np.int64]


def run(graph: Graph) -> Graph:
    """Let movements read what the movement before them reads, if nobody else reads what that one
    makes; it is dead then."""
    readers = Counter(tensor.storage for operation in graph.operations
                      for tensor in operation.activations)
    readers.update(tensor.storage for tensor in graph.outputs)
    makers: dict[Tensor, Operation] = {}
    operations = []
    for operation in graph.operations:
        source = operation.activations[0] if operation.activations else None
        if source is not None and isinstance(operation.attributes, MoveAttributes):
            before = makers.get(source.storage)
            if before is not None and readers[source.storage] == 1 and not source.is_view:
                operation = _merged(before, operation)
            makers[operation.outputs[0]] = operation
        operations.append(operation)
    return replace(graph, operations=operations)


def _merged(before: Operation, operation: Operation) -> Operation:
    """Return the movement from what `before` reads, or `operation` where there is none."""
    first, second = before.attributes, operation.attributes
    assert isinstance(first, MoveAttributes)
    assert isinstance(second, MoveAttributes)
    given, made = before.outputs[0], operation.outputs[0]
    if (max(given.elements, made.elements) > MOST_ELEMENTS or given.deep
            or any((axis == FILL).any() for axis in first.axes)):
        return operation
    inner, outer = summed_offsets(first.axes), summed_offsets(second.axes)
    axes = _separated(inner, second.axes)
    if axes is None:
        return operation
    offsets = summed_offsets(axes)
    wanted = np.where(outer == FILL, FILL, inner[np.where(outer == FILL, 0, outer)])
    if not np.array_equal(offsets, wanted) or _steps(offsets) > min(_steps(inner), _steps(outer)):
        return operation
    return replace(operation, inputs=[before.inputs[0], *operation.inputs[1:]],
                   attributes=MoveAttributes(axes, second.fill))


def _separated(inner: _Offsets, axes: tuple[_Offsets, ...]) -> tuple[_Offsets, ...] | None:
    """Return `inner` at the sums of `axes` as sums of axes of its own, if it is one."""
    if any((axis == FILL).all() for axis in axes):
        return None
    firsts = [int(axis[axis != FILL][0]) for axis in axes]
    base = sum(firsts)
    made: list[_Offsets] = []
    for axis, first in zip(axes, firsts, strict=True):
        filled = axis == FILL
        # The first axis carries what all have in common.
        common = 0 if not made else int(inner[base])
        made.append(np.where(filled, FILL, inner[np.where(filled, 0, base - first + axis)]
                             - common))
    return tuple(made)


def _steps(offsets: _Offsets) -> int:
    """Return about how many steps a movement takes."""
    ends = np.flatnonzero(np.append(np.diff(offsets) != 1, True))
    runs = np.diff(ends, prepend=-1)
    return int((-(-runs // _RUN_BYTES)).sum())
