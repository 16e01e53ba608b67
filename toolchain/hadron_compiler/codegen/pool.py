"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and PAD."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import (
    Constants,
    Kernel,
    Part,
    Piece,
    diagonal_steps,
    shared_constants,
)
from hadron_compiler.codegen.matrix import OutputStage
from hadron_compiler.codegen.packing import Weights
from hadron_compiler.codegen.windowed import (
    WindowedCommand,
    WindowPart,
    channel_runs,
    cut_window,
    single_block,
    windowed_commands,
)
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import DEEP_OFFSET, Opcode
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import AVERAGE_WEIGHT, NARROW_BITS, average_multiplier
from hadron_spec.tflite_quantization import average_counts

__all__ = ["AveragePoolKernel", "MaxPoolKernel", "MeanKernel", "PoolKernel", "PoolPart",
           "average_stage", "uniform_constants"]

MAXIMUM_PAD = -128
"""What MAX reads out of bounds: no value is smaller."""


class PoolPart(Part):
    """Some channels of a pool, for the outputs inside `region`."""

    def __init__(self, region: Region, channels: tuple[int, int], constants: Constants | None,
                 command: WindowedCommand, columns: int) -> None:
        self.region = region
        self.channels = channels
        self.source_channels = channels
        self.constants = constants
        self.command = command
        self.columns = columns

    def works_on(self, region: Region) -> bool:
        """Tell whether the part has a share in a region."""
        return region.intersect(self.region) is not None

    def commands(self, piece: Piece) -> list[Command]:
        region = piece.region.intersect(self.region)
        assert region is not None
        piece = Piece(piece.layer, region, piece.sources, piece.destination, piece.weight_step)
        made = []
        for blocks, level in channel_runs(self.channels, self.columns, region,
                                     self.command.opcode is Opcode.MAX):
            command = WindowedCommand(**{
                **vars(self.command), "blocks": blocks, "blocks_in": level,
                "reads": blocks.channels})
            made += windowed_commands(command, piece)
        return made


class _LongSumPart(PoolPart):
    """Some channels of a pool whose sums take several commands: block after block of channels,
    pixel after pixel. All commands have the same weights."""

    def __init__(self, region: Region, channels: tuple[int, int], constants: Constants,
                 command: WindowedCommand, columns: int, parts: Sequence[WindowPart]) -> None:
        super().__init__(region, channels, constants, command, columns)
        self.parts = parts

    def commands(self, piece: Piece) -> list[Command]:
        region = piece.region.intersect(self.region)
        assert region is not None
        return [command for y in range(*region.y) for x in range(*region.x)
                for first in range(*self.channels, self.columns)
                for command in self._sum(replace(piece, region=Region((y, y + 1), (x, x + 1))),
                                         first)]

    def _sum(self, piece: Piece, first: int) -> list[Command]:
        outputs = min(self.columns, self.channels[1] - first)
        block = single_block(first, outputs)
        made = []
        for part in self.parts:
            begins, ends = part is self.parts[0], part is self.parts[-1]
            made += windowed_commands(replace(
                self.command, blocks=block if ends else replace(block, last_outputs=0),
                reads=block.channels, part=part, weight_steps=part.steps + begins,
                fields=self.command.fields | ({} if begins else {"continues": 1}),
            ), piece if begins else replace(piece, weight_step=piece.weight_step + 1))
        return made


def uniform_constants(config: NpuConfig, stage: OutputStage,
                      weights: Weights) -> Constants:
    """Return a parameter step and a step for each weight: that of every column for its own lane."""
    return shared_constants(config, diagonal_steps(config, weights), stage.bias[0],
                            stage.multiplier[0], stage.shift[0])


class PoolKernel(Kernel):
    """What runs over windows of each channel."""

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.macs = 0

    def _maximum(self, minimum: int, maximum: int, pad: int = MAXIMUM_PAD, *,
                 least: bool = False) -> WindowedCommand:
        fields = {"minimum": minimum, "maximum": maximum, "pad": pad, "least": int(least)}
        return WindowedCommand(
            Opcode.MAX, self.name, self.geometry, single_block(0, 1), (0, 0), False, 1,
            self.config.lanes, 0, fields, 0)

    def sum_part(self, region: Region, channels: tuple[int, int], constants: Constants,
                 stage: OutputStage, parts: Sequence[WindowPart]) -> Part:
        """Return the part that adds up windows, in as many commands as these have `parts`."""
        command = self.sums(stage, constants.steps - 1)
        if len(parts) == 1:
            return PoolPart(region, channels, constants, command, self.config.columns)
        return _LongSumPart(region, channels, constants, command, self.config.columns, parts)

    def window_parts(self, max_steps: int, weights: Sequence[int]) -> list[WindowPart]:
        """Cut the window into what one command can add up with these weights over and over: all of
        it, with one weight; or parts that need half of the weight memory, which are soon loaded and
        worth a command."""
        window, steps = self.geometry.window, self.config.weight_steps
        taps = window.kernel_y * window.kernel_x
        most = taps if len(weights) == 1 or 1 + taps <= steps else steps // 2 - 1
        self.check_steps(max_steps, 1 if len(weights) == 1 else most)
        return cut_window(window.kernel_y, window.kernel_x, 1, most, False)

    def sum_constants(self, stage: OutputStage, parts: Sequence[WindowPart],
                      weights: Sequence[int]) -> Constants:
        """Return the constants that all `parts` of a window share."""
        most = 1 if len(weights) == 1 else max(part.steps for part in parts)
        return uniform_constants(self.config, stage, np.resize(np.array(weights, np.int8), most))

    def sums(self, stage: OutputStage, taps: int) -> WindowedCommand:
        """Return what the commands of sums with so many weight steps have in common."""
        fields = {**stage.fields((0, 1)), "pad": 0} | ({"uniform": 1} if taps == 1 else {})
        return WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry, single_block(0, 1), (0, 0), False, 1,
            self.config.lanes, 1 + taps, fields, 0)

    def ranges(self, most: int | None) -> list[tuple[int, int]]:
        """Cut the channels into ranges of at most `most`, of whole blocks."""
        channels, columns = self.geometry.destination[2], self.config.columns
        size = channels if most is None else most // columns * columns or most
        if size < 1:
            raise CapacityError(f"{self.name}: one channel at once is more than fits")
        return [(first, min(first + size, channels)) for first in range(0, channels, size)]

    def check_steps(self, max_steps: int, taps: int) -> None:
        """Refuse more weight steps than there are."""
        window = self.geometry.window
        if 1 + taps > max_steps:
            raise CapacityError(
                f"{self.name}: a window of {window.kernel_y}x{window.kernel_x} needs {1 + taps} "
                f"steps of weight memory, configuration {self.config.name!r} has "
                f"weight_steps={max_steps}")


