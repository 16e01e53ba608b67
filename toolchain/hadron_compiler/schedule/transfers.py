"""LOAD and STORE of pieces of a tensor: local layouts and the fewest commands that move them."""

from dataclasses import dataclass

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Pitches, View
from hadron_compiler.codegen.packing import NibbleGroups
from hadron_spec.commands import FIELDS, LocalSpace, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["MAX_ROWS", "LocalLayout", "load_bytes", "load_nibbles", "load_view", "local_layout",
           "store_bytes", "store_view"]

MAX_ROWS = FIELDS[Opcode.LOAD]["rows"].maximum
"""Rows of a transfer."""


def _congruent(minimum: int, value: int, modulus: int) -> int:
    """Return the smallest number from `minimum` on that equals `value` modulo `modulus`."""
    return minimum + (value - minimum) % modulus


@dataclass(frozen=True)
class LocalLayout:
    """Pitches of a piece of an image in the scratchpad, and the bytes it takes with its offset; of
    16-bit activations those of both planes, which are `plane` bytes apart."""

    row_pitch: int
    pixel_pitch: int
    size: int
    plane: int = 0


def local_layout(pitches: Pitches, rows: int, columns: int, channels: int,
                 bus: int, gap: int = 0) -> LocalLayout:
    """Lay out `rows` x `columns` x `channels` of an image that lies so in memory, with a gap behind
    each row.

    A transfer's addresses on both sides are equal modulo the bus width: the pitches are congruent
    to those in memory, and the size has room for any first byte.
    """
    pixel = channels if channels == pitches.pixel else _congruent(channels, pitches.pixel, bus)
    row = (pitches.row if columns * channels == pitches.row
           else _congruent(columns * pixel, pitches.row, bus)) + gap
    size = (rows - 1) * row + (columns - 1) * pixel + channels + bus
    if not pitches.plane:
        return LocalLayout(row, pixel, size)
    plane = _congruent(size, pitches.plane, bus)
    return LocalLayout(row, pixel, plane + size, plane)


