"""MUL of two tensors by quarter squares: what the array looks up are functions of one byte.

ab is ((a + b)**2 - (a - b)**2) / 4. Sum and difference have nine bits: each is cut into two bytes,
one for what is below, one for what is above a pivot, of which one always saturates. Four passes
make these four bytes of every element; a fifth adds up four tables, whose entries hold the squares
and what the zero points take from them. All of it is exact.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.elementwise import (
    BYTES,
    LookupPart,
    LookupStage,
    Table,
    check_channels,
    check_steps,
    flat_geometry,
)
from hadron_compiler.codegen.geometry import View
from hadron_compiler.codegen.kernel import Kernel, Part, Piece, WrappedPart
from hadron_spec.config import NpuConfig

__all__ = ["ProductKernel", "half_tables", "plane_view", "product_tables"]

_HALVES = ((1, 128), (1, -127), (-1, 127), (-1, -128))
"""Sign of b, and what is added to the sum: its low and high byte, those of the difference. Each is
clamped to a byte: -256 to -1 and -1 to 254 of the sum, -255 to 0 and 0 to 255 of the difference."""

_PIVOTS = (-1, 0)
"""Where sum and difference are cut: what both bytes of a value hold."""


def half_tables() -> list[list[Table]]:
    """Return, of each of the four bytes, the tables of both operands that make it."""
    return [[BYTES, sign * BYTES + offset] for sign, offset in _HALVES]


def product_tables(zero_point_a: int, zero_point_b: int) -> list[Table]:
    """Return the four tables whose entries add up to (a - zero_point_a) * (b - zero_point_b).

    Both squares are rounded down to a multiple of four: what that leaves is the same for both.
    """
    def of_sum(s: Table) -> Table:
        return (s * s - 2 * s * (zero_point_a + zero_point_b)) // 4 + zero_point_a * zero_point_b

    def of_difference(d: Table) -> Table:
        return -((d * d + 2 * d * (zero_point_b - zero_point_a)) // 4)

    tables = []
    for place, (_, offset) in enumerate(_HALVES):
        function = of_sum if place < 2 else of_difference
        entries = function(BYTES - offset)
        # The byte that saturates at the pivot adds nothing: the other one counts it.
        tables.append(entries - function(np.array(_PIVOTS[place // 2])) if place % 2 == 0
                      else entries)
    return tables


class ProductKernel(Kernel):
    """The product of two tensors as flat bytes, with four bytes of scratchpad for each of them.

    Parameters
    ----------
    zero_points : (int, int)
        Of the operands.
    stage : LookupStage
        What follows the product.
    """

    reads_gaps = writes_gaps = reads_alike = True

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 zero_points: tuple[int, int], stage: LookupStage, gaps: bool = False) -> None:
        self.name = name
        self.geometry = flat_geometry(shape, gaps)
        self.macs = 0
        halves = [LookupPart(config, tables, LookupStage()) for tables in half_tables()]
        sums = LookupPart(config, product_tables(*zero_points), stage)
        self._parts = [*(_HalfPart(part, place) for place, part in enumerate(halves)),
                       _SumPart(sums)]

    def scratch(self, rows: int, columns: int) -> int:
        """See `Kernel.scratch`."""
        return rows * columns * self.geometry.destination[2] * len(_HALVES)

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        check_channels(self.name, max_channels)
        check_steps(self.name, "four tables", self._parts, max_steps)
        return self._parts


def plane_view(piece: Piece, place: int) -> View:
    """Return where in the scratchpad a byte of each element lies, `place` of several planes."""
    region = piece.region
    channels = piece.destination.channel[1] - piece.destination.channel[0]
    row = region.columns * channels
    return View(piece.scratch + place * region.rows * row, region.y, region.x, (0, channels),
                row, channels)


class _HalfPart(WrappedPart):
    def __init__(self, part: LookupPart, place: int) -> None:
        super().__init__(part)
        self.place = place

    def commands(self, piece: Piece) -> list[Command]:
        return self.part.commands(replace(piece, destination=plane_view(piece, self.place)))


class _SumPart(WrappedPart):
    def commands(self, piece: Piece) -> list[Command]:
        views = tuple(plane_view(piece, place) for place in range(len(_HALVES)))
        return self.part.commands(replace(piece, sources=views))
