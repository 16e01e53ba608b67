"""The command set: what the words of a program mean.

A program is a sequence of 128-byte commands (32 little-endian words). Word 0 is the header, word 1
the checksum, the rest depends on the opcode. The fetcher hands each command to the unit that its
opcode names; the units run side by side, each in order, held to the data flow by tokens:

    a command may *wait* for one token from each of the two other units before it starts,
    and *send* one token to each of them when it has finished.

Tokens are counted per (sender, receiver) pair. Units: LOAD (memory to on-chip), EXECUTE (array and
post-processing), STORE (on-chip to memory). END waits until all units are idle.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "CHECKSUM_SEED",
    "COMMAND_ALIGN",
    "COMMAND_BYTES",
    "COMMAND_WORDS",
    "DEEP_OFFSET",
    "FIELDS",
    "HEADER_BYTES",
    "LEVELS",
    "LOOKUP_ENTRIES",
    "OTHER_UNITS",
    "PARAMETERS",
    "QUEUE_COMMANDS",
    "SHALLOW_ODD",
    "SHALLOW_OFFSET",
    "SHALLOW_WEIGHT_MAX",
    "STRIP_PIXELS",
    "WEIGHT_MAX",
    "WINDOW_COLUMNS",
    "WINDOW_ROWS",
    "CommandError",
    "Field",
    "LocalSpace",
    "Opcode",
    "Unit",
    "checksum",
    "decode",
    "encode",
    "iterate",
    "pack_parameters",
    "unit_of",
    "unpack_parameters",
]

COMMAND_WORDS = 32
COMMAND_BYTES = 4 * COMMAND_WORDS
COMMAND_ALIGN = COMMAND_BYTES
"""COMMAND_BASE and MEMORY_BASE are multiples of this."""

CHECKSUM_SEED = 0x4E52_4448
TOKEN_MAX = 0xFFFF
"""The most tokens that may wait in one counter."""


class CommandError(ValueError):
    """A command that cannot be encoded, or a word sequence that is not a command."""


class Unit(IntEnum):
    """The three units that run commands side by side."""

    LOAD = 0
    EXECUTE = 1
    STORE = 2


QUEUE_COMMANDS = {Unit.LOAD: 5, Unit.EXECUTE: 3, Unit.STORE: 5}
"""Commands of a unit, none of them started, that the fetcher passes before it waits for the unit.

