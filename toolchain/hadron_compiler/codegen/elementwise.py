"""Sums and functions of single elements: tensors as flat bytes, `columns` looked up at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Range, Space, planes
from hadron_compiler.codegen.geometry import Geometry, image_of
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, cut_blocks, loop_fields
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import FIELDS, Opcode, pack_parameters
from hadron_spec.config import NpuConfig

__all__ = ["BYTES", "LookupKernel", "LookupPart", "LookupStage", "Run", "Table", "check_channels",
           "check_steps", "flat_geometry", "runs_of"]

MAX_CHUNKS = FIELDS[Opcode.LOOKUP]["count_ox"].maximum

Table = npt.NDArray[np.int64]
"""256 entries, of the inputs `BYTES`, each within 32 bits."""

BYTES: Table = np.arange(-128, 128)
"""The inputs of a table, in its order."""


@dataclass(frozen=True)
class LookupStage:
    """What follows the sum of entries. The default takes entries as they are, -128 to 127.

    With `deep_results` the bounds are high bytes.
    """

    multiplier: int = 1 << 30
    shift: int = 1
    wide: bool = False
    zero_point: int = 0
    minimum: int = -128
    maximum: int = 127
    deep_results: bool = False


def flat_geometry(shape: Sequence[int], gaps: bool = False) -> Geometry:
    """Return a tensor's rows as an image of one channel, as wide as a row has bytes; with `gaps`
    between pixels, as an image of its channels."""
    height, width, channels = image_of(shape)
    image = (height, width, channels) if gaps else (height, width * channels, 1)
    return Geometry(1, image, image)


@dataclass(frozen=True)
class Run:
    """Neighbouring bytes of a piece: where they lie in each operand and in the result; as many
    again, `count` in all, a pitch further on."""

    sources: tuple[int, ...]
    destination: int
    size: int
    count: int = 1
    source_pitch: int = 0
    destination_pitch: int = 0

    def reads(self, place: int, size: int) -> Range:
        """Return the smallest range with the first `size` bytes of each in an operand."""
        start = self.sources[place]
        return Range(Space.SCRATCHPAD, start, start + (self.count - 1) * self.source_pitch + size)

    def writes(self, size: int) -> Range:
        """Return the same of the result."""
        return Range(Space.SCRATCHPAD, self.destination,
                     self.destination + (self.count - 1) * self.destination_pitch + size)

    def part(self, first: int, size: int) -> "Run":
        """Return `size` bytes of each, from byte `first` on."""
        return replace(self, sources=tuple(source + first for source in self.sources),
                       destination=self.destination + first, size=size)


def runs_of(piece: Piece) -> list[Run]:
    """Return the bytes of a piece in as few runs as there are: one where they follow each other."""
    region, views = piece.region, (*piece.sources, piece.destination)
    channels = views[0].channel[1] - views[0].channel[0]
    if all(view.pixel_pitch == channels for view in views) or region.columns == 1:
        size, count = region.columns * channels, region.rows
        pitches = [view.row_pitch for view in views]
        starts: list[tuple[int, int]] = [(region.y[0], region.x[0])]
        if count == 1 or all(pitch == size for pitch in pitches):
            size, count = size * count, 1
    else:
        size, count = channels, region.columns
        pitches = [view.pixel_pitch for view in views]
        starts = [(y, region.x[0]) for y in range(*region.y)]
        if all(view.row_pitch == region.columns * view.pixel_pitch for view in views):
            count, starts = count * region.rows, starts[:1]
    made = [Run(tuple(view.locate(y, x, view.channel[0]) for view in piece.sources),
                piece.destination.locate(y, x, piece.destination.channel[0]), size, count,
                pitches[0], pitches[-1]) for y, x in starts]
    if count > 1 and len(set(pitches[:-1])) > 1:
        # Operands of unlike pitches have no loop in common.
        made = [Run(tuple(source + place * pitch for source, pitch in
                          zip(run.sources, pitches, strict=False)),
                    run.destination + place * pitches[-1], size)
                for run in made for place in range(count)]
    return [replace(run, count=min(MAX_CHUNKS, run.count - first),
                    sources=tuple(source + first * run.source_pitch for source in run.sources),
                    destination=run.destination + first * run.destination_pitch)
            for run in made for first in range(0, run.count, MAX_CHUNKS)]


def check_channels(name: str, max_channels: int | None) -> None:
    """Refuse to cut the channels of a tensor whose bytes are worked on one after the other."""
    if max_channels is not None:
        raise CapacityError(f"{name}: a pixel of all channels does not fit the scratchpad")


def check_steps(name: str, what: str, parts: Sequence[Part], max_steps: int) -> None:
    """Refuse parts whose constants, of which `what` says what they are, do not fit."""
    needed = max(part.constants.steps for part in parts if part.constants is not None)
    if needed > max_steps:
        raise CapacityError(f"{name}: {what} need {needed} steps of weight memory, at most "
                            f"{max_steps} are free")


class LookupKernel(Kernel):
    """The sum of a table entry for each source, scaled.

    It works on the rows of a tensor as runs of bytes (`flat_geometry`), with `gaps` on its pixels.
    What is left over when `columns` does not divide a run is a command of its own.
    """

    reads_gaps = writes_gaps = reads_alike = True

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 tables: Sequence[Table], stage: LookupStage, gaps: bool = False) -> None:
        self.config = config
        self.name = name
        self.geometry = flat_geometry(shape, gaps)
        self.tables = tables
        self.stage = stage
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        check_channels(self.name, max_channels)
        return [LookupPart(self.config, self.tables, self.stage)]


def _source_loops(sources: Sequence[int]) -> dict[str, Loop]:
    """Return the loops over operands: one, or two where each half of them has a place of its
    own."""
    distances = {after - before for before, after in pairwise(sources)}
    if len(distances) <= 1:
        return {"seg": Loop(len(sources), *distances)}
    half = len(sources) // 2
    distance = sources[half] - sources[0]
    if [source + distance for source in sources[:half]] != [*sources[half:]]:
        raise ValueError(f"no loops reach {[*sources]}")
    return {"kx": Loop(2, distance), "seg": Loop(half, sources[1] - sources[0])}


class LookupPart(Part):
    """The only part of a `LookupKernel`: a command for a run of bytes.

    Several operands lie equally far from one another, or those of each half.
    """

    channels = (0, 1)
    source_channels = (0, 1)

    def __init__(self, config: NpuConfig, tables: Sequence[Table], stage: LookupStage) -> None:
        self.config = config
        self.stage = stage
        self.sources = len(tables)
        parameters = pack_parameters(0, stage.multiplier, stage.shift)
        image = parameters.ljust(config.lanes, b"\0") + b"".join(
            table.astype("<i4").tobytes() for table in tables)
        self.constants = Constants(Space.TABLES, image, 1 + len(tables) * config.table_steps)

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`."""
        return [self._command(piece, run.part(first + chunk * outputs,
                                              min(MAX_CHUNKS, chunks - chunk) * outputs), outputs)
                for run in runs_of(piece)
                for first, chunks, outputs in cut_blocks(run.size, self.config.columns)
                for chunk in range(0, chunks, MAX_CHUNKS)]

    def _command(self, piece: Piece, run: Run, outputs: int) -> Command:
        """Return the command of a run, `outputs` bytes a step."""
        stage, columns = self.stage, self.config.columns
        plane = piece.destination.plane if stage.deep_results else 0
        # An operand that is read twice has one view.
        sources = [run.sources[min(i, len(run.sources) - 1)] for i in range(self.sources)]
        fields = {
            **loop_fields({"oy": Loop(run.count, run.source_pitch, 0, 0, run.destination_pitch),
                           "ox": Loop(run.size // outputs, columns, 0, 0, columns),
                           **_source_loops(sources)}, bounded=False,
                          destination_plane=plane),
            "source": sources[0], "destination": run.destination, "outputs": outputs,
            "last_outputs": outputs, "weight_step": piece.weight_step, "wide": int(stage.wide),
            "zero_point": stage.zero_point, "minimum": stage.minimum, "maximum": stage.maximum,
            "deep_results": int(stage.deep_results),
        }
        assert self.constants is not None
        reads = [run.reads(min(i, len(run.sources) - 1), run.size) for i in range(self.sources)]
        reads.append(Range(Space.WEIGHTS, piece.weight_step,
                           piece.weight_step + self.constants.steps))
        return Command(Opcode.LOOKUP, piece.layer, fields, reads,
                       planes(run.writes(run.size), plane))
