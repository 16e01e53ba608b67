"""Run compiled programs on the golden model."""

from collections.abc import Sequence

import numpy as np

from hadron_compiler import Program
from hadron_model.executor import Executor, Result

__all__ = ["run_program"]

GARBAGE = 0x5A
"""What memory holds where the program did not put anything."""


def run_program(program: Program, inputs: Sequence[np.ndarray], *, check_hazards: bool = True
                ) -> tuple[list[np.ndarray], Result]:
    """Run a program on the golden model and return its outputs, and what the executor says.

    Memory that the image does not cover, and the scratchpad, hold garbage.
    """
    memory = bytearray([GARBAGE]) * program.region_bytes
    memory[:len(program.memory)] = program.memory
    for binding, value in zip(program.inputs, inputs, strict=True):
        assert value.shape == binding.shape
        memory[binding.offset:binding.offset + binding.size] = value.astype(np.int8).tobytes()
    executor = Executor(program.config)
    executor.memories.scratchpad[:] = GARBAGE
    result = executor.run(
        memory, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes, check_hazards=check_hazards)
    outputs = [
        np.frombuffer(memory, np.int8, binding.size, binding.offset).reshape(binding.shape)
        for binding in program.outputs]
    return outputs, result
