"""The registered adder tree."""

import pytest
from amaranth.hdl import Shape, signed
from amaranth.sim import Simulator

from hadron_rtl.array.adder_tree import AdderTree


@pytest.mark.parametrize("carries", [False, True])
@pytest.mark.parametrize("count", [2, 16])
@pytest.mark.parametrize("shape", [Shape(10), signed(5)], ids=["unsigned", "signed"])
def test_adds_without_overflow(shape, count, carries, rng):
    dut = AdderTree(shape=shape, count=count, carries=carries)
    assert dut.o.shape() == Shape(shape.width + dut.LATENCY, shape.signed)
    low = -(1 << shape.width - 1) if shape.signed else 0
    high = low + (1 << shape.width) - 1
    vectors = [[low] * count, [high] * count, [low, high] * (count // 2)]
    vectors += [[int(v) for v in rng.integers(low, high + 1, count)] for _ in range(30)]
    bits = [0, (1 << count - 1) - 1, (1 << count - 1) - 1]
    bits += [int(v) for v in rng.integers(0, 1 << count - 1, 30)]
    added = [carries * value.bit_count() for value in bits]

    async def testbench(ctx):
        for i in range(len(vectors) + dut.LATENCY):
            if i < len(vectors):
                ctx.set(dut.i, vectors[i])
                if carries:
                    ctx.set(dut.carries, bits[i])
            if i >= dut.LATENCY:
                assert ctx.get(dut.o) == sum(vectors[i - dut.LATENCY]) + added[i - dut.LATENCY]
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("count", [0, 1, 12])
def test_refuses_counts_that_make_no_tree(count):
    with pytest.raises(ValueError, match=f"^count={count}, must be a power of two, at least 2$"):
        AdderTree(shape=signed(8), count=count)
