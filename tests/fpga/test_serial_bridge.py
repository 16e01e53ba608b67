import struct

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hadron_fpga.on_chip_memory import OnChipMemory
from hadron_fpga.serial_bridge import SerialBridge
from hadron_fpga.uart import UartReceiver, UartTransmitter
from hadron_spec import link

TIMEOUT = 200


def run(testbench):
    """Run `testbench(ctx, bridge)` against a bridge with 8 KiB of memory behind it."""
    m = Module()
    m.submodules.bridge = bridge = SerialBridge(timeout=TIMEOUT)
    m.submodules.memory = memory = OnChipMemory(size=8192, data_width=32)
    wiring.connect(m, bridge.bus, memory.host)
    simulator = Simulator(m)
    simulator.add_clock(1e-8)

    async def bench(ctx):
        await testbench(ctx, bridge)

    simulator.add_testbench(bench)
    simulator.run()


async def send(ctx, bridge, data):
    for byte in data:
        ctx.set(bridge.i.payload, byte)
        ctx.set(bridge.i.valid, 1)
        await ctx.tick().until(bridge.i.ready)
        ctx.set(bridge.i.valid, 0)


async def receive(ctx, bridge, count):
    data = bytearray()
    ctx.set(bridge.o.ready, 1)
    while len(data) < count:
        (byte,) = await ctx.tick().sample(bridge.o.payload).until(bridge.o.valid)
        data.append(byte)
    ctx.set(bridge.o.ready, 0)
    return bytes(data)


def frame(opcode, address, words, data=b""):
    return struct.pack("<BIH", opcode, address, words) + data


def test_reads_what_was_written(rng):
    data = rng.bytes(4 * 9)

    async def bench(ctx, bridge):
        await send(ctx, bridge, frame(link.WRITE, 0x104, 9, data))
        assert await receive(ctx, bridge, 1) == bytes([link.OK])
        await send(ctx, bridge, frame(link.READ, 0x104, 9))
        assert await receive(ctx, bridge, 37) == data + bytes([link.OK])

    run(bench)


def test_reports_an_address_out_of_range_after_the_words():
    async def bench(ctx, bridge):
        await send(ctx, bridge, frame(link.READ, 8192, 1))
        assert (await receive(ctx, bridge, 5))[-1] == link.ERROR
        await send(ctx, bridge, frame(link.WRITE, 8192, 1, b"abcd"))
        assert (await receive(ctx, bridge, 1))[0] == link.ERROR
        await send(ctx, bridge, frame(link.READ, 0, 1))
        assert await receive(ctx, bridge, 5) == bytes(4) + bytes([link.OK])

    run(bench)


def test_answers_an_unknown_opcode_and_goes_on():
    async def bench(ctx, bridge):
        await send(ctx, bridge, b"\x00")
        assert await receive(ctx, bridge, 1) == bytes([link.UNKNOWN])
        await send(ctx, bridge, frame(link.READ, 0, 1))
        assert (await receive(ctx, bridge, 5))[-1] == link.OK

    run(bench)


@pytest.mark.parametrize("sent", [3, 9])
def test_drops_a_frame_that_stops(sent):
    async def bench(ctx, bridge):
        await send(ctx, bridge, frame(link.WRITE, 0, 1, b"abcd")[:sent])
        await ctx.tick().repeat(TIMEOUT + 10)
        await send(ctx, bridge, frame(link.READ, 0, 1))
        assert await receive(ctx, bridge, 5) == bytes(4) + bytes([link.OK])

    run(bench)


def test_uart_carries_every_byte():
    m = Module()
    m.submodules.tx = tx = UartTransmitter(divisor=5)
    m.submodules.rx = rx = UartReceiver(divisor=5)
    m.d.comb += rx.rx.eq(tx.tx)
    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    received = []

    async def push(ctx):
        for byte in range(256):
            ctx.set(tx.i.payload, byte)
            ctx.set(tx.i.valid, 1)
            await ctx.tick().until(tx.i.ready)
        ctx.set(tx.i.valid, 0)

    async def pull(ctx):
        ctx.set(rx.o.ready, 1)
        for _ in range(256):
            (byte,) = await ctx.tick().sample(rx.o.payload).until(rx.o.valid)
            received.append(byte)

    simulator.add_testbench(push)
    simulator.add_testbench(pull)
    simulator.run_until(256 * 60 * 1e-8)
    assert received == list(range(256))


@pytest.mark.parametrize("component", [UartReceiver, UartTransmitter])
def test_refuses_a_clock_too_slow_for_the_line(component):
    with pytest.raises(ValueError, match=r"^divisor=3, must be at least 4 clock cycles a bit$"):
        component(divisor=3)
