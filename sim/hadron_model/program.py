"""Commands as the decoder sees them: fetched from memory, checked, or refused with an error code.

Mirrors `hadron_rtl.control.decoder`: checksum, opcode, fields, in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hadron_spec.commands import (
    COMMAND_BYTES,
    COMMAND_WORDS,
    FIELDS,
    LEVELS,
    STRIP_PIXELS,
    TALL_COLUMNS,
    TALL_ROWS,
    WINDOW_COLUMNS,
    WINDOW_ROWS,
    Opcode,
    Unit,
    checksum,
    unit_of,
)
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["Command", "CommandFailureError", "decode_command"]

_BOUND_MAX = 32767


class CommandFailureError(Exception):
    """A command that stops the program, with the code that the hardware reports."""

    def __init__(self, code: ErrorCode, detail: str):
        super().__init__(f"{code.name}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Command:
    """A checked command."""

    index: int
    opcode: Opcode
    unit: Unit | None
    """None for END."""
    fields: Mapping[str, int]


def decode_command(config: NpuConfig, index: int, data: bytes,
                   before: Command | None = None) -> Command:
    """Check and decode one command.

    Parameters
    ----------
    before : Command or None
        The EXECUTE command before it in the program.

    Raises
    ------
    CommandFailureError
        BUS_READ when `data` is not a whole command (the program runs past the memory's end),
        CHECKSUM, OPCODE or FIELD.
    """
    if len(data) != COMMAND_BYTES:
        raise CommandFailureError(ErrorCode.BUS_READ, "the program runs past the end of memory")
    words = [int.from_bytes(data[4 * i : 4 * i + 4], "little") for i in range(COMMAND_WORDS)]
    if checksum(words[:1] + words[2:]) != words[1]:
        raise CommandFailureError(ErrorCode.CHECKSUM, f"word 1 is {words[1]:#010x}")
    if words[0] & 0xFF not in list(Opcode):
        raise CommandFailureError(ErrorCode.OPCODE, f"opcode {words[0] & 0xFF:#04x}")
    opcode = Opcode(words[0] & 0xFF)
    fields = {}
    for name, field in FIELDS[opcode].items():
        value = words[field.word] >> field.lsb & ((1 << field.width) - 1)
        fields[name] = value - (value >> (field.width - 1) << field.width if field.signed else 0)
    if unit_of(opcode) == Unit.EXECUTE and not (config.deep or config.shallow):
        # Such an instance does not look at the bit: `once`, set with it, is what it refuses.
        fields["shallow"] = 0
    _check_fields(config, opcode, fields, before)
    return Command(index, opcode, unit_of(opcode), fields)


def _check_fields(config: NpuConfig, opcode: Opcode, fields: Mapping[str, int],
                  before: Command | None) -> None:
    def check(name: str, low: int, high: int) -> None:
        if not low <= fields[name] <= high:
            raise CommandFailureError(
                ErrorCode.FIELD, f"{opcode.name}: {name}={fields[name]}, must be {low} to {high}")

    if opcode in (Opcode.LOAD, Opcode.STORE):
        check("row_bytes", 1, (1 << 32) - 1)
        check("rows", 1, (1 << 16) - 1)
    if opcode == Opcode.STORE:
        check("stream", 0, 0)
    if opcode == Opcode.LOAD:
        check("space", 0, len(config.spaces) - 1)
    if unit_of(opcode) == Unit.EXECUTE:
        for level in LEVELS:
            check(f"count_{level}", 1, (1 << 16) - 1)
        check("outputs", 1, config.columns)
        check("last_outputs", 0, config.columns)
        check("height", 0, _BOUND_MAX)
        check("width_bytes", 0, _BOUND_MAX)
        check("weight_step", 0, config.weight_steps - 1)
    if opcode == Opcode.DEPTHWISE:
        check("count_ox", WINDOW_ROWS, (1 << 16) - 1)
        check("count_kx", WINDOW_COLUMNS, STRIP_PIXELS)
        check("count_ky", 1, 1)
        check("count_seg", 1, 1)
        if fields["tall"]:
            check("count_ox", TALL_ROWS, (1 << 16) - 1)
            check("count_kx", TALL_COLUMNS, STRIP_PIXELS)
            check("outputs", 1, config.columns // 2)
            check("last_outputs", 0, config.columns // 2)
    if opcode == Opcode.LOOKUP:
        check("count_kg", 1, 1)
    if opcode == Opcode.SOFTMAX:
        check("count_ox", 1, config.softmax_row)
    if unit_of(opcode) == Unit.EXECUTE:
        check("tall", 0, int(opcode == Opcode.DEPTHWISE))
        check("uniform", 0, int(opcode == Opcode.MATRIX))
        check("shallow", 0, int(config.shallow and opcode == Opcode.MATRIX))
        deep = config.deep and not fields["shallow"]
        check("deep", 0, int(deep and opcode == Opcode.MATRIX))
        check("deep_results", 0, int(deep and opcode in (Opcode.MATRIX, Opcode.LOOKUP)))
        check("once", 0, int(config.deep or config.shallow))
        continuable = (before is not None and before.opcode == Opcode.MATRIX
                       and not before.fields["shallow"])
        check("continues", 0, int(continuable and opcode == Opcode.MATRIX
                                  and not fields["shallow"]))
        check("split", 0, 31 * int(config.row_pairs))
