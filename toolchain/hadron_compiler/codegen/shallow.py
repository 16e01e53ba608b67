"""Convolutions of activations of four bits, which are packed first, two a byte.

The output rows of a region are cut into an upper and a lower half, which the array makes at once:
a byte holds an input of the one and, as many rows below, one of the other. So both halves read the
same bytes, at the addresses of a convolution that makes half of the rows. Rows that both need, and
those of the padding, are packed for each. Of an odd number of rows both make the middle one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry, Region, View
from hadron_compiler.codegen.integers import needs_wide
from hadron_compiler.codegen.kernel import (
    UNSCALED,
    Constants,
    Kernel,
    Part,
    Piece,
    diagonal_steps,
    shared_constants,
)
from hadron_compiler.codegen.levels import Levels
from hadron_compiler.codegen.loops import Loop, cut_blocks, loop_fields
from hadron_compiler.codegen.matrix import ConvolutionKernel, MatrixPart
from hadron_compiler.codegen.precision import Precision
from hadron_compiler.codegen.windowed import windowed_commands
from hadron_compiler.ir.graph import Window
from hadron_spec.commands import SHALLOW_OFFSET, SHALLOW_WEIGHT_MAX, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["LEVELS", "ShallowKernel", "shallow_kernel"]

LEVELS = 16
"""Values of an activation of four bits."""

_WORTHWHILE_ROWS = 8
"""Rows of a tile to ask for: of fewer, too many are packed twice."""


def shallow_kernel(config: NpuConfig, kernel: Kernel, levels: Levels) -> "ShallowKernel | None":
    """Return the kernel of a convolution at twice the rate; None where its numbers do not fit.

    Parameters
    ----------
    kernel : Kernel
        The operator as it runs otherwise.
    levels : Levels
        Of its input.
    """
    if not isinstance(kernel, ConvolutionKernel) or kernel.stage.deep or kernel.stage.deep_results:
        return None
    if kernel.geometry.gaps[0] or kernel.has_long_sums:
        return None
    geometry, zero_point = kernel.geometry, kernel.input_zero_point
    if geometry.destination[0] < 2 or np.abs(kernel.weights.astype(np.int64)).max(
            initial=0) > SHALLOW_WEIGHT_MAX:
        return None
    least, most = levels
    if geometry.touches_padding(geometry.whole):
        least, most = min(least, zero_point), max(most, zero_point)
    if most - least >= LEVELS:
        return None
    stage = kernel.stage
    weights = kernel.weights.reshape(len(kernel.weights), -1).astype(np.int64)
    positive, negative = (np.where(weights * sign > 0, weights, 0).sum(axis=1) for sign in (1, -1))
    ends = (stage.bias + positive * least + negative * most,
            stage.bias + positive * most + negative * least)
    if needs_wide(ends, stage.multiplier, stage.shift, stage.zero_point,
                  (stage.minimum, stage.maximum)).any():
        return None
    return ShallowKernel(config, kernel, least)


@dataclass(frozen=True)
class _Halves:
    """The halves of some output rows: rows of each, how far they are apart, input rows of each."""

    rows: int
    apart: int
    source_rows: int


def _halves(rows: int, window: Window) -> _Halves:
    half = -(-rows // 2)
    return _Halves(half, rows - half, (half - 1) * window.stride_y + window.span_y)


class ShallowKernel(Kernel):
    """A convolution as commands that pack, and commands that make two rows at once.

    Parameters
    ----------
    plain : ConvolutionKernel
        The operator at the rate of INT8, which it falls back on where channels are cut.
    least : int
        The smallest of the input's values.
    """

    precision = Precision.W4A4
    rows_wanted = _WORTHWHILE_ROWS

    def __init__(self, config: NpuConfig, plain: ConvolutionKernel, least: int) -> None:
        self.plain = plain
        self.geometry = plain.geometry
        self.macs = plain.macs
        self.placed = plain.placed
        sums = plain.weights.reshape(len(plain.weights), -1).sum(axis=1, dtype=np.int64)
        # What the array multiplies is -8 to 7.
        stage = replace(plain.stage, bias=plain.stage.bias + (least + SHALLOW_OFFSET) * sums,
                        wide=np.zeros_like(plain.stage.wide), shallow=True)
        outside = plain.input_zero_point - least
        pad = (LEVELS + 1) * outside - LEVELS * SHALLOW_OFFSET
        paired = ConvolutionKernel(config, plain.name, plain.geometry, stage,
                                   pad if 0 <= outside < LEVELS else 0, plain.weights, plain.macs)
        paired.precision = plain.precision
        self.paired = paired
        self.packing = _PackPart(config, self.geometry, plain.input_zero_point, least)

    def scratch(self, rows: int, columns: int) -> int:
        """See `Kernel.scratch`."""
        geometry = self.geometry
        return (_halves(rows, geometry.window).source_rows * geometry.columns_needed(columns)
                * geometry.source[2])

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        if max_channels is not None:
            return self.plain.parts(max_steps, max_channels)
        return [self.packing, *(_PairedPart(part) for part in self.paired.parts(max_steps, None))]


def _packed_view(geometry: Geometry, piece: Piece) -> View:
    """Return where the packed input of a piece lies, its rows counted from 0."""
    columns = geometry.needed(piece.region).x
    rows = _halves(piece.region.rows, geometry.window).source_rows
    depth = geometry.source[2]
    return View(piece.scratch, (0, rows), columns, (0, depth), (columns[1] - columns[0]) * depth,
                depth)


class _PairedPart(Part):
    """Some output channels of the convolution, two rows at once."""

    def __init__(self, part: MatrixPart) -> None:
        self.channels = part.channels
        self.source_channels = part.source_channels
        self.constants = part.constants
        self.command = part.command

    def commands(self, piece: Piece) -> list[Command]:
        geometry, region = self.command.geometry, piece.region
        halves = _halves(region.rows, geometry.window)
        _, width, depth = geometry.source
        paired = replace(
            geometry, source=(halves.source_rows, width, depth),
            destination=(halves.rows, *geometry.destination[1:]),
            window=replace(geometry.window, pad_top=0))
        destination = piece.destination
        upper = replace(destination, y=(0, destination.y[1] - region.y[0]),
                        address=destination.address
                        + (region.y[0] - destination.y[0]) * destination.row_pitch)
        command = replace(self.command, geometry=paired,
                          second=halves.apart * destination.row_pitch)
        return windowed_commands(command, replace(
            piece, region=Region((0, halves.rows), region.x),
            sources=(_packed_view(geometry, piece),), destination=upper))


class _PackPart(Part):
    """Makes one byte of two activations: a sum with weights of 1 and 16, of all channels."""

    constants: Constants

    def __init__(self, config: NpuConfig, geometry: Geometry, zero_point: int, least: int) -> None:
        self.config = config
        self.geometry = geometry
        self.zero_point = zero_point
        self.channels = geometry.written
        self.source_channels = (0, geometry.source[2])
        self.constants = _pack_constants(config, least)

    def commands(self, piece: Piece) -> list[Command]:
        geometry, columns = self.geometry, self.config.columns
        halves = _halves(piece.region.rows, geometry.window)
        packed = _packed_view(geometry, piece)
        first, _ = geometry.origin(piece.region)
        needed = geometry.needed(piece.region)
        source = piece.sources[0].narrow(needed)
        apart = halves.apart * geometry.window.stride_y
        bounded = (first, first + apart + halves.source_rows) != needed.y
        rows, size = halves.source_rows, packed.row_pitch
        if not bounded and source.row_pitch == size:
            rows, size = 1, rows * size
        bounds = {} if not bounded else {
            "bounded": 1, "pad": self.zero_point, "start_y": first - needed.y[0],
            # Rows are read to their last byte, which may be more than bounds count.
            "height": source.rows, "width_bytes": self.config.lanes}
        reads = source.bytes_of(needed, self.source_channels)
        written = Range(Space.SCRATCHPAD, packed.address,
                        packed.address + packed.rows * packed.row_pitch)
        constants = Range(Space.WEIGHTS, piece.weight_step,
                          piece.weight_step + self.constants.steps)
        made = []
        for start, chunks, outputs in cut_blocks(size, columns):
            loops = {"oy": Loop(rows, source.row_pitch, 1, 0, size),
                     "ox": Loop(chunks, columns, 0, 0, columns),
                     "seg": Loop(2, apart * source.row_pitch, apart)}
            fields = {
                **loop_fields(loops, bounded=bounded), **bounds,
                "source": source.locate(first, needed.x[0], 0) + start,
                "destination": packed.address + start, "outputs": outputs, "last_outputs": outputs,
                "weight_step": piece.weight_step, "minimum": -128, "maximum": 127}
            made.append(Command(Opcode.MATRIX, piece.layer, fields, [reads, constants], [written]))
        return made


@cache
def _pack_constants(config: NpuConfig, least: int) -> Constants:
    """Return parameters and weights: the upper half less `least`, the lower one less as much and
    SHALLOW_OFFSET, 16 times."""
    bias = -(LEVELS + 1) * least - LEVELS * SHALLOW_OFFSET
    return shared_constants(config, diagonal_steps(config, np.array((1, LEVELS), np.int8)), bias,
                            *UNSCALED)
