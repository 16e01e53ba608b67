"""The golden model's executor: transfers, tokens, errors and counts of whole programs."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_model.executor import Executor, Status
from hadron_model.operators import softmax
from hadron_spec.commands import LocalSpace, Opcode, Unit, checksum, encode
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_spec.numerics import softmax_table
from hadron_testing.assembler import Assembler, pack_parameter_step, pack_weight_step

CONFIG = CONFIGS["h64"]
LOAD, EXECUTE, STORE = Unit


def run(program, config=CONFIG, **options):
    """Run a program; return the result and the memory region afterwards."""
    image = program.image()
    result = Executor(config).run(image, **program.registers, **options)
    return result, np.frombuffer(image, np.uint8)[program.MEMORY_BASE:]


def copying(size=100):
    """Return a program that copies memory bytes 0 to `size` to 4096."""
    program = Assembler(CONFIG)
    program.put(0, np.arange(size, dtype=np.uint8))
    program.load(0, 64, size, send=(STORE,))
    program.store(4096, 64, size, wait=(LOAD,))
    program.end()
    return program


def test_copies_through_the_scratchpad():
    result, memory = run(copying(), check_hazards=True)
    assert result.ok
    assert result.status == Status.DONE
    assert memory[4096:4196].tolist() == list(range(100))
    assert memory[4196:4300].any() == 0
    assert result.scratchpad[64:164] == bytes(range(100))
    assert (result.commands, result.bytes_read, result.bytes_written) == (3, 100, 100)
    assert (result.read_beats, result.write_beats) == (13 + 3 * 16, 13)


def test_copies_rows_with_pitches(rng):
    program = Assembler(CONFIG)
    data = rng.integers(0, 256, 4096, dtype=np.uint8)
    program.put(0, data)
    program.load(3, 11, 21, rows=5, memory_pitch=64, local_pitch=32, send=(STORE,))
    program.store(8192 + 3, 11, 21, rows=5, memory_pitch=128, local_pitch=32, wait=(LOAD,))
    program.end()
    result, memory = run(program, check_hazards=True)
    assert result.ok
    expected = np.zeros(1024, np.uint8)
    for row in range(5):
        expected[3 + 128 * row :][:21] = data[3 + 64 * row :][:21]
    assert memory[8192 : 8192 + 1024].tolist() == expected.tolist()
    # A row of 21 bytes from byte 3 spans three beats of 8.
    assert result.write_beats == 15


def test_with_row_pairs_rows_are_loaded_to_any_byte(rng):
    config = replace(CONFIG, row_pairs=True)
    program = Assembler(config)
    data = rng.integers(0, 256, 256, dtype=np.uint8)
    program.put(0, data)
    program.load(3, 6, 21, rows=5, memory_pitch=48, local_pitch=25)
    program.end()
    result, _ = run(program, config, check_hazards=True)
    assert result.ok
    for row in range(5):
        assert result.scratchpad[6 + 25 * row:][:21] == data[3 + 48 * row:][:21].tobytes()


def test_runs_a_fully_connected_layer(rng):
    program = Assembler(CONFIG)
    x = rng.integers(-128, 128, CONFIG.lanes).astype(np.int8)
    weights = rng.integers(-127, 128, (CONFIG.columns, CONFIG.lanes))
    program.put(0, x)
    program.put(1024, pack_parameter_step(CONFIG, [(0, 1 << 30, -5)] * CONFIG.columns)
                + pack_weight_step(CONFIG, weights))
    program.load(0, 0, CONFIG.lanes)
    program.load(1024, 0, 2 * CONFIG.step_bytes, space=LocalSpace.WEIGHTS, send=(EXECUTE,))
    program.execute(Opcode.MATRIX, destination=256, wait=(LOAD,), send=(STORE,))
    program.store(2048, 256, CONFIG.columns, wait=(EXECUTE,))
    program.end()
    result, memory = run(program, check_hazards=True)
    assert result.ok
    totals = weights @ x.astype(np.int64)
    halves = (totals + 1) >> 1
    expected = np.clip(np.sign(halves) * ((np.abs(halves) + 16) // 32), -128, 127)
    assert memory[2048 : 2048 + CONFIG.columns].view(np.int8).tolist() == expected.tolist()
    assert (result.mac_steps, result.macs) == (1, CONFIG.lanes * CONFIG.columns)


def test_a_layer_of_nibbles_equals_one_of_bytes(rng):
    outputs = []
    weights = rng.integers(-8, 8, (CONFIG.columns, CONFIG.lanes))
    nibbles = weights[0::2] & 15 | (weights[1::2] & 15) << 4
    for halved in (False, True):
        program = Assembler(CONFIG)
        program.put(0, (np.arange(CONFIG.lanes) * 37 % 256).astype(np.uint8))
        program.put(1024, pack_parameter_step(CONFIG, [(5, 1 << 30, -1)] * CONFIG.columns))
        step, size = ((nibbles.astype(np.uint8).tobytes(), CONFIG.step_bytes // 2) if halved
                      else (pack_weight_step(CONFIG, weights), CONFIG.step_bytes))
        program.put(1024 + CONFIG.step_bytes, step)
        program.load(0, 0, CONFIG.lanes)
        program.load(1024, 0, CONFIG.step_bytes, space=LocalSpace.WEIGHTS)
        program.load(1024 + CONFIG.step_bytes, size, size, send=(EXECUTE,),
                     space=LocalSpace.NIBBLES if halved else LocalSpace.WEIGHTS)
        program.execute(Opcode.MATRIX, destination=256, wait=(LOAD,), send=(STORE,))
        program.store(2048, 256, CONFIG.columns, wait=(EXECUTE,))
        program.end()
        result, memory = run(program, check_hazards=True)
        assert result.ok
        outputs.append(memory[2048 : 2048 + CONFIG.columns].tolist())
    assert outputs[0] == outputs[1]
    assert len(set(outputs[0])) > 1


def test_an_instance_without_nibbles_refuses_them():
    config = replace(CONFIG, nibbles=False)
    program = Assembler(config)
    program.load(0, 0, 64, space=LocalSpace.NIBBLES)
    program.end()
    result = Executor(config).run(program.image(), **program.registers)
    assert (result.error, result.detail) == (ErrorCode.FIELD, "LOAD: space=4, must be 0 to 3")


def test_runs_softmax_of_several_rows(rng):
    program = Assembler(CONFIG)
    x = rng.integers(-128, 128, (3, 40)).astype(np.int8)
    table = softmax_table(0.05)
    program.put(0, x)
    program.put(1024, np.asarray(table, "<u4"))
    program.load(0, 0, x.size)
    program.load(1024, 0, 1024, space=LocalSpace.TABLE, send=(EXECUTE,))
    program.execute(Opcode.SOFTMAX, count_kg=3, count_ox=40, ox_address=1,
                    kg_address=1, destination=512, destination_ox=1, destination_kg=1, outputs=1,
                    wait=(LOAD,), send=(STORE,))
    program.store(2048, 512, x.size, wait=(EXECUTE,))
    program.end()
    result, memory = run(program, check_hazards=True)
    assert result.ok
    actual = memory[2048 : 2048 + x.size].view(np.int8).reshape(x.shape)
    assert actual.tolist() == softmax(x, table).tolist()


def test_keeps_on_chip_memories_from_run_to_run():
    executor = Executor(CONFIG)
    program = copying()
    executor.run(program.image(), **program.registers)
    store_only = Assembler(CONFIG)
    store_only.store(0, 64, 100)
    store_only.end()
    image = store_only.image()
    executor.run(image, **store_only.registers)
    assert image[store_only.MEMORY_BASE:][:100] == bytes(range(100))


def failing(build):
    """Return what running a program that `build` completes ends with."""
    program = Assembler(CONFIG)
    build(program)
    result, _ = run(program)
    assert result.status == Status.ERROR
    assert not result.ok
    return result.error, result.error_command


def test_reports_a_wrong_checksum():
    def build(program):
        program.load(0, 0, 8)
        program.end()
        program.commands[1] = program.commands[1][:-1] + b"\1"
    assert failing(build) == (ErrorCode.CHECKSUM, 1)


def test_reports_an_unknown_opcode():
    def build(program):
        words = [0x77, 0, *([0] * 30)]
        words[1] = checksum(words[:1] + words[2:])
        program.commands.append(b"".join(word.to_bytes(4, "little") for word in words))
        program.end()
    assert failing(build) == (ErrorCode.OPCODE, 0)


@pytest.mark.parametrize("wrong", [
    {"count_seg": 0}, {"count_kg": 0}, {"outputs": 0}, {"outputs": CONFIG.columns + 1},
    {"last_outputs": CONFIG.columns + 1}, {"height": 32768}, {"width_bytes": 32768},
    {"weight_step": CONFIG.weight_steps},
])
def test_reports_a_field_of_execute_out_of_range(wrong):
    def build(program):
        program.execute(Opcode.MATRIX, **wrong)
        program.end()
    assert failing(build) == (ErrorCode.FIELD, 0)


@pytest.mark.parametrize("wrong", [{"size": 0}, {"size": 8, "rows": 0}])
def test_reports_a_field_of_load_out_of_range(wrong):
    def build(program):
        size = wrong["size"]
        program.load(0, 0, size, **{k: v for k, v in wrong.items() if k != "size"})
        program.end()
    assert failing(build) == (ErrorCode.FIELD, 0)


@pytest.mark.parametrize(("offset", "address", "fields"), [
    (1, 0, {}), (0, 4, {}), (0, 0, {"rows": 2, "memory_pitch": 20, "local_pitch": 16}),
    (0, 0, {"rows": 2, "memory_pitch": 16, "local_pitch": 20}),
])
def test_reports_misaligned_transfers(offset, address, fields):
    def build(program):
        program.load(offset, address, 8, **fields)
        program.end()
    assert failing(build) == (ErrorCode.ALIGNMENT, 0)


def test_pitches_of_a_single_row_need_no_alignment():
    program = Assembler(CONFIG)
    program.load(0, 0, 8, memory_pitch=3, local_pitch=1)
    program.end()
    assert run(program)[0].ok


@pytest.mark.parametrize("base", ["command_base", "memory_base"])
def test_reports_misaligned_bases(base):
    program = copying()
    registers = program.registers
    registers[base] += 64
    result = Executor(CONFIG).run(program.image(), **registers)
    assert (result.error, result.error_command) == (ErrorCode.ALIGNMENT, 0)


@pytest.mark.parametrize(("space", "size"), [
    (LocalSpace.ACTIVATIONS, CONFIG.act_bytes), (LocalSpace.WEIGHTS, CONFIG.weight_bytes),
    (LocalSpace.TABLE, 1024)])
def test_reports_a_transfer_that_leaves_its_space(space, size):
    def build(program):
        program.load(0, size - 8, 8, space=space)
        program.load(0, size - 8, 9, space=space)
        program.end()
    assert failing(build) == (ErrorCode.ADDRESS, 1)


def test_reports_a_transfer_that_leaves_the_memory_region():
    def build(program):
        program.store(program.memory_bytes - 8, 0, 8)
        program.store(0, 0, 8, rows=3, memory_pitch=program.memory_bytes // 2)
        program.end()
    assert failing(build) == (ErrorCode.ADDRESS, 1)


def test_rows_before_the_one_out_of_range_are_transferred():
    program = Assembler(CONFIG)
    program.put(0, np.full(8, 7, np.uint8))
    program.load(0, 0, 8, rows=2, local_pitch=CONFIG.act_bytes)
    program.end()
    result, _ = run(program)
    assert result.error == ErrorCode.ADDRESS
    assert result.scratchpad[:8] == bytes([7] * 8)


def test_reports_the_end_of_memory_as_a_bus_error():
    program = copying()
    result = Executor(CONFIG).run(program.image()[: program.MEMORY_BASE + 50],
                                  **program.registers)
    assert (result.error, result.error_command) == (ErrorCode.BUS_READ, 0)
    result = Executor(CONFIG).run(program.image()[: program.MEMORY_BASE + 4100],
                                  **program.registers)
    assert (result.error, result.error_command) == (ErrorCode.BUS_WRITE, 1)


def test_reports_a_missing_end():
    program = copying()
    registers = program.registers | {"command_count": 2}
    result = Executor(CONFIG).run(program.image(), **registers)
    assert (result.error, result.error_command) == (ErrorCode.END_OF_STREAM, 2)


def test_reports_a_token_that_never_comes():
    def build(program):
        program.load(0, 0, 8)
        program.store(0, 0, 8, wait=(LOAD,))
        program.end()
    assert failing(build) == (ErrorCode.DEADLOCK, 1)


def test_names_the_first_waiting_unit_of_a_cycle():
    def build(program):
        program.store(0, 0, 8, wait=(LOAD,), send=(LOAD,))
        program.load(0, 0, 8, wait=(STORE,), send=(STORE,))
        program.end()
    assert failing(build) == (ErrorCode.DEADLOCK, 1)


def test_a_command_may_wait_for_a_later_one():
    program = Assembler(CONFIG)
    program.put(0, np.arange(8, dtype=np.uint8))
    program.store(64, 0, 8, wait=(LOAD,))
    program.load(0, 0, 8, send=(STORE,))
    program.end()
    result, memory = run(program, check_hazards=True)
    assert result.ok
    assert memory[64:72].tolist() == list(range(8))


@pytest.mark.parametrize(("waiting", "error"), [(5, ErrorCode.NONE), (6, ErrorCode.DEADLOCK)])
def test_a_full_queue_holds_up_the_commands_behind(waiting, error):
    program = Assembler(CONFIG)
    program.store(64, 0, 8, wait=(LOAD,))
    for _ in range(waiting - 1):
        program.store(64, 0, 8)
    program.load(0, 0, 8, send=(STORE,))
    program.end()
    result, _ = run(program)
    assert (result.error, result.error_command) == (error, 0)


def test_reports_more_tokens_than_a_counter_holds(monkeypatch):
    monkeypatch.setattr("hadron_model.tokens.TOKEN_MAX", 3)

    def build(program):
        for _ in range(4):
            program.load(0, 0, 8, send=(STORE,))
        program.end()
    assert failing(build) == (ErrorCode.TOKEN_OVERFLOW, 3)


def test_counts_tokens_left_over():
    program = Assembler(CONFIG)
    program.load(0, 0, 8, send=(EXECUTE, STORE))
    program.store(64, 0, 8, wait=(LOAD,))
    program.end()
    result, _ = run(program)
    assert result.status == Status.DONE
    assert result.unused_tokens == 1


def test_commands_behind_end_are_not_run():
    program = copying()
    program.commands.append(encode(Opcode.END)[:-1] + b"\1")
    assert run(program)[0].ok
