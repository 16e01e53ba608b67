"""Commands as the hardware holds them: the fields of `hadron_spec.commands`, side by side.

The words of a command leave room between fields; the layouts here do not, so a queue of commands
stores only bits that mean something. The checksum is checked before and left out.
"""

from collections.abc import Mapping

from amaranth.hdl import Cat, Shape, Value, ValueLike
from amaranth.lib import data

from hadron_spec.commands import COMMAND_WORDS, FIELDS, Field, Opcode

__all__ = ["ExecuteCommand", "TransferCommand", "view_fields"]

_LEFT_OUT = frozenset({"checksum"})


def _layout(fields: Mapping[str, Field]) -> data.StructLayout:
    return data.StructLayout({
        name: Shape(field.width, field.signed)
        for name, field in fields.items() if name not in _LEFT_OUT
    })


ExecuteCommand = _layout(FIELDS[Opcode.MATRIX])
"""Every field of the EXECUTE commands but the checksum; `opcode` tells them apart."""

TransferCommand = _layout(FIELDS[Opcode.LOAD])
"""Every field of LOAD and STORE but the checksum; `opcode` tells them apart."""

_FIELDS_OF = {id(ExecuteCommand): FIELDS[Opcode.MATRIX], id(TransferCommand): FIELDS[Opcode.LOAD]}


def view_fields(layout: data.StructLayout, words: ValueLike) -> data.View:
    """Pick the fields of a command out of its words; wires only.

    Parameters
    ----------
    layout : StructLayout
        `ExecuteCommand` or `TransferCommand`.
    words : ValueLike
        The 32 words of a command, word 0 in the lowest bits: 1024 bits.

    Returns
    -------
    View
        A read-only value of `layout`, to be assigned or read field by field.

    Raises
    ------
    ValueError
        When `layout` is neither of the two, or `words` has another width.
    """
    fields = _FIELDS_OF.get(id(layout))
    if fields is None:
        raise ValueError("layout must be ExecuteCommand or TransferCommand")
    words = Value.cast(words)
    if len(words) != 32 * COMMAND_WORDS:
        raise ValueError(f"words has {len(words)} bits, must be {32 * COMMAND_WORDS}")
    picked = []
    for name, _ in layout:
        field = fields[name]
        low = 32 * field.word + field.lsb
        picked.append(words[low : low + field.width])
    return data.View(layout, Cat(*picked))
