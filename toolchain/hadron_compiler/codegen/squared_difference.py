"""SQUARED_DIFFERENCE of two tensors: the square of a difference of 16 bits, from its bytes.

With the difference d = 256 * high + low, d**2 is 65536 * high**2 + 512 * high * low + low**2: two
tables, and a product by quarter squares as in `product`. Passes make planes of bytes in the
scratchpad, one behind the other, as the sums of tables want them.
"""

from collections.abc import Sequence
from dataclasses import replace

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
from hadron_compiler.codegen.kernel import Kernel, Part, Piece, WrappedPart
from hadron_compiler.codegen.product import half_tables, plane_view, product_tables
from hadron_spec.config import NpuConfig

__all__ = ["SquaredDifferenceKernel"]

_A, _B, _HIGH, _LOW, _HALVES = 0, 1, 2, 3, 4
"""Planes: copies of both operands, the bytes of the difference, and those of `half_tables`."""

_PLANES = _HALVES + len(half_tables())

_FLOOR = LookupStage(multiplier=1 << 30, shift=-9)
"""Of 4 * d - 510, which is no tie: d / 256, rounded down."""

_OFFSET = 128
"""What is taken off the low byte, 0 to 255."""


class SquaredDifferenceKernel(Kernel):
    """The square of a difference of two tensors as flat bytes, with a byte of scratchpad for each
    of them a plane.

    Parameters
    ----------
    tables : (Table, Table)
        What each operand adds to the difference: -16,384 to 16,384.
    stage : LookupStage
        What follows the square.
    """

    reads_gaps = writes_gaps = reads_alike = True

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 tables: tuple[Table, Table], stage: LookupStage, gaps: bool = False) -> None:
        self.name = name
        self.geometry = flat_geometry(shape, gaps)
        self.macs = 0
        a, b = tables
        as_it_is = LookupStage()
        high, low = BYTES, BYTES + _OFFSET
        # d**2 of high and `BYTES`: 512 * high * (low - 128) is what the halves add.
        squares = [65536 * high * (high + 1), low * low,
                   *(512 * table for table in product_tables(0, 0))]

        def part(tables: Sequence[Table], stage: LookupStage = as_it_is) -> LookupPart:
            return LookupPart(config, tables, stage)

        self._parts = [
            _Pass(part([BYTES]), _OPERANDS[:1], _A),
            _Pass(part([BYTES]), _OPERANDS[1:], _B),
            _Pass(part([4 * a - 510, 4 * b], _FLOOR), (_A, _B), _HIGH),
            _Pass(part([a - _OFFSET, b, -256 * BYTES]), (_A, _B, _HIGH), _LOW),
            *(_Pass(part(half), (_HIGH, _LOW), _HALVES + place)
              for place, half in enumerate(half_tables())),
            _Pass(part(squares, stage), tuple(range(_HIGH, _PLANES)), None)]

    def scratch(self, rows: int, columns: int) -> int:
        """See `Kernel.scratch`."""
        return rows * columns * self.geometry.destination[2] * _PLANES

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        check_channels(self.name, max_channels)
        check_steps(self.name, "six tables", self._parts, max_steps)
        return self._parts


_OPERANDS = (-2, -1)
"""In place of planes: the operands."""


class _Pass(WrappedPart):
    """Sums of tables of some planes, or of an operand, to a plane or, with None, the output."""

    def __init__(self, part: LookupPart, sources: Sequence[int], place: int | None) -> None:
        super().__init__(part)
        self.sources = sources
        self.place = place

    def commands(self, piece: Piece) -> list[Command]:
        views = tuple(piece.sources[place] if place < 0 else plane_view(piece, place)
                      for place in self.sources)
        given = replace(piece, sources=views)
        return self.part.commands(given if self.place is None else replace(
            given, destination=plane_view(piece, self.place)))
