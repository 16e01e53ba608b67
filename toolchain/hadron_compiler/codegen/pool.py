"""AVERAGE_POOL_2D, MAX_POOL_2D, MEAN and PAD."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.matrix import OutputStage
from hadron_compiler.codegen.packing import pack_groups
from hadron_compiler.codegen.windowed import ChannelBlocks, WindowedCommand, windowed_commands
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import DEEP_OFFSET, Opcode
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import AVERAGE_WEIGHT, NARROW_BITS, average_multiplier
from hadron_spec.tflite_quantization import average_counts

__all__ = ["AveragePoolKernel", "MaxPoolKernel", "MeanKernel"]

MAXIMUM_PAD = -128
"""What MAX reads out of bounds: no value is smaller."""


class _PoolPart(Part):
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
        for blocks, level in _blocks(self.channels, self.columns, region,
                                     self.command.opcode is Opcode.MAX):
            command = WindowedCommand(**{
                **vars(self.command), "blocks": blocks, "blocks_in": level,
                "reads": blocks.channels})
            made += windowed_commands(command, piece)
        return made


def _blocks(channels: tuple[int, int], columns: int, region: Region,
            own_weights: bool) -> list[tuple[ChannelBlocks, str]]:
    """Cut channels into runs of blocks, each with the loop that walks it.

    Loop kg would take new weights for every block, but all blocks of an average have the same:
    a free outer loop walks them instead, or each block has a command of its own.
    """
    first, end = channels
    full, rest = divmod(end - first, columns)
    if own_weights:
        count = full + (rest > 0)
        return [(ChannelBlocks(count, first, columns, first, columns, min(columns, end - first),
                               rest or columns), "kg")]
    runs = []
    if full and (region.rows == 1 or region.columns == 1):
        level = "oy" if region.rows == 1 else "ox"
        runs.append((ChannelBlocks(full, first, columns, first, columns, columns, columns), level))
    else:
        runs += [(_single(first + i * columns, columns), "kg") for i in range(full)]
    if rest:
        runs.append((_single(first + full * columns, rest), "kg"))
    return runs


def _single(first: int, outputs: int) -> ChannelBlocks:
    return ChannelBlocks(1, first, 0, first, 0, outputs, outputs)


def _ranges(channels: int, columns: int, most: int | None, name: str) -> list[tuple[int, int]]:
    """Cut the channels into ranges of at most `most`, of whole blocks."""
    size = channels if most is None else most // columns * columns or most
    if size < 1:
        raise CapacityError(f"{name}: one channel at once is more than fits")
    return [(first, min(first + size, channels)) for first in range(0, channels, size)]


class _PoolKernel(Kernel):
    def __init__(self, config: NpuConfig, name: str, geometry: Geometry) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.macs = 0

    def _maximum(self, minimum: int, maximum: int, pad: int = MAXIMUM_PAD, *,
                 least: bool = False) -> WindowedCommand:
        fields = {"minimum": minimum, "maximum": maximum, "pad": pad, "least": int(least)}
        return WindowedCommand(
            Opcode.MAX, self.name, self.geometry, _single(0, 1), (0, 0), False, 1,
            self.config.lanes, 0, fields, 0)

    def _constants(self, stage: OutputStage, weight: int) -> Constants:
        """Return a parameter step and, for every tap of the window, a step of equal weights."""
        lanes, columns = self.config.lanes, self.config.columns
        window = self.geometry.window
        taps = window.kernel_y * window.kernel_x
        weights = np.zeros((1, columns, taps, lanes), np.int8)
        for column in range(columns):
            weights[0, column, :, column] = weight
        values = [np.full((1, columns), parameter[0]) for parameter in
                  (stage.bias, stage.multiplier, stage.shift)]
        return Constants(Space.WEIGHTS, pack_groups(self.config, weights, *values), 1 + taps)

    def _sums(self, stage: OutputStage) -> WindowedCommand:
        fields = {**stage.fields((0, 1)), "pad": 0}
        window = self.geometry.window
        return WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry, _single(0, 1), (0, 0), False, 1,
            self.config.lanes, 1 + window.kernel_y * window.kernel_x, fields, 0)

    def _check_steps(self, max_steps: int) -> None:
        window = self.geometry.window
        steps = 1 + window.kernel_y * window.kernel_x
        if steps > max_steps:
            raise CapacityError(
                f"{self.name}: a window of {window.kernel_y}x{window.kernel_x} needs {steps} steps "
                f"of weight memory, configuration {self.config.name!r} has "
                f"weight_steps={max_steps}")


class MaxPoolKernel(_PoolKernel):
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
        channels = self.geometry.destination[2]
        command = self._maximum(self.minimum, self.maximum, self.pad, least=self.least)
        return [_PoolPart(self.geometry.whole, some, None, command, self.config.columns)
                for some in _ranges(channels, self.config.columns, max_channels, self.name)]


class AveragePoolKernel(_PoolKernel):
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

    def _stage(self, count: int) -> OutputStage:
        """Return what divides a sum; of 16 bits, by one, too."""
        multiplier, shift = average_multiplier(count) if count > 1 else (1 << 29, 0)
        wide = self.deep or 128 * AVERAGE_WEIGHT * count > 1 << (NARROW_BITS - 1)
        window = self.geometry.window
        # Out of bounds, bytes read as those of zero: every tap has its share in the bias.
        weights = AVERAGE_WEIGHT * window.kernel_y * window.kernel_x
        return OutputStage(np.array([DEEP_OFFSET * weights if self.deep else 0]),
                           np.array([multiplier]), np.array([shift]), np.array([wide]), 0,
                           self.minimum, self.maximum, self.deep, self.deep)

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        made: list[Part] = []
        columns = self.config.columns
        ranges = _ranges(self.geometry.destination[2], columns, max_channels, self.name)
        constants: dict[int, Constants] = {}
        for some in ranges:
            for region, count in self._regions():
                if count == 1 and not self.deep:
                    made.append(_PoolPart(region, some, None,
                                          self._maximum(self.minimum, self.maximum), columns))
                    continue
                self._check_steps(max_steps)
                stage = self._stage(count)
                if count not in constants:
                    constants[count] = self._constants(stage, AVERAGE_WEIGHT)
                made.append(_PoolPart(region, some, constants[count], self._sums(stage), columns))
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


class MeanKernel(_PoolKernel):
    """MEAN over rows and columns: a sum with weights of one, rescaled; the window is the image."""

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry,
                 stage: OutputStage) -> None:
        super().__init__(config, name, geometry)
        self.stage = stage

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        self._check_steps(max_steps)
        constants = self._constants(self.stage, 1)
        ranges = _ranges(self.geometry.destination[2], self.config.columns, max_channels, self.name)
        return [_PoolPart(self.geometry.whole, some, constants, self._sums(self.stage),
                          self.config.columns) for some in ranges]
