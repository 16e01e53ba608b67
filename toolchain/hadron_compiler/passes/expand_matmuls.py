"""BATCH_MATMUL of two tensors: one of them becomes weights.

The second operand is laid out as the weight memory wants it, by movements and look-ups, stored to
memory and loaded from there as the weights of a FULLY_CONNECTED. How, depends on the sizes of the
array: this runs behind all other passes.

A weight is the operand less its zero point: nine bits, made up of up to three weights of eight,
each in a tensor of its own. What the first operand's zero point takes from the sums is a product
of the weights with constants: every row of the first operand is followed by a row of these.
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    DynamicWeightsAttributes,
    Graph,
    MatmulAttributes,
    MoveAttributes,
    Operation,
    OpKind,
    Tensor,
)
from hadron_compiler.passes import remove_dead_operations
from hadron_compiler.passes.expansion import Expansion, beside, expand_each
from hadron_spec.config import NpuConfig

__all__ = ["run"]


def run(graph: Graph, config: NpuConfig) -> Graph:
    """Replace every BATCH_MATMUL of two tensors."""
    producers = graph.producers()

    def expand(operation: Operation) -> list[Operation]:
        if not isinstance(operation.attributes, MatmulAttributes):
            return [operation]
        turned = _with_columns_side_by_side(operation, operation.attributes, producers)
        matmul = turned[-1]
        assert isinstance(matmul.attributes, MatmulAttributes)
        return [*turned[:-1], *_Expansion(matmul, matmul.attributes, config).run()]

    return remove_dead_operations.run(expand_each(graph, expand))


def _with_columns_side_by_side(operation: Operation, attributes: MatmulAttributes,
                               producers: dict[Tensor, Operation]) -> list[Operation]:
    """Return a product whose second operand is not turned, where it has been for no more than this:
    attention turns its keys, whose numbers each were side by side."""
    b = operation.required(1)
    move = producers.get(b)
    if (attributes.adj_y or move is None or not isinstance(move.attributes, MoveAttributes)
            or tuple(axis.size for axis in move.attributes.axes) != b.shape
            or (np.diff(move.attributes.axes[-2]) != 1).any() or b.shape[-2] == 1):
        return [operation]
    *batch, rows, columns = move.attributes.axes
    turned = replace(b, name=f"{b.name} (turned back)", root=None,
                     shape=(*b.shape[:-2], b.shape[-1], b.shape[-2]))
    return [replace(move, outputs=[turned],
                    attributes=replace(move.attributes, axes=(*batch, columns, rows))),
            replace(operation, inputs=[operation.inputs[0], turned],
                    attributes=replace(attributes, adj_y=True))]


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


@dataclass
class _Matrices:
    """Where the matrices of an operand lie: bytes from one to the next, and from line to line."""

    batch: tuple[int, ...]
    size: int
    row: int
    column: int


class _Expansion(Expansion):
    """One BATCH_MATMUL becomes `operations`."""

    def __init__(self, operation: Operation, attributes: MatmulAttributes,
                 config: NpuConfig) -> None:
        super().__init__(operation, config)
        self.a, self.b = operation.required(0), operation.required(1)
        self.rows, self.channels = operation.outputs[0].shape[-2:]
        self.taps = self.a.shape[-2 if attributes.adj_x else -1]
        self.of_a = _matrices(self.a, attributes.adj_x)
        self.of_b = _matrices(self.b, attributes.adj_y)
        zero = self.a.zero_point
        # What stands for the zero point in the rows: -128 takes two halves.
        self.constants = [] if not zero else [64, 64] if zero == -128 else [-zero]
        self.padded = _round_up(self.taps, config.lanes)
        self.groups = -(-self.channels // config.columns)

    def run(self) -> list[Operation]:
        """Return the operations."""
        output = self.operation.outputs[0]
        batch = output.shape[:-2]
        if prod(self.of_b.batch) == 1 and self.of_a.row == self.taps:
            # One matrix for all rows there are, one behind the other.
            self.rows *= prod(batch)
            self._multiply(0, self._weights(0), output)
            return self.operations
        weights: dict[int, list[Tensor]] = {}
        index = [np.broadcast_to(np.arange(prod(matrices.batch)).reshape(matrices.batch), batch)
                 for matrices in (self.of_a, self.of_b)]
        size = self.rows * self.channels
        for place, (first, second) in enumerate(zip(index[0].ravel(), index[1].ravel(),
                                                    strict=True)):
            if int(second) not in weights:
                weights[int(second)] = self._weights(int(second))
            if prod(batch) == 1:
                self._multiply(int(first), weights[int(second)], output)
                continue
            part = self.tensor(f"matrix {place}", (1, size), output)
            self._multiply(int(first), weights[int(second)], part)
            self.append(OpKind.CONCATENATION, [part], output, ConcatenationAttributes(
                0, place, (prod(batch), size)))
        return self.operations

    def _weights(self, index: int) -> list[Tensor]:
        """Return the shares of matrix `index`, in memory: first each column's taps side by side,
        then the steps of the weight memory, to which whole lanes move at once."""
        b, zero = self.b, self.b.zero_point
        columns, lanes = self.config.columns, self.config.lanes
        dense = self.move(
            "padded", b, zero,
            _padded(self.channels, self.of_b.column, self.groups * columns,
                    index * self.of_b.size),
            _padded(self.taps, self.of_b.row, self.padded))
        own = self.padded * np.arange(columns, dtype=np.int64)
        return self.stored_weights(dense, *(
            [columns * self.padded * np.arange(self.groups, dtype=np.int64),
             np.zeros(1 + len(self.constants), np.int64),
             np.arange(0, self.padded, lanes, dtype=np.int64), some,
             np.arange(lanes, dtype=np.int64)] for some in (own, beside(own))))

    def _multiply(self, index: int, weights: list[Tensor], output: Tensor) -> None:
        """Multiply the rows of matrix `index` of the first operand."""
        row = [_padded(self.taps, self.of_a.column, self.padded),
               *(np.full(self.padded, FILL, np.int64) for _ in self.constants)]
        fill = self.constants[0] if self.constants else 0
        rows = self.move(
            "rows", self.a, fill,
            index * self.of_a.size + self.of_a.row * np.arange(self.rows, dtype=np.int64),
            np.concatenate(row))
        self.append(OpKind.BATCH_MATMUL, [rows, *weights], output, DynamicWeightsAttributes(
            self.rows, self.taps, self.channels, (self.a.scale, self.b.scale),
            self.a.largest * self.b.largest))


def _matrices(tensor: Tensor, transposed: bool) -> _Matrices:
    height, width = tensor.shape[-2:]
    steps = (1, width) if transposed else (width, 1)
    return _Matrices(tensor.shape[:-2], height * width, *steps)


def _padded(count: int, step: int, size: int, first: int = 0) -> npt.NDArray[np.int64]:
    """Return the offsets of `count` elements from `first` on, filled up to `size`."""
    offsets = np.full(size, FILL, np.int64)
    offsets[:count] = first + step * np.arange(count)
    return offsets
