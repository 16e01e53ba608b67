"""The serial link between a host and a board: frames, address map, defaults.

A request is `opcode, address (u32), words (u16)`, little endian, followed by `words` 32-bit words
for WRITE. READ answers with the words, then OK; WRITE answers OK; a bus error answers ERROR after
the words; an unknown opcode answers UNKNOWN and is dropped. A request that stops for `TIMEOUT_S`
is dropped, so that a host resynchronises by waiting.
"""

__all__ = ["BAUD", "ERROR", "MEMORY_ADDRESS", "OK", "READ", "REGISTERS_ADDRESS", "TIMEOUT_S",
           "UNKNOWN", "WRITE"]

READ = ord("R")
WRITE = ord("W")
OK = ord("K")
ERROR = ord("E")
UNKNOWN = ord("?")

MEMORY_ADDRESS = 0x0000_0000
"""The memory behind the NPU's AXI4 port; the NPU sees it at address 0."""

REGISTERS_ADDRESS = 0x8000_0000
"""The NPU's AXI4-Lite registers."""

BAUD = 1_000_000
TIMEOUT_S = 0.1
