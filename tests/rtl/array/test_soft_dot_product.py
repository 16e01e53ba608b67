"""The dot product from LUTs."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.array.soft_dot_product import SoftDotProduct


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("lanes", [2, 16])
def test_multiplies_with_the_halves_of_bytes_after_its_latency(lanes, signed, rng):
    dut = SoftDotProduct(lanes=lanes, halves=signed)
    edges = [-128, -127, -1, 0, 1, 15, 112, 127]
    a, b = rng.integers(-128, 128, (2, 300, lanes))
    a[:64], b[:64] = np.array([(i, j) for i in edges for j in edges]).T[..., None]
    halves = (b & 15) - (16 * (b >> 3 & 1) if signed else 0), b >> 4
    low, high = ((a * half).sum(axis=1) for half in halves)

    async def testbench(ctx):
        if signed:
            ctx.set(dut.low_is_signed, 1)
        for i in range(len(a) + dut.LATENCY):
            if i < len(a):
                ctx.set(dut.a, a[i].tolist())
                ctx.set(dut.b, b[i].tolist())
            if i >= dut.LATENCY:
                assert ctx.get(dut.low) == low[i - dut.LATENCY]
                assert ctx.get(dut.high) == high[i - dut.LATENCY]
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
