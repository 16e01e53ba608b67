"""Error codes the NPU reports in STATUS.error, with the command index in ERROR_COMMAND."""

from enum import IntEnum

__all__ = ["ErrorCode"]


class ErrorCode(IntEnum):
    """Why the NPU stopped; `NONE` while it has not."""

    NONE = 0
    CHECKSUM = 1
    """The checksum word of a command does not match its other words."""
    OPCODE = 2
    """A command has an opcode that is not defined."""
    FIELD = 3
    """A field of a command is out of range (a count of zero, more outputs than columns)."""
    ALIGNMENT = 4
    """A transfer's memory offset and local address differ modulo the bus width, or
    COMMAND_BASE or MEMORY_BASE is not a multiple of 128."""
    ADDRESS = 5
    """A transfer leaves the memory region, the scratchpad, the weight memory or the table."""
    BUS_READ = 6
    """The memory port answered a read with SLVERR or DECERR."""
    BUS_WRITE = 7
    """The memory port answered a write with SLVERR or DECERR."""
    DEADLOCK = 8
    """Every unit waits for a token that no unit will send."""
    TOKEN_OVERFLOW = 9
    """A unit sent more tokens than a counter holds."""
    END_OF_STREAM = 10
    """COMMAND_COUNT commands were read and none was END."""
    WATCHDOG = 11
    """The program took more than WATCHDOG cycles."""
    STREAM_SHORT = 12
    """A tensor on the input stream ended (TLAST) before the program expected it."""
    STREAM_LONG = 13
    """A tensor on the input stream did not end where the program expected it."""
    STREAM_BROKEN = 14
    """The sender marked the tensor as broken (TUSER of its last beat)."""
