"""SkidBuffer, StreamRegister: a stream comes out as it went in, no combinational path across."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.stream.register import StreamRegister
from hadron_rtl.stream.skid import SkidBuffer


def _run(dut, *testbenches) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("component", [SkidBuffer, StreamRegister])
@pytest.mark.parametrize("density", [(0.2, 0.9), (0.9, 0.2), (0.5, 0.5), (1.0, 1.0)])
def test_keeps_order_and_payload(component, density, rng):
    dut = component(8)
    items = [int(item) for item in rng.integers(256, size=300)]
    push, pull = density

    async def feed(ctx):
        for item in items:
            while rng.random() >= push:
                await ctx.tick()
            ctx.set(dut.i.payload, item)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def drain(ctx):
        taken = []
        held = None
        while len(taken) < len(items):
            ready = rng.random() < pull
            ctx.set(dut.o.ready, ready)
            *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if held is not None:
                assert valid
                assert payload == held
            held = payload if valid and not ready else None
            if valid and ready:
                taken.append(payload)
        assert taken == items

    _run(dut, feed, drain)


def test_register_takes_an_item_every_second_cycle():
    dut = StreamRegister(8)

    async def run(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.valid, 1)
        for i in range(20):
            ctx.set(dut.i.payload, i)
            assert ctx.get(dut.i.ready)
            await ctx.tick()
            assert (ctx.get(dut.o.valid), ctx.get(dut.o.payload)) == (1, i)
            assert not ctx.get(dut.i.ready)
            await ctx.tick()

    _run(dut, run)


def test_latency_and_throughput():
    dut = SkidBuffer(8)

    async def run(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.valid, 1)
        for i in range(20):
            ctx.set(dut.i.payload, i)
            assert ctx.get(dut.i.ready)
            await ctx.tick()
            assert SkidBuffer.LATENCY == 1
            assert (ctx.get(dut.o.valid), ctx.get(dut.o.payload)) == (1, i)

    _run(dut, run)


@pytest.mark.parametrize("component", [SkidBuffer, StreamRegister])
def test_ready_and_valid_come_from_registers(component):
    dut = component(8)

    async def run(ctx):
        ctx.set(dut.i.valid, 1)
        assert not ctx.get(dut.o.valid)
        await ctx.tick().repeat(2)
        assert not ctx.get(dut.i.ready)
        ctx.set(dut.o.ready, 1)
        assert not ctx.get(dut.i.ready)

    _run(dut, run)
