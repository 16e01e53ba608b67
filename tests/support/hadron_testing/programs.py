"""Run compiled programs on the golden model."""

from collections.abc import Sequence

import numpy as np

from hadron_compiler import Program, compile_model
from hadron_model.executor import Executor, Result
from hadron_spec.config import NpuConfig

__all__ = ["GARBAGE", "check_program", "memory_image", "outputs_of", "run_program", "streamed"]

GARBAGE = 0x5A
"""What memory holds where the program did not put anything."""


def memory_image(program: Program, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Return the memory region of a program with its inputs in place and garbage elsewhere."""
    memory = np.full(program.region_bytes, GARBAGE, np.uint8)
    memory[:len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    for binding, value in zip(program.inputs, inputs, strict=True):
        assert value.shape == binding.shape
        if binding.stream:
            continue
        memory[binding.offset:binding.offset + binding.size] = binding.encode(value)
    return memory


def streamed(program: Program, inputs: Sequence[np.ndarray]) -> list[bytes]:
    """Return the tensors of the input stream."""
    return [value.astype(np.int8).tobytes()
            for binding, value in zip(program.inputs, inputs, strict=True) if binding.stream]


def outputs_of(program: Program, memory: np.ndarray) -> list[np.ndarray]:
    """Return the output tensors that a run left in memory."""
    return [binding.decode(memory[binding.offset:binding.offset + binding.size])
            for binding in program.outputs]


def run_program(program: Program, inputs: Sequence[np.ndarray], *, check_hazards: bool = True
                ) -> tuple[list[np.ndarray], Result]:
    """Run a program on the golden model and return its outputs, and what the executor says.

    Memory that the image does not cover, and the scratchpad, hold garbage.
    """
    memory = memory_image(program, inputs)
    executor = Executor(program.config)
    executor.memories.scratchpad[:] = GARBAGE
    result = executor.run(
        memory, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes, check_hazards=check_hazards,
        stream=streamed(program, inputs))
    return outputs_of(program, memory), result


def check_program(model: bytes, config: NpuConfig, inputs: Sequence[np.ndarray],
                  expected: np.ndarray) -> Program:
    """Compile a model of one output, run it on the golden model, compare; return the program."""
    program = compile_model(model, config)
    (got,), result = run_program(program, inputs)
    assert result.ok, (config.name, got.shape, result.error, result.detail, result.hazards[:3])
    np.testing.assert_array_equal(got, expected)
    return program
