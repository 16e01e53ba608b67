"""Tensors that are some bytes of others need no copy: views.

The producers of a CONCATENATION write straight into their shares of it, and what reads a SLICE or a
SPLIT reads a window of its source. Which of them may be views is found here; which should be is a
matter of cycles, and not every kernel takes all (`codegen/placed.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    Graph,
    MoveAttributes,
    Operation,
    Tensor,
)
from hadron_compiler.ir.strided import dense_strides, reshaped
from hadron_compiler.ir.verify import verify

__all__ = ["View", "find_views", "show_views"]


@dataclass(frozen=True, eq=False)
class View:
    """What an operation that only copies would make of a tensor: bytes of `root`, from `offset` on,
    `strides` apart."""

    tensor: Tensor
    operation: Operation
    root: Tensor
    offset: int
    strides: tuple[int, ...]


def find_views(graph: Graph) -> list[View]:
    """Return all tensors that can be views, each of one other tensor."""
    fixed = {tensor.storage for tensor in (*graph.inputs, *graph.outputs)}
    written = {output for operation in graph.operations for output in operation.outputs}
    found: dict[Tensor, View] = {}

    def may_be(tensor: Tensor) -> bool:
        return (tensor in written and tensor not in fixed and tensor not in found
                and not tensor.in_memory and not tensor.deep)

    for operation in graph.operations:
        attributes = operation.attributes
        view = None
        if isinstance(attributes, MoveAttributes) and may_be(operation.outputs[0]):
            view = _window(operation, attributes)
        elif isinstance(attributes, ConcatenationAttributes) and may_be(
                operation.required(0).storage):
            view = _share(operation, attributes)
        if view is not None:
            found[view.tensor] = view
    return list(found.values())


def _window(operation: Operation, attributes: MoveAttributes) -> View | None:
    """Return the output of a movement as a view of its input."""
    strides = []
    for axis in attributes.axes:
        steps = np.diff(axis)
        if (axis == FILL).any() or (steps != steps[:1]).any() or (steps <= 0).any():
            return None
        strides.append(int(steps[0]) if steps.size else 1)
    shape = tuple(axis.size for axis in attributes.axes)
    source, output = operation.required(0), operation.outputs[0]
    own = reshaped(shape, strides, output.shape)
    if source.data is not None or source.in_memory or own is None:
        return None
    offset = sum(int(axis[0]) for axis in attributes.axes)
    return View(output, operation, source.storage, offset, own)


def _share(operation: Operation, attributes: ConcatenationAttributes) -> View | None:
    """Return the input of a CONCATENATION, of which each has one alone, as a view of its output."""
    part, whole = operation.required(0), operation.outputs[0]
    shape = attributes.shape or whole.shape
    strides = dense_strides(shape)
    counts = list(shape)
    counts[attributes.axis] = part.shape[attributes.axis]
    tensor = part.storage
    own = reshaped(counts, strides, tensor.shape)
    if whole.in_memory or own is None:
        return None
    return View(tensor, operation, whole.storage, attributes.first * strides[attributes.axis], own)


def show_views(graph: Graph, views: Sequence[View]) -> tuple[Graph, dict[Tensor, View]]:
    """Return the graph without the copies that make these views, and of every tensor of it that is
    one which.

    Offset and strides of a view are those in the tensor that owns the bytes, which its root may be
    a view of.
    """
    chosen = {view.tensor: view for view in views}
    placed: dict[Tensor, tuple[int, tuple[int, ...]]] = {}
    dropped: list[View] = []
    for view in views:
        _place(view, chosen, placed, dropped)
    made: dict[Tensor, Tensor] = {}
    of_clones: dict[Tensor, View] = {}

    def clone(tensor: Tensor) -> Tensor:
        if tensor not in made:
            made[tensor] = tensor
            if tensor in placed:
                offset, strides = placed[tensor]
                made[tensor] = replace(tensor, root=clone(chosen[tensor].root), offset=offset,
                                       strides=strides)
                of_clones[made[tensor]] = chosen[tensor]
            elif tensor.root is not None and clone(tensor.root) is not tensor.root:
                made[tensor] = replace(tensor, root=clone(tensor.root))
        return made[tensor]

    gone = {id(chosen[tensor].operation) for tensor in placed}
    operations = [
        replace(operation,
                inputs=[None if tensor is None else clone(tensor) for tensor in operation.inputs],
                outputs=[clone(tensor) for tensor in operation.outputs])
        for operation in graph.operations if id(operation) not in gone]
    outputs = [clone(tensor) for tensor in graph.outputs]
    return verify(replace(graph, operations=operations, outputs=outputs)), of_clones


def _place(view: View, chosen: Mapping[Tensor, View],
           placed: dict[Tensor, tuple[int, tuple[int, ...]]], dropped: list[View]) -> None:
    """Find where a view lies in the tensor that owns the bytes, which may be reached over several;
    drop it where there are no strides for it."""
    if view.tensor in placed or view in dropped:
        return
    root, offset, strides = view.root, view.offset, view.strides
    if root in chosen:
        _place(chosen[root], chosen, placed, dropped)
    if root in placed:
        first, outer = placed[root]
        inner = _composed(view, root.shape, outer)
        if inner is None:
            dropped.append(view)
            return
        offset, strides = first + inner[0], inner[1]
    placed[view.tensor] = (offset, strides)


def _composed(view: View, shape: Sequence[int], outer: Sequence[int]
              ) -> tuple[int, tuple[int, ...]] | None:
    """Return offset and strides of a view of a tensor that lies elsewhere at strides `outer`."""
    dense = dense_strides(shape)

    def places(distance: int) -> list[int]:
        return [distance // step % extent for step, extent in zip(dense, shape, strict=True)]

    def along(indices: Collection[int]) -> int:
        return sum(index * step for index, step in zip(indices, outer, strict=True))

    first = places(view.offset)
    last = list(first)
    strides = []
    for extent, stride in zip(view.tensor.shape, view.strides, strict=True):
        steps = places(stride) if extent > 1 else [0] * len(dense)
        last = [place + (extent - 1) * step for place, step in zip(last, steps, strict=True)]
        strides.append(along(steps))
    if any(place >= extent for place, extent in zip(last, shape, strict=True)):
        return None
    return along(first), tuple(strides)
