"""Rows of numbers, brought to a mean of 0 and a variance of 1, in operations of eight bits.

These are too few for the squares of small numbers and of large ones, and for a factor that is large
for small rows. So squares are summed in parts, and there is a factor for small rows and one for
large ones. What is left of the mean, which is taken off in steps of the input, is taken off once
more at the end, where steps are fine.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from hadron_compiler.frontend.offsets import grid
from hadron_compiler.frontend.onnx_values import Function, Image, Range, quantization, range_of
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Attributes,
    DType,
    Operation,
    OpKind,
    ProductAttributes,
    ReduceAttributes,
    Tensor,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx_builder import OnnxBuilder

__all__ = ["Rows"]

_SPLITS = (8, 32)
"""Steps of the input: up to where squares of differences are summed apart from larger ones."""
_VARIANCE_PART = 0.4
"""Largest variance, as part of the largest square; a third is that of numbers spread evenly."""


@dataclass(frozen=True)
class Rows:
    """Appends operations on a tensor seen as (outer, count, inner), whose rows of `count` numbers
    are normalized; one number of each row is a tensor of (outer, inner)."""

    builder: "OnnxBuilder"
    tensor: Tensor
    outer: int
    count: int
    inner: int

    def normalized(self, epsilon: float, reach: float, scaled: Callable[[Tensor], Tensor],
                   ) -> tuple[Tensor, Tensor]:
        """Append rows less their means over their deviations, which is the root of variance plus
        `epsilon`, `scaled` within `reach` of 0, and what is left of the mean of each, to be taken
        off."""
        around = self._centered()
        factors = self._factors(around, epsilon)
        left = self._repeated(self._mean_left(around, factors))
        limits = -reach, reach
        numbers = scaled(around)
        small, large = (self._times(numbers, self._repeated(factor), limits, "over deviation")
                        for factor in factors)
        return self._sum(small, large, limits, "normalized"), scaled(left)

    def over_roots(self) -> list[Tensor]:
        """Append what rows are to be multiplied by, and added up, for a mean of squares of 1."""
        return [self._repeated(factor) for factor in self._factors(self.tensor, 0.0)]

    def _made(self, kind: OpKind, inputs: list[Tensor | None], like: Tensor, limits: Range,
             attributes: Attributes, what: str) -> Tensor:
        """Append an operation whose results have the shape of `like` and lie within limits."""
        scales, points = quantization(*limits)
        output = Tensor(f"{self.tensor.name} ({what})", like.shape, DType.INT8, scales, points)
        self.builder.operations.append(
            Operation(kind, self.builder.index, inputs, [output], attributes))
        return output

    def _function(self, source: Tensor, apply: Callable[[float], float], limits: Range,
                 what: str) -> Tensor:
        """Append a table."""
        function = Function(Image(source, source.shape), apply, OpKind.LOGISTIC,
                            self.builder.index)
        return self.builder.tabulated(function, f"{self.tensor.name} ({what})",
                                       *quantization(*limits)).tensor

    def _mean(self, source: Tensor, limits: Range, what: str) -> Tensor:
        """Append the mean of each row."""
        one = replace(source, shape=(1, self.outer, 1, self.inner))
        return self._made(OpKind.MEAN, [source], one, limits, ReduceAttributes(
            (1, self.outer, self.count, self.inner), (1, self.count)), what)

    def _repeated(self, one: Tensor) -> Tensor:
        """Append the number of each row for all of the row."""
        outer, count, inner = self.outer, self.count, self.inner
        if outer == inner == 1:
            # To a pixel first, which then is moved as a whole.
            inner = self.tensor.shape[-1]
            count //= inner
            one = self.builder.operation(OpKind.BROADCAST_TO, one, (1, 1, 1, inner),
                                         grid((inner, 0)), "pixel")
        return self.builder.operation(OpKind.BROADCAST_TO, one, self.tensor.shape,
                                      grid((outer, inner), (count, 0), (inner, 1)), "repeated")

    def _sum(self, a: Tensor, b: Tensor, limits: Range, what: str) -> Tensor:
        """Append the sum of two tensors."""
        return self._made(OpKind.ADD, [a, b], a, limits, AddAttributes(Activation.NONE), what)

    def _times(self, a: Tensor, b: Tensor, limits: Range, what: str) -> Tensor:
        """Append the product of two tensors."""
        return self._made(OpKind.MUL, [a, b], a, limits, ProductAttributes(Activation.NONE), what)

    def _centered(self) -> Tensor:
        """Append rows less their means."""
        low, high = range_of(self.tensor)
        mean = self._mean(self.tensor, (low, high), "mean")
        # A mean is expected within half of the range; then differences take steps of the input.
        return self._made(OpKind.SUB, [self.tensor, self._repeated(mean)], self.tensor,
                         (min(low, -high / 2), max(high, -low / 2)),
                         AddAttributes(Activation.NONE), "around 0")

    def _factors(self, around: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
        """Append what rows around 0 are to be multiplied by for a variance of 1: two numbers that
        add up to it, one of them 0 where the deviation is large."""
        most = max(map(abs, range_of(around)))**2
        splits = [(steps * self.tensor.scale)**2 for steps in _SPLITS]
        # Of each part, the squares and the variances.
        squares = list(pairwise([0.0, *splits, most]))
        limits = [*splits, max(_VARIANCE_PART * most, 2 * splits[-1])]
        parts = [self._mean(self._function(around, _part_of_square(*ends), (0.0, ends[1] - ends[0]),
                                         "squares"), (0.0, limit - ends[0]), "part of variance")
                 for ends, limit in zip(squares, limits, strict=True)]
        factors = []
        for (low, _), high in zip(squares, limits, strict=True):
            variance = parts[0]
            for part in parts[1:]:
                variance = self._sum(variance, part, (0.0, high), "variance")
            # A deviation of less than a step is that of a row that is constant but for noise.
            ends = [1 / math.sqrt(max(end, self.tensor.scale**2) + epsilon) for end in (low, high)]
            ends[1] *= high < limits[-1]
            factors.append(self._function(variance, _reciprocal_root(epsilon, *ends),
                                         (0.0, ends[0] - ends[1]), "part of 1 / deviation"))
        small, *large = factors
        return small, self._sum(large[0], large[1], (0.0, sum(range_of(some)[1] for some in large)),
                               "1 / large deviation")

    def _mean_left(self, around: Tensor, factors: tuple[Tensor, Tensor]) -> Tensor:
        """Append the means of rows around 0, whose numbers are rounded, over their deviations."""
        most, largest = self.tensor.scale, sum(range_of(factor)[1] for factor in factors)
        factor = self._sum(factors[0], factors[1], (0.0, largest), "1 / deviation")
        left = self._mean(around, (-most, most), "mean left")
        return self._times(left, factor, (-most * largest, most * largest),
                          "mean left over deviation")


def _part_of_square(low: float, high: float) -> Callable[[float], float]:
    return lambda x: min(max(x * x, low), high) - low


def _reciprocal_root(epsilon: float, first: float, last: float) -> Callable[[float], float]:
    """Return the reciprocal of a deviation from `last` to `first`, less `last`, of the variance."""
    return lambda variance: min(max(1 / math.sqrt(max(variance, 0.0) + epsilon + 1e-30), last),
                                first) - last
