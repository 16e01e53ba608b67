"""The control registers: one declaration, from which RTL, C header, SVD and reference are made."""

from dataclasses import dataclass, field

__all__ = ["ID", "REGISTERS", "REGISTER_SPACE_BYTES", "VERSION", "Access", "BitField", "Register",
           "register"]

from enum import Enum

ID = 0x4E52_4448
"""'HDRN' in memory order."""

VERSION = (0, 2, 0)
"""Version of register map and command set: major.minor.patch."""

REGISTER_SPACE_BYTES = 4096


class Access(Enum):
    """How software may use a register or field."""

    RO = "read-only"
    RW = "read-write"
    WO = "write-only"
    W1C = "read, write one to clear"


@dataclass(frozen=True)
class BitField:
    """Bits of a register."""

    name: str
    lsb: int
    width: int
    doc: str


@dataclass(frozen=True)
class Register:
    """A 32-bit register at a byte offset."""

    name: str
    offset: int
    access: Access
    doc: str
    fields: tuple[BitField, ...] = field(default=())
    reset: int = 0


def _f(name: str, lsb: int, width: int, doc: str) -> BitField:
    return BitField(name, lsb, width, doc)


_EVENTS = (
    _f("DONE", 0, 1, "The program reached END and all units are idle."),
    _f("ERROR", 1, 1, "The program was stopped by an error; see STATUS.ERROR_CODE."),
    _f("ABORTED", 2, 1, "An ABORT has finished: nothing is outstanding on the memory port."),
)

_COUNTERS = (
    ("CYCLES", "Cycles from START to the end of the program."),
    ("LOAD_BUSY", "Cycles in which LOAD ran a command."),
    ("EXECUTE_BUSY", "Cycles in which EXECUTE ran a command."),
    ("STORE_BUSY", "Cycles in which STORE ran a command."),
    ("MAC_ACTIVE", "Cycles in which the array multiplied."),
    ("STALL_COMMAND", "Cycles in which EXECUTE had no command."),
    ("STALL_LOAD", "Cycles in which EXECUTE waited for a token from LOAD."),
    ("STALL_STORE", "Cycles in which EXECUTE waited for a token from STORE."),
    ("STALL_REQUANTIZER", "Cycles in which the array waited for the requantizer."),
    ("MEMORY_READ_WAIT", "Cycles in which a read was outstanding and no data came."),
    ("MEMORY_WRITE_WAIT", "Cycles in which write data was offered and not taken."),
    ("READ_BEATS", "Beats read over the memory port."),
    ("WRITE_BEATS", "Beats written over the memory port."),
    ("STREAM_WAIT", "Cycles in which LOAD waited for the input stream."),
)

REGISTERS = (
    Register("ID", 0x000, Access.RO, "Reads 'HDRN'.", reset=ID),
    Register("VERSION", 0x004, Access.RO, "Version of register map and command set.", (
        _f("PATCH", 0, 8, ""), _f("MINOR", 8, 8, ""), _f("MAJOR", 16, 8, "")),
        reset=VERSION[0] << 16 | VERSION[1] << 8 | VERSION[2]),
    Register("CONFIG0", 0x008, Access.RO, "Size of the array.", (
        _f("LANES", 0, 8, "Input lanes."), _f("COLUMNS", 8, 8, "Output columns."),
        _f("AXI_BYTES", 24, 8, "Bytes of a beat of the memory port."))),
    Register("CONFIG1", 0x00C, Access.RO, "Size of the memories.", (
        _f("ACT_KIB", 0, 16, "Activation scratchpad, KiB."),
        _f("WEIGHT_STEPS", 16, 16, "Depth of the weight memory, steps."))),
    Register("CONTROL", 0x010, Access.WO, "Actions.", (
        _f("START", 0, 1, "Run the program; ignored while STATUS.BUSY."),
        _f("ABORT", 1, 1, "Stop: finish what is outstanding on the bus, drop the rest."))),
    Register("STATUS", 0x014, Access.RO, "State.", (
        _f("BUSY", 0, 1, "A program is running or an abort is in progress."),
        _f("DONE", 1, 1, "The last program reached END. Cleared by START."),
        _f("ERROR", 2, 1, "The last program was stopped by an error. Cleared by START."),
        _f("ABORTED", 3, 1, "The last program was aborted. Cleared by START."),
        _f("ERROR_CODE", 8, 8, "ErrorCode of the first error."))),
    Register("IRQ_ENABLE", 0x018, Access.RW, "Which events raise the interrupt.", _EVENTS),
    Register("IRQ_STATUS", 0x01C, Access.W1C, "Events since they were last cleared.", _EVENTS),
    Register("COMMAND_BASE", 0x020, Access.RW, "Byte address of the program, a multiple of 128."),
    Register("COMMAND_COUNT", 0x024, Access.RW, "Commands of the program, END included."),
    Register("MEMORY_BASE", 0x028, Access.RW,
             "Byte address of the memory region transfers are relative to, a multiple of 128."),
    Register("MEMORY_BYTES", 0x02C, Access.RW, "Size of that region; transfers stay inside."),
    Register("WATCHDOG", 0x030, Access.RW, "Most cycles a program may take; 0 is no limit."),
    Register("ERROR_COMMAND", 0x034, Access.RO, "Index of the command that the error names."),
    Register("STREAM", 0x038, Access.RW, "The input stream; takes effect at once.", (
        _f("DROP", 0, 1, "Throw away, whole, tensors that begin while no LOAD waits for one; "
           "otherwise they wait, and with them who sends them."),)),
    Register("STREAM_DROPPED", 0x03C, Access.RO,
             "Tensors thrown away: by STREAM.DROP, or the rest of one that an error, an ABORT or "
             "END left."),
    *(Register(name, 0x040 + 4 * i, Access.RO, doc + " Cleared by START.")
      for i, (name, doc) in enumerate(_COUNTERS)),
)


def register(name: str) -> Register:
    """Return the register called `name`."""
    return next(r for r in REGISTERS if r.name == name)