A program that needs more of them to reach the command that sends a token deadlocks.
"""

OTHER_UNITS = {
    unit: tuple(other for other in Unit if other != unit) for unit in Unit
}
"""For each unit the other two, in the order of the bits of `wait` and `send`."""


class Opcode(IntEnum):
    """Bits 7:0 of word 0."""

    END = 0x01
    """Finish when all units are idle: the program is done."""
    LOAD = 0x10
    """Copy rows of bytes from memory, or from the input stream, to `space`."""
    STORE = 0x20
    """Copy rows of bytes from the scratchpad to memory."""
    MATRIX = 0x30
    """Array: convolution, fully connected, average pooling."""
    MAX = 0x31
    """Element-wise maximum over the inner loops."""
    LOOKUP = 0x32
    """Array: sum over the inner loops of table entries, a table a step: addition, functions."""
    SOFTMAX = 0x33
    """Softmax over count_ox elements, less than `softmax_elements`, of count_kg * count_oy rows."""
    DEPTHWISE = 0x34
    """Array: each channel by itself, windows of up to 3 x 3, or 5 x 5 with `tall`, strides of 1 and
    2."""


_UNITS = {
    Opcode.LOAD: Unit.LOAD,
    Opcode.STORE: Unit.STORE,
    Opcode.MATRIX: Unit.EXECUTE,
    Opcode.MAX: Unit.EXECUTE,
    Opcode.LOOKUP: Unit.EXECUTE,
    Opcode.SOFTMAX: Unit.EXECUTE,
    Opcode.DEPTHWISE: Unit.EXECUTE,
}


def unit_of(opcode: Opcode) -> Unit | None:
    """Return the unit that runs `opcode`; END has none."""
    return _UNITS.get(opcode)


class LocalSpace(IntEnum):
    """Where a LOAD writes."""

    ACTIVATIONS = 0
    """The scratchpad, byte addressed."""
    WEIGHTS = 1
    """The weight memory: byte = step * (lanes * columns) + column * lanes + lane."""
    TABLE = 2
    """The table of SOFTMAX: 256 words of 32 bits, little endian."""
    TABLES = 3
    """The weight memory, all columns at once: byte = step * lanes + lane."""
    NIBBLES = 4
    """The weight memory, weights of four bits: the byte step * (lanes * columns / 2) + i * lanes +
    lane holds that of column 2i in its low half and that of column 2i + 1 in its high half."""
    SHALLOW_NIBBLES = 5
    """The same for `shallow`: weights of columns 2i + 1 are stored SHALLOW_ODD times as large."""


LOOKUP_ENTRIES = 256
"""Words of 32 bits of one of LOOKUP's tables, which are in the weight memory: entry x + 128 of an
activation x. A column of a step holds lanes / 4 of them, so a table takes 1024 / lanes steps."""


STRIP_PIXELS = 16
"""Most pixels of a row of a strip, of which DEPTHWISE keeps the last rows."""

WINDOW_ROWS = 3
WINDOW_COLUMNS = 5
"""Pixels from which DEPTHWISE makes two neighbouring outputs. Lane l of its weight steps has the
weight of row l // 5, column l % 5: with a stride of two the first output takes columns 0 to 2 and
the second 2 to 4, with a stride of one columns 1 to 3 and 2 to 4, and column 0 has weights of zero.
"""

TALL_ROWS = 5
TALL_COLUMNS = 6
"""The same with `tall`, for one channel a pair of columns: `columns` / 2 channels at a time. With a
stride of one the first output takes columns 0 to 4 of the window and the second 1 to 5; with a
stride of two there is one output, which takes 1 to 5, and the odd columns' results are ignored."""

