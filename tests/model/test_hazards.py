"""The hazard check: every pair of conflicting accesses that tokens leave unordered is found."""

import numpy as np
import pytest

from hadron_model.executor import Executor
from hadron_model.hazards import HazardKind
from hadron_spec.commands import LocalSpace, Opcode, Unit
from hadron_spec.config import CONFIGS
from hadron_testing.assembler import Assembler, pack_parameter_step, pack_weight_step

CONFIG = CONFIGS["h64"]
LOAD, EXECUTE, STORE = Unit
FIRST_BYTES = np.zeros((CONFIG.columns, CONFIG.lanes), int)
FIRST_BYTES[:, 0] = 1


def hazards(program):
    """Run a program with the check and return its hazards."""
    image = program.image()
    return Executor(CONFIG).run(image, **program.registers, check_hazards=True).hazards


def summary(program):
    """Return (kind, space, command, other) of each hazard."""
    return [(h.kind, h.space, h.command, h.other) for h in hazards(program)]


def pipeline(*, load_sends=True, execute_waits=True, store_waits=True, free=True, tiles=3):
    """Return a program that loads, computes on and stores tiles through two pairs of buffers."""
    program = Assembler(CONFIG)
    program.put(0, np.arange(1, 257, dtype=np.uint8))
    for tile in range(tiles):
        source, result = 64 * (tile % 2), 256 + 64 * (tile % 2)
        again = free and tile >= 2
        program.load(64 * tile, source, 16, send=(EXECUTE,) if load_sends else (),
                     wait=(EXECUTE,) if again else ())
        program.execute(
            Opcode.MAX, source=source, destination=result,
            wait=((LOAD,) if execute_waits and load_sends else ())
            + ((STORE,) if again else ()),
            send=(LOAD, STORE))
        program.store(1024 + 64 * tile, result, CONFIG.columns,
                      wait=(EXECUTE,) if store_waits else (), send=(EXECUTE,))
    program.end()
    return program


def test_a_double_buffered_pipeline_has_no_hazard():
    assert summary(pipeline(tiles=8)) == []


def test_finds_a_read_not_ordered_after_the_write():
    found = summary(pipeline(execute_waits=False, free=False, tiles=1))
    assert found == [(HazardKind.RACE, "activations", 1, 0)]


def test_finds_a_store_not_ordered_after_the_result():
    found = summary(pipeline(store_waits=False, free=False, tiles=1))
    assert found == [(HazardKind.RACE, "activations", 2, 1)]


def test_finds_a_buffer_overwritten_while_it_is_read():
    found = summary(pipeline(free=False, tiles=3))
    # Tile 2 reuses the buffers of tile 0: LOAD over EXECUTE's input, EXECUTE over STORE's.
    assert found == [(HazardKind.RACE, "activations", 6, 1),
                     (HazardKind.RACE, "activations", 7, 2)]


def test_order_passes_through_a_third_unit():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(EXECUTE,))
    program.execute(Opcode.MAX, source=0, destination=64, wait=(LOAD,), send=(STORE,))
    # STORE reads what LOAD wrote: ordered by way of EXECUTE.
    program.store(1024, 0, 16, wait=(EXECUTE,))
    program.end()
    assert summary(program) == []


def test_a_token_orders_only_what_was_sent_before_it():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(STORE,))
    program.load(64, 64, 16)
    program.store(1024, 64, 16, wait=(LOAD,))
    program.end()
    assert summary(program) == [(HazardKind.RACE, "activations", 2, 1)]


def test_the_nth_wait_follows_the_nth_send():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(STORE,))
    program.load(64, 64, 16, send=(STORE,))
    program.store(1024, 0, 16, wait=(LOAD,))
    program.store(1024, 64, 16, wait=(LOAD,))
    program.end()
    assert summary(program) == []
    program.commands[2:4] = program.commands[3:1:-1]
    assert summary(program) == [(HazardKind.RACE, "activations", 2, 1)]


def test_bytes_side_by_side_do_not_conflict():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(STORE,))
    program.load(16, 16, 16)
    program.store(1024, 0, 16, wait=(LOAD,))
    program.end()
    assert summary(program) == []