class MaxPoolKernel(PoolKernel):
    """MAX_POOL_2D: the maximum over the window, `columns` channels at once.

    With a window of one element it is a copy, and `pad` what the border is filled with: PAD.
    With `least` it is the minimum, over windows inside the image.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, minimum: int,
                 maximum: int, pad: int = MAXIMUM_PAD, *, least: bool = False) -> None:
        super().__init__(config, name, geometry)
        self.least = least
        self.minimum = minimum
        self.maximum = maximum
        self.pad = pad

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        command = self._maximum(self.minimum, self.maximum, self.pad, least=self.least)
        return [PoolPart(self.geometry.whole, some, None, command, self.config.columns)
                for some in self.ranges(max_channels)]


def average_stage(count: int, limits: tuple[int, int], deep_taps: int = 0) -> OutputStage:
    """Return what divides a sum with `AVERAGE_WEIGHT` by `count`, and bounds it.

    Of 16 bits it divides by one, too; `deep_taps` are then the elements of the window.
    """
    deep = deep_taps > 0
    multiplier, shift = (average_multiplier(count, 16 if deep else 8) if count > 1
                         else (1 << 29, 0))
    wide = deep or 128 * AVERAGE_WEIGHT * count > 1 << (NARROW_BITS - 1)
    # Out of bounds, bytes read as those of zero: every tap has its share in the bias.
    bias = DEEP_OFFSET * AVERAGE_WEIGHT * deep_taps
    return OutputStage(np.array([bias]), np.array([multiplier]), np.array([shift]),
                       np.array([wide]), 0, *limits, deep, deep)


class AveragePoolKernel(PoolKernel):
    """AVERAGE_POOL_2D: a weighted sum, divided by the elements inside the image.

    That count is less at the border: the outputs fall into rectangles of equal count, each with
    the reciprocal of its own. Where the count is one the output is a copy.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, minimum: int,
                 maximum: int, *, deep: bool = False) -> None:
        super().__init__(config, name, geometry)
        self.minimum = minimum
        self.maximum = maximum
        self.deep = deep

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        made: list[Part] = []
        columns, window = self.config.columns, self.geometry.window
        taps = window.kernel_y * window.kernel_x
        constants: dict[int, Constants] = {}
        for some in self.ranges(max_channels):
            for region, count in self._regions():
                if count == 1 and not self.deep:
                    made.append(PoolPart(region, some, None,
                                         self._maximum(self.minimum, self.maximum), columns))
                    continue
                parts = self.window_parts(max_steps, (AVERAGE_WEIGHT,))
                stage = average_stage(count, (self.minimum, self.maximum),
                                      taps if self.deep else 0)
                if count not in constants:
                    constants[count] = self.sum_constants(stage, parts, (AVERAGE_WEIGHT,))
                made.append(self.sum_part(region, some, constants[count], stage, parts))
        return made

    def _regions(self) -> list[tuple[Region, int]]:
        geometry, window = self.geometry, self.geometry.window
        rows = _runs(average_counts(geometry.source[0], geometry.destination[0], window.kernel_y,
                                    window.stride_y, window.pad_top))
        columns = _runs(average_counts(geometry.source[1], geometry.destination[1],
                                       window.kernel_x, window.stride_x, window.pad_left))
        return [(Region(y, x), count_y * count_x) for y, count_y in rows for x, count_x in columns]


def _runs(counts: Sequence[int]) -> list[tuple[tuple[int, int], int]]:
    """Return the half-open ranges over which a count stays the same."""
    runs = []
    first = 0
    for count, group in groupby(counts):
        end = first + len(list(group))
        runs.append(((first, end), count))
        first = end
    return runs


class MeanKernel(PoolKernel):
    """MEAN over rows and columns: a sum with weights of one, rescaled; the window is the image."""

    weights: Sequence[int] = (1,)
    """Of the elements of each row, over and over."""

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry,
                 stage: OutputStage) -> None:
        super().__init__(config, name, geometry)
        self.stage = stage

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        parts = self.window_parts(max_steps, self.weights)
        constants = self.sum_constants(self.stage, parts, self.weights)
        return [self.sum_part(self.geometry.whole, some, constants, self.stage, parts)
                for some in self.ranges(max_channels)]