TALL_TAPS = (
    tuple((2 + lane // 5, 1 + lane % 5) for lane in range(15)),
    (*((lane // 5, 1 + lane % 5) for lane in range(10)), *((row, 0) for row in range(5))),
)
"""Row and column of the window in the lanes of the two weight steps of `tall`, which add up."""


@dataclass(frozen=True)
class Field:
    """Bits of a command: `word`, lowest bit, width; two's complement where signed."""

    word: int
    lsb: int
    width: int
    signed: bool = False
    doc: str = ""

    @property
    def minimum(self) -> int:
        """Smallest value the field holds."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest value the field holds."""
        return (1 << (self.width - self.signed)) - 1


LEVELS = ("kg", "oy", "ox", "ky", "kx", "seg")
"""The loops of an EXECUTE command, outermost first.

One *step* a pass of the innermost loop: `lanes` bytes read at `address`, one set of weights. The
three outer loops count results (kg: groups of output channels; oy, ox: output rows and columns),
the three inner ones the steps that make one result. Before a loop of which the next pass begins is
entered, `<level>_address`, `<level>_y` and `<level>_x` of the outermost level that advances are
added to the running address, row and byte-in-row: they are differences that undo the inner loops.
"""

_HEADER = {
    "opcode": Field(0, 0, 8, doc="Opcode."),
    "wait": Field(0, 8, 2, doc="Wait for a token from other unit 0, 1."),
    "send": Field(0, 10, 2, doc="Send a token to other unit 0, 1 when finished."),
    "layer": Field(0, 16, 16, doc="Layer of the network, for reports; no effect."),
    "checksum": Field(1, 0, 32, doc="Checksum of the other 31 words."),
}

_TRANSFER = {
    "memory_offset": Field(2, 0, 32, doc="First byte in memory, relative to MEMORY_BASE."),
    "local_address": Field(3, 0, 32, doc="First byte on chip; equal to memory_offset modulo the "
                           "bus width, but for LOADs of ACTIVATIONS with `row_pairs`."),
    "row_bytes": Field(4, 0, 32, doc="Bytes of one row, 1 or more."),
    "rows": Field(5, 0, 16, doc="Rows, 1 or more."),
    "space": Field(5, 16, 3, doc="LocalSpace (LOAD only; STORE reads the scratchpad)."),
    "memory_pitch": Field(6, 0, 32, doc="Bytes from row to row in memory, a multiple of the bus "
                          "width when rows > 1."),
    "local_pitch": Field(7, 0, 32, doc="Bytes from row to row on chip, likewise."),
    "stream": Field(5, 30, 1, doc="LOAD: from `s_axis`, not memory. Each row begins in a beat of "
                    "its own, at byte memory_offset modulo the bus width."),
    "stream_end": Field(5, 31, 1, doc="With `stream`: the last beat ends the tensor; no other "
                        "may."),
}


def _level_fields() -> dict[str, Field]:
    fields = {}
    for i, level in enumerate(LEVELS):
        fields[f"{level}_address"] = Field(8 + i, 0, 24, True, f"Address step of level {level}.")
    for i, level in enumerate(LEVELS):
        fields[f"{level}_y"] = Field(14 + i, 0, 16, True, f"Row step of level {level}.")
        fields[f"{level}_x"] = Field(14 + i, 16, 16, True, f"Byte-in-row step of level {level}.")
    return fields


_EXECUTE = {
    "early": Field(0, 12, 1, doc="May begin while the last results of the EXECUTE command before "
                   "are on their way. Only where the first steps read none of them."),
    "source": Field(2, 0, 24, True, "Scratchpad address of the first step."),
    "wide": Field(2, 24, 1, doc="Scale all 32 bits of results, in two cycles each; otherwise they "
                  "saturate to 18. Positive shifts then count as 0."),
    "bounded": Field(2, 25, 1, doc="Bytes outside [0, height) x [0, width_bytes) read as `pad`."),
    "least": Field(2, 26, 1, doc="MAX: the minimum instead of the maximum."),
    "split": Field(2, 27, 5, doc="Lanes from this one on, modulo `lanes`, of a result's first step "
                   "read the next row, and byte x - split + lane of it. 0: none, in no step."),
    "destination": Field(3, 0, 24, doc="Scratchpad address of the first result."),
    "outputs": Field(3, 24, 8, doc="Bytes of a result that are written, 1 to columns."),
    "count_kg": Field(4, 0, 16, doc="Passes of loop kg, 1 or more."),
    "count_oy": Field(4, 16, 16, doc="Passes of loop oy, 1 or more."),
    "count_ox": Field(5, 0, 16, doc="Passes of loop ox, 1 or more."),
    "count_ky": Field(5, 16, 16, doc="Passes of loop ky, 1 or more."),
    "count_kx": Field(6, 0, 16, doc="Passes of loop kx, 1 or more."),
    "count_seg": Field(6, 16, 16, doc="Passes of loop seg, 1 or more."),
    "last_outputs": Field(7, 0, 8, doc="Like outputs, in the last pass of loop kg. 0: none is "
                          "written; a command that `continues` goes on with the last sum."),
    "pad": Field(7, 8, 8, True, "Value of bytes out of bounds."),
    "weight_step": Field(7, 16, 16, doc="First step in the weight memory: parameters of group 0."),
    **_level_fields(),
    "start_y": Field(20, 0, 16, True, "Row of the first step."),
    "start_x": Field(20, 16, 16, True, "Byte in the row of the first step."),
    "height": Field(21, 0, 16, doc="Rows in bounds, at most 32767."),
    "width_bytes": Field(21, 16, 16, doc="Bytes of a row in bounds, at most 32767."),
    "destination_kg": Field(22, 0, 24, True, "Destination step when loop kg advances."),
    "zero_point": Field(22, 24, 8, True, "Output zero point."),
    "destination_oy": Field(23, 0, 24, True, "Destination step when loop oy advances."),
    "minimum": Field(23, 24, 8, True, "Lower bound of the fused activation."),
    "destination_ox": Field(24, 0, 24, True, "Destination step when loop ox advances."),
    "maximum": Field(24, 24, 8, True, "Upper bound of the fused activation."),
    "stride_x": Field(25, 0, 1, doc="DEPTHWISE: stride less one of columns."),
    "stride_y": Field(25, 1, 1, doc="DEPTHWISE: stride less one of rows."),
    "odd": Field(25, 2, 1, doc="DEPTHWISE: the last two outputs of a strip's row are one."),
    "deep": Field(25, 3, 1, doc="MATRIX: activations of 16 bits; each step is made twice, with "
                  "low bytes, then with high ones."),
    "deep_results": Field(25, 4, 1, doc="MATRIX, LOOKUP: results of 16 bits, scaled as with "
                          "`wide`; `minimum` and `maximum` are their high bytes."),
    "once": Field(25, 5, 1, doc="Round wide results once, halves up, instead of twice. Set with "
                  "`shallow`, whose results it does not change."),
    "continues": Field(25, 7, 1, doc="MATRIX: the first result goes on with the last sum of the "
                       "EXECUTE command before, and has its parameters: no step reads them. That "
                       "command is MATRIX, too; neither is `shallow`."),
    "plane_address": Field(25, 8, 24, True, "`deep`: address step from low to high bytes. `split`: "
                           "to the next row less `split`, rounded down to a multiple of `lanes`."),
    "destination_px": Field(26, 0, 24, True, "DEPTHWISE: destination step from output to output in "
                            "a row. `deep_results`: from low to high bytes. `shallow`: from "
                            "the first to the second result."),
    "split_later": Field(26, 24, 5, doc="`split` in a result's other steps; 0: all lanes."),
    "uniform": Field(26, 29, 1, doc="MATRIX: all steps of a result have the same weights: there is "
                     "one step of them in each pass of loop kg."),
    "tall": Field(26, 31, 1, doc="DEPTHWISE: windows of five rows; `columns` / 2 channels, the "
                  "most of `outputs` and `last_outputs`, in each pass of loop kg."),
    "shallow": Field(25, 6, 1, doc="MATRIX: two activations of four bits a byte, two results; "
                     "`wide` then counts as 0. Instances without it refuse `once`."),
}

FIELDS: Mapping[Opcode, Mapping[str, Field]] = {
    Opcode.END: _HEADER,
    Opcode.LOAD: _HEADER | _TRANSFER,
    Opcode.STORE: _HEADER | _TRANSFER,
    Opcode.MATRIX: _HEADER | _EXECUTE,
    Opcode.MAX: _HEADER | _EXECUTE,
    Opcode.LOOKUP: _HEADER | _EXECUTE,
    Opcode.SOFTMAX: _HEADER | _EXECUTE,
    Opcode.DEPTHWISE: _HEADER | _EXECUTE,
}
"""The fields of each opcode. Words no field uses are zero."""

DEEP_OFFSET = 128
"""What is taken off the low byte of a 16-bit activation, so that it is signed like the high one.

An activation x is two bytes, low = (x & 255) - DEEP_OFFSET and high = x >> 8, each in a plane of
its own. `deep` adds up w * low + 256 * w * high; DEEP_OFFSET times the sum of the weights belongs
into the bias. Low bytes out of bounds read as `pad` - DEEP_OFFSET, in eight bits.
"""

SHALLOW_OFFSET = 8
"""What is added to the first of two activations of four bits, so that their byte is signed.

The byte of two activations, -8 to 7 each, is 16 * second + first + SHALLOW_OFFSET. `shallow` adds
up w * first in one result and w * second in another, which is written `destination_px` further.
"""

WEIGHT_MAX = 127
"""Largest weight of MATRIX and DEPTHWISE, and the smallest negated: see `PARAMETERS`."""

SHALLOW_WEIGHT_MAX = 7
"""Largest weight of `shallow`, and the smallest negated. A result has no more steps than the weight
memory."""

SHALLOW_ODD = 16
"""The weights of `shallow` of the columns 2i + 1 are stored as many times as large: the 18-bit
operand (see `PARAMETERS`) then has room for four products."""

HEADER_BYTES = 9
PARAMETERS = {"bias": (0, 4), "multiplier": (4, 4), "shift": (8, 1)}
"""Byte offset and size of each parameter in the first bytes of a column of a parameter step.

MATRIX and LOOKUP read one parameter step before the weight steps of each kg (none before the first
of a command that `continues`), DEPTHWISE two, one for each half of the channels, or with `tall`
one, before its two weight steps: `columns` columns of `lanes` bytes, of which the first nine hold
these signed little-endian values. In the weight steps the columns 2i and 2i+1 are stored packed:
byte of column 2i+1 is w1 - (w0 < 0), that of column 2i is w0, so that the 18-bit operand of the
shared multiplier is {byte1, sign(w0) x 2, byte0}.
"""


def checksum(words: Iterable[int]) -> int:
    """Fold the words of a command (word 1 left out): rotate left by one, exclusive or."""
    value = CHECKSUM_SEED
    for word in words:
        value = (((value << 1) | (value >> 31)) & 0xFFFF_FFFF) ^ word
    return value


def encode(opcode: Opcode, **values: int) -> bytes:
    """Encode one command; fields not given are zero, the checksum is filled in.

    Raises
    ------
    CommandError
        When the opcode has no such field or a value is out of the field's range.
    """
    fields = FIELDS[opcode]
    words = [0] * COMMAND_WORDS
    for name, value in {"opcode": int(opcode), **values}.items():
        field = fields.get(name)
        if field is None or name == "checksum":
            raise CommandError(f"{opcode.name} has no field {name!r}")
        if not field.minimum <= value <= field.maximum:
            raise CommandError(f"{opcode.name}: {name}={value}, must be {field.minimum} to "
                               f"{field.maximum}")
        words[field.word] |= (int(value) & ((1 << field.width) - 1)) << field.lsb
    words[1] = checksum(words[:1] + words[2:])
    return b"".join(word.to_bytes(4, "little") for word in words)


def decode(data: bytes) -> dict[str, int]:
    """Decode one command into its fields.

    Raises
    ------
    CommandError
        When `data` is not one whole command, the checksum is wrong or the opcode unknown.
    """
    if len(data) != COMMAND_BYTES:
        raise CommandError(f"a command has {COMMAND_BYTES} bytes, not {len(data)}")
    words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, COMMAND_BYTES, 4)]
    if checksum(words[:1] + words[2:]) != words[1]:
        raise CommandError("checksum mismatch")
    try:
        opcode = Opcode(words[0] & 0xFF)
    except ValueError:
        raise CommandError(f"unknown opcode {words[0] & 0xFF:#04x}") from None
    values = {}
    for name, field in FIELDS[opcode].items():
        value = words[field.word] >> field.lsb & ((1 << field.width) - 1)
        if field.signed and value >> (field.width - 1):
            value -= 1 << field.width
        values[name] = value
    return values


def iterate(stream: bytes) -> Iterator[dict[str, int]]:
    """Decode the commands of a program one after the other, to END or the end of the bytes."""
    for offset in range(0, len(stream), COMMAND_BYTES):
        values = decode(stream[offset : offset + COMMAND_BYTES])
        yield values
        if values["opcode"] == Opcode.END:
            return


def pack_parameters(bias: int, multiplier: int, shift: int) -> bytes:
    """Lay out one column's parameters as the parameter step holds them."""
    return (bias.to_bytes(4, "little", signed=True)
            + multiplier.to_bytes(4, "little", signed=True)
            + shift.to_bytes(1, "little", signed=True))


def unpack_parameters(data: bytes) -> tuple[int, int, int]:
    """Return bias, multiplier and shift from a column of a parameter step."""
    bias, multiplier, shift = (
        int.from_bytes(data[offset : offset + size], "little", signed=True)
        for offset, size in PARAMETERS.values()
    )
    return bias, multiplier, shift
