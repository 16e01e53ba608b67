"""LoopNest against a plain walk of the six loops; its throughput, latency and stalls."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.loop_nest import LoopNest
from hadron_spec.commands import FIELDS, LEVELS, Opcode
from hadron_spec.config import NpuConfig
from hadron_testing.execute_reference import walk

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=16, axi_data_width=64)
DEPTH = 4
CREDITED = (Opcode.MAX, Opcode.SOFTMAX)


def random_fields(rng, opcode, top=4):
    fields = dict.fromkeys(FIELDS[opcode], 0)
    fields["opcode"] = int(opcode)
    for level in LEVELS:
        fields[f"count_{level}"] = int(rng.integers(1, top))
        fields[f"{level}_address"] = int(rng.integers(-9999, 9999))
        fields[f"{level}_y"] = int(rng.integers(-50, 50))
        fields[f"{level}_x"] = int(rng.integers(-50, 50))
    fields["source"] = int(rng.integers(-40000, 40000))
    fields["start_y"] = int(rng.integers(-500, 500))
    fields["start_x"] = int(rng.integers(-500, 500))
    fields["weight_step"] = int(rng.integers(0, 1 << 15))
    return fields


def run(commands, *, credit_after=None, rng=None):
    """Return the steps of each command with their cycles, and the cycles that stalled.

    A result leaves the FIFO `credit_after` cycles after its last step, or at random.
    """
    dut = LoopNest(CONFIG, result_depth=DEPTH)
    steps, stalls = [], []

    async def bench(ctx):
        held = 0
        for fields in commands:
            ctx.set(dut.command, {k: v for k, v in fields.items() if k != "checksum"})
            await ctx.tick()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            seen, stalled = [], 0
            cycle, idle = 0, 0
            leaving = []
            while idle < 5 or held:
                step = ctx.get(dut.step)
                if step.valid:
                    seen.append((cycle, step.parameters, step.first, step.last, step.address,
                                 step.y, step.x, step.weight_step))
                if step.valid and step.last and fields["opcode"] in CREDITED:
                    held += 1
                    leaving.append(cycle + (credit_after or 0))
                assert held <= DEPTH
                stalled += ctx.get(dut.stall)
                free = held and (rng.random() < 0.3 if rng is not None else leaving[0] <= cycle)
                ctx.set(dut.credit, int(free))
                if free:
                    held -= 1
                    leaving.pop(0)
                idle = 0 if ctx.get(dut.busy) else idle + 1
                await ctx.tick()
                cycle += 1
            ctx.set(dut.credit, 0)
            steps.append(seen)
            stalls.append(stalled)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return steps, stalls


def expect(fields, seen):
    reference = list(walk(fields, CONFIG.table_steps))
    assert len(seen) == len(reference)
    for (_, parameters, first, last, address, y, x, weight_step), step in zip(
            seen, reference, strict=True):
        assert (parameters, weight_step) == (step.parameters, step.weight_step)
        assert (first, last) == (step.first, step.last)
        if not step.parameters:
            assert (address, y, x) == (step.address % CONFIG.act_bytes, step.y, step.x)


@pytest.mark.parametrize("opcode", [Opcode.MATRIX, Opcode.LOOKUP])
def test_walks_the_loops_in_order_whatever_the_credits(rng, opcode):
    commands = [random_fields(rng, opcode) for _ in range(4)]
    commands += [random_fields(rng, opcode) | {"uniform": 1, "count_kg": 3}
                 for _ in range(2 * (opcode is Opcode.MATRIX))]
    if opcode is Opcode.LOOKUP:
        commands = [fields | {"count_kg": 1} for fields in commands]
    steps, _ = run(commands, rng=rng)
    for fields, seen in zip(commands, steps, strict=True):
        expect(fields, seen)


def test_a_command_that_continues_begins_with_weights(rng):
    commands = [random_fields(rng, Opcode.MATRIX) | {"continues": i % 2} for i in range(6)]
    steps, _ = run(commands, rng=rng)
    for fields, seen in zip(commands, steps, strict=True):
        expect(fields, seen)
        _, parameters, first, *_ = seen[0]
        assert (parameters, first) == (not fields["continues"], False)


def test_wide_results_are_two_cycles_apart(rng):
    fields = random_fields(rng, Opcode.MATRIX)
    fields |= {"wide": 1, "count_kg": 2, "count_ky": 1, "count_kx": 1, "count_seg": 1}
    (seen,), (stalled,) = run([fields])
    expect(fields, seen)
    ends = [step[0] for step in seen if step[3]]
    assert set(map(int.__sub__, ends[1:], ends)) == {2}
    # The parameter step of the second group takes the place of one.
    assert stalled == len(ends) - 2


@pytest.mark.parametrize("opcode", [Opcode.MAX, Opcode.SOFTMAX])
def test_element_wise_commands_read_no_parameters(rng, opcode):
    fields = random_fields(rng, opcode)
    fields["count_kg"] = 1
    (seen,), _ = run([fields], rng=rng)
    expect(fields, seen)
    assert not any(step[1] for step in seen)


def test_single_step_command():
    fields = dict.fromkeys(FIELDS[Opcode.MATRIX], 0)
    fields |= {f"count_{level}": 1 for level in LEVELS} | {"opcode": int(Opcode.MATRIX)}
    (seen,), _ = run([fields], credit_after=1)
    expect(fields, seen)
    assert len(seen) == 2


def test_issues_a_step_every_cycle_from_latency_on(rng):
    fields = random_fields(rng, Opcode.MATRIX)
    (seen,), stalls = run([fields], credit_after=0)
    assert [step[0] for step in seen] == list(range(LoopNest.LATENCY, LoopNest.LATENCY + len(seen)))
    assert stalls == [0]


def test_stalls_only_at_the_end_of_a_result_without_credit():
    fields = dict.fromkeys(FIELDS[Opcode.MAX], 0)
    fields |= {f"count_{level}": 1 for level in LEVELS}
    fields |= {"opcode": int(Opcode.MAX), "count_ox": 2 * DEPTH}
    (seen,), (stalled,) = run([fields], credit_after=40)
    assert seen[DEPTH - 1][0] - seen[0][0] == DEPTH - 1
    assert seen[DEPTH][0] - seen[DEPTH - 1][0] > 30
    assert stalled > 30


def test_counts_of_many_bits(rng):
    fields = random_fields(rng, Opcode.MAX, top=2)
    fields |= {"count_ox": 700, "count_seg": 3}
    (seen,), _ = run([fields], credit_after=0)
    expect(fields, seen)


def test_result_depth_must_be_two_or_more():
    with pytest.raises(ValueError, match=r"^result_depth=1, must be 2 or more$"):
        LoopNest(CONFIG, result_depth=1)
