"""TokenCounters against counting in Python."""

from amaranth.sim import Simulator

from hadron_rtl.control.tokens import TokenCounters
from hadron_spec.commands import OTHER_UNITS, TOKEN_MAX, Unit


def _run(testbench, dut) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_counts_each_pair(rng):
    dut = TokenCounters()

    async def run(ctx):
        counts = {(a, b): 0 for a in Unit for b in OTHER_UNITS[a]}
        for _ in range(200):
            # A token is available two cycles after it was sent.
            for unit in Unit:
                ctx.set(dut.take[unit], 0)
                ctx.set(dut.send[unit], 0)
            await ctx.tick()
            sent, taken = [], []
            for unit in Unit:
                available = ctx.get(dut.available[unit])
                for bit, other in enumerate(OTHER_UNITS[unit]):
                    assert available >> bit & 1 == (counts[other, unit] > 0)
                take = int(rng.integers(4)) & available
                send = int(rng.integers(4))
                ctx.set(dut.take[unit], take)
                ctx.set(dut.send[unit], send)
                taken += [(o, unit) for bit, o in enumerate(OTHER_UNITS[unit]) if take >> bit & 1]
                sent += [(unit, o) for bit, o in enumerate(OTHER_UNITS[unit]) if send >> bit & 1]
            await ctx.tick()
            assert ctx.get(dut.overflow) == 0
            for pair in sent:
                counts[pair] += 1
            for pair in taken:
                counts[pair] -= 1

    _run(run, dut)


def test_overflow_names_the_sender():
    dut = TokenCounters()

    async def run(ctx):
        ctx.set(dut.send[Unit.EXECUTE], 0b10)
        await ctx.tick().repeat(TOKEN_MAX)
        assert ctx.get(dut.overflow) == 0
        # One is taken at the same time: there is room.
        ctx.set(dut.take[Unit.STORE], 0b10)
        await ctx.tick()
        assert ctx.get(dut.overflow) == 0
        ctx.set(dut.take[Unit.STORE], 0)
        await ctx.tick()
        assert ctx.get(dut.overflow) == 1 << Unit.EXECUTE
        ctx.set(dut.send[Unit.EXECUTE], 0)
        await ctx.tick()
        assert ctx.get(dut.overflow) == 0

    _run(run, dut)
