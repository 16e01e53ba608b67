"""CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED on the array."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece, weight_constants
from hadron_compiler.codegen.packing import NibbleGroups, Weights, pack_groups, shares_of
from hadron_compiler.codegen.row_pairs import RowPairs, plan_row_pairs
from hadron_compiler.codegen.windowed import (
    ChannelBlocks,
    WindowedCommand,
    WindowPart,
    cut_window,
    windowed_commands,
)
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import FIELDS, SHALLOW_ODD, WEIGHT_MAX, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ConvolutionKernel", "DepthwiseKernel", "MatrixKernel", "MatrixPart", "OutputStage",
           "most_steps", "needs_split"]

MAX_COUNT = FIELDS[Opcode.MATRIX]["count_kg"].maximum


@dataclass(frozen=True)
class OutputStage:
    """What follows the sums: one bias, multiplier and shift an output channel, then the bounds.

    `wide` are the channels whose accumulators must not saturate to 18 bits. `deep`: activations
    have 16 bits; `deep_results`: results have; `once`: they are rounded once. `shallow`:
    activations have four bits, two a byte.
    """

    bias: npt.NDArray[np.int64]
    multiplier: npt.NDArray[np.int64]
    shift: npt.NDArray[np.int64]
    wide: npt.NDArray[np.bool_]
    zero_point: int
    minimum: int
    maximum: int
    deep: bool = False
    deep_results: bool = False
    once: bool = False
    shallow: bool = False

    @property
    def mixed(self) -> bool:
        """Whether some channels are wide and others have scales of 1 and more."""
        return bool(self.wide.any() and (self.shift > 0).any())

    def fields(self, channels: tuple[int, int]) -> dict[str, int]:
        """Return the command fields of some output channels."""
        made = {"wide": int(self.wide[slice(*channels)].any()), "zero_point": self.zero_point,
                "minimum": self.minimum, "maximum": self.maximum}
        if self.deep_results:
            made |= {"minimum": self.minimum >> 8, "maximum": self.maximum >> 8}
        flags = {"deep": self.deep, "deep_results": self.deep_results,
                 "once": self.once or self.shallow, "shallow": self.shallow}
        return made | {name: 1 for name, wanted in flags.items() if wanted}


def needs_split(weights: Weights) -> bool:
    """Tell whether a weight is more than the array multiplies with."""
    return bool(np.abs(weights.astype(np.int64)).max(initial=0) > WEIGHT_MAX)


class MatrixPart(Part):
    """Some groups of output channels in one command of a region, or part of the sums of one."""

    constants: Constants

    def __init__(self, command: WindowedCommand, constants: Constants) -> None:
        self.channels = command.blocks.channels
        self.finishes = command.blocks.last_outputs > 0
        self.source_channels = command.reads
        self.constants = constants
        self.command = command

    def commands(self, piece: Piece) -> list[Command]:
        assert self.command.part is None or piece.region.rows == piece.region.columns == 1
        return windowed_commands(self.command, piece)


def most_steps(config: NpuConfig, geometry: Geometry) -> int:
    """Return the most weight steps of a group of channels whose sums one command makes.

    Of a single pixel, for which what takes time is to load them, two groups must fit: the next one
    comes while the array works on the one before.
    """
    pixels = geometry.images * geometry.destination[0] * geometry.destination[1]
    return config.weight_steps // (2 if pixels == 1 else 1)


def _merge_constants(parts: list[MatrixPart]) -> list[MatrixPart]:
    """Let parts whose constants are alike, as those of averages are, share them."""
    known: dict[tuple[bytes, NibbleGroups | None], Constants] = {}
    for part in parts:
        own = part.constants
        part.constants = known.setdefault((own.image, own.nibbles), own)
    return parts


class MatrixKernel(Kernel):
    """Groups of output channels with weights of their own, walked by loop kg.

    Its geometry says whether pixels of the input lie apart.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, stage: OutputStage,
                 input_zero_point: int) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.stage = stage
        self.input_zero_point = input_zero_point

    def _cut(self, blocks: ChannelBlocks, weights: Weights, folded: bool,
             macs_per_output: int, max_steps: int, max_channels: int | None, *,
             same_segment: bool = False) -> list[MatrixPart]:
        """Cut a run of groups; `weights` is (groups, columns, kernel rows, taps, bytes)."""
        config = self.config
        groups, columns, rows, taps, span = weights.shape
        segments = -(-span // config.lanes)
        padded = np.zeros((groups, columns, rows, taps, segments * config.lanes), np.int16)
        padded[..., :span] = weights
        padded[:, 1::2] *= self._odd_factor
        command = WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry, blocks, (0, self.geometry.source[2]), folded,
            segments, config.lanes, 0, {"pad": self.input_zero_point}, macs_per_output,
            repeats=taps if folded else 1, same_segment=same_segment, pairs=self.pairs)
        group_steps = 1 + rows * taps * segments
        long = group_steps > most_steps(config, self.geometry)
        if group_steps > max_steps and not long:
            raise CapacityError(
                f"{self.name}: {config.columns} output channels need {group_steps} steps of weight "
                f"memory, configuration {config.name!r} has weight_steps={max_steps}")
        if max_channels is not None and max_channels < blocks.outputs:
            raise CapacityError(f"{self.name}: {blocks.outputs} output channels at once, more "
                                f"than {max_channels}")
        if long:
            window_parts = cut_window(rows, taps, segments, max_steps - 1, folded, self.period)
            return _merge_constants([self._part(command, padded, (group, group + 1), part)
                                     for group in range(groups) for part in window_parts])
        size = min(max_steps // group_steps, MAX_COUNT)
        if max_channels is not None:
            size = min(size, 1 + (max_channels - blocks.outputs) // max(1, blocks.destination_step))
        # Parts of about equal size load under one another better than full ones and a small rest.
        size = -(-groups // -(-groups // size))
        return [self._part(command, padded, (first, min(first + size, groups)))
                for first in range(0, groups, size)]

    def _part(self, command: WindowedCommand, weights: Weights,
              groups: tuple[int, int], window_part: WindowPart | None = None) -> MatrixPart:
        """Return the part of some groups of a run, or what one of them adds up of a window."""
        config = self.config
        lanes, blocks = config.lanes, command.blocks.part(*groups)
        _, columns, rows, taps, span = weights.shape
        part = window_part or WindowPart((0, rows), (0, taps), (0, span // lanes))
        steps = weights[slice(*groups), :, slice(*part.rows), slice(*part.taps),
                        part.segments[0] * lanes:part.segments[1] * lanes]
        steps = steps.reshape(blocks.count, columns, part.steps, lanes)
        image = pack_groups(config, steps, *self._parameters(blocks))
        begins = part.rows[0] == part.taps[0] == part.segments[0] == 0
        if not begins:  # Its sums have the parameters of the part that begins them.
            image = image[config.step_bytes:]
        fields = {**command.fields, **self.stage.fields(blocks.channels),
                  **({} if begins else {"continues": 1})}
        reads = self._reads(blocks, part)
        if (part.rows[1], part.taps[1], part.segments[1]) != (rows, taps, span // lanes):
            blocks = replace(blocks, last_outputs=0)
        nibbles = NibbleGroups(blocks.count, int(begins), part.steps, self._odd_factor)
        return MatrixPart(
            replace(command, blocks=blocks, reads=reads, fields=fields, part=window_part,
                    weight_steps=len(image) // config.step_bytes),
            weight_constants(config, image, nibbles, self.precision))

    def _parameters(self, blocks: ChannelBlocks) -> list[npt.NDArray[np.int64]]:
        """Return bias, multiplier and shift of a run's groups, by column."""
        columns, number = np.arange(self.config.columns), np.arange(blocks.count)[:, None]
        # Columns beyond the last output channel have no parameters: they are not written.
        absent = columns >= np.where(number == blocks.count - 1, blocks.last_outputs,
                                     blocks.outputs)
        index = np.where(absent, 0, blocks.destination + number * blocks.destination_step
                         + columns)
        return [np.where(absent, 0, parameter[index]) for parameter in
                (self.stage.bias, self.stage.multiplier, self.stage.shift)]

    @abstractmethod
    def _reads(self, blocks: ChannelBlocks, part: WindowPart) -> tuple[int, int]:
        """Return the input channels that part of a window reads for some groups, half-open."""

    @property
    def _odd_factor(self) -> int:
        return SHALLOW_ODD if self.stage.shallow else 1

    period = 1
    """Steps after which the weights of a row of segments repeat."""
    pairs: RowPairs | None = None
    """How two kernel rows are read a step, where they are."""


class ConvolutionKernel(MatrixKernel):
    """CONV_2D; FULLY_CONNECTED is one of a 1x1 kernel.

    Parameters
    ----------
    weights : (channels, kernel rows, kernel columns, input channels)
        Groups expanded with zeros.
    period : int
        Of a kernel of one pixel: steps after which its weights repeat.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, stage: OutputStage,
                 input_zero_point: int, weights: Weights, macs: int,
                 period: int = 1) -> None:
        super().__init__(config, name, geometry, stage, input_zero_point)
        self.weights = weights
        self.macs = macs
        self.period = period

    @property
    def has_long_sums(self) -> bool:
        """Whether its sums take several commands."""
        return any(not part.finishes for part in self.parts(self.config.weight_steps, None))

    def read_row_pairs(self) -> int:
        """Read two kernel rows a step, if that is faster; return `gap`, as it is then."""
        _, rows, taps, depth = self.weights.shape
        geometry, lanes = self.geometry, self.config.lanes
        if not (self.stage.deep or needs_split(self.weights) or geometry.gaps[0]
                or geometry.window.dilation_x > 1 or geometry.window.dilation_y > 1
                or self.has_long_sums):
            self.pairs = plan_row_pairs(rows, taps * depth, lanes)
        if self.pairs is not None:
            self.gap = self.pairs.gap(geometry.source[1] * depth, lanes)
        return self.gap

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[MatrixPart]:
        """See `Kernel.parts`."""
        columns, lanes = self.config.columns, self.config.lanes
        channels, rows, taps, depth = self.weights.shape
        groups = -(-channels // columns)
        weights = np.zeros((groups * columns, rows, taps, depth), np.int16)
        weights[:channels] = self.weights
        split, dilation = needs_split(self.weights), self.geometry.window.dilation_x
        if split and dilation > 1:  # A row that is read as a whole has its gaps, too.
            spread = np.zeros((*weights.shape[:2], self.geometry.window.span_x, depth), np.int16)
            spread[:, :, ::dilation] = weights
            weights, taps = spread, spread.shape[2]
        folded = (split or self.pairs is not None
                  or (taps > 1 and dilation == 1 and not self.geometry.gaps[0]
                      and -(-taps * depth // lanes) < taps * -(-depth // lanes)))
        shape = (1, taps * depth) if folded else (taps, depth)
        blocks = ChannelBlocks(groups, 0, 0, 0, columns, min(columns, channels),
                               channels - (groups - 1) * columns)
        pixels = self.geometry.images * self.geometry.destination[0] * self.geometry.destination[1]
        weights = weights.reshape(groups, columns, rows, *shape)
        if split:
            weights = np.concatenate(shares_of(weights), axis=3)
        if self.pairs is not None:
            weights = self.pairs.arrange(weights, lanes)
        return self._cut(blocks, weights, folded, self.macs // (pixels * channels), max_steps,
                         max_channels)

    def _reads(self, blocks: ChannelBlocks, part: WindowPart) -> tuple[int, int]:
        depth, window = self.geometry.source[2], self.geometry.window
        if window.kernel_y * window.kernel_x > 1:
            return 0, depth
        first, end = part.segments
        return first * self.config.lanes, min(end * self.config.lanes, depth)


class DepthwiseKernel(MatrixKernel):
    """DEPTHWISE_CONV_2D: blocks of neighbouring channels with diagonal weights.

    Parameters
    ----------
    weights : (kernel rows, kernel columns, input channels, multiplier)
        Output channel c * multiplier + m takes input channel c.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, stage: OutputStage,
                 input_zero_point: int, weights: Weights) -> None:
        super().__init__(config, name, geometry, stage, input_zero_point)
        self.weights = weights
        rows, columns, _, _ = weights.shape
        height, width, channels = geometry.destination
        self.macs = geometry.images * height * width * channels * rows * columns

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[MatrixPart]:
        """See `Kernel.parts`."""
        rows, taps, depth, multiplier = self.weights.shape
        if multiplier > self.config.columns:
            return [part for channel in range(depth)
                    for part in self._channel(channel, max_steps, max_channels)]
        inputs = self.config.columns // multiplier
        groups = -(-depth // inputs)
        weights = np.zeros((rows, taps, groups * inputs, multiplier), np.int16)
        weights[:, :, :depth] = self.weights
        weights = weights.reshape(rows, taps, groups, inputs * multiplier)
        source = np.arange(inputs * multiplier) // multiplier
        blocks = ChannelBlocks(groups, 0, inputs, 0, inputs * multiplier,
                               min(inputs, depth) * multiplier,
                               (depth - (groups - 1) * inputs) * multiplier)
        self._group_inputs = inputs
        return self._blocks(blocks, weights, source, inputs, max_steps, max_channels)

    def _channel(self, channel: int, max_steps: int, max_channels: int | None) -> list[MatrixPart]:
        """Cut one input channel whose output channels are more than the array's columns."""
        columns = self.config.columns
        rows, taps, _, multiplier = self.weights.shape
        groups = -(-multiplier // columns)
        weights = np.zeros((rows, taps, groups * columns), np.int16)
        weights[:, :, :multiplier] = self.weights[:, :, channel]
        blocks = ChannelBlocks(groups, channel, 0, channel * multiplier, columns, columns,
                               multiplier - (groups - 1) * columns)
        self._group_inputs = 1
        return self._blocks(blocks, weights.reshape(rows, taps, groups, columns),
                            np.zeros(columns, np.int64), 1, max_steps, max_channels)

    def _blocks(self, blocks: ChannelBlocks, weights: Weights,
                source: npt.NDArray[np.int64], inputs: int, max_steps: int,
                max_channels: int | None) -> list[MatrixPart]:
        """Cut groups whose output column i takes byte `source[i]` of the group's input bytes."""
        rows, taps, groups, used = weights.shape
        depth = self.geometry.source[2]
        lanes = self.config.lanes
        folded_span = (taps - 1) * depth + inputs
        # A view of some of the channels has gaps between pixels: taps are then read one by one.
        folded = (taps > 1 and self.geometry.window.dilation_x == 1
                  and not self.geometry.gaps[0] and max_channels is None
                  and -(-folded_span // lanes) < taps)
        shape = (1, folded_span) if folded else (taps, lanes)
        matrix = np.zeros((groups, self.config.columns, rows, *shape), np.int16)
        for column in range(used):
            for tap in range(taps):
                values = weights[:, tap, :, column].T
                if folded:
                    matrix[:, column, :, 0, tap * depth + source[column]] = values
                else:
                    matrix[:, column, :, tap, source[column]] = values
        split = needs_split(weights)
        if split:
            matrix = np.concatenate(shares_of(matrix), axis=3 if folded else 4)
        return self._cut(blocks, matrix, folded, rows * taps, max_steps, max_channels,
                         same_segment=split and not folded)

    _group_inputs = 0

    def _reads(self, blocks: ChannelBlocks, part: WindowPart) -> tuple[int, int]:
        end = blocks.source + (blocks.count - 1) * blocks.source_step
        return blocks.source, min(end + self._group_inputs, self.geometry.source[2])
