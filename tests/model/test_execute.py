"""EXECUTE commands of the golden model against a step-by-step reading of the architecture."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_model.execute import execute
from hadron_model.memories import LocalMemories
from hadron_model.program import CommandFailureError, decode_command
from hadron_model.steps import StepGrid, strides
from hadron_spec.commands import LEVELS, LocalSpace, Opcode, encode
from hadron_spec.config import CONFIGS
from hadron_testing.assembler import pack_parameter_step, pack_weight_step
from hadron_testing.execute_operators import long_sum
from hadron_testing.execute_reference import Kept, run_command


def random_command(rng, config, opcode, *, wide=False, deep=False, shallow=False):
    """Draw an EXECUTE command, small and of any shape."""
    counts = [int(n) for n in rng.integers(1, 4, 6)]
    if opcode == Opcode.LOOKUP:
        counts[0] = 1
    fields = {f"count_{level}": n for level, n in zip(LEVELS, counts, strict=True)}
    for level in LEVELS:
        fields[f"{level}_address"] = int(rng.integers(-300, 300))
        fields[f"{level}_y"] = int(rng.integers(-3, 4))
        fields[f"{level}_x"] = int(rng.integers(-20, 20))
    low, high = sorted(int(n) for n in rng.integers(-128, 128, 2))
    if rng.random() < 0.6:
        low, high = -128, 127
    fields |= {
        "source": int(rng.integers(-config.act_bytes, config.act_bytes)),
        "start_y": int(rng.integers(-2, 4)),
        "start_x": int(rng.integers(-20, 20)),
        "wide": int(wide),
        "bounded": int(rng.integers(2)),
        "height": int(rng.integers(0, 6)),
        "width_bytes": int(rng.integers(0, 60)),
        "pad": int(rng.integers(-128, 128)),
        "destination": int(rng.integers(0, config.act_bytes)),
        "outputs": int(rng.integers(1, config.columns + 1)),
        "last_outputs": int(rng.integers(1, config.columns + 1)),
        "weight_step": int(rng.integers(0, config.weight_steps)),
        "zero_point": int(rng.integers(-128, 128)),
        "minimum": low,
        "maximum": high,
    }
    if deep:
        fields |= {"deep": int(opcode == Opcode.MATRIX and rng.integers(4) > 0), "once": int(wide),
                   "deep_results": int(opcode != Opcode.MAX and rng.integers(4) > 0),
                   "destination_px": int(rng.integers(-900, 900))}
    if config.row_pairs and rng.integers(2):
        fields |= {"split": int(rng.integers(32)), "split_later": int(rng.integers(32))}
    if shallow:
        fields |= {"shallow": 1, "once": 1, "destination_px": int(rng.integers(-900, 900))}
    fields["plane_address"] = int(rng.integers(-900, 900))
    for level in LEVELS[:3]:
        fields[f"destination_{level}"] = int(rng.integers(-200, 200))
    return encode(opcode, **fields)


def fill(rng, memories, command):
    """Fill scratchpad and weight memory with what the command may read."""
    config = memories.config
    memories.scratchpad[:] = rng.integers(0, 256, config.act_bytes)
    steps = [pack_weight_step(config, rng.integers(-127, 128, (config.columns, config.lanes)))
             for _ in range(config.weight_steps)]
    if command.opcode == Opcode.LOOKUP:
        bits = 22 if command.fields["wide"] else 15
        entries = rng.integers(-1 << bits, 1 << bits, config.weight_bytes // 4).astype("<i4")
        steps = np.split(entries.view(np.uint8), config.weight_steps)
    grid = StepGrid(config, command.opcode, command.fields)
    for step in grid.parameter_steps() % config.weight_steps:
        wide = command.fields["wide"] or command.fields["deep_results"]
        highest = 1 if wide else 8
        one = [(int(rng.integers(-(1 << 15), 1 << 15)), int(rng.integers(1 << 30, 1 << 31)),
                int(rng.integers(-16, highest))) for _ in range(config.columns)]
        steps[step] = pack_parameter_step(config, one)
    memories.spaces[LocalSpace.WEIGHTS][:] = np.frombuffer(
        b"".join(bytes(step) for step in steps), np.uint8)


def check_step_by_step(memories, command, kept=None):
    """Compare the scratchpad after a command with that after a step-by-step reading."""
    config = memories.config
    expected = bytearray(memories.scratchpad.tobytes())
    for address, data in run_command(config, command.fields, expected,
                                     memories.spaces[LocalSpace.WEIGHTS].tobytes(), kept=kept):
        for i, byte in enumerate(data):
            expected[(address + i) % config.act_bytes] = byte
    outcome = execute(memories, command, StepGrid(config, command.opcode, command.fields))
    assert memories.scratchpad.tobytes() == bytes(expected)
    assert outcome.overflows == 0


@pytest.mark.parametrize("name", ["h64", "h256"])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("opcode", [Opcode.MATRIX, Opcode.MAX, Opcode.LOOKUP])
def test_equals_the_architecture_step_by_step(name, opcode, deep, wide, rng):
    config = replace(CONFIGS[name], deep=deep)
    memories = LocalMemories(config)
    for _ in range(6):
        command = decode_command(
            config, 0, random_command(rng, config, opcode, wide=wide, deep=deep))
        fill(rng, memories, command)
        check_step_by_step(memories, command)


@pytest.mark.parametrize("name", ["h64", "h256"])
@pytest.mark.parametrize("wide", [False, True])
def test_two_activations_a_byte_equal_the_architecture_step_by_step(name, wide, rng):
    config = replace(CONFIGS[name], shallow=True)
    memories = LocalMemories(config)
    for _ in range(6):
        command = decode_command(
            config, 0, random_command(rng, config, Opcode.MATRIX, wide=wide, shallow=True))
        fill(rng, memories, command)
        check_step_by_step(memories, command)


@pytest.mark.parametrize("name", ["h64", "h256"])
@pytest.mark.parametrize("deep", [False, True])
def test_sums_over_several_commands_equal_the_architecture_step_by_step(name, deep, rng):
    config = replace(CONFIGS[name], deep=deep)
    memories = LocalMemories(config)
    kept, before = Kept(), None
    for _ in range(20):
        for fields, weights, _ in long_sum(rng, config, commands=int(rng.integers(2, 5)),
                                           deep=deep, wide=deep):
            memories.scratchpad[:] = rng.integers(0, 256, config.act_bytes)
            memories.spaces[LocalSpace.WEIGHTS][:len(weights)] = np.frombuffer(weights, np.uint8)
            values = {field: value for field, value in fields.items()
                      if field not in ("opcode", "checksum")}
            before = decode_command(config, 0, encode(Opcode.MATRIX, **values), before)
            check_step_by_step(memories, before, kept)


def test_a_sum_that_nothing_begins_is_refused():
    config = CONFIGS["h64"]
    command = encode(Opcode.MATRIX, continues=1, outputs=1,
                     **{f"count_{level}": 1 for level in LEVELS})
    with pytest.raises(CommandFailureError,
                       match=r"^FIELD: MATRIX: continues=1, must be 0 to 0$"):
        decode_command(config, 0, command)


def test_strides_undo_the_inner_loops():
    counts = [2, 3, 4]
    differences = [100, 10, 1]
    position = 0
    expected = []
    for i in range(24):
        expected.append(position)
        if (i + 1) % 12 == 0:
            position += 100
        elif (i + 1) % 4 == 0:
            position += 10
        else:
            position += 1
    moves = strides(differences, counts)
    actual = [a * moves[0] + b * moves[1] + c * moves[2]
              for a in range(2) for b in range(3) for c in range(4)]
    assert actual == expected


def make_matrix(config, weights, parameters, **fields):
    """Return memories whose first two weight steps hold one result's, and the command."""
    memories = LocalMemories(config)
    steps = pack_parameter_step(config, parameters) + pack_weight_step(config, weights)
    memories.spaces[LocalSpace.WEIGHTS][:len(steps)] = np.frombuffer(steps, np.uint8)
    counts = {f"count_{level}": 1 for level in LEVELS}
    command = encode(Opcode.MATRIX, **counts, outputs=config.columns, last_outputs=config.columns,
                     minimum=-128, maximum=127, destination=1024, **fields)
    return memories, decode_command(config, 0, command)


