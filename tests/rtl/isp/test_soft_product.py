"""soft_product: every product right, when it says."""

import numpy as np
import pytest
from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hadron_rtl.isp.soft_product import soft_product, soft_product_latency


class Product(wiring.Component):
    def __init__(self, value, factor_bits):
        super().__init__({"value": In(value), "factor": In(factor_bits),
                          "o": Out(Shape(value.width + factor_bits, value.signed))})

    def elaborate(self, platform):
        m = Module()
        value = Signal(self.value.shape())
        factor = Signal(len(self.factor))
        m.d.sync += [value.eq(self.value), factor.eq(self.factor)]
        m.d.comb += self.o.eq(soft_product(m, value, factor, name="test"))
        return m


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(("bits", "factor_bits"), [
    (5, 1), (4, 2), (5, 3), (13, 4), (9, 5), (10, 7), (12, 9)])
def test_gives_every_product_after_its_latency(rng, signed, bits, factor_bits):
    dut = Product(Shape(bits, signed), factor_bits)
    low = -(1 << bits - 1) if signed else 0
    ends = [low, low + (1 << bits) - 1]
    values = np.concatenate([ends, ends, rng.integers(ends[0], ends[1] + 1, 200)])
    factors = rng.integers(0, 1 << factor_bits, len(values))
    factors[:2] = (1 << factor_bits) - 1
    found = []

    async def bench(ctx):
        for value, factor in zip(values.tolist(), factors.tolist(), strict=True):
            ctx.set(dut.value, value)
            ctx.set(dut.factor, factor)
            *_, product = await ctx.tick().sample(dut.o)
            found.append(product)
        for _ in range(1 + soft_product_latency(factor_bits)):
            *_, product = await ctx.tick().sample(dut.o)
            found.append(product)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    np.testing.assert_array_equal(found[1 + soft_product_latency(factor_bits):], values * factors)
