"""Operators that move bytes: strided copies, `columns` bytes at once where they are neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_compiler.codegen.progressions import fill_runs, progressions
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.attributes import summed_offsets
from hadron_compiler.ir.graph import FILL, MoveAttributes
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["MoveKernel"]

MAX_COUNT = FIELDS[Opcode.MAX]["count_ox"].maximum


@dataclass(frozen=True)
class _Loop:
    """A loop of a copy: `count` passes, and what each adds to the addresses of both sides."""

    count: int
    source: int
    destination: int


@dataclass(frozen=True)
class _Copy:
    """Bytes from `source` (None: filled) on to `destination` on, in loops of any order."""

    source: int | None
    destination: int
    loops: tuple[_Loop, ...]


@dataclass(frozen=True)
class _MoveGeometry(Geometry):
    """Rows of bytes; `low` and `high` are the input bytes that each output row needs."""

    low: tuple[int, ...] = ()
    high: tuple[int, ...] = ()

    def needed(self, region: Region) -> Region:
        """See `Geometry.needed`: the input rows that hold the bytes."""
        first, end = min(self.low[slice(*region.y)]), max(self.high[slice(*region.y)])
        pitch = self.source[2]
        row = min(first // pitch, self.source[0] - 1)
        return Region((row, max(-(-end // pitch), row + 1)), (0, 1))

    def rows_needed(self, rows: int) -> int:
        """See `Geometry.rows_needed`."""
        height = self.destination[0]
        return max(self.needed(Region((y, min(y + rows, height)), (0, 1))).rows
                   for y in range(0, height, rows))


class MoveKernel(Kernel):
    """The maximum over one element at any steps of the addresses, or over none: the fill.

    Rows of the output are its leading axes (`_rows`); what a row takes from the input is the same
    for all rows that take anything, but for where it begins.

    Parameters
    ----------
    source, destination : tuple of int
        Shapes of input and output.
    attributes : MoveAttributes
        What goes where.
    """

    def __init__(self, config: NpuConfig, name: str, source: tuple[int, ...],
                 destination: tuple[int, ...], attributes: MoveAttributes) -> None:
        axes = attributes.axes
        rows = _rows(destination, config)
        outer = 0
        while prod(axis.size for axis in axes[:outer]) < rows:
            outer += 1
        self.name = name
        self.macs = 0
        self.offsets = summed_offsets(axes[:outer])
        self.copies = _copies(axes[outer:])
        width = prod(axis.size for axis in axes[outer:])
        reach = [_span(copy) for copy in self.copies if copy.source is not None]
        low, high = min(first for first, _ in reach), max(end for _, end in reach)
        # Rows of nothing but the fill need no input; the region of one is any.
        starts = np.where(self.offsets == FILL, self.offsets.max(), self.offsets)
        input_rows = _rows(source, config)
        self.geometry = _MoveGeometry(
            1, (input_rows, 1, prod(source) // input_rows), (self.offsets.size, 1, width),
            low=tuple((starts + low).tolist()), high=tuple((starts + high).tolist()))
        self.part = _MovePart(config, self, attributes.fill)

    @property
    def steps(self) -> int:
        """Steps of the whole operator, but for the fill."""
        made = 0
        for copy in self.copies:
            run, loops = _run(copy)
            made += -(-run // self.part.config.columns) * prod(loop.count for loop in loops)
        return made * self.offsets.size

    @property
    def row_bytes(self) -> int:
        """Bytes of an output row and of the input rows that it needs."""
        geometry = self.geometry
        return geometry.rows_needed(1) * geometry.source[2] + geometry.destination[2]

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        if max_channels is not None:
            raise CapacityError(f"{self.name}: a row of {self.geometry.destination[2]} bytes and "
                                "what it is made of do not fit the scratchpad")
        return [self.part]


class _MovePart(Part):
    constants = None

    def __init__(self, config: NpuConfig, kernel: MoveKernel, fill: int) -> None:
        self.config = config
        self.kernel = kernel
        self.fill = fill
        self.channels = (0, kernel.geometry.destination[2])
        self.source_channels = (0, kernel.geometry.source[2])

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`: the rows' progressions times the copies of a row."""
        first, end = piece.region.y
        width = self.kernel.geometry.destination[2]
        offsets = self.kernel.offsets[first:end]
        source, destination = piece.sources[0], piece.destination
        source_base = source.address - source.y[0] * source.row_pitch
        destination_base = destination.locate(first, 0, 0)
        made: list[Command] = []
        for rows in progressions(offsets):
            for copy in self.kernel.copies:
                begin = None if copy.source is None else source_base + rows.offset + copy.source
                whole = _Copy(begin, destination_base + rows.first * width + copy.destination,
                              (_Loop(rows.count, rows.offset_step, rows.step * width),
                               *copy.loops))
                made += self._commands(piece.layer, whole)
        for row, count in fill_runs(offsets):
            made += self._commands(piece.layer, _Copy(None, destination_base + row * width,
                                                      (_Loop(count * width, 1, 1),)))
        return made

    def _commands(self, layer: int, copy: _Copy) -> Iterator[Command]:
        """Give the largest loops to the hardware, the rest a command a pass."""
        columns = self.config.columns
        run, loops = _run(copy)
        loops.sort(key=lambda loop: -loop.count)
        blocks = -(-run // columns)
        levels = 2 if blocks > 1 else 3
        outer = [range(0, loop.count, MAX_COUNT if place < levels else 1)
                 for place, loop in enumerate(loops)]
        for first in range(0, blocks, MAX_COUNT):
            size = min(run - first * columns, MAX_COUNT * columns)
            for indices in product(*outer):
                source, destination = copy.source, copy.destination + first * columns
                inner = []
                for place, (index, loop) in enumerate(zip(indices, loops, strict=True)):
                    destination += index * loop.destination
                    if source is not None:
                        source += index * loop.source
                    if place < levels:
                        inner.append(replace(loop, count=min(MAX_COUNT, loop.count - index)))
                if source is not None:
                    source += first * columns
                yield self._command(layer, source, destination, size, inner)

    def _command(self, layer: int, source: int | None, destination: int, run: int,
                 loops: list[_Loop]) -> Command:
        columns = self.config.columns
        blocks = -(-run // columns)
        levels = {"oy": loops[0] if loops else None, "ox": loops[1] if loops[1:] else None,
                  "kg": loops[2] if loops[2:] else None}
        nest = {level: Loop(loop.count, loop.source if source is not None else 0, 0, 0,
                            loop.destination)
                for level, loop in levels.items() if loop is not None}
        if blocks > 1:
            nest["kg"] = Loop(blocks, columns if source is not None else 0, 0, 0, columns)
        outputs = min(run, columns)
        fields = {
            **loop_fields(nest, bounded=False),
            "source": source or 0, "destination": destination, "outputs": outputs,
            "last_outputs": run - (blocks - 1) * columns,
            "minimum": -128, "maximum": 127,
        }
        if source is None:
            # Every row is out of bounds: all that is read is the fill.
            fields |= {"bounded": 1, "start_y": -1, "height": 1, "width_bytes": 1,
                       "pad": self.fill}
        reads = [] if source is None else [_range(source, run, loops, "source")]
        return Command(Opcode.MAX, layer, fields, reads,
                       [_range(destination, run, loops, "destination")])


def _rows(shape: tuple[int, ...], config: NpuConfig) -> int:
    """Return the rows of a tensor: what its last two axes do not make up, or the last alone where
    two are more than half of the scratchpad."""
    inner = 2 if prod(shape[-2:]) <= config.act_bytes // 2 else 1
    return prod(shape[:max(1, len(shape) - inner)]) if len(shape) > 1 else 1


def _copies(axes: Sequence[npt.NDArray[np.int64]]) -> list[_Copy]:
    """Return the copies that make one row."""
    pitches = [prod(axis.size for axis in axes[place + 1:]) for place in range(len(axes))]
    covers = [progressions(axis) for axis in axes]
    made = []
    for chosen in product(*covers):
        made.append(_Copy(
            sum(part.offset for part in chosen),
            sum(part.first * pitch for part, pitch in zip(chosen, pitches, strict=True)),
            tuple(_Loop(part.count, part.offset_step, part.step * pitch)
                  for part, pitch in zip(chosen, pitches, strict=True))))
    for place, axis in enumerate(axes):
        for first, count in fill_runs(axis):
            for chosen in product(*covers[:place]):
                before = list(zip(chosen, pitches, strict=False))
                made.append(_Copy(
                    None, first * pitches[place] + sum(part.first * pitch
                                                       for part, pitch in before),
                    (*(_Loop(part.count, part.step * pitch, part.step * pitch)
                       for part, pitch in before), _Loop(count * pitches[place], 1, 1))))
    return made


def _span(copy: _Copy) -> tuple[int, int]:
    """Return the input bytes of a copy, half-open."""
    assert copy.source is not None
    bytes_ = _range(copy.source, 1, copy.loops, "source")
    return bytes_.start, bytes_.end


def _range(start: int, run: int, loops: Sequence[_Loop], side: str) -> Range:
    """Return the smallest range that holds all bytes of one side."""
    reaches = [(loop.count - 1) * int(getattr(loop, side)) for loop in loops]
    return Range(Space.SCRATCHPAD, start + sum(min(0, reach) for reach in reaches),
                 start + sum(max(0, reach) for reach in reaches) + run)


def _run(copy: _Copy) -> tuple[int, list[_Loop]]:
    """Join loops that continue one another; return the bytes in a row, and the other loops."""
    filled = copy.source is None
    loops = [_Loop(loop.count, loop.destination if filled else loop.source, loop.destination)
             for loop in copy.loops if loop.count > 1]
    loops.sort(key=lambda loop: abs(loop.destination))
    joined: list[_Loop] = []
    for loop in loops:
        for place, inner in enumerate(joined):
            if (loop.source, loop.destination) == (inner.count * inner.source,
                                                   inner.count * inner.destination):
                joined[place] = replace(inner, count=inner.count * loop.count)
                break
        else:
            joined.append(loop)
    run = 1
    rest = []
    for loop in joined:
        if (loop.source, loop.destination) == (1, 1):
            run = loop.count
        else:
            rest.append(loop)
    return run, rest
