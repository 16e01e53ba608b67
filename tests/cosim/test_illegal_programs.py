"""Illegal programs end in an error interrupt, whatever is wrong with them, with the bus at rest."""

import dataclasses

import numpy as np
import pytest

from hadron_compiler import Program, compile_model
from hadron_cosim.memory_model import Stalls
from hadron_cosim.simulator import NpuSimulator, SimulationResult
from hadron_spec.commands import (
    COMMAND_BYTES,
    FIELDS,
    LocalSpace,
    Opcode,
    checksum,
    decode,
    encode,
)
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_testing.random_models import random_network

CONFIG = CONFIGS["h64"]
FLIPS = 1000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


@pytest.fixture
def program(rng) -> Program:
    return compile_model(random_network(rng, size=8, channels_max=8).model, CONFIG)


def _run(simulator: NpuSimulator, program: Program, image: bytes | None = None, **options
         ) -> SimulationResult:
    memory = np.zeros(program.region_bytes, np.uint8)
    source = program.memory if image is None else image
    memory[: len(source)] = np.frombuffer(source, np.uint8)
    arguments = {"command_base": program.command_offset, "command_count": program.command_count,
                 "memory_base": 0, "memory_bytes": program.region_bytes,
                 "max_cycles": 20 * program.cycles + 100_000, "watchdog": 0, **options}
    return simulator.run(memory, **arguments)


def _replace(program: Program, index: int, command: bytes) -> bytes:
    at = program.command_offset + index * COMMAND_BYTES
    return program.memory[:at] + command + program.memory[at + COMMAND_BYTES :]


def _command(program: Program, index: int) -> bytes:
    at = program.command_offset + index * COMMAND_BYTES
    return program.memory[at : at + COMMAND_BYTES]


def _find(program: Program, opcode: Opcode) -> tuple[int, dict[str, int]]:
    for index in range(program.command_count):
        values = decode(_command(program, index))
        if values["opcode"] == opcode:
            return index, values
    raise AssertionError(f"the program has no {opcode.name}")


def _encoded(values: dict[str, int], **changes: int) -> bytes:
    merged = {name: value for name, value in {**values, **changes}.items()
              if name not in ("opcode", "checksum")}
    return encode(Opcode(values["opcode"]), **merged)


def _fix_checksum(command: bytes) -> bytes:
    words = [int.from_bytes(command[i : i + 4], "little") for i in range(0, COMMAND_BYTES, 4)]
    words[1] = checksum(words[:1] + words[2:])
    return b"".join(word.to_bytes(4, "little") for word in words)


def _expect(result: SimulationResult, code: ErrorCode, index: int) -> None:
    assert (result.status, result.error_code, result.error_command) == ("error", code, index)