def run(memories, command):
    """Execute and return what came of it and the first bytes of the result."""
    grid = StepGrid(memories.config, command.opcode, command.fields)
    outcome = execute(memories, command, grid)
    return outcome, memories.scratchpad[1024 : 1024 + command.fields["outputs"]].view(np.int8)


@pytest.mark.parametrize("extreme", [-127, 127])
def test_unpacks_weights_at_the_extremes(extreme):
    config = CONFIGS["h64"]
    weights = np.full((config.columns, config.lanes), extreme)
    weights[0, ::2] = -extreme
    memories, command = make_matrix(config, weights, [(0, 1 << 30, -4)] * config.columns)
    memories.scratchpad[0] = 1
    _, result = run(memories, command)
    # One activation of 1: the weight itself, scaled by 2**-5.
    assert list(result) == [round(w / 32) for w in weights[:, 0]]


def test_reports_an_accumulator_beyond_32_bits():
    config = CONFIGS["h64"]
    limit = (1 << 31) - 1
    weights = np.ones((config.columns, config.lanes), int)
    memories, command = make_matrix(config, weights, [(limit, 1 << 30, -23)] * config.columns,
                                    wide=1)
    assert run(memories, command)[0].overflows == 0
    memories.scratchpad[0] = 1
    outcome, result = run(memories, command)
    assert outcome.overflows == config.columns
    assert set(result) == {-128}, "the accumulator wraps"


def test_a_wide_accumulator_is_not_shifted_left_and_that_is_reported():
    config = CONFIGS["h64"]
    weights = np.ones((config.columns, config.lanes), int)
    memories, command = make_matrix(config, weights, [(8, 1 << 30, 3)] * config.columns, wide=1)
    outcome, result = run(memories, command)
    assert outcome.overflows == config.columns
    assert set(result) == {4}


def test_later_results_win_where_two_share_a_byte():
    config = CONFIGS["h64"]
    memories = LocalMemories(config)
    memories.scratchpad[:8] = [1, 2, 3, 4, 5, 6, 7, 8]
    fields = {f"count_{level}": 1 for level in LEVELS}
    fields |= {"count_ox": 2, "ox_address": 4, "destination": 1024, "destination_ox": 2}
    command = decode_command(config, 0, encode(
        Opcode.MAX, **fields, outputs=4, last_outputs=4, minimum=-128, maximum=127))
    execute(memories, command, StepGrid(config, command.opcode, command.fields))
    assert list(memories.scratchpad[1024:1030]) == [1, 2, 5, 6, 7, 8]
