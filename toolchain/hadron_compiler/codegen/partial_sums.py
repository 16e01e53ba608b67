"""Sums of small windows, each exact in two bytes (`passes/split_sums.py`), and the sum of these."""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import UNSCALED, Constants, Part, Piece
from hadron_compiler.codegen.loops import Loop, cut_blocks, loop_fields
from hadron_compiler.codegen.matrix import OutputStage
from hadron_compiler.codegen.pool import MeanKernel, PoolKernel, PoolPart, uniform_constants
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Window
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import quantize_multiplier

__all__ = ["DigitSumsKernel", "PartialSumsKernel"]


def _stage(multiplier: int, shift: int) -> OutputStage:
    return OutputStage(np.zeros(1, np.int64), np.array([multiplier]), np.array([shift]),
                       np.zeros(1, np.bool_), 0, -128, 127)


class PartialSumsKernel(PoolKernel):
    """Two passes over the windows: the sums over the number of elements, then the sums less what
    these stand for.

    In its geometry a window is one pixel of twice the channels.

    Parameters
    ----------
    image : (int, int, int, int)
        Images, rows, columns, channels.
    window : (int, int)
        Rows and columns.
    """

    def __init__(self, config: NpuConfig, name: str, image: tuple[int, int, int, int],
                 window: tuple[int, int]) -> None:
        images, height, width, channels = image
        rows, columns = window
        super().__init__(config, name, Geometry(
            images, (height, width, channels),
            (-(-height // rows), -(-width // columns), 2 * channels),
            Window(rows, columns, rows, columns)))

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`: one a pass."""
        if max_channels is not None:
            raise CapacityError(f"{self.name}: a window of all channels does not fit the "
                                "scratchpad")
        window = self.geometry.window
        size = window.kernel_y * window.kernel_x
        self.check_steps(max_steps, 2 * size)
        stage = _stage(*quantize_multiplier(1 / size))
        sums = uniform_constants(self.config, stage, np.ones(1, np.int8))
        # Behind the elements as many steps again, of which the first reads the other digit.
        lacking = np.zeros(2 * size, np.int8)
        lacking[:size] = 1
        lacking[size] = -size
        rest = uniform_constants(self.config, _stage(*UNSCALED), lacking)
        channels = (0, self.geometry.source[2])
        return [PoolPart(self.geometry.whole, channels, sums, self.sums(stage, 1),
                         self.config.columns), _RestPart(self, rest)]


class _RestPart(Part):
    """The second digit: a command for each window, whose outer loop walks the channels."""

    def __init__(self, kernel: PartialSumsKernel, constants: Constants) -> None:
        self.kernel = kernel
        self.channels = (0, kernel.geometry.destination[2])
        self.source_channels = (0, kernel.geometry.source[2])
        self.constants = constants

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`."""
        runs = cut_blocks(self.source_channels[1], self.kernel.config.columns)
        return [self._command(piece, Region((y, y + 1), (x, x + 1)), *run)
                for y in range(*piece.region.y) for x in range(*piece.region.x) for run in runs]

    def _command(self, piece: Piece, region: Region, first: int, blocks: int,
                 outputs: int) -> Command:
        """Return the command of a window, and of `blocks` times `outputs` channels."""
        geometry, columns = self.kernel.geometry, self.kernel.config.columns
        window, depth = geometry.window, geometry.source[2]
        needed = geometry.needed(region)
        source = piece.sources[0].narrow(needed)
        row, column = geometry.origin(region)
        begin = source.locate(row, column, first)
        digit = piece.destination.locate(region.y[0], region.x[0], first)
        pixel = source.pixel_pitch
        bounded = geometry.touches_padding(region)
        loops = {
            "oy": Loop(blocks, columns, 0, columns, columns),
            "ky": Loop(2, digit - begin),
            "kx": Loop(window.kernel_x, pixel, 0, pixel),
            "seg": Loop(window.kernel_y, source.row_pitch, 1, 0),
        }
        fields = {
            **_stage(0, 0).fields((0, 1)), **loop_fields(loops, bounded=bounded),
            "source": begin, "destination": digit + depth,
            "outputs": outputs, "last_outputs": outputs, "weight_step": piece.weight_step,
        }
        if bounded:
            fields |= {"bounded": 1, "pad": 0, "start_y": 0, "start_x": first,
                       "height": source.rows, "width_bytes": source.width_bytes}
        channels = (first, first + blocks * outputs)
        digits = piece.destination.bytes_of(region, channels)
        assert self.constants is not None
        reads = [source.bytes_of(needed, channels), digits,
                 Range(Space.WEIGHTS, piece.weight_step,
                       piece.weight_step + self.constants.steps)]
        writes = [Range(Space.SCRATCHPAD, digits.start + depth, digits.end + depth)]
        return Command(Opcode.MATRIX, piece.layer, fields, reads, writes)


class DigitSumsKernel(MeanKernel):
    """The sum of all digits of an image, rescaled.

    Parameters
    ----------
    image : (int, int, int, int)
        Images, rows, columns, channels of the digits, two columns a window.
    weights : (int, int)
        Of the first and of the second digit.
    """

    def __init__(self, config: NpuConfig, name: str, image: tuple[int, int, int, int],
                 weights: tuple[int, int], stage: OutputStage) -> None:
        images, height, width, channels = image
        super().__init__(config, name, Geometry(images, (height, width, channels),
                                                (1, 1, channels), Window(height, width)), stage)
        # A part of the window begins with a first digit: it has whole rows.
        self.weights = weights
