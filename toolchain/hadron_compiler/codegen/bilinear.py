"""RESIZE_BILINEAR: weighted sums of up to four pixels at once, or of columns and then of rows."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.bilinear_lines import Line, lines_of
from hadron_compiler.codegen.elementwise import BYTES, LookupStage
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.interleaved import InterleavedKernel, Share
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.matrix import DepthwiseKernel, OutputStage
from hadron_compiler.codegen.strips import StripKernel, strip_cycles, takes_strips
from hadron_compiler.codegen.tap_tables import TapTablesKernel
from hadron_compiler.ir.graph import (
    ColumnDigitsAttributes,
    Operation,
    ResizeAttributes,
    RowDigitsAttributes,
    Tensor,
    Window,
)
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_resize import BILINEAR_BITS

__all__ = ["MAX_WEIGHT", "convolution_cycles", "diagonal_cycles", "interpolate_columns",
           "interpolate_rows", "reduced_weights", "resize_bilinear", "share_geometry"]

MAX_WEIGHT = 63
"""Largest weight of a pixel, where the weights of an output have no common factor of two, that is
multiplied: the array takes twice that."""

_HALF = 1 << 30
"""Multiplier of one half, Q0.31."""


def resize_bilinear(operation: Operation, config: NpuConfig) -> InterleavedKernel:
    """Return the kernel of a bilinear resize in one pass.

    The sum is divided by a power of two, halves rounded away from zero. That is what the second
    rounding of the requantizer does; with weights twice as large the first, which halves, is exact.
    Weights of few bits, as factors of 2 and 4 have, are a convolution, in strips where that is
    faster. All others are looked up: a table for each of the four pixels, for every row and column
    whose weights are its own.
    """
    attributes = operation.attributes
    assert isinstance(attributes, ResizeAttributes)
    source, output = operation.required(0), operation.outputs[0]
    _, height, width, depth = source.shape
    _, rows, columns, _ = output.shape
    shares = []
    for y, x in product(lines_of(height, rows, attributes), lines_of(width, columns, attributes)):
        weights, bits = reduced_weights(y, x)
        geometry = share_geometry(source, y, x)
        kernel: Kernel
        if weights.max() > MAX_WEIGHT:
            kernel = _weighted_taps(config, operation, geometry, weights, bits)
        else:
            stage = OutputStage(np.zeros(depth, np.int64), np.full(depth, _HALF),
                                np.full(depth, -bits), np.zeros(depth, np.bool_), 0, -128, 127)
            spread = _spread(2 * weights, depth)
            if convolution_cycles(config, geometry) < diagonal_cycles(config, geometry):
                kernel = StripKernel(config, operation.label, geometry, stage, 0, spread[..., 0])
            else:
                kernel = DepthwiseKernel(config, operation.label, geometry, stage, 0, spread)
        (own_y, _), (own_x, _) = y, x
        shares.append(Share(kernel, own_y.first, own_y.step, own_x.first, own_x.step))
    return InterleavedKernel(operation.label, (rows, columns, depth), shares)


def reduced_weights(y: Line, x: Line) -> tuple[npt.NDArray[np.int64], int]:
    """Return the weights of the pixels of some rows and columns without their common factors of
    two, and the bits by which their sum is still too large."""
    return _reduced(np.outer(y[1], x[1]))


def share_geometry(source: Tensor, y: Line, x: Line) -> Geometry:
    """Return the shape of what makes some rows and columns."""
    images, height, width, depth = source.shape
    (own_y, weights_y), (own_x, weights_x) = y, x
    window = Window(len(weights_y), len(weights_x), own_y.offset_step or 1, own_x.offset_step or 1,
                    pad_top=-own_y.offset, pad_left=-own_x.offset)
    return Geometry(images, (height, width, depth), (own_y.count, own_x.count, depth), window)


def convolution_cycles(config: NpuConfig, geometry: Geometry) -> int:
    """Return about how many cycles it takes as a convolution."""
    diagonal = diagonal_cycles(config, geometry)
    if not takes_strips(geometry.window):
        return diagonal
    return min(diagonal, strip_cycles(config, geometry))


def diagonal_cycles(config: NpuConfig, geometry: Geometry) -> int:
    """Return about how many cycles it takes tap by tap."""
    rows, columns, depth = geometry.destination
    taps = geometry.window.kernel_y * geometry.window.kernel_x
    return geometry.images * rows * columns * -(-depth // config.columns) * taps


def _reduced(weights: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], int]:
    """Return weights without their common factors of two, and the bits by which their sum is still
    too large."""
    bits = 2 * BILINEAR_BITS
    while bits and not (weights & 1).any():
        weights = weights >> 1
        bits -= 1
    return weights, bits


def _weighted_taps(config: NpuConfig, operation: Operation, geometry: Geometry,
                   weights: npt.NDArray[np.int64], bits: int) -> TapTablesKernel:
    """Return the kernel of a rounded sum of taps times weights of any size."""
    return TapTablesKernel(config, operation.label, geometry,
                           [2 * weight * BYTES for weight in weights.ravel()],
                           LookupStage(_HALF, -bits, wide=True))


def _spread(weights: npt.NDArray[np.int64], depth: int) -> npt.NDArray[np.int8]:
    """Return the same weights for every channel."""
    return np.broadcast_to(weights[..., None, None], (*weights.shape, depth, 1)).astype(np.int8)


def interpolate_columns(operation: Operation, config: NpuConfig) -> InterleavedKernel:
    """Return the kernel of the first of two passes: each row as the digits of its sums.

    A product of weight and pixel is split into digits in the table already, so a digit of the sum
    is the sum of two digits: nothing is carried, and nothing rounded. That it fits a byte, see
    `digits`.
    """
    attributes = operation.attributes
    assert isinstance(attributes, ColumnDigitsAttributes)
    source, output = operation.required(0), operation.outputs[0]
    images, height, width, depth = source.shape
    columns = output.shape[2]
    number = len(attributes.units)
    shares = []
    for x, weights in lines_of(width, columns, attributes.resize):
        window = Window(1, len(weights), 1, x.offset_step or 1, pad_left=-x.offset)
        geometry = Geometry(images, (height, width, depth), (height, x.count, depth), window)
        tables = [digits(weight, attributes.units, up=tap == 0)
                  for tap, weight in enumerate(weights)]
        shares += [Share(TapTablesKernel(config, operation.label, geometry,
                                         [table[place] for table in tables], LookupStage()),
                         place, number, x.first, x.step) for place in range(number)]
    return InterleavedKernel(operation.label, (number * height, columns, depth), shares)


def digits(weight: int, units: Sequence[int], *, up: bool) -> list[npt.NDArray[np.int64]]:
    """Return the digits, the first one first, of a weight times -128 to 127.

    Each digit is what is left over its unit, rounded: of the one product up, of the other down
    where it lies in the middle. So two of them differ from their sum by less than one, and the sum
    of first digits lies between -128 and 127, as what they stand for does. What is left is half a
    unit at most of each: the sum of second digits is a unit at most, 64 of the next.
    """
    left = weight * BYTES
    made = []
    for unit in units:
        digit = (left + unit // 2 if up else left + (unit - 1) // 2) // unit
        left = left - unit * digit
        made.append(digit)
    assert not left.any()
    return made


def interpolate_rows(operation: Operation, config: NpuConfig) -> InterleavedKernel:
    """Return the kernel of the second pass: sums of the digits of two rows, rounded once.

    Tables are alike for all columns and channels. Where the channels are not whole steps of the
    array, a row is a single pixel of all its bytes.
    """
    attributes = operation.attributes
    assert isinstance(attributes, RowDigitsAttributes)
    source, output = operation.required(0), operation.outputs[0]
    images, lines, width, depth = source.shape
    rows = output.shape[1]
    number = len(attributes.units)
    row = width * depth
    if depth % config.columns and 2 * (2 * number + 1) * row <= config.act_bytes // 2:
        width, depth = 1, row
    shares = []
    for y, weights in lines_of(lines // number, rows, attributes.resize):
        factors, bits = _reduced(np.outer(weights, attributes.units))
        window = Window(factors.size, 1, number * (y.offset_step or 1), 1,
                        pad_top=-number * y.offset)
        geometry = Geometry(images, (lines, width, depth), (y.count, width, depth), window)
        shares.append(Share(_weighted_taps(config, operation, geometry, factors, bits),
                            y.first, y.step, 0, 1))
    return InterleavedKernel(operation.label, (rows, width, depth), shares)
