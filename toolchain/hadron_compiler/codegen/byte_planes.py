"""Operators that work on 16-bit activations as bytes: passes over planes, through the scratchpad.

A tensor of 16 bits is a plane of low bytes and one of high bytes. What the array looks up are
functions of one byte, so an operator that is more than a sum of those takes several passes: each
reads some planes, of operands or of a scratch area, and writes one, or both of the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.elementwise import (
    LookupPart,
    LookupStage,
    Table,
    check_channels,
    check_steps,
    flat_geometry,
)
from hadron_compiler.codegen.extremum import ExtremumPart
from hadron_compiler.codegen.geometry import View
from hadron_compiler.codegen.kernel import Kernel, Part, Piece, WrappedPart
from hadron_spec.config import NpuConfig

__all__ = ["BytePlanesKernel", "InBothPlanesKernel", "Operand", "Pass", "Result", "Scratch"]


@dataclass(frozen=True)
class Operand:
    """The low (0) or high (1) bytes of an operand."""

    index: int
    plane: int


@dataclass(frozen=True)
class Scratch:
    """One of the planes of the scratch area; `both`: it and the next, of a pass with 16-bit
    results."""

    index: int
    both: bool = False


@dataclass(frozen=True)
class Result:
    """The low (0) or high (1) bytes of the output; None: both, of a pass with 16-bit results."""

    plane: int | None = None


@dataclass(frozen=True, eq=False)
class Pass:
    """What one pass over the bytes reads and writes: a sum of table entries, or without `tables`
    the maximum, with `least` the minimum.

    Where the planes of the operands lie unequally far apart, it reads what it is said to have
    `gathered`; one that gathers runs only then (`gathers`).
    """

    reads: tuple[Operand | Scratch, ...]
    writes: Scratch | Result
    tables: tuple[Table, ...] = ()
    stage: LookupStage = field(default_factory=LookupStage)
    least: bool = False
    gathered: tuple[Scratch, ...] = ()
    gathers: bool = False


class BytePlanesKernel(Kernel):
    """Passes over two tensors, or one, of 16 bits as flat bytes."""

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 passes: Sequence[Pass]) -> None:
        self.name = name
        self.geometry = flat_geometry(shape)
        self.macs = 0
        self._parts = [_PassPart(config, some) for some in passes]
        planes = [plane for some in passes for plane in (*some.reads, *some.gathered, some.writes)]
        self._planes = 1 + max((plane.index + plane.both for plane in planes
                                if isinstance(plane, Scratch)), default=-1)

    def scratch(self, rows: int, columns: int) -> int:
        """See `Kernel.scratch`."""
        return rows * columns * self._planes

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        check_channels(self.name, max_channels)
        check_steps(self.name, "its tables", self._parts, max_steps)
        return self._parts


class _PassPart(WrappedPart):
    def __init__(self, config: NpuConfig, what: Pass) -> None:
        super().__init__(LookupPart(config, what.tables, what.stage) if what.tables
                         else ExtremumPart(config.columns, what.least))
        self.what = what

    def commands(self, piece: Piece) -> list[Command]:
        def view(plane: Operand | Scratch | Result) -> View:
            match plane:
                case Operand():
                    # An operand that is read twice has one view.
                    source = piece.sources[min(plane.index, len(piece.sources) - 1)]
                    return source.plane_of(plane.plane).narrow(piece.region)
                case Scratch():
                    region = piece.region
                    size = region.rows * region.columns
                    return View(piece.scratch + plane.index * size, region.y, region.x, (0, 1),
                                region.columns, 1, size * plane.both)
            return (piece.destination if plane.plane is None
                    else piece.destination.plane_of(plane.plane))

        what = self.what
        alike = len({source.plane for source in piece.sources}) == 1
        if what.gathers and alike:
            return []
        reads = what.reads if alike or not what.gathered else what.gathered
        return self.part.commands(replace(
            piece, sources=tuple(view(plane) for plane in reads), destination=view(what.writes)))


class InBothPlanesKernel(Kernel):
    """An operator on bytes that does the same in both planes, but for what it fills with."""

    def __init__(self, low: Kernel, high: Kernel) -> None:
        self.planes = (low, high)
        self.geometry = low.geometry
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        return [part for pair in zip(*(
            [_PlanePart(part, place) for part in kernel.parts(max_steps, max_channels)]
            for place, kernel in enumerate(self.planes)), strict=True) for part in pair]


class _PlanePart(WrappedPart):
    def __init__(self, part: Part, plane: int) -> None:
        super().__init__(part)
        self.plane = plane

    def commands(self, piece: Piece) -> list[Command]:
        return self.part.commands(replace(
            piece, sources=tuple(view.plane_of(self.plane) for view in piece.sources),
            destination=piece.destination.plane_of(self.plane)))
