"""TRANSPOSE of rows and columns: of few rows as a product, of what the scratchpad does not hold in
tiles."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.elementwise import check_channels
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import UNSCALED, Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, cut_blocks, loop_fields
from hadron_compiler.codegen.matrix import ConvolutionKernel, OutputStage
from hadron_compiler.ir.graph import MoveAttributes, Window
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["TransposeKernel", "WeaveKernel", "matrix_of"]

MAX_COUNT = FIELDS[Opcode.MAX]["count_ox"].maximum


@dataclass(frozen=True)
class _TransposedGeometry(Geometry):
    """An output row is a column of the input."""

    def needed(self, region: Region) -> Region:
        """See `Geometry.needed`."""
        return Region(region.x, region.y)

    def needed_by_tile(self, region: Region) -> Region:
        """See `Geometry.needed_by_tile`."""
        return self.needed(region)

    def rows_needed(self, rows: int) -> int:
        """See `Geometry.rows_needed`: of whole rows of the output."""
        return self.source[0]

    def tile_needed(self, rows: int, columns: int) -> tuple[int, int]:
        """See `Geometry.tile_needed`."""
        return columns, rows


def matrix_of(attributes: MoveAttributes) -> tuple[int, int, int, int] | None:
    """Return what a movement transposes: how many matrices, their rows and columns, and the bytes
    of an element; None where it does something else."""
    merged: list[tuple[int, int]] = []
    for axis in attributes.axes:
        if axis.size == 1 and not axis[0]:
            continue
        stride = int(axis[1] - axis[0]) if axis.size > 1 else 0
        if (axis != stride * np.arange(axis.size)).any():
            return None
        if merged and merged[-1][1] == axis.size * stride:
            merged[-1] = (merged[-1][0] * axis.size, stride)
        else:
            merged.append((axis.size, stride))
    size = merged.pop()[0] if merged and merged[-1][1] == 1 else 1
    outer = merged.pop(0)[0] if len(merged) == 3 else 1
    if len(merged) != 2:
        return None
    (columns, of_column), (rows, of_row) = merged
    fits = of_column == size and of_row == columns * size
    return (outer, rows, columns, size) if fits else None


class TransposeKernel(Kernel):
    """Matrices of elements of some bytes, one at a time, in tiles of any rows and columns."""

    turns = True

    def __init__(self, config: NpuConfig, name: str, matrix: tuple[int, int, int, int]) -> None:
        matrices, rows, columns, size = matrix
        self.config = config
        self.name = name
        self.macs = 0
        self.geometry = _TransposedGeometry(matrices, (rows, columns, size), (columns, rows, size))

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        check_channels(self.name, max_channels)
        return [_TransposePart(self)]


class _TransposePart(Part):
    constants = None

    def __init__(self, kernel: TransposeKernel) -> None:
        self.kernel = kernel
        self.channels = self.source_channels = (0, kernel.geometry.destination[2])

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`: an element a step, or `columns` bytes of it."""
        region = piece.region
        return [self._command(piece, Region((y, min(y + MAX_COUNT, region.y[1])),
                                            (x, min(x + MAX_COUNT, region.x[1]))), *run)
                for y in range(*region.y, MAX_COUNT) for x in range(*region.x, MAX_COUNT)
                for run in cut_blocks(self.channels[1], self.kernel.config.columns)]

    def _command(self, piece: Piece, region: Region, first: int, blocks: int,
                 outputs: int) -> Command:
        columns = self.kernel.config.columns
        source, destination = piece.sources[0], piece.destination
        needed = self.kernel.geometry.needed(region)
        loops = {
            "kg": Loop(blocks, columns, 0, 0, columns),
            "oy": Loop(region.rows, source.pixel_pitch, 0, 0, destination.row_pitch),
            "ox": Loop(region.columns, source.row_pitch, 0, 0, destination.pixel_pitch),
        }
        fields = {
            **loop_fields(loops, bounded=False),
            "source": source.locate(needed.y[0], needed.x[0], first),
            "destination": destination.locate(region.y[0], region.x[0], first),
            "outputs": outputs, "last_outputs": outputs, "minimum": -128, "maximum": 127,
        }
        channels = (first, first + blocks * outputs)
        return Command(Opcode.MAX, piece.layer, fields, [source.bytes_of(needed, channels)],
                       [destination.bytes_of(region, channels)])


class WeaveKernel(ConvolutionKernel):
    """Rows of bytes that become channels, as those of a picture whose channels come first.

    A column of the window is as many pixels of each row as there are lanes for; each of the outputs
    takes one of these bytes.
    """

    def __init__(self, config: NpuConfig, name: str, matrix: tuple[int, int, int, int]) -> None:
        matrices, rows, columns, _ = matrix
        size = max(n for n in range(1, config.lanes + 1) if columns % n == 0)
        outputs = size * rows
        weights = np.zeros((outputs, rows, 1, size), np.int8)
        for row, pixel in np.ndindex(rows, size):
            weights[pixel * rows + row, row, 0, pixel] = 1
        multiplier, shift = UNSCALED
        stage = OutputStage(np.zeros(outputs, np.int64), np.full(outputs, multiplier),
                            np.full(outputs, shift), np.zeros(outputs, np.bool_), 0, -128, 127)
        geometry = Geometry(matrices, (rows, columns // size, size), (1, columns // size, outputs),
                            Window(kernel_y=rows))
        super().__init__(config, name, geometry, stage, 0, weights, 0)
        self.steps = matrices * columns // size * rows * -(-outputs // config.columns)

    def read_row_pairs(self) -> int:
        """See `ConvolutionKernel.read_row_pairs`: its rows are not those of the tensor."""
        return self.gap
