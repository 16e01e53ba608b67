"""AddendScaler against `hadron_spec.numerics.rescale_addend`, to the last bit."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.addend_scaler import AddendScaler
from hadron_spec import numerics


@pytest.mark.parametrize("shift", [0, 1, 7, 8, 20, 28, 29, 31])
def test_scales_like_the_rule(rng, shift):
    multipliers = [1 << 30, (1 << 31) - 1, *map(int, rng.integers(1 << 30, 1 << 31, 2))]
    operands = np.arange(-255, 256)
    dut = AddendScaler()
    outputs = []

    async def bench(ctx):
        ctx.set(dut.shift, shift)
        for multiplier in multipliers:
            ctx.set(dut.multiplier, multiplier)
            ctx.set(dut.triple, 3 * multiplier)
            for n in range(len(operands) + dut.LATENCY):
                if n < len(operands):
                    ctx.set(dut.i, int(operands[n]))
                if n >= dut.LATENCY:
                    outputs.append(ctx.get(dut.o) + ctx.get(dut.increment))
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    want = [numerics.rescale_addend(int(operand), multiplier, -shift)
            for multiplier in multipliers for operand in operands]
    np.testing.assert_array_equal(outputs, want)
