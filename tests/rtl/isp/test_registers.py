"""The ISP's registers: every address answers, settings change at a commit only, tables swap."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.isp.registers import IspRegisters
from hadron_rtl.stream.axi import Response
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.registers import (
    ISP_BASE,
    ISP_REGISTERS,
    ISP_SPACE_BYTES,
    TABLES,
    isp_register,
    settings_image,
)
from hadron_spec.isp.settings import default_settings
from hadron_spec.registers import Access
from hadron_testing.isp import AxiLite

CONFIG = ISP_CONFIGS["isp64"]
LATENCY = 3


def _run(testbench, *others):
    dut = IspRegisters(CONFIG, statistics_latency=LATENCY)
    bus = AxiLite(dut.bus, base=ISP_BASE)
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)

    async def run(ctx):
        await testbench(ctx, dut, bus)

    simulator.add_testbench(run)
    for other in others:
        async def background(ctx, other=other):
            await other(ctx, dut)
        simulator.add_testbench(background, background=True)
    simulator.run()


def _offset(name):
    return isp_register(name).offset


async def _commit(ctx, dut):
    ctx.set(dut.commit, 1)
    await ctx.tick()
    ctx.set(dut.commit, 0)
    await ctx.tick().until(~dut.store_busy)


def test_every_address_answers(rng):
    async def run(ctx, dut, bus):
        reset = settings_image(default_settings(CONFIG))
        registers = {r.offset: r for r in ISP_REGISTERS}
        for name in dut.status.shape().members:
            ctx.set(dut.status[name], 0x5000_0000 + _offset(name.upper()))
        probes = {*registers, *(r + 4 for r in registers), 0x7FC}
        for offset in sorted(probes):
            data, response = await bus.read(ctx, offset)
            r = registers.get(offset)
            assert response == (Response.SLVERR if r is None else Response.OKAY), hex(offset)
            if r is None:
                assert data == 0
            elif offset in reset:
                assert data == reset[offset], r.name
            elif r.name.lower() in dut.status.shape().members:
                assert data == 0x5000_0000 + offset
            elif r.access is Access.RW:
                assert data == r.reset
            legal = r is not None and r.access is not Access.RO
            answer = await bus.write(ctx, offset, 0, strobe=0)
            assert answer == (Response.OKAY if legal else Response.SLVERR), hex(offset)
        for address in (0, ISP_BASE - 4, ISP_BASE + ISP_SPACE_BYTES):
            assert (await bus.read(ctx, address - ISP_BASE))[1] == Response.SLVERR

    _run(run)


def test_settings_change_at_the_commit_all_at_once(rng):
    async def run(ctx, dut, bus):
        before = ctx.get(dut.settings).as_bits()
        await bus.write(ctx, _offset("DEFECT_HOT"), 77)
        await bus.write(ctx, _offset("WHITE_BALANCE_GAIN_1"), 0x1234_5678)
        await bus.write(ctx, _offset("CROP_PHASE"), 0x0203, strobe=0b0001)
        assert ctx.get(dut.settings).as_bits() == before
        await _commit(ctx, dut)
        settings = ctx.get(dut.settings)
        assert settings.defect.hot == 77
        assert list(settings.white_balance.gain) == [1 << 12, 1 << 12, 0x5678, 0x1234]
        assert settings.crop.phase == 3
        assert await bus.read(ctx, _offset("DEFECT_HOT")) == (77, Response.OKAY)
        # Nothing else has changed.
        default = default_settings(CONFIG)
        assert settings.defect.cold == default.defect.cold
        assert settings.crop.width == default.crop.width

    _run(run)


def test_reads_and_writes_during_a_commit_wait_for_it():
    async def run(ctx, dut, bus):
        await bus.write(ctx, _offset("DEFECT_COLD"), 99)
        for _ in range(8):
            ctx.set(dut.commit, 1)
            await ctx.tick()
            ctx.set(dut.commit, 0)
            assert await bus.read(ctx, _offset("DEFECT_COLD")) == (99, Response.OKAY)
            assert not ctx.get(dut.store_busy)

    _run(run)


def test_tables_are_written_with_a_counting_address_and_swap_when_written():
    seen = []

    async def watch(ctx, dut):
        while True:
            await ctx.tick()
            for table in TABLES:
                port = getattr(dut.tables, table.name.replace(".", "_"))
                if ctx.get(port.write):
                    seen.append((table.number, ctx.get(port.address), ctx.get(port.data)))

    async def run(ctx, dut, bus):
        last = TABLES[-1]
        port = getattr(dut.tables, last.name.replace(".", "_"))
        first = getattr(dut.tables, TABLES[0].name.replace(".", "_"))
        await bus.write(ctx, _offset("TABLE_ADDRESS"), last.number << 16 | 5)
        for value in (11, 22, 33):
            await bus.write(ctx, _offset("TABLE_DATA"), value)
        assert seen == [(last.number, 5, 11), (last.number, 6, 22), (last.number, 7, 33)]
        assert (await bus.read(ctx, _offset("TABLE_ADDRESS")))[0] == last.number << 16 | 8
        assert ctx.get(port.bank) == 0
        await _commit(ctx, dut)
        assert (ctx.get(port.bank), ctx.get(first.bank)) == (1, 0)
        await _commit(ctx, dut)
        assert ctx.get(port.bank) == 1

    _run(run, watch)


def test_statistics_are_read_with_a_counting_address():
    async def memory(ctx, dut):
        pipeline = [0] * LATENCY
        while True:
            *_, address = await ctx.tick().sample(dut.statistics_address)
            pipeline = [*pipeline[1:], address]
            ctx.set(dut.statistics_data, 0x100 + pipeline[0])

    async def run(ctx, dut, bus):
        await bus.write(ctx, _offset("STATISTICS_ADDRESS"), 40)
        for i in range(4):
            data, response = await bus.read(ctx, _offset("STATISTICS_DATA"))
            assert (data, response) == (0x100 + 40 + i, Response.OKAY)
        assert (await bus.read(ctx, _offset("STATISTICS_ADDRESS")))[0] == 44

    _run(run, memory)


def test_control_commit_and_interrupts():
    requests = []

    async def watch(ctx, dut):
        while True:
            *_, request = await ctx.tick().sample(dut.commit_request)
            requests.append(request)

    async def run(ctx, dut, bus):
        assert (ctx.get(dut.run), ctx.get(dut.live)) == (0, 0)
        await bus.write(ctx, _offset("CONTROL"), 0b11)
        assert (ctx.get(dut.run), ctx.get(dut.live)) == (1, 1)
        await bus.write(ctx, _offset("COMMIT"), 1)
        await bus.write(ctx, _offset("COMMIT"), 0)
        await ctx.tick()
        assert sum(requests) == 1
        ctx.set(dut.events, 0b0101)
        await ctx.tick()
        ctx.set(dut.events, 0)
        assert (await bus.read(ctx, _offset("IRQ_STATUS")))[0] == 0b0101
        assert not ctx.get(dut.irq)
        await bus.write(ctx, _offset("IRQ_ENABLE"), 0b0100)
        await ctx.tick()
        assert ctx.get(dut.irq)
        await bus.write(ctx, _offset("IRQ_STATUS"), 0b0100)
        await ctx.tick()
        assert not ctx.get(dut.irq)
        assert (await bus.read(ctx, _offset("IRQ_STATUS")))[0] == 0b0001

    _run(run, watch)


def test_config_registers_tell_the_instance():
    async def run(ctx, dut, bus):
        data, _ = await bus.read(ctx, _offset("CONFIG0"))
        values = {f.name: data >> f.lsb & (1 << f.width) - 1
                  for f in isp_register("CONFIG0").fields}
        assert values == {"MAX_WIDTH": 64, "MAX_HEIGHT": 64, "INPUT_BITS": 12, "PICTURE": 1,
                          "TENSOR": 1, "TENSOR_MEMORY": 0}

    _run(run)


@pytest.mark.parametrize("order", ["data first", "address first", "both"])
def test_writes_come_in_any_order(order):
    async def run(ctx, dut, bus):
        assert await bus.write(ctx, _offset("CONTROL"), 1, order=order) == Response.OKAY
        assert ctx.get(dut.run)

    _run(run)
