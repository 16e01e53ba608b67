"""The low bits of a product, for all factors."""

from amaranth.sim import Simulator

from hadron_rtl.array.low_product import LowProduct


def test_gives_every_product_modulo_32():
    dut = LowProduct()
    pairs = [(a, b) for a in range(32) for b in range(32)]

    async def testbench(ctx):
        for i in range(len(pairs) + dut.LATENCY):
            if i < len(pairs):
                ctx.set(dut.a, pairs[i][0])
                ctx.set(dut.b, pairs[i][1])
            if i >= dut.LATENCY:
                a, b = pairs[i - dut.LATENCY]
                assert ctx.get(dut.o) == a * b % 32
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
