"""LoopCounter against nested loops in Python, advanced at random."""

import itertools

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.loop_counter import LoopCounter


def walk(counts):
    """Return `last` and `level` of every step."""
    steps = []
    for indices in itertools.product(*map(range, counts)):
        last = [index == count - 1 for index, count in zip(indices, counts, strict=True)]
        level = [not flag and all(last[i + 1:]) for i, flag in enumerate(last)]
        steps.append((last, level))
    return steps


def measure(commands, rng, pauses):
    """Return what the counter says at each step of each command; it pauses as often as asked."""
    dut = LoopCounter(levels=len(commands[0]), width=4)
    seen = []

    async def bench(ctx):
        for counts in commands:
            ctx.set(dut.counts, counts)
            await ctx.tick()
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            steps = []
            while not steps or any(steps[-1][1]):
                advance = rng.random() >= pauses
                last = [bool(ctx.get(dut.last) >> i & 1) for i in range(len(counts))]
                # Anything where it is not to be looked at.
                ctx.set(dut.advance, sum(
                    (advance if all(last[i + 1:]) else int(rng.integers(2))) << i
                    for i in range(len(counts))))
                if advance:
                    steps.append(tuple([bool(value >> i & 1) for i in range(len(counts))]
                                       for value in (ctx.get(dut.last), ctx.get(dut.level))))
                await ctx.tick()
            ctx.set(dut.advance, 0)
            seen.append(steps)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize("pauses", [0.0, 0.4])
def test_counts_nested_loops(pauses, rng):
    commands = [list(counts) for counts in itertools.product((1, 2, 3, 5), repeat=3)]
    commands += [[1, 1, 15], [2, 9, 1], rng.integers(1, 8, 3).tolist()]
    rng.shuffle(commands)
    assert measure(commands, rng, pauses) == [*map(walk, commands)]


@pytest.mark.parametrize("levels", [0, -1])
def test_refuses_to_count_no_loop(levels):
    with pytest.raises(ValueError, match=f"^levels={levels}, must be 1 or more$"):
        LoopCounter(levels=levels)
