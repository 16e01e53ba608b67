"""The three ways of multiplying two columns: all the same, cycle for cycle."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.array.packed_columns import PackedColumns
from hadron_rtl.array.plain_columns import PlainColumns
from hadron_rtl.array.soft_columns import SoftColumns


@pytest.mark.parametrize("lanes", [2, 16, 32])
@pytest.mark.parametrize("columns", [PlainColumns, PackedColumns, SoftColumns])
def test_gives_dot_products_after_the_latency(columns, lanes, rng):
    dut = columns(lanes=lanes)
    count = 40
    x = rng.integers(-128, 128, (count, lanes))
    weights = rng.integers(-127, 128, (count, 2, lanes))
    # The largest sums of either sign, and small ones: zeros and signs in every combination.
    x[:4] = -128
    weights[:4] = np.array([[127, 127], [127, -127], [-127, 127], [-127, -127]])[..., None]
    x[4:12] = rng.integers(-1, 2, (8, lanes))
    weights[4:12] = rng.integers(-1, 2, (8, 2, lanes))
    expected = np.einsum("tcl,tl->tc", weights, x)
    stored = weights.copy()
    stored[:, 1] -= weights[:, 0] < 0

    async def testbench(ctx):
        for i in range(count + dut.LATENCY):
            if i < count:
                ctx.set(dut.x, x[i].tolist())
                ctx.set(dut.weights, (stored[i] & 0xFF).tolist())
            if i >= dut.LATENCY:
                assert list(ctx.get(dut.sums)) == expected[i - dut.LATENCY].tolist()
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
