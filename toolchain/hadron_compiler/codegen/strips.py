"""DEPTHWISE_CONV_2D in strips: a pixel of a block of channels a cycle, whatever the window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import Kernel, Part, Piece, weight_constants
from hadron_compiler.codegen.loops import Loop, coordinates_fit, loop_fields, out_of_range
from hadron_compiler.codegen.matrix import OutputStage, needs_split
from hadron_compiler.codegen.packing import NibbleGroups, Weights, pack_groups
from hadron_compiler.codegen.strip_windows import COMMAND_CYCLES, StripWindows, windows_of
from hadron_compiler.codegen.windowed import ChannelBlocks
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Window
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["StripKernel", "may_take_strips", "strip_cycles", "takes_strips"]

MAX_BLOCKS = FIELDS[Opcode.DEPTHWISE]["count_kg"].maximum


def takes_strips(window: Window) -> bool:
    """Tell whether the hardware forms windows like this."""
    return windows_of(window) is not None


def may_take_strips(window: Window, weights: Weights, depth: int, *, deep: bool) -> bool:
    """Tell whether strips can make a convolution of each of `depth` channels by itself, `weights`
    with the output channels last; whether they should is a question of cycles."""
    return (takes_strips(window) and not deep and weights.shape[-1] == depth
            and not needs_split(weights))


def _strip_windows(geometry: Geometry) -> StripWindows:
    windows = windows_of(geometry.window)
    assert windows is not None
    return windows


def strip_cycles(config: NpuConfig, geometry: Geometry) -> int:
    """Return about how many cycles the whole operator takes."""
    height, width, channels = geometry.destination
    window, windows = geometry.window, _strip_windows(geometry)
    rows = windows.rows_of(height, window.stride_y)
    pixels = sum(count * rows * windows.pixels(size, window.stride_x)
                 for count, size in windows.strips(width, rows, window.stride_x))
    return geometry.images * -(-channels // windows.channels(config)) * pixels


def _waits(geometry: Geometry) -> int:
    """Return about how many cycles longer a block of channels of an image takes when wide."""
    height, width, _ = geometry.destination
    window, windows = geometry.window, _strip_windows(geometry)
    if windows.tall:
        return 0
    rows = windows.rows_of(height, window.stride_y)
    return height * sum(
        count * (-(-size // 2) if window.stride_x == 2 else windows.pixels(size, window.stride_x))
        for count, size in windows.strips(width, rows, window.stride_x))


class StripKernel(Kernel):
    """DEPTHWISE_CONV_2D of channel multiplier 1: `takes_strips` says of which windows.

    Parameters
    ----------
    weights : int8, (kernel rows, kernel columns, channels)
        -127 to 127.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, stage: OutputStage,
                 input_zero_point: int, weights: Weights) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.stage = stage
        self.input_zero_point = input_zero_point
        self.weights = weights
        self.windows = _strip_windows(geometry)
        height, width, channels = geometry.destination
        self.macs = geometry.images * height * width * channels * weights[..., 0].size

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        block, channels = self.windows.channels(self.config), self.geometry.destination[2]
        steps = self.windows.block_steps
        if max_steps < steps:
            raise CapacityError(f"{self.name}: {block} channels need {steps} steps of "
                                f"weight memory, there are {max_steps}")
        size = min(max_steps // steps, MAX_BLOCKS)
        if max_channels is not None:
            if max_channels < min(block, channels):
                raise CapacityError(f"{self.name}: {min(block, channels)} channels at once, "
                                    f"more than {max_channels}")
            size = min(size, max(1, max_channels // block))
        made: list[Part] = []
        for first, end in self._runs():
            groups = -(-(end - first) // block)
            blocks = ChannelBlocks(groups, first, block, first, block, min(block, end - first),
                                   end - first - (groups - 1) * block)
            even = -(-groups // -(-groups // size))
            made += [_StripPart(self, blocks.part(start, min(start + even, groups)))
                     for start in range(0, groups, even)]
        return made

    def _runs(self) -> list[tuple[int, int]]:
        """Cut the channels where blocks begin or end that are wide, which take more cycles, and
        inside those of which some channels are wide and others have scales of 1 and more.

        A run of narrow blocks that saves less than the commands cost joins the wide ones.
        """
        saved = _waits(self.geometry)
        runs = self._equal_runs()
        made: list[_Channels] = []
        joined = False
        for position, run in enumerate(runs):
            sides = (position > 0) + (position < len(runs) - 1)
            short = (len(runs) > 1 and run.whole and not (run.wide or run.large)
                     and run.blocks * saved < sides * COMMAND_CYCLES)
            if made and (short or joined) and made[-1].joins(run):
                made[-1] = made[-1].with_next(run)
            else:
                made.append(run)
            joined = short
        return [(run.first, run.end) for run in made]

    def _equal_runs(self) -> list["_Channels"]:
        """Cut the channels into runs of blocks that are all wide, or all not, or parts of a
        block."""
        block, channels = self.windows.channels(self.config), self.geometry.destination[2]
        wide, large = self.stage.wide, self.stage.shift > 0
        made: list[_Channels] = []
        for start in range(0, channels, block):
            end = min(start + block, channels)
            cuts = [start, *_cuts(wide, large, start, end), end]
            for first, last in pairwise(cuts):
                run = _Channels(first, last, bool(wide[first:last].any()),
                                bool(large[first:last].any()), len(cuts) == 2)
                if made and made[-1].joins(run) and made[-1].wide == run.wide:
                    made[-1] = made[-1].with_next(run)
                else:
                    made.append(run)
        return made

    def image(self, channels: tuple[int, int]) -> bytes:
        """Return the weight steps of some channels, whole blocks but for the last."""
        config, window, windows = self.config, self.geometry.window, self.windows
        half = config.columns // 2
        groups = -(-(channels[1] - channels[0]) // windows.channels(config))
        # [block, part, column]: the channel of which a column is one of two outputs.
        order = channels[0] + np.arange(groups * windows.parts * half)
        order = order.reshape(groups, windows.parts, half).repeat(2, 2)
        used = order < channels[1]
        order = np.where(used, order, 0)
        taps = np.zeros((groups, windows.parts, config.columns, windows.steps, config.lanes),
                        np.int8)
        for row, column in np.ndindex(window.kernel_y, window.kernel_x):
            for output in windows.outputs(window.stride_x):
                step, lane = windows.place(row * window.dilation_y, column * window.dilation_x,
                                           output, window.stride_x)
                taps[:, :, output::2, step, lane] = self.weights[row, column,
                                                                 order[:, :, output::2]]
        taps[~used] = 0
        stage = self.stage
        values = [np.where(used, parameter[order], 0).reshape(groups * windows.parts, -1)
                  for parameter in (stage.bias, stage.multiplier, stage.shift)]
        packed = pack_groups(config, taps.reshape(-1, *taps.shape[2:]), *values)
        # From (parameters, weights) of each part to the parameters of all, then the weights.
        steps = np.frombuffer(packed, np.uint8).reshape(groups, windows.parts, -1,
                                                        config.step_bytes)
        return steps.swapaxes(1, 2).tobytes()


@dataclass(frozen=True)
class _Channels:
    """A run of `blocks` blocks, or some channels of one that is not `whole`.

    `wide`: some accumulators must not saturate to 18 bits. `large`: some scales are 1 or more,
    which a command of wide accumulators cannot have.
    """

    first: int
    end: int
    wide: bool
    large: bool
    whole: bool
    blocks: int = 1

    def joins(self, run: "_Channels") -> bool:
        """Tell whether one command may have both."""
        return self.whole and run.whole and not ((self.wide or run.wide)
                                                 and (self.large or run.large))

    def with_next(self, run: "_Channels") -> "_Channels":
        """Return both, as one run."""
        return replace(self, end=run.end, wide=self.wide or run.wide,
                       large=self.large or run.large, blocks=self.blocks + run.blocks)


def _cuts(wide: npt.NDArray[np.bool_], large: npt.NDArray[np.bool_], start: int,
          end: int) -> list[int]:
    """Return where to cut a block so that no part has wide channels and large scales."""
    made = []
    seen = [False, False]
    for channel in range(start, end):
        here = [bool(wide[channel]), bool(large[channel])]
        if (seen[0] and here[1]) or (seen[1] and here[0]):
            made.append(channel)
            seen = here
        else:
            seen = [seen[0] or here[0], seen[1] or here[1]]
    return made


@dataclass(frozen=True)
class _Run:
    """Strips of equal width side by side: output columns `x` on, `outputs` in each."""

    x: int
    strips: int
    outputs: int


class _StripPart(Part):
    def __init__(self, kernel: StripKernel, blocks: ChannelBlocks) -> None:
        self.kernel = kernel
        self.blocks = blocks
        self.channels = blocks.channels
        self.source_channels = blocks.channels
        self.constants = weight_constants(kernel.config, kernel.image(blocks.channels),
                                          NibbleGroups(blocks.count, kernel.windows.parts, 2),
                                          kernel.precision)

    def commands(self, piece: Piece) -> list[Command]:
        region = piece.region
        window, windows = self.kernel.geometry.window, self.kernel.windows
        made = []
        x = region.x[0]
        rows = windows.rows_of(region.rows, window.stride_y)
        for strips, outputs in windows.strips(region.columns, rows, window.stride_x):
            made += self._run(piece, _Run(x, strips, outputs), region.y)
            x += strips * outputs
        return made

    def _run(self, piece: Piece, run: _Run, y: tuple[int, int]) -> list[Command]:
        """Return the commands of a run of strips: one, or more where fields are out of range."""
        region = Region(y, (run.x, run.x + run.strips * run.outputs))
        fields, wrong = self._fields(replace(piece, region=region), run)
        if not wrong:
            return [self._command(replace(piece, region=region), fields)]
        if run.strips > 1:
            first = run.strips // 2
            halves = [replace(run, strips=first), replace(run, x=run.x + first * run.outputs,
                                                          strips=run.strips - first)]
            return [command for half in halves for command in self._run(piece, half, y)]
        if region.rows > 1:
            middle = (y[0] + y[1]) // 2
            return [command for some in ((y[0], middle), (middle, y[1]))
                    for command in self._run(piece, run, some)]
        raise CapacityError(f"{self.kernel.name}: one row of a strip needs {wrong}="
                            f"{fields[wrong]}, more than a command holds")

    def _fields(self, piece: Piece, run: _Run) -> tuple[dict[str, int], str]:
        """Return the fields of one command, and one that is out of range."""
        geometry, blocks, region = self.kernel.geometry, self.blocks, piece.region
        window, windows = geometry.window, self.kernel.windows
        needed = geometry.needed(region)
        source = piece.sources[0].narrow(needed)
        destination = piece.destination
        row, column = geometry.origin(region)
        bounded = geometry.touches_padding(region)
        pixel, pitch = source.pixel_pitch, source.row_pitch
        advance = run.outputs * window.stride_x * pixel
        rows = windows.rows_of(region.rows, window.stride_y)
        loops = {
            "kg": Loop(blocks.count, blocks.source_step, 0, blocks.source_step),
            "oy": Loop(run.strips, advance, 0, advance),
            "ox": Loop(rows, pitch, 1, 0),
            "kx": Loop(windows.pixels(run.outputs, window.stride_x), pixel, 0, pixel),
        }
        fields = {
            **self.kernel.stage.fields(self.channels),
            **loop_fields(loops, bounded=bounded),
            "source": source.locate(row, column, blocks.source),
            "destination": destination.locate(region.y[0], region.x[0], blocks.destination),
            "outputs": blocks.outputs, "last_outputs": blocks.last_outputs,
            "weight_step": piece.weight_step, "odd": run.outputs % 2,
            "stride_x": window.stride_x - 1, "stride_y": window.stride_y - 1,
            "tall": int(windows.tall),
        }
        undo = 0
        for level, count, step in (
                ("px", run.outputs, destination.pixel_pitch),
                ("ox", region.rows, destination.row_pitch),
                ("oy", run.strips, run.outputs * destination.pixel_pitch),
                ("kg", blocks.count, blocks.destination_step)):
            fields[f"destination_{level}"] = step - undo if count > 1 else 0
            undo += (count - 1) * step
        if bounded:
            channel = blocks.source - source.channel[0]
            fields |= {
                "bounded": 1,
                "pad": self.kernel.input_zero_point,
                "start_y": row - needed.y[0],
                "start_x": (column - needed.x[0]) * pixel + channel,
                "height": source.rows,
                "width_bytes": source.width_bytes,
            }
            if not coordinates_fit(loops, fields["start_y"], fields["start_x"],
                                   self.kernel.config.lanes):
                return fields, "width_bytes"
        return fields, out_of_range(Opcode.DEPTHWISE, fields)

    def _command(self, piece: Piece, fields: dict[str, int]) -> Command:
        region, weights = piece.region, self.kernel.weights
        assert self.constants is not None
        reads = [
            piece.sources[0].bytes_of(self.kernel.geometry.needed(region), self.channels),
            Range(Space.WEIGHTS, piece.weight_step, piece.weight_step + self.constants.steps)]
        writes = [piece.destination.bytes_of(region, self.channels)]
        macs = (region.rows * region.columns * (self.channels[1] - self.channels[0])
                * weights[..., 0].size)
        return Command(Opcode.DEPTHWISE, piece.layer, fields, reads, writes, macs)
