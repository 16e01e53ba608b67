"""The queue in LUT RAM."""

from collections import deque

import pytest
from amaranth.sim import Simulator

from hadron_rtl.array.lut_queue import LutQueue
from hadron_rtl.array.weight_memory import WeightMemory
from hadron_spec.config import CONFIGS


@pytest.mark.parametrize("start", [0, 15])
def test_gives_entries_in_order(start, rng):
    dut = LutQueue(shape=8, start=start)
    held = deque()

    async def testbench(ctx):
        for _ in range(200):
            push = len(held) < dut.depth and int(rng.integers(2))
            pop = len(held) > 0 and int(rng.integers(2))
            value = int(rng.integers(256))
            if held:
                assert ctx.get(dut.o) == held[0]
            ctx.set(dut.push, push)
            ctx.set(dut.pop, pop)
            ctx.set(dut.i, value)
            await ctx.tick()
            if pop:
                held.popleft()
            if push:
                held.append(value)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("start", [-1, 16])
def test_refuses_a_start_outside(start):
    with pytest.raises(ValueError, match=f"^start={start}, must be 0 to 15$"):
        LutQueue(shape=8, start=start)


@pytest.mark.parametrize("group", [-1, 2])
def test_weight_memory_refuses_groups_that_are_not_there(group):
    with pytest.raises(ValueError, match=f"^group={group}, must be 0 to 1$"):
        WeightMemory(config=CONFIGS["h64"], group=group)
