"""CONV_2D in groups: blocks of output channels that read the input channels of their groups."""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.matrix import MatrixKernel, MatrixPart, OutputStage
from hadron_compiler.codegen.packing import Weights
from hadron_compiler.codegen.windowed import ChannelBlocks, WindowPart
from hadron_spec.config import NpuConfig

__all__ = ["GroupedKernel", "expand_groups", "grouped_steps"]


def expand_groups(weights: Weights, groups: int) -> Weights:
    """Return the weights of a convolution without groups: zeros between those of one group."""
    channels, rows, taps, depth = weights.shape
    expanded = np.zeros((groups, channels // groups, rows, taps, groups, depth), np.int16)
    expanded[np.arange(groups), :, :, :, np.arange(groups)] = weights.reshape(
        groups, -1, rows, taps, depth)
    return expanded.reshape(channels, rows, taps, groups * depth)


def grouped_steps(config: NpuConfig, shape: tuple[int, ...], groups: int) -> int:
    """Return the weight steps of an output pixel, with weights of this shape in groups."""
    channels, rows, taps, depth = shape
    size = channels // groups
    together = _together(config, size, groups)
    blocks = -(-groups // together) * -(-size // config.columns)
    return blocks * rows * taps * -(-together * depth // config.lanes)


def _together(config: NpuConfig, size: int, groups: int) -> int:
    """Return how many groups of `size` output channels a block has, of which it may be a part."""
    return max(1, min(config.columns // size, groups))


class GroupedKernel(MatrixKernel):
    """CONV_2D in groups of channels.

    A block of output channels has as many whole groups as there are columns for, or a part of one,
    and reads their input channels alone.

    Parameters
    ----------
    weights : (channels, kernel rows, kernel columns, input channels of a group)
        -127 to 127.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, stage: OutputStage,
                 input_zero_point: int, weights: Weights) -> None:
        super().__init__(config, name, geometry, stage, input_zero_point)
        _, _, _, depth = weights.shape
        groups = geometry.source[2] // depth
        self.weights = weights.reshape(groups, -1, *weights.shape[1:])
        height, width, _ = geometry.destination
        self.macs = geometry.images * height * width * weights.size
        self._together = _together(config, self.weights.shape[1], groups)

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[MatrixPart]:
        """See `Kernel.parts`."""
        groups, size, _, _, depth = self.weights.shape
        columns, together = self.config.columns, self._together
        if size > columns:
            return [part for group in range(groups)
                    for part in self._group(group, max_steps, max_channels)]
        count = -(-groups // together)
        blocks = ChannelBlocks(count, 0, together * depth, 0, together * size, together * size,
                               (groups - (count - 1) * together) * size)
        return self._blocks(blocks, [expand_groups(
            self.weights[first:first + together].reshape(-1, *self.weights.shape[2:]),
            min(together, groups - first)) for first in range(0, groups, together)],
            max_steps, max_channels)

    def _group(self, group: int, max_steps: int, max_channels: int | None) -> list[MatrixPart]:
        """Cut one group whose output channels are more than the array's columns."""
        columns = self.config.columns
        _, size, _, _, depth = self.weights.shape
        count = -(-size // columns)
        blocks = ChannelBlocks(count, group * depth, 0, group * size, columns, columns,
                               size - (count - 1) * columns)
        return self._blocks(blocks, [self.weights[group, first:first + columns]
                                     for first in range(0, size, columns)],
                            max_steps, max_channels)

    def _blocks(self, blocks: ChannelBlocks, weights: list[Weights], max_steps: int,
                max_channels: int | None) -> list[MatrixPart]:
        """Cut a run of blocks, with the weights of each."""
        _, _, rows, taps, depth = self.weights.shape
        padded = np.zeros((len(weights), self.config.columns, rows, taps, self._together * depth),
                          np.int16)
        for block, some in zip(padded, weights, strict=True):
            block[:len(some), ..., :some.shape[-1]] = some
        return self._cut(blocks, padded, False, rows * taps * depth, max_steps, max_channels)

    def _reads(self, blocks: ChannelBlocks, part: WindowPart) -> tuple[int, int]:
        depth = self.weights.shape[-1]
        end = blocks.source + (blocks.count - 1) * blocks.source_step
        return blocks.source, min(end + self._together * depth, self.geometry.source[2])