def test_rows_are_checked_byte_by_byte():
    program = Assembler(CONFIG)
    program.load(0, 0, 8, rows=4, memory_pitch=16, local_pitch=16, send=(STORE,))
    program.load(8, 8, 8, rows=4, memory_pitch=16, local_pitch=16)
    program.store(1024, 0, 8, rows=4, memory_pitch=16, local_pitch=16, wait=(LOAD,))
    program.end()
    assert summary(program) == []
    program.load(24, 24, 16)
    program.commands[2:] = [program.commands[4], program.commands[2], program.commands[3]]
    assert hazards(program)[0].address == 32


def test_finds_memory_read_back_before_it_is_written():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(STORE,))
    program.store(1024, 0, 16, wait=(LOAD,))
    program.load(1024, 64, 16)
    program.end()
    assert summary(program) == [(HazardKind.RACE, "memory", 2, 1)]


def weighted(weights, *, again=False, **fields):
    """Return a program that computes one result from byte 0 with one step of weights."""
    program = Assembler(CONFIG)
    program.put(0, np.arange(1, 65, dtype=np.uint8))
    program.put(1024, pack_parameter_step(CONFIG, [(0, 1 << 30, 0)] * CONFIG.columns)
                + pack_weight_step(CONFIG, weights))
    program.load(0, 0, 1)
    program.load(1024, 0, 2 * CONFIG.step_bytes, space=LocalSpace.WEIGHTS, send=(EXECUTE,))
    program.execute(Opcode.MATRIX, destination=256, wait=(LOAD,), **fields)
    if again:
        program.load(1024, 0, 2 * CONFIG.step_bytes, space=LocalSpace.WEIGHTS)
    program.end()
    return program


def test_lanes_multiplied_by_zero_do_not_count():
    assert summary(weighted(FIRST_BYTES)) == []
    weights = FIRST_BYTES.copy()
    weights[1, 5] = 1
    assert summary(weighted(weights)) == [(HazardKind.UNINITIALISED, "activations", 2, None)]
    # Nor do columns that are not written.
    assert summary(weighted(weights, outputs=1)) == []


def test_lanes_out_of_bounds_do_not_count():
    weights = np.ones((CONFIG.columns, CONFIG.lanes), int)
    assert summary(weighted(weights, bounded=1, height=1, width_bytes=1)) == []
    found = summary(weighted(weights, bounded=1, height=1, width_bytes=2))
    assert found == [(HazardKind.UNINITIALISED, "activations", 2, None)]


def test_finds_weights_overwritten_while_they_are_read():
    assert summary(weighted(FIRST_BYTES, again=True)) == [(HazardKind.RACE, "weights", 3, 2)]


def test_finds_weights_that_nothing_loaded():
    found = summary(weighted(FIRST_BYTES, weight_step=1))
    assert found == [(HazardKind.UNINITIALISED, "weights", 2, None)]


def test_finds_a_table_overwritten_while_it_is_read():
    program = Assembler(CONFIG)
    program.put(0, np.full(1024, 1, np.uint8))
    program.load(0, 0, 16)
    program.load(0, 0, 1024, space=LocalSpace.TABLE, send=(EXECUTE,))
    program.execute(Opcode.SOFTMAX, outputs=1, destination=64, wait=(LOAD,))
    program.load(0, 0, 1024, space=LocalSpace.TABLE)
    program.end()
    assert summary(program) == [(HazardKind.RACE, "table", 3, 2)]


@pytest.mark.parametrize(("destination", "self_overlap"), [(0, False), (-1, False), (8, True)])
def test_finds_a_result_that_is_read_again_by_the_same_command(destination, self_overlap):
    program = Assembler(CONFIG)
    program.load(0, 0, 64, send=(EXECUTE,))
    # In place, or behind the reads, is fine; ahead of them is not.
    program.execute(Opcode.MAX, source=16, destination=16 + destination, count_ox=4,
                    ox_address=8, destination_ox=8, wait=(LOAD,))
    program.end()
    expected = [(HazardKind.SELF, "activations", 1, None)] if self_overlap else []
    assert summary(program) == expected


