"""EXECUTE commands of windowed operators: MATRIX and MAX over a sliding window."""

from dataclasses import dataclass, replace
from math import prod

from hadron_compiler.codegen.command import Command, Range, Space, planes
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import Piece
from hadron_compiler.codegen.loops import Loop, coordinates_fit, loop_fields, out_of_range
from hadron_compiler.codegen.row_pairs import RowPairs
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import Opcode

__all__ = ["ChannelBlocks", "WindowPart", "WindowedCommand", "channel_runs", "cut_window",
           "single_block", "windowed_commands"]


@dataclass(frozen=True)
class WindowPart:
    """What one of several commands of a sum reads of a window: kernel rows, taps of each, and
    segments of `lanes` bytes of each of these, or of a folded row; all half-open."""

    rows: tuple[int, int]
    taps: tuple[int, int]
    segments: tuple[int, int]

    @property
    def steps(self) -> int:
        """Steps that read it."""
        return prod(end - first for first, end in (self.rows, self.taps, self.segments))


def cut_window(rows: int, taps: int, segments: int, most: int, folded: bool,
               period: int = 1) -> list[WindowPart]:
    """Cut a window into parts of at most `most` steps, about equal ones.

    A part has whole kernel rows, or taps of one, or segments of one tap; of a folded row, which
    is read `taps` times, each time the same segments. Weights that repeat after `period` segments
    are alike in all parts but the last.
    """
    if taps * segments <= most:
        return [WindowPart(some, (0, taps), (0, segments))
                for some in _shares(rows, most // (taps * segments))]
    if folded:
        return [WindowPart((row, row + 1), (0, taps), some) for row in range(rows)
                for some in _shares(segments, most // taps)]
    if segments <= most:
        return [WindowPart((row, row + 1), some, (0, segments)) for row in range(rows)
                for some in _shares(taps, most // segments)]
    return [WindowPart((row, row + 1), (tap, tap + 1), some) for row in range(rows)
            for tap in range(taps) for some in _shares(segments, most, period)]


def _shares(count: int, most: int, period: int = 1) -> list[tuple[int, int]]:
    size = -(-count // -(-count // most))
    size = min(-(-size // period), most // period) * period
    return [(first, min(first + size, count)) for first in range(0, count, size)]


@dataclass(frozen=True)
class ChannelBlocks:
    """A run of channel groups: where each begins and how many bytes it makes."""

    count: int
    source: int
    source_step: int
    destination: int
    destination_step: int
    outputs: int
    last_outputs: int

    @property
    def channels(self) -> tuple[int, int]:
        """Output channels of all groups, half-open."""
        end = self.destination + (self.count - 1) * self.destination_step + self.last_outputs
        return self.destination, end

    def part(self, first: int, end: int) -> "ChannelBlocks":
        """Return the groups `first` to `end` - 1."""
        return replace(
            self, count=end - first,
            source=self.source + first * self.source_step,
            destination=self.destination + first * self.destination_step,
            last_outputs=self.last_outputs if end == self.count else self.outputs)


def channel_runs(channels: tuple[int, int], columns: int, region: Region,
                 own_weights: bool = False) -> list[tuple[ChannelBlocks, str]]:
    """Cut channels into runs of blocks, each with the loop that walks it.

    Loop kg would take new weights for every block, but blocks of averages and look-ups have the
    same: a free outer loop walks them instead, or each block has a command of its own.
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
        runs += [(single_block(first + i * columns, columns), "kg") for i in range(full)]
    if rest:
        runs.append((single_block(first + full * columns, rest), "kg"))
    return runs


def single_block(first: int, outputs: int) -> ChannelBlocks:
    """Return a run of one block, from channel `first` on."""
    return ChannelBlocks(1, first, 0, first, 0, outputs, outputs)


@dataclass(frozen=True)
class WindowedCommand:
    """What the commands of one region have in common.

    `folded`: a kernel row is contiguous bytes, read in `segments` steps of `lanes` bytes;
    otherwise every tap is read on its own, in `segments` steps. `reads` are the input channels.
    `blocks_in` names the loop that walks the channel groups: kg, with weights of their own, or
    oy or ox (the region then has one row or column) with shared weights. A folded row is read
    `repeats` times, each time for other weights; with `same_segment`, all segments of a tap are the
    first, for other weights each. `second` is the distance from the first to the
    second result of activations of four bits. `pairs`: steps read two kernel rows each. `part`:
    what the command adds up of a sum of several; the region is one pixel.
    """

    opcode: Opcode
    name: str
    geometry: Geometry
    blocks: ChannelBlocks
    reads: tuple[int, int]
    folded: bool
    segments: int
    lanes: int
    weight_steps: int
    fields: dict[str, int]
    macs_per_output: int
    blocks_in: str = "kg"
    repeats: int = 1
    same_segment: bool = False
    second: int = 0
    pairs: RowPairs | None = None
    part: WindowPart | None = None


def windowed_commands(command: WindowedCommand, piece: Piece) -> list[Command]:
    """Return the commands that compute the region of `piece`: one, or more where counts or
    coordinates are out of the fields' range."""
    region = piece.region
    fields, wrong = _fields(command, piece)
    if not wrong:
        return [_command(command, piece, fields)]
    if region.columns > 1:
        middle = (region.x[0] + region.x[1]) // 2
        halves = (Region(region.y, (region.x[0], middle)), Region(region.y, (middle, region.x[1])))
    elif region.rows > 1:
        middle = (region.y[0] + region.y[1]) // 2
        halves = (Region((region.y[0], middle), region.x), Region((middle, region.y[1]), region.x))
    else:
        raise CapacityError(f"{command.name}: one output needs {wrong}={fields[wrong]}, more than "
                            "a command holds")
    return [made for half in halves
            for made in windowed_commands(command, replace(piece, region=half))]


def _fields(command: WindowedCommand, piece: Piece) -> tuple[dict[str, int], str]:
    """Return the fields of one command for all of the piece, and one that is out of range."""
    geometry, blocks, region = command.geometry, command.blocks, piece.region
    window = geometry.window
    needed = geometry.needed(region)
    source = piece.sources[0].narrow(needed)
    destination = piece.destination
    row, column = geometry.origin(region)
    bounded = geometry.touches_padding(region)
    pixel, pitch = source.pixel_pitch, source.row_pitch
    part = command.part or WindowPart((0, window.kernel_y), (0, window.kernel_x),
                                      (0, command.segments))
    row += part.rows[0] * window.dilation_y
    column += 0 if command.folded else part.taps[0] * window.dilation_x
    segment = 0 if command.same_segment else command.lanes
    first_byte = blocks.source + part.segments[0] * segment
    walk = Loop(blocks.count, blocks.source_step, 0, blocks.source_step, blocks.destination_step)
    loops = {
        "oy": Loop(region.rows, window.stride_y * pitch, window.stride_y, 0,
                   destination.row_pitch),
        "ox": Loop(region.columns, window.stride_x * pixel, 0, window.stride_x * pixel,
                   destination.pixel_pitch),
        "ky": Loop(part.rows[1] - part.rows[0], window.dilation_y * pitch, window.dilation_y, 0),
        "kx": (Loop(command.repeats) if command.folded else
               Loop(part.taps[1] - part.taps[0], window.dilation_x * pixel, 0,
                    window.dilation_x * pixel)),
        "seg": Loop(part.segments[1] - part.segments[0], segment, 0, segment),
    }
    if command.pairs is not None:
        loops |= {"ky": Loop(), "seg": command.pairs.loop(source)}
    loops[command.blocks_in] = walk
    fields = {
        **command.fields,
        **loop_fields(loops, bounded=bounded, source_plane=_source_plane(command, piece),
                      destination_plane=_destination_plane(command, piece)),
        "source": source.locate(row, column, first_byte),
        "destination": destination.locate(region.y[0], region.x[0], blocks.destination),
        "outputs": blocks.outputs,
        "last_outputs": blocks.last_outputs,
    }
    if command.weight_steps:
        fields["weight_step"] = piece.weight_step
    if command.pairs is not None:
        fields |= command.pairs.fields(source)
    if bounded:
        fields |= {
            "bounded": 1,
            "start_y": row - needed.y[0],
            "start_x": (column - needed.x[0]) * pixel + first_byte - source.channel[0],
            "height": source.rows,
            "width_bytes": source.width_bytes,
        }
        if not coordinates_fit(loops, fields["start_y"], fields["start_x"], command.lanes):
            return fields, "width_bytes"
    else:
        fields.pop("pad", None)
    return fields, out_of_range(command.opcode, fields)


def _source_plane(command: WindowedCommand, piece: Piece) -> int:
    """Return the distance from low to high bytes of the source, 0 unless it has 16 bits."""
    return piece.sources[0].plane if command.fields.get("deep") else 0


def _destination_plane(command: WindowedCommand, piece: Piece) -> int:
    """Return the distance from the first to the second byte that a result is, or 0."""
    if command.fields.get("deep_results"):
        return piece.destination.plane
    return command.second


def _command(command: WindowedCommand, piece: Piece, fields: dict[str, int]) -> Command:
    region = piece.region
    reads = planes(piece.sources[0].bytes_of(command.geometry.needed(region), command.reads),
                   _source_plane(command, piece))
    if command.weight_steps:
        reads.append(Range(Space.WEIGHTS, piece.weight_step,
                           piece.weight_step + command.weight_steps))
    channels = command.blocks.channels
    writes = planes(piece.destination.bytes_of(region, channels),
                    _destination_plane(command, piece))
    macs = region.rows * region.columns * (channels[1] - channels[0]) * command.macs_per_output
    return Command(command.opcode, piece.layer, fields, reads, writes, macs)