def load_bytes(layer: int, space: Space, memory: int, local: int, size: int,
               step_bytes: int = 1) -> Command:
    """Return the LOAD of contiguous bytes; `local` is a step in WEIGHTS and TABLES, of
    `step_bytes`, a byte elsewhere."""
    spaces = {Space.SCRATCHPAD: LocalSpace.ACTIVATIONS, Space.WEIGHTS: LocalSpace.WEIGHTS,
              Space.TABLES: LocalSpace.TABLES, Space.TABLE: LocalSpace.TABLE}
    fields = {"memory_offset": memory, "local_address": local * step_bytes, "row_bytes": size,
              "rows": 1, "space": int(spaces[space])}
    written = Space.WEIGHTS if space is Space.TABLES else space
    return Command(Opcode.LOAD, layer, fields, [Range(Space.MEMORY, memory, memory + size)],
                   [Range(written, local, local + size // step_bytes)])


def store_bytes(layer: int, memory: int, local: int, size: int) -> Command:
    """Return the STORE of contiguous bytes."""
    fields = {"memory_offset": memory, "local_address": local, "row_bytes": size, "rows": 1}
    return Command(Opcode.STORE, layer, fields, [Range(Space.SCRATCHPAD, local, local + size)],
                   [Range(Space.MEMORY, memory, memory + size)])


def load_nibbles(layer: int, memory: int, step: int, groups: NibbleGroups,
                 config: NpuConfig) -> list[Command]:
    """Return the LOADs of an image with weights of four bits: of parameters, if there are any, then
    of weights."""
    size = config.step_bytes
    group = groups.parameters + groups.weights
    written = Range(Space.WEIGHTS, step, step + groups.count * group)
    made = []
    nibbles = LocalSpace.NIBBLES if groups.odd_factor == 1 else LocalSpace.SHALLOW_NIBBLES
    for space, first, row, unit in (
            (LocalSpace.WEIGHTS, step, groups.parameters * size, size),
            (nibbles, step + groups.parameters, groups.weights * size // 2, size // 2)):
        if not row:
            continue
        fields = {"memory_offset": memory, "local_address": first * unit, "row_bytes": row,
                  "rows": groups.count, "memory_pitch": row, "local_pitch": group * unit,
                  "space": int(space)}
        end = memory + groups.count * row
        made.append(Command(Opcode.LOAD, layer, fields, [Range(Space.MEMORY, memory, end)],
                            [written]))
        memory = end
    return made


def load_view(layer: int, memory: int, pitches: Pitches, view: View, bus: int,
              gap: int = 0) -> list[Command]:
    """Return the LOADs that fill a view from an image whose first byte is at offset `memory`. With
    gaps behind its rows the view need not be aligned as the image is."""
    return [command for offset, plane in _planes(memory, pitches, view)
            for command in _transfers(Opcode.LOAD, layer, offset, pitches, plane, bus, gap > 0)]


def store_view(layer: int, memory: int, pitches: Pitches, view: View, bus: int) -> list[Command]:
    """Return the STOREs that copy a view to an image whose first byte is at offset `memory`."""
    return [command for offset, plane in _planes(memory, pitches, view)
            for command in _transfers(Opcode.STORE, layer, offset, pitches, plane, bus)]


def _planes(memory: int, pitches: Pitches, view: View) -> list[tuple[int, View]]:
    """Return offset and view of what is moved, of 16-bit activations those of each plane."""
    return [(memory + place * pitches.plane, view.plane_of(place))
            for place in range(2 if pitches.plane else 1)]


def _transfers(opcode: Opcode, layer: int, memory: int, pitches: Pitches, view: View,
               bus: int, shifts: bool = False) -> list[Command]:
    rows, columns = view.rows, view.x[1] - view.x[0]
    channels = view.channel[1] - view.channel[0]
    pitch, depth = pitches.row, pitches.pixel
    offset = memory + view.y[0] * pitch + view.x[0] * depth + view.channel[0]

    def make(y: int, x: int, size: int, count: int, memory_pitch: int,
             local_pitch: int) -> Command:
        start = offset + y * pitch + x * depth
        local = view.address + y * view.row_pitch + x * view.pixel_pitch
        fields = {"memory_offset": start, "local_address": local, "row_bytes": size, "rows": count}
        if count > 1:
            fields |= {"memory_pitch": memory_pitch, "local_pitch": local_pitch}
        far = Range(Space.MEMORY, start, start + (count - 1) * memory_pitch + size)
        near = Range(Space.SCRATCHPAD, local, local + (count - 1) * local_pitch + size)
        reads, writes = (far, near) if opcode is Opcode.LOAD else (near, far)
        if opcode is Opcode.LOAD:
            fields["space"] = int(LocalSpace.ACTIVATIONS)
        return Command(opcode, layer, fields, [reads], [writes])

    if columns == 1:
        depth = channels
    if channels == depth and (rows == 1 or columns * depth == pitch == view.row_pitch):
        return [make(0, 0, rows * columns * depth, 1, 0, 0)]
    if channels == depth and (columns == 1 or view.pixel_pitch == channels):
        if pitch % bus == 0 and (shifts or view.row_pitch % bus == 0):
            return [make(y, 0, columns * depth, min(MAX_ROWS, rows - y), pitch, view.row_pitch)
                    for y in range(0, rows, MAX_ROWS)]
        return [make(y, 0, columns * depth, 1, 0, 0) for y in range(rows)]
    if pitch == columns * depth and view.row_pitch == columns * view.pixel_pitch:
        rows, columns = 1, rows * columns
    if depth % bus == 0 and view.pixel_pitch % bus == 0:
        return [make(y, x, channels, min(MAX_ROWS, columns - x), depth, view.pixel_pitch)
                for y in range(rows) for x in range(0, columns, MAX_ROWS)]
    return [make(y, x, channels, 1, 0, 0) for y in range(rows) for x in range(columns)]
