"""ControlRegisters: declaration against RTL; the channels in every order."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.registers import READ_WRITE, ControlRegisters, field_mask
from hadron_rtl.stream.axi import Response
from hadron_spec.config import CONFIGS
from hadron_spec.registers import REGISTERS, Access, register


def _run(testbench) -> None:
    dut = ControlRegisters(CONFIGS["h128"])
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)

    async def run(ctx):
        await testbench(ctx, dut)

    simulator.add_testbench(run)
    simulator.run()


async def _read(ctx, dut, address: int) -> tuple[int, int]:
    bus = dut.bus
    ctx.set(bus.araddr, address)
    ctx.set(bus.arvalid, 1)
    await ctx.tick().until(bus.arready)
    ctx.set(bus.arvalid, 0)
    ctx.set(bus.rready, 1)
    data, response = await ctx.tick().sample(bus.rdata, bus.rresp).until(bus.rvalid)
    ctx.set(bus.rready, 0)
    return data, response


async def _write(ctx, dut, address: int, data: int, strobe: int = 0xF, order: str = "both") -> int:
    bus = dut.bus

    async def send(valid, ready):
        ctx.set(valid, 1)
        await ctx.tick().until(ready)
        ctx.set(valid, 0)

    ctx.set(bus.awaddr, address)
    ctx.set(bus.wdata, data)
    ctx.set(bus.wstrb, strobe)
    if order == "data first":
        await send(bus.wvalid, bus.wready)
        await ctx.tick().repeat(3)
        await send(bus.awvalid, bus.awready)
    elif order == "address first":
        await send(bus.awvalid, bus.awready)
        await ctx.tick().repeat(3)
        await send(bus.wvalid, bus.wready)
    else:
        ctx.set(bus.awvalid, 1)
        await send(bus.wvalid, bus.wready)
        ctx.set(bus.awvalid, 0)
    ctx.set(bus.bready, 1)
    response, = await ctx.tick().sample(bus.bresp).until(bus.bvalid)
    ctx.set(bus.bready, 0)
    return response


@pytest.mark.parametrize("order", ["data first", "address first", "both"])
def test_writes_in_every_order_and_each_byte_alone(order, rng):
    async def run(ctx, dut):
        for r in REGISTERS:
            if r.access is not Access.RW:
                continue
            kept = 0
            for strobe in (0xF, 0, 1, 2, 4, 8, int(rng.integers(16))):
                data = int(rng.integers(1 << 32))
                assert await _write(ctx, dut, r.offset, data, strobe, order) == Response.OKAY
                mask = sum(0xFF << 8 * i for i in range(4) if strobe >> i & 1)
                kept = (kept & ~mask | data & mask) & field_mask(r)
                assert await _read(ctx, dut, r.offset) == (kept, Response.OKAY)
                assert ctx.get(dut.read_write[r.name.lower()]) == kept

    _run(run)


def test_every_address_answers():
    async def run(ctx, dut):
        for r in REGISTERS:
            if r.access is Access.RO and not r.name.startswith(("ID", "VERSION", "CONFIG")):
                ctx.set(dut.read_only[r.name.lower()], 0x1000_0000 + r.offset)
        offsets = {r.offset: r for r in REGISTERS}
        for address in (*range(0, 0x100, 4), 0x400, 0xFFC):
            data, response = await _read(ctx, dut, address)
            r = offsets.get(address)
            assert response == (Response.SLVERR if r is None else Response.OKAY)
            if r is None:
                assert data == 0
            elif r.name.startswith(("ID", "VERSION")):
                assert data == r.reset
            elif r.access is Access.RO and not r.name.startswith("CONFIG"):
                assert data == 0x1000_0000 + address
            written = await _write(ctx, dut, address, 0)
            legal = r is not None and r.access is not Access.RO
            assert written == (Response.OKAY if legal else Response.SLVERR)

    _run(run)


def test_actions_are_pulses_and_need_their_strobe():
    async def run(ctx, dut):
        seen = []

        async def write(data, strobe):
            seen.clear()
            ctx.set(dut.bus.awaddr, register("CONTROL").offset)
            ctx.set(dut.bus.wdata, data)
            ctx.set(dut.bus.wstrb, strobe)
            ctx.set(dut.bus.awvalid, 1)
            ctx.set(dut.bus.wvalid, 1)
            ctx.set(dut.bus.bready, 1)
            for _ in range(8):
                *_, start, abort = await ctx.tick().sample(dut.start, dut.abort)
                ctx.set(dut.bus.awvalid, 0)
                ctx.set(dut.bus.wvalid, 0)
                seen.append((start, abort))
            return sum(start for start, _ in seen), sum(abort for _, abort in seen)

        assert await write(0b01, 0xF) == (1, 0)
        assert await write(0b10, 0xF) == (0, 1)
        assert await write(0b11, 0xE) == (0, 0)
        assert await write(0xFFFF_FFFC, 0xF) == (0, 0)

    _run(run)


def test_event_in_the_cycle_of_its_clearing_is_kept():
    async def run(ctx, dut):
        status = register("IRQ_STATUS").offset
        ctx.set(dut.events, 0b101)
        await ctx.tick()
        ctx.set(dut.events, 0)
        assert await _read(ctx, dut, status) == (0b101, Response.OKAY)
        assert not ctx.get(dut.irq)
        await _write(ctx, dut, register("IRQ_ENABLE").offset, 0b001)
        await ctx.tick()
        assert ctx.get(dut.irq)
        # Events all the time: clearing does not lose them.
        ctx.set(dut.events, 0b001)
        await _write(ctx, dut, status, 0b101)
        ctx.set(dut.events, 0)
        assert await _read(ctx, dut, status) == (0b001, Response.OKAY)
        await _write(ctx, dut, status, 0b001)
        await ctx.tick()
        assert not ctx.get(dut.irq)

    _run(run)


def test_channels_wait_for_back_pressure():
    async def run(ctx, dut):
        bus = dut.bus
        ctx.set(bus.araddr, 0)
        ctx.set(bus.arvalid, 1)
        await ctx.tick().until(bus.arready)
        await ctx.tick().until(bus.rvalid)
        ctx.set(bus.araddr, 4)
        for _ in range(10):
            assert ctx.get(bus.rvalid)
            assert ctx.get(bus.rdata) == register("ID").reset
            assert not ctx.get(bus.arready)
            await ctx.tick()

    _run(run)


def test_read_write_layout_is_the_declaration():
    assert list(READ_WRITE.members) == [
        r.name.lower() for r in REGISTERS if r.access is Access.RW]
