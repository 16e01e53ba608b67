"""Programs written by hand: commands one after the other, and a memory to run them in."""

import numpy as np

from hadron_spec.commands import (
    LEVELS,
    OTHER_UNITS,
    LocalSpace,
    Opcode,
    Unit,
    encode,
    pack_parameters,
    unit_of,
)
from hadron_spec.config import NpuConfig

__all__ = ["Assembler", "pack_parameter_step", "pack_weight_step"]


def pack_weight_step(config: NpuConfig, weights: np.ndarray) -> bytes:
    """Lay out one step's weights [column, lane], -127 to 127, as the weight memory holds them."""
    stored = np.array(weights, np.int16)
    assert stored.shape == (config.columns, config.lanes)
    stored[1::2] -= stored[0::2] < 0
    return stored.astype(np.int8).tobytes()


def pack_parameter_step(config: NpuConfig, parameters: list[tuple[int, int, int]]) -> bytes:
    """Lay out (bias, multiplier, shift) of each column as a parameter step."""
    assert len(parameters) == config.columns
    return b"".join(pack_parameters(*one).ljust(config.lanes, b"\0") for one in parameters)


class Assembler:
    """Commands of a program, and the memory image it runs in.

    The program lies at address 0, the memory region it transfers from and to behind it.
    """

    COMMAND_BASE = 0
    MEMORY_BASE = 1 << 16

    def __init__(self, config: NpuConfig, memory_bytes: int = 1 << 16):
        self.config = config
        self.memory_bytes = memory_bytes
        self.region = np.zeros(memory_bytes, np.uint8)
        self.commands: list[bytes] = []

    def add(self, opcode: Opcode, wait: tuple[Unit, ...] = (), send: tuple[Unit, ...] = (),
            **fields: int) -> int:
        """Append a command and return its index; tokens are named by the other unit."""
        unit = unit_of(opcode)
        if unit is not None:
            others = OTHER_UNITS[unit]
            fields["wait"] = sum(1 << others.index(other) for other in wait)
            fields["send"] = sum(1 << others.index(other) for other in send)
        self.commands.append(encode(opcode, **fields))
        return len(self.commands) - 1

    def load(self, offset: int, address: int, size: int, *,
             space: LocalSpace = LocalSpace.ACTIVATIONS, wait: tuple[Unit, ...] = (),
             send: tuple[Unit, ...] = (), **fields: int) -> int:
        """Append a LOAD, of one row unless `fields` say otherwise."""
        return self.add(Opcode.LOAD, wait, send, memory_offset=offset, local_address=address,
                        row_bytes=size, space=space, **{"rows": 1, **fields})

    def store(self, offset: int, address: int, size: int, *, wait: tuple[Unit, ...] = (),
              send: tuple[Unit, ...] = (), **fields: int) -> int:
        """Append a STORE, of one row unless `fields` say otherwise."""
        return self.add(Opcode.STORE, wait, send, memory_offset=offset, local_address=address,
                        row_bytes=size, **{"rows": 1, **fields})

    def execute(self, opcode: Opcode, *, wait: tuple[Unit, ...] = (),
                send: tuple[Unit, ...] = (), **fields: int) -> int:
        """Append MATRIX, MAX, LOOKUP or SOFTMAX: counts are 1, outputs all columns by default."""
        defaults = {f"count_{level}": 1 for level in LEVELS}
        defaults |= {"outputs": self.config.columns, "minimum": -128, "maximum": 127}
        values = defaults | fields
        values.setdefault("last_outputs", values["outputs"])
        return self.add(opcode, wait, send, **values)

    def end(self) -> int:
        """Append END."""
        return self.add(Opcode.END)

    def put(self, offset: int, data: bytes | np.ndarray) -> None:
        """Place bytes in the memory region."""
        raw = np.frombuffer(data if isinstance(data, bytes) else data.tobytes(), np.uint8)
        self.region[offset : offset + len(raw)] = raw

    @property
    def registers(self) -> dict[str, int]:
        """The arguments of `Executor.run`, by name."""
        return {"command_base": self.COMMAND_BASE, "command_count": len(self.commands),
                "memory_base": self.MEMORY_BASE, "memory_bytes": self.memory_bytes}

    def image(self) -> bytearray:
        """Return all of memory: program and region."""
        program = b"".join(self.commands)
        assert len(program) <= self.MEMORY_BASE
        return bytearray(program.ljust(self.MEMORY_BASE, b"\0") + self.region.tobytes())
