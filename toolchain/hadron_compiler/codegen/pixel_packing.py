"""Compute several neighbouring output pixels as one where one leaves columns of the array idle.

`factor` pixels of O channels are one pixel of factor * O channels: the same bytes. The window grows
to cover all of theirs, each output channel takes its own part of it, and the stride grows alike:
a convolution like any other. It pays where O is less than the array's columns, for a kernel row is
read in few steps whatever its width.
"""

from dataclasses import replace

import numpy as np

from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.matrix import OutputStage
from hadron_compiler.codegen.packing import Weights
from hadron_spec.config import NpuConfig

__all__ = ["best_factor", "pack_geometry", "pack_stage", "pack_weights", "packed_cycles"]

MAX_FACTOR = 16


def _steps(geometry: Geometry, factor: int, lanes: int) -> int:
    """Return the steps of one result: kernel rows times the steps of one."""
    window, depth = geometry.window, geometry.source[2]
    if factor == 1 and window.dilation_x > 1:
        return window.kernel_y * window.kernel_x * -(-depth // lanes)
    width = window.span_x + (factor - 1) * window.stride_x
    return window.kernel_y * min(-(-width * depth // lanes), width * -(-depth // lanes))


def packed_cycles(config: NpuConfig, geometry: Geometry, steps_now: int, groups_now: int,
                  factor: int) -> int:
    """Return the cycles of all results, `factor` pixels computed as one.

    Parameters
    ----------
    steps_now, groups_now : int
        Steps of a result, and groups of channels, without packing.
    """
    height, width, channels = geometry.destination
    pixels = geometry.images * height * width
    if factor == 1:
        return pixels * groups_now * steps_now
    groups = -(-channels * factor // config.columns)
    return pixels // factor * groups * _steps(geometry, factor, config.lanes)


def best_factor(config: NpuConfig, geometry: Geometry, steps_now: int, groups_now: int) -> int:
    """Return how many pixels to compute as one; 1 where packing gains nothing.

    Parameters as :func:`packed_cycles`.
    """
    _, width, channels = geometry.destination

    def cycles(steps: int, groups: int, factor: int) -> float:
        work = packed_cycles(config, geometry, steps_now, groups_now, factor)
        return work + groups * (1 + steps) * config.step_bytes // config.axi_bytes

    best, least = 1, cycles(steps_now, groups_now, 1)
    for factor in range(2, min(MAX_FACTOR, width) + 1):
        if width % factor:
            continue
        groups = -(-channels * factor // config.columns)
        steps = _steps(geometry, factor, config.lanes)
        # The weights must leave room for those of other layers; a small gain is not worth them.
        if groups * (1 + steps) > config.weight_steps // 4:
            continue
        if cycles(steps, groups, factor) < 0.9 * least:
            best, least = factor, cycles(steps, groups, factor)
    return best


def pack_geometry(geometry: Geometry, factor: int) -> Geometry:
    """Return the geometry of the convolution that computes `factor` pixels as one."""
    height, width, channels = geometry.destination
    window = geometry.window
    wide = replace(window, kernel_x=window.span_x + (factor - 1) * window.stride_x,
                   stride_x=factor * window.stride_x, dilation_x=1)
    return Geometry(geometry.images, geometry.source, (height, width // factor, channels * factor),
                    wide)


def pack_weights(weights: Weights, geometry: Geometry,
                 factor: int) -> Weights:
    """Return the weights (channels, rows, columns, inputs) of that convolution."""
    channels, rows, _, depth = weights.shape
    window = geometry.window
    width = window.span_x + (factor - 1) * window.stride_x
    packed = np.zeros((factor, channels, rows, width, depth), np.int16)
    for pixel in range(factor):
        first = pixel * window.stride_x
        packed[pixel, :, :, first:first + window.span_x:window.dilation_x] = weights
    return packed.reshape(factor * channels, rows, width, depth)


def pack_stage(stage: OutputStage, factor: int) -> OutputStage:
    """Return the output stage with every channel's numbers repeated for each pixel."""
    return replace(stage, bias=np.tile(stage.bias, factor),
                   multiplier=np.tile(stage.multiplier, factor),
                   shift=np.tile(stage.shift, factor), wide=np.tile(stage.wide, factor))
