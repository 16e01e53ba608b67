"""Behavioural twin of the hardware multiplier."""

from amaranth.sim import Simulator

from hadron_rtl.vendor.multiplier import Multiplier18


def test_multiplies_signed_numbers_after_its_latency(rng):
    dut = Multiplier18()
    low, high = -(1 << 17), (1 << 17) - 1
    pairs = [(low, low), (low, high), (high, high), (-1, low), (0, low), (1, high)]
    pairs += [(int(a), int(b)) for a, b in rng.integers(low, high + 1, (50, 2))]

    async def testbench(ctx):
        for i in range(len(pairs) + dut.LATENCY):
            if i < len(pairs):
                ctx.set(dut.a, pairs[i][0])
                ctx.set(dut.b, pairs[i][1])
            if i >= dut.LATENCY:
                a, b = pairs[i - dut.LATENCY]
                assert ctx.get(dut.o) == a * b
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
