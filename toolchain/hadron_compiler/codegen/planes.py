"""Sums of tables in several passes, with bytes of every element in between, a plane a pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.elementwise import (
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

__all__ = ["AS_IT_IS", "Pass", "PlanesKernel"]

AS_IT_IS = LookupStage()
"""A sum that is a byte already."""


@dataclass(frozen=True)
class Pass:
    """A sum of tables.

    Parameters
    ----------
    tables : sequence of Table
        One for each source.
    stage : LookupStage
        What follows the sum.
    operands : tuple of int
        Which operands are the sources, where there are no `planes`.
    planes : range or None
        Which planes are the sources.
    """

    tables: Sequence[Table]
    stage: LookupStage = AS_IT_IS
    operands: tuple[int, ...] = (0, 1)
    planes: range | None = None


class PlanesKernel(Kernel):
    """Passes over a tensor as flat bytes: each makes the next plane, the last one the output.

    Parameters
    ----------
    passes : sequence of Pass
        In order.
    what : str
        What messages call the tables of the largest pass.
    """

    reads_gaps = writes_gaps = reads_alike = True

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 passes: Sequence[Pass], what: str, gaps: bool) -> None:
        self.name = name
        self.geometry = flat_geometry(shape, gaps)
        self.macs = 0
        self.what = what
        self.planes = len(passes) - 1
        self._parts = [_PassPart(config, one, place if place < self.planes else None)
                       for place, one in enumerate(passes)]

    def scratch(self, rows: int, columns: int) -> int:
        """See `Kernel.scratch`."""
        return rows * columns * self.geometry.destination[2] * self.planes

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        check_channels(self.name, max_channels)
        check_steps(self.name, self.what, self._parts, max_steps)
        return self._parts


class _PassPart(WrappedPart):
    """A pass to the plane `place` or, with None, to the output."""

    def __init__(self, config: NpuConfig, one: Pass, place: int | None) -> None:
        super().__init__(LookupPart(config, one.tables, one.stage))
        self.one = one
        self.place = place

    def commands(self, piece: Piece) -> list[Command]:
        planes, destination = self.one.planes, piece.destination
        sources = (tuple(piece.sources[place] for place in self.one.operands) if planes is None
                   else tuple(_plane(piece, place) for place in planes))
        if self.place is not None:
            destination = _plane(piece, self.place)
        return self.part.commands(replace(piece, sources=sources, destination=destination))


def _plane(piece: Piece, place: int) -> View:
    """Return where the bytes of a plane lie."""
    region = piece.region
    channels = piece.destination.channel[1] - piece.destination.channel[0]
    row = region.columns * channels
    return View(piece.scratch + place * region.rows * row, region.y, region.x, (0, channels),
                row, channels)
