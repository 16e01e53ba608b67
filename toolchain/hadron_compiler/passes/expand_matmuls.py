"""BATCH_MATMUL of two tensors: one of them becomes weights.

The second operand is laid out as the weight memory wants it, by movements and look-ups, stored to
memory and loaded from there as the weights of a FULLY_CONNECTED. How, depends on the sizes of the
array: this runs behind all other passes.

A weight is the operand less its zero point: nine bits, made up of up to three weights of eight,
each in a tensor of its own. What the first operand's zero point takes from the sums is a product
of the weights with constants: every row of the first operand is followed by a row of these.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import (
    FILL,
    ConcatenationAttributes,
    DynamicWeightsAttributes,
    Graph,
    MatmulAttributes,
    Operation,
    OpKind,
    Tensor,
)
from hadron_compiler.passes.expansion import Expansion, beside, expand_each
from hadron_spec.config import NpuConfig

__all__ = ["run"]


def run(graph: Graph, config: NpuConfig) -> Graph:
    """Replace every BATCH_MATMUL of two tensors."""
    return expand_each(graph, lambda operation: (
        _Expansion(operation, operation.attributes, config).run()
        if isinstance(operation.attributes, MatmulAttributes) else [operation]))


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
        """Return the shares of matrix `index`, in memory."""
        b, zero = self.b, self.b.zero_point
        columns, lanes = self.config.columns, self.config.lanes
        width = self.groups * columns
        dense = self.move(
            "padded", b, zero,
            _padded(self.taps, self.of_b.row, self.padded, index * self.of_b.size),
            _padded(self.channels, self.of_b.column, width))
        own = np.arange(columns, dtype=np.int64)
        return self.stored_weights(dense, *(
            [columns * np.arange(self.groups, dtype=np.int64),
             np.zeros(1 + len(self.constants), np.int64),
             lanes * width * np.arange(self.padded // lanes, dtype=np.int64), some,
             width * np.arange(lanes, dtype=np.int64)] for some in (own, beside(own))))

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
