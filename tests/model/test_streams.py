"""The golden model's input stream: tensors in pieces, and what is wrong with them."""

import numpy as np
import pytest

from hadron_model.executor import Executor, Status
from hadron_model.streams import StreamTensor
from hadron_spec.commands import Opcode
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_testing.assembler import Assembler

CONFIG = CONFIGS["h64"]
BEAT = CONFIG.axi_bytes


def _program(*sizes, end=True):
    program = Assembler(CONFIG)
    address = 0
    for number, size in enumerate(sizes, 1):
        program.load(0, address, size, stream=1, stream_end=int(end and number == len(sizes)))
        address += size
    program.end()
    return program


def _run(program, *tensors, **options):
    return Executor(CONFIG).run(program.image(), **program.registers, stream=tensors, **options)


def test_pieces_of_a_tensor_follow_each_other(rng):
    tensor = rng.bytes(5 * BEAT + 3)
    result = _run(_program(2 * BEAT, 3 * BEAT + 3), tensor, check_hazards=True)
    assert result.ok
    assert result.scratchpad[:len(tensor)] == tensor
    assert not any(result.scratchpad[len(tensor):])
    # Only the commands come over the memory port.
    assert result.read_beats == 3 * 128 // BEAT
    assert result.bytes_read == len(tensor)


def test_rows_begin_in_beats_of_their_own(rng):
    program = Assembler(CONFIG)
    program.load(3, 3, 10, rows=2, local_pitch=4 * BEAT, stream=1, stream_end=1)
    program.end()
    tensor = rng.bytes(4 * BEAT)
    result = _run(program, tensor)
    expected = np.zeros(CONFIG.act_bytes, np.uint8)
    expected[3:13] = list(tensor[3:13])
    expected[4 * BEAT + 3:4 * BEAT + 13] = list(tensor[2 * BEAT + 3:2 * BEAT + 13])
    assert result.scratchpad == expected.tobytes()


@pytest.mark.parametrize(("tensor", "code", "command"), [
    (bytes(BEAT), ErrorCode.STREAM_SHORT, 0),
    (bytes(2 * BEAT), ErrorCode.STREAM_SHORT, 0),
    (bytes(4 * BEAT), ErrorCode.STREAM_LONG, 1),
    (StreamTensor(bytes(3 * BEAT), broken=True), ErrorCode.STREAM_BROKEN, 1),
    (StreamTensor(bytes(BEAT), broken=True), ErrorCode.STREAM_BROKEN, 0),
])
def test_what_is_wrong_ends_the_program(tensor, code, command):
    result = _run(_program(2 * BEAT, BEAT), tensor)
    assert (result.status, result.error, result.error_command) == (Status.ERROR, code, command)


def test_a_program_that_waits_forever_is_refused():
    with pytest.raises(ValueError, match=r"^the program waits for a tensor on the input stream$"):
        _run(_program(BEAT))


def test_memory_limits_do_not_matter_but_those_on_chip_do():
    program = Assembler(CONFIG, memory_bytes=64)
    program.load(1 << 20, 0, 128, stream=1, stream_end=1)
    program.end()
    assert _run(program, bytes(128)).ok
    program = _program(CONFIG.act_bytes + 1)
    assert _run(program, bytes(CONFIG.act_bytes + BEAT)).error == ErrorCode.ADDRESS


def test_a_store_to_the_stream_is_refused():
    program = Assembler(CONFIG)
    program.add(Opcode.STORE, rows=1, row_bytes=8, stream=1)
    program.end()
    assert _run(program).error == ErrorCode.FIELD