def test_flipped_bits_are_found(simulator, program, rng):
    for _ in range(FLIPS // 4):
        index = int(rng.integers(program.command_count))
        command = bytearray(_command(program, index))
        bit = int(rng.integers(8 * COMMAND_BYTES))
        command[bit // 8] ^= 1 << bit % 8
        _expect(_run(simulator, program, _replace(program, index, bytes(command))),
                ErrorCode.CHECKSUM, index)


def test_flipped_bits_with_a_right_checksum_end_in_an_interrupt(simulator, program, rng):
    ends = set()
    for number in range(FLIPS):
        index = int(rng.integers(program.command_count))
        command = bytearray(_command(program, index))
        bit = int(rng.integers(8 * COMMAND_BYTES))
        command[bit // 8] ^= 1 << bit % 8
        stalls = Stalls.everywhere(number) if number % 2 else None
        result = _run(simulator, program, _replace(program, index, _fix_checksum(bytes(command))),
                      watchdog=20 * program.cycles, stalls=stalls)
        assert result.status in ("done", "error")
        assert (result.status == "error") == (result.error_code != ErrorCode.NONE)
        ends.add(result.error_code)
    assert len(ends) >= 3


def test_undefined_opcodes(simulator, program):
    for opcode in range(256):
        if opcode not in set(Opcode):
            command = _fix_checksum(bytes([opcode]) + _command(program, 0)[1:])
            _expect(_run(simulator, program, _replace(program, 0, command)), ErrorCode.OPCODE, 0)


@pytest.mark.parametrize(("opcode", "changes", "code"), [
    (Opcode.LOAD, {"rows": 0}, ErrorCode.FIELD),
    (Opcode.LOAD, {"row_bytes": 0}, ErrorCode.FIELD),
    (Opcode.LOAD, {"space": 5}, ErrorCode.FIELD),
    (Opcode.MATRIX, {"count_kg": 0}, ErrorCode.FIELD),
    (Opcode.MATRIX, {"count_seg": 0}, ErrorCode.FIELD),
    (Opcode.MATRIX, {"outputs": 0}, ErrorCode.FIELD),
    (Opcode.MATRIX, {"last_outputs": CONFIG.columns + 1}, ErrorCode.FIELD),
    (Opcode.LOAD, {"memory_offset": 0xFFFF_FF00, "local_address": 0, "row_bytes": 64},
     ErrorCode.ADDRESS),
    (Opcode.LOAD, {"space": LocalSpace.ACTIVATIONS, "memory_offset": 0, "rows": 1,
                   "local_address": CONFIG.act_bytes, "row_bytes": 8}, ErrorCode.ADDRESS),
    (Opcode.STORE, {"row_bytes": 1 << 31}, ErrorCode.ADDRESS),
])
def test_fields_out_of_range(simulator, program, opcode, changes, code):
    index, values = _find(program, opcode)
    command = _encoded(values, **changes)
    _expect(_run(simulator, program, _replace(program, index, command)), code, index)


def test_unlike_alignment(simulator, program):
    index, values = _find(program, Opcode.LOAD)
    command = _encoded(values, local_address=values["local_address"] + 1, row_bytes=8, rows=1)
    _expect(_run(simulator, program, _replace(program, index, command)), ErrorCode.ALIGNMENT, index)


@pytest.mark.parametrize("register", ["command_base", "memory_base"])
def test_bases_off_128_bytes(simulator, program, register):
    result = _run(simulator, program, **{register: 64})
    assert (result.status, result.error_code) == ("error", ErrorCode.ALIGNMENT)


def test_token_nobody_sends(simulator, program):
    index, values = _find(program, Opcode.STORE)
    command = _encoded(values, wait=3)
    result = _run(simulator, program, _replace(program, index, command))
    assert (result.status, result.error_code) == ("error", ErrorCode.DEADLOCK)


def test_stream_without_end(simulator, program):
    count = program.command_count - 1
    result = _run(simulator, dataclasses.replace(program, command_count=count))
    assert (result.status, result.error_code) == ("error", ErrorCode.END_OF_STREAM)


def test_watchdog(simulator, program):
    result = _run(simulator, program, watchdog=program.cycles // 2)
    assert (result.status, result.error_code) == ("error", ErrorCode.WATCHDOG)
    assert program.cycles // 2 <= result.cycles < program.cycles // 2 + 500


def test_memory_region_too_small(simulator, program):
    result = _run(simulator, program, memory_bytes=program.region_bytes // 2 // 128 * 128)
    assert (result.status, result.error_code) == ("error", ErrorCode.ADDRESS)


def test_runs_after_every_error(simulator, program):
    """An error leaves nothing that the next START does not clear."""
    index, values = _find(program, Opcode.MATRIX)
    assert set(values) == set(FIELDS[Opcode.MATRIX])
    broken = _replace(program, index, _encoded(values, outputs=0))
    memory = np.zeros(program.region_bytes, np.uint8)
    memory[: len(broken)] = np.frombuffer(broken, np.uint8)
    simulator.configure(memory=memory)
    arguments = (program.command_offset, program.command_count, 0, program.region_bytes)
    simulator.start(*arguments)
    _expect(simulator.finish(simulator.npu.state.register_write, 100_000), ErrorCode.FIELD, index)
    memory[: len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    simulator.start(*arguments)
    result = simulator.finish(simulator.npu.state.register_write, 20 * program.cycles)
    assert (result.status, result.error_code) == ("done", ErrorCode.NONE)
    assert result.cycles == _run(simulator, program).cycles
