"""Sums and functions of single elements: tensors as flat bytes, `columns` looked up at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Range, Space, planes
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_spec.commands import FIELDS, Opcode, pack_parameters
from hadron_spec.config import NpuConfig

__all__ = ["LookupKernel", "LookupPart", "LookupStage", "Run", "Table", "flat_geometry", "runs_of"]

MAX_CHUNKS = FIELDS[Opcode.LOOKUP]["count_ox"].maximum

Table = npt.NDArray[np.int64]
"""256 entries, of the inputs -128 to 127, each within 32 bits."""


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


def flat_geometry(shape: Sequence[int]) -> Geometry:
    """Return a tensor's rows as an image of one channel, as wide as a row has bytes."""
    *outer, width, channels = (1, 1, *shape)
    image = (prod(outer), width * channels, 1)
    return Geometry(1, image, image)


@dataclass(frozen=True)
class Run:
    """Neighbouring bytes of a piece: where they lie in each operand and in the result."""

    sources: tuple[int, ...]
    destination: int
    size: int


def runs_of(piece: Piece) -> list[Run]:
    """Return the bytes of a piece in as few runs as there are: one where rows follow each other."""
    region = piece.region
    views = (*piece.sources, piece.destination)
    dense = all(view.row_pitch == region.columns for view in views)
    first, count = region.x[0], 1 if dense else region.rows
    return [Run(tuple(view.locate(y, first, 0) for view in piece.sources),
                piece.destination.locate(y, first, 0), region.rows * region.columns // count)
            for y in range(region.y[0], region.y[0] + count)]


class LookupKernel(Kernel):
    """The sum of a table entry for each source, scaled.

    It works on the rows of a tensor as runs of bytes (`flat_geometry`). What is left over when
    `columns` does not divide a run is a command of its own.
    """

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 tables: Sequence[Table], stage: LookupStage) -> None:
        self.config = config
        self.name = name
        self.geometry = flat_geometry(shape)
        self.tables = tables
        self.stage = stage
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        plane = self.geometry.destination_bytes if self.stage.deep_results else 0
        return [LookupPart(self.config, self.tables, self.stage, plane)]


class LookupPart(Part):
    """The only part of a `LookupKernel`: a command for a run of bytes.

    Several operands lie equally far from one another.
    """

    channels = (0, 1)
    source_channels = (0, 1)

    def __init__(self, config: NpuConfig, tables: Sequence[Table], stage: LookupStage,
                 plane: int = 0) -> None:
        self.config = config
        self.stage = stage
        self.plane = plane
        self.sources = len(tables)
        parameters = pack_parameters(0, stage.multiplier, stage.shift)
        image = parameters.ljust(config.lanes, b"\0") + b"".join(
            table.astype("<i4").tobytes() for table in tables)
        self.constants = Constants(Space.TABLES, image, 1 + len(tables) * config.table_steps)

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`."""
        columns = self.config.columns
        made = []
        for run in runs_of(piece):
            whole = run.size // columns * columns
            made += [self._command(piece, run, start,
                                   min(MAX_CHUNKS, (whole - start) // columns), columns)
                     for start in range(0, whole, MAX_CHUNKS * columns)]
            if whole < run.size:
                made.append(self._command(piece, run, whole, 1, run.size - whole))
        return made

    def _command(self, piece: Piece, run: Run, start: int, chunks: int, outputs: int) -> Command:
        """Return the command of some chunks from byte `start` of a run on."""
        stage, columns = self.stage, self.config.columns
        # An operand that is read twice has one view.
        sources = [run.sources[min(i, len(run.sources) - 1)] + start for i in range(self.sources)]
        destination = run.destination + start
        fields = {
            **loop_fields({"ox": Loop(chunks, columns, 0, 0, columns),
                           "seg": Loop(self.sources, sources[min(1, len(sources) - 1)]
                                       - sources[0])}, bounded=False,
                          destination_plane=self.plane),
            "source": sources[0], "destination": destination, "outputs": outputs,
            "last_outputs": outputs, "weight_step": piece.weight_step, "wide": int(stage.wide),
            "zero_point": stage.zero_point, "minimum": stage.minimum, "maximum": stage.maximum,
            "deep_results": int(stage.deep_results),
        }
        size = (chunks - 1) * columns + outputs
        assert self.constants is not None
        reads = [Range(Space.SCRATCHPAD, source, source + size) for source in sources]
        reads.append(Range(Space.WEIGHTS, piece.weight_step,
                           piece.weight_step + self.constants.steps))
        writes = planes(Range(Space.SCRATCHPAD, destination, destination + size), self.plane)
        return Command(Opcode.LOOKUP, piece.layer, fields, reads, writes)
