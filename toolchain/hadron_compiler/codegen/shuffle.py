"""Channels of a pixel in another order: sums of one element, by the array.

A movement makes one byte a step where neighbours do not stay neighbours. The array takes `lanes`
bytes a step and puts each where its weight of one says. So where `columns` neighbours of the output
come from few runs of the input, and the next ones from as many, each equally further on, they take
a step a run: interleaving the halves of the channels (channel shuffle) takes two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.elementwise import check_channels
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import (
    UNSCALED,
    Constants,
    Kernel,
    Part,
    Piece,
    shared_constants,
)
from hadron_compiler.codegen.loops import Loop, cut_blocks, loop_fields
from hadron_compiler.ir.attributes import summed_offsets
from hadron_compiler.ir.graph import FILL, MoveAttributes
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ShuffleKernel", "shuffle_kernel"]

MAX_COUNT = FIELDS[Opcode.MATRIX]["count_ox"].maximum

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Blocks:
    """Runs of `lanes` input bytes, `count` of them from `first` on, `apart` from one another, that
    hold what the first `columns` outputs take, in `lanes`; all others a `step` further on."""

    count: int
    first: int
    apart: int
    step: int
    lanes: tuple[int, ...]
    """Of each output its run times the lanes of a run, and the lane."""


def shuffle_kernel(config: NpuConfig, name: str, source: tuple[int, ...],
                   attributes: MoveAttributes) -> "ShuffleKernel | None":
    """Return the kernel of a movement inside of pixels; None where it is another one."""
    axes = attributes.axes
    if any((axis == FILL).any() for axis in axes):
        return None
    for place in range(len(axes) - 1, 0, -1):
        outer, inner = summed_offsets(axes[:place]), summed_offsets(axes[place:])
        depth = prod(source) // outer.size
        if (depth * outer.size == prod(source) and (outer == depth * np.arange(outer.size)).all()
                and inner.min() >= 0 and inner.max() < depth):
            blocks = _blocks(config, inner)
            if blocks is None:
                return None
            width = axes[place - 1].size
            image = (outer.size // width, width)
            return ShuffleKernel(config, name, Geometry(1, (*image, depth), (*image, inner.size)),
                                 blocks)
    return None


def _blocks(config: NpuConfig, offsets: Offsets) -> _Blocks | None:
    """Find the runs that make a pixel; None where not all blocks have the same."""
    columns, lanes = config.columns, config.lanes
    pattern = offsets[:columns]
    step = int(offsets[columns] - offsets[0]) if offsets.size > columns else 0
    index = np.arange(offsets.size)
    if (offsets != pattern[index % columns] + step * (index // columns)).any():
        return None
    starts: list[int] = []
    for offset in sorted(pattern.tolist()):
        if not starts or offset >= starts[-1] + lanes:
            starts.append(offset)
    apart = starts[1] - starts[0] if len(starts) > 1 else 0
    if any(start != starts[0] + place * apart for place, start in enumerate(starts)):
        return None
    runs = np.searchsorted(starts, pattern, side="right") - 1
    taken = runs * lanes + pattern - np.array(starts)[runs]
    return _Blocks(len(starts), starts[0], apart, step, tuple(taken.tolist()))


@cache
def _constants(config: NpuConfig, count: int, lanes: tuple[int, ...]) -> Constants:
    weights = np.zeros((config.columns, count * config.lanes), np.int8)
    weights[np.arange(len(lanes)), lanes] = 1
    return shared_constants(config, weights.reshape(config.columns, count, config.lanes), 0,
                            *UNSCALED)


class ShuffleKernel(Kernel):
    """The same channels of every pixel, in another order.

    Parameters
    ----------
    geometry : Geometry
        Pixels in and out.
    blocks : _Blocks
        What a pixel is made of.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, blocks: _Blocks) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.blocks = blocks
        self.macs = 0

    @property
    def steps(self) -> int:
        """Steps of the whole operator."""
        rows, width, channels = self.geometry.destination
        return rows * width * -(-channels // self.config.columns) * self.blocks.count

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        check_channels(self.name, max_channels)
        return [_ShufflePart(self)]


class _ShufflePart(Part):
    constants: Constants

    def __init__(self, kernel: ShuffleKernel) -> None:
        self.kernel = kernel
        self.channels = (0, kernel.geometry.destination[2])
        self.source_channels = (0, kernel.geometry.source[2])
        self.constants = _constants(kernel.config, kernel.blocks.count, kernel.blocks.lanes)

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`: an outer loop walks the blocks, the other one pixels."""
        region, source, destination = piece.region, piece.sources[0], piece.destination
        rows = [Region((y, y + 1), region.x) for y in range(*region.y)]
        count = region.columns
        if all(view.row_pitch == count * view.pixel_pitch for view in (source, destination)):
            rows, count = [region], count * region.rows
        runs = cut_blocks(self.channels[1], self.kernel.config.columns)
        return [self._command(piece, row, first, min(MAX_COUNT, count - first), run)
                for row in rows for first in range(0, count, MAX_COUNT) for run in runs]

    def _command(self, piece: Piece, row: Region, first: int, count: int,
                 run: tuple[int, int, int]) -> Command:
        """Return the command of some pixels from the first one on, and of a run of blocks."""
        channel, number, outputs = run
        blocks, columns = self.kernel.blocks, self.kernel.config.columns
        source, destination = piece.sources[0], piece.destination
        begin = source.locate(row.y[0], row.x[0], 0) + first * source.pixel_pitch
        target = (destination.locate(row.y[0], row.x[0], channel)
                  + first * destination.pixel_pitch)
        loops = {"oy": Loop(number, blocks.step, 0, 0, columns),
                 "ox": Loop(count, source.pixel_pitch, 0, 0, destination.pixel_pitch),
                 "seg": Loop(blocks.count, blocks.apart)}
        fields = {
            **loop_fields(loops, bounded=False),
            "source": begin + blocks.first + channel // columns * blocks.step,
            "destination": target, "outputs": outputs, "last_outputs": outputs,
            "weight_step": piece.weight_step, "minimum": -128, "maximum": 127,
        }
        reads = [
            Range(Space.SCRATCHPAD, begin,
                  begin + (count - 1) * source.pixel_pitch + self.source_channels[1]),
            Range(Space.WEIGHTS, piece.weight_step, piece.weight_step + self.constants.steps)]
        writes = [Range(Space.SCRATCHPAD, target, target + (count - 1) * destination.pixel_pitch
                        + (number - 1) * columns + outputs)]
        return Command(Opcode.MATRIX, piece.layer, fields, reads, writes)
