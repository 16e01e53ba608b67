"""The command reference."""

from collections.abc import Iterable, Mapping

from ..commands import (
    CHECKSUM_SEED,
    COMMAND_BYTES,
    COMMAND_WORDS,
    FIELDS,
    LEVELS,
    OTHER_UNITS,
    PARAMETERS,
    TOKEN_MAX,
    Field,
    LocalSpace,
    Opcode,
    unit_of,
)
from .docstrings import member_docstrings
from .markdown import NOTICE, bits, table

__all__ = ["commands_page"]


def _field_table(fields: Mapping[str, Field]) -> list[str]:
    def rows() -> Iterable[tuple[str, ...]]:
        order = sorted(fields.items(), key=lambda item: (item[1].word, item[1].lsb))
        for name, field in order:
            kind = "signed" if field.signed else "unsigned"
            yield (str(field.word), bits(field.lsb, field.width), f"`{name}`", kind, field.doc)

    return table(("word", "bits", "field", "type", "meaning"), rows())


def _opcode_rows() -> Iterable[tuple[str, ...]]:
    docstrings = member_docstrings(Opcode)
    for opcode in Opcode:
        unit = unit_of(opcode)
        yield (f"`{opcode.value:#04x}`", opcode.name, unit.name if unit is not None else "all",
               docstrings[opcode.name])


def commands_page() -> str:
    """Return the text of ``docs/reference/commands.md``."""
    header = FIELDS[Opcode.END]
    transfer = {k: v for k, v in FIELDS[Opcode.LOAD].items() if k not in header}
    execute = {k: v for k, v in FIELDS[Opcode.MATRIX].items() if k not in header}
    spaces = member_docstrings(LocalSpace)
    lines = [
        "# Commands",
        "",
        NOTICE,
        "",
        f"A program is a sequence of {COMMAND_BYTES}-byte commands, each {COMMAND_WORDS} "
        "little-endian 32-bit words. Words and bits that",
        "no field uses are zero. How a command executes is in "
        "[the architecture](../architecture.md).",
        "",
        "## Opcodes",
        "",
        *table(("code", "opcode", "unit", "meaning"), _opcode_rows()),
        "",
        "## Header of every command",
        "",
        *_field_table(header),
        "",
        "A unit runs its commands in order. Before a command starts it takes one token from each "
        "unit that `wait`",
        f"names; when it has finished it sends one to each that `send` names. A counter holds "
        f"{TOKEN_MAX} tokens. The",
        "other units, in the order of the bits:",
        "",
        *table(("unit", "bit 0", "bit 1"), (
            (unit.name, *(other.name for other in others))
            for unit, others in OTHER_UNITS.items())),
        "",
        f"The checksum starts from `{CHECKSUM_SEED:#010x}`; for word 0 and words 2 to "
        f"{COMMAND_WORDS - 1} in order, it is rotated left by",
        "one bit and combined with the word by exclusive or.",
        "",
        "## LOAD and STORE",
        "",
        *_field_table(transfer),
        "",
        *table(("space", "name", "meaning"), (
            (str(space.value), space.name, spaces[space.name]) for space in LocalSpace)),
        "",
        "## MATRIX, MAX, LOOKUP, SOFTMAX and DEPTHWISE",
        "",
        f"Levels, outermost first: {', '.join(f'`{level}`' for level in LEVELS)}.",
        "",
        *_field_table(execute),
        "",
        "## Parameter step",
        "",
        "MATRIX and LOOKUP read a parameter step before the weight steps of each `kg`, DEPTHWISE "
        "one for each half",
        "of the channels, or with `tall` one. Each column of it begins with:",
        "",
        *table(("byte", "parameter", "type"), (
            (bits(offset, size) if size > 1 else str(offset), f"`{name}`", f"signed {8 * size}-bit")
            for name, (offset, size) in PARAMETERS.items())),
    ]
    return "\n".join(lines) + "\n"