def test_the_first_write_of_a_byte_counts():
    program = Assembler(CONFIG)
    program.load(0, 0, 64, send=(EXECUTE,))
    # Every result goes to byte 16, which the third one reads.
    program.execute(Opcode.MAX, destination=16, count_ox=4, ox_address=8, wait=(LOAD,))
    program.end()
    assert summary(program) == [(HazardKind.SELF, "activations", 1, None)]


def test_softmax_in_place_is_no_hazard():
    program = Assembler(CONFIG)
    program.put(0, np.full(1024, 1, np.uint8))
    program.load(0, 0, 64)
    program.load(0, 0, 1024, space=LocalSpace.TABLE, send=(EXECUTE,))
    program.execute(Opcode.SOFTMAX, outputs=1, count_kg=2, count_ox=10, ox_address=1,
                    oy_address=-9, kg_address=1, destination=0, destination_ox=1,
                    destination_kg=1, wait=(LOAD,))
    program.end()
    assert summary(program) == []


def test_finds_a_store_into_the_program():
    program = Assembler(CONFIG)
    program.load(0, 0, 16, send=(STORE,))
    program.store(256, 0, 16, wait=(LOAD,))
    program.end()
    registers = program.registers | {"memory_base": 0}
    found = Executor(CONFIG).run(program.image(), **registers, check_hazards=True).hazards
    assert [(h.kind, h.command) for h in found] == [(HazardKind.PROGRAM, 1)]


def test_a_finding_reads_as_a_sentence():
    found = hazards(pipeline(execute_waits=False, free=False, tiles=1))
    assert str(found[0]) == ("command 1 reads activations byte 0x0, command 0: "
                             "not ordered by tokens")


def random_program(rng):
    """Draw a program of small transfers and maxima with random tokens that never deadlocks."""
    program = Assembler(CONFIG)
    available = {(a, b): 0 for a in Unit for b in Unit}
    plan = []
    for _ in range(int(rng.integers(3, 12))):
        unit = Unit(int(rng.integers(3)))
        others = [other for other in Unit if other != unit]
        wait = tuple(o for o in others if available[o, unit] and rng.random() < 0.7)
        send = tuple(o for o in others if rng.random() < 0.5)
        for other in wait:
            available[other, unit] -= 1
        for other in send:
            available[unit, other] += 1
        source, target = (int(n) * 8 for n in rng.integers(0, 4, 2))
        memory = 1024 + 8 * int(rng.integers(4))
        if unit == LOAD:
            program.load(memory, target, 8, wait=wait, send=send)
            uses = ({("m", memory)}, {("s", target)})
        elif unit == STORE:
            program.store(memory, source, 8, wait=wait, send=send)
            uses = ({("s", source)}, {("m", memory)})
        else:
            program.execute(Opcode.MAX, source=source, destination=target, wait=wait, send=send)
            uses = ({("s", source)}, {("s", target)})
        plan.append((unit, wait, send, *uses))
    program.end()
    return program, plan


def reachable_pairs(plan):
    """Return the pairs (i, j) of commands with i certainly finished before j starts."""
    before = [set() for _ in plan]
    tokens = {(a, b): [] for a in Unit for b in Unit}
    last = {}
    for j, (unit, wait, send, _, _) in enumerate(plan):
        direct = [last[unit]] if unit in last else []
        direct += [tokens[other, unit].pop(0) for other in wait]
        for i in direct:
            before[j] |= {i} | before[i]
        for other in send:
            tokens[unit, other].append(j)
        last[unit] = j
    return before


def test_equals_a_search_of_all_pairs(rng):
    """On random programs, exactly the commands with an unordered conflicting partner are named."""
    races = 0
    for _ in range(300):
        program, plan = random_program(rng)
        before = reachable_pairs(plan)
        expected = set()
        for j, (unit, _, _, reads, writes) in enumerate(plan):
            for i in range(j):
                other, _, _, reads_i, writes_i = plan[i]
                conflict = writes_i & (reads | writes) or reads_i & writes
                if other != unit and conflict and i not in before[j]:
                    expected.add((j, other))
        found = {(h.command, plan[h.other][0]) for h in hazards(program)
                 if h.kind == HazardKind.RACE}
        assert found == expected
        races += len(expected)
    assert races > 100
