"""RESIZE_BILINEAR: weighted sums of up to four pixels, one kernel for each set of weights."""

from itertools import product

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.elementwise import LookupStage
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.integers import RefusedError
from hadron_compiler.codegen.interleaved import InterleavedKernel, Share
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import DepthwiseKernel, OutputStage
from hadron_compiler.codegen.progressions import Progression, progressions
from hadron_compiler.codegen.tap_tables import TapTablesKernel
from hadron_compiler.ir.graph import FILL, Operation, ResizeAttributes, Window
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_resize import BILINEAR_BITS, bilinear_sources

__all__ = ["MAX_SHARES", "MAX_WEIGHT", "resize_bilinear"]

MAX_WEIGHT = 63
"""Largest weight of a pixel, where the weights of an output have no common factor of two, that is
multiplied: the array takes twice that."""

MAX_SHARES = 4096
"""Most pairs of row and column weights: each is a command, or several."""

_HALF = 1 << 30
"""Multiplier of one half, Q0.31."""

_Lines = list[tuple[Progression, tuple[int, ...]]]
"""Output rows that take neighbouring input rows times the same weights; likewise columns."""


def resize_bilinear(operation: Operation, config: NpuConfig) -> InterleavedKernel:
    """Return the kernel of a bilinear resize.

    The sum is divided by a power of two, halves rounded away from zero. That is what the second
    rounding of the requantizer does; with weights twice as large the first, which halves, is exact.
    Weights of few bits, as factors of 2 and 4 have, are a convolution. All others are looked up:
    a table for each of the four pixels, for every row and column whose weights are its own.
    """
    attributes = operation.attributes
    assert isinstance(attributes, ResizeAttributes)
    source, output = operation.required(0), operation.outputs[0]
    images, height, width, depth = source.shape
    _, rows, columns, _ = output.shape
    shares = []
    options = {"align_corners": attributes.align_corners, "half_pixel": attributes.half_pixel}
    lines_y = _lines(height, rows, **options)
    lines_x = _lines(width, columns, **options)
    if len(lines_y) * len(lines_x) > MAX_SHARES:
        raise RefusedError(f"from {height}x{width} to {rows}x{columns} pixels {len(lines_y)} rows "
                           f"by {len(lines_x)} columns have weights of their own; at most "
                           f"{MAX_SHARES} pairs are supported")
    for (y, weights_y), (x, weights_x) in product(lines_y, lines_x):
        weights = np.outer(weights_y, weights_x)
        bits = 2 * BILINEAR_BITS
        while bits and not (weights & 1).any():
            weights >>= 1
            bits -= 1
        window = Window(*weights.shape, y.offset_step or 1, x.offset_step or 1,
                        pad_top=-y.offset, pad_left=-x.offset)
        geometry = Geometry(images, (height, width, depth), (y.count, x.count, depth), window)
        kernel: Kernel
        if weights.max() > MAX_WEIGHT:
            kernel = TapTablesKernel(
                config, operation.label, geometry,
                [2 * int(weight) * np.arange(-128, 128) for weight in weights.ravel()],
                LookupStage(_HALF, -bits, wide=True))
        else:
            stage = OutputStage(np.zeros(depth, np.int64), np.full(depth, _HALF),
                                np.full(depth, -bits), np.zeros(depth, np.bool_), 0, -128, 127)
            kernel = DepthwiseKernel(config, operation.label, geometry, stage, 0,
                                     _spread(2 * weights, depth))
        shares.append(Share(kernel, y.first, y.step, x.first, x.step))
    return InterleavedKernel(operation.label, (rows, columns, depth), shares)


def _spread(weights: npt.NDArray[np.int64], depth: int) -> npt.NDArray[np.int8]:
    """Return the same weights for every channel."""
    return np.broadcast_to(weights[..., None, None], (*weights.shape, depth, 1)).astype(np.int8)


def _lines(size: int, output: int, *, align_corners: bool, half_pixel: bool) -> _Lines:
    groups: dict[tuple[int, ...], npt.NDArray[np.int64]] = {}
    for index, line in enumerate(bilinear_sources(size, output, align_corners=align_corners,
                                                  half_pixel=half_pixel)):
        first = line.lower
        if line.lower == line.upper or not line.upper_weight:
            weights: tuple[int, ...] = (1 << BILINEAR_BITS,)
        else:
            weights = (line.lower_weight, line.upper_weight)
        groups.setdefault(weights, np.full(output, FILL, np.int64))[index] = first
    # A window steps forward, or not at all if there is one: rows repeated are several kernels.
    return [(part, weights) for weights, firsts in groups.items()
            for part in _forward(progressions(firsts))]


def _forward(parts: list[Progression]) -> list[Progression]:
    """Cut progressions that do not advance into single lines."""
    made = []
    for part in parts:
        if part.count > 1 and part.offset_step < 1:
            made += [Progression(1, part.first + i * part.step, 1,
                                 part.offset + i * part.offset_step, 0) for i in range(part.count)]
        else:
            made.append(part)
    return made
