"""CounterBank."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.controller import COUNTERS
from hadron_rtl.control.counters import CounterBank
from hadron_rtl.control.registers import READ_ONLY
from hadron_spec.registers import REGISTERS


def test_counts_each_event_alone(rng):
    dut = CounterBank(3)

    async def run(ctx):
        expected = [0, 0, 0]
        for _ in range(200):
            events = int(rng.integers(8))
            clear = rng.random() < 0.02
            ctx.set(dut.events, events)
            ctx.set(dut.clear, clear)
            await ctx.tick()
            expected = [0 if clear else value + (events >> i & 1)
                        for i, value in enumerate(expected)]
        ctx.set(dut.events, 0)
        ctx.set(dut.clear, 0)
        await ctx.tick().repeat(CounterBank.LATENCY - 1)
        assert [ctx.get(value) for value in dut.values] == expected

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.run()


def test_counters_are_those_of_the_registers():
    declared = [r.name.lower() for r in REGISTERS if r.offset >= 0x040]
    assert list(COUNTERS) == declared
    assert set(READ_ONLY.members) == {"status", "error_command", "stream_dropped", *declared}


def test_constructor_refuses_none():
    with pytest.raises(ValueError, match=r"^count=0, must be 1 or more$"):
        CounterBank(0)
