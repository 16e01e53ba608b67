"""The multiplier from LUTs."""

from amaranth.sim import Simulator

from hadron_rtl.array.soft_multiplier import SoftMultiplier


def test_multiplies_signed_bytes_after_its_latency(rng):
    dut = SoftMultiplier()
    edges = [-128, -127, -64, -1, 0, 1, 63, 64, 127]
    pairs = [(a, b) for a in edges for b in edges]
    pairs += [(int(a), int(b)) for a, b in rng.integers(-128, 128, (500, 2))]

    async def testbench(ctx):
        for i in range(len(pairs) + dut.LATENCY):
            if i < len(pairs):
                ctx.set(dut.a, pairs[i][0])
                ctx.set(dut.b, pairs[i][1])
            if i >= dut.LATENCY:
                a, b = pairs[i - dut.LATENCY]
                assert ctx.get(dut.o) == a * b, (a, b)
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
