"""Scratchpad and its reader against a bytearray."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hadron_rtl.memory.reader import ScratchpadReader
from hadron_rtl.memory.rotator import Rotator
from hadron_rtl.memory.scratchpad import Scratchpad
from hadron_spec.config import NpuConfig

CONFIGS = [
    NpuConfig(name="narrow", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
              weight_steps=16, axi_data_width=32),
    NpuConfig(name="wide", lanes=32, columns=32, dsp_columns=4, act_bytes=64 << 10,
              weight_steps=16, axi_data_width=128),
    NpuConfig(name="square", lanes=16, columns=16, dsp_columns=4, act_bytes=32 << 10,
              weight_steps=16, axi_data_width=128, row_pairs=True),
]


class Bench(wiring.Component):
    """The reader on the scratchpad's port A."""

    def __init__(self, config):
        self.pad = Scratchpad(config)
        self.reader = ScratchpadReader(config)
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        m.submodules.pad = self.pad
        m.submodules.reader = self.reader
        m.d.comb += [
            self.pad.a_rows.eq(self.reader.bank_addresses),
            self.reader.bank_data.eq(self.pad.a_data),
        ]
        return m


def simulate(bench, *testbenches):
    simulator = Simulator(bench)
    simulator.add_clock(1e-6)
    for testbench in testbenches[:-1]:
        simulator.add_testbench(testbench, background=True)
    simulator.add_testbench(testbenches[-1])
    simulator.run()


def base_near_the_end(config):
    """Work in a window that wraps around the end of the scratchpad."""
    return config.act_bytes - 128


def random_write(rng, config, base, span=256):
    """A LOAD beat in the window, or a result anywhere in it."""
    if rng.random() < 0.5:
        beat = config.axi_bytes
        address = (base + int(rng.integers(span // beat)) * beat
                   + config.row_pairs * int(rng.integers(beat))) % config.act_bytes
        kind, size = "write", beat
    else:
        address = (base + int(rng.integers(span))) % config.act_bytes
        kind, size = "result", config.columns
    return kind, address, rng.integers(0, 256, size).tolist(), int(rng.integers(0, 1 << size))


def apply(config, image, address, data, strobe):
    for j, byte in enumerate(data):
        if strobe >> j & 1:
            image[(address + j) % config.act_bytes] = byte


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_requests_take_effect_in_the_order_accepted(rng, config):
    """Results, LOAD beats and STORE reads at random, in every mix; reads see what is before."""
    bench = Bench(config)
    pad = bench.pad
    base = base_near_the_end(config)
    image = bytearray(config.act_bytes)
    expected, seen = [], []

    async def monitor(ctx):
        cycle = 0
        async for _, _, valid, data in ctx.tick().sample(pad.read_data.valid, pad.read_data.data):
            if valid:
                seen.append((cycle, data))
            cycle += 1

    async def driver(ctx):
        pending_write = pending_read = None
        following = random_write(rng, config, base)
        for cycle in range(400):
            kind, address, data, strobe = following
            value = int.from_bytes(bytes(data), "little")
            following = random_write(rng, config, base)
            ctx.set(pad.result_next, following[0] == "result")
            ctx.set(pad.result.valid, 0)
            if kind == "result":
                ctx.set(pad.result.payload, {"address": address, "data": data, "strobe": strobe})
                ctx.set(pad.result.valid, 1)
            elif kind == "write" and pending_write is None:
                pending_write = address, data, strobe
                ctx.set(pad.write.payload, {"address": address, "data": value, "strobe": strobe})
            if pending_read is None and rng.random() < 0.5:
                pending_read = (base + int(rng.integers(256 // config.axi_bytes))
                                * config.axi_bytes) % config.act_bytes
                ctx.set(pad.read_request.payload, pending_read)
            ctx.set(pad.write.valid, pending_write is not None)
            ctx.set(pad.read_request.valid, pending_read is not None)
            result = ctx.get(pad.result.valid)
            wrote = ctx.get(pad.write.valid) and ctx.get(pad.write.ready)
            read = ctx.get(pad.read_request.valid) and ctx.get(pad.read_request.ready)
            waiting = pending_write is not None or pending_read is not None
            assert result + wrote + read == (result or waiting), "one request a cycle"
            if result:
                apply(config, image, address, data, strobe)
            if wrote:
                apply(config, image, *pending_write)
                pending_write = None
            if read:
                beat = image[pending_read : pending_read + config.axi_bytes]
                expected.append((cycle + Scratchpad.READ_LATENCY, int.from_bytes(beat, "little")))
                pending_read = None
            await ctx.tick()
        ctx.set(pad.write.valid, 0)
        ctx.set(pad.result.valid, 0)
        ctx.set(pad.read_request.valid, 0)
        await ctx.tick().repeat(Scratchpad.READ_LATENCY + 2)

    simulate(bench, monitor, driver)
    assert len(expected) > 50
    assert seen == expected


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_reads_any_address_padded_outside_the_bounds(rng, config):
    bench = Bench(config)
    pad, reader = bench.pad, bench.reader
    base = base_near_the_end(config)
    image = bytearray(config.act_bytes)
    lanes = config.lanes

    async def driver(ctx):
        for i in range(0, 256, config.axi_bytes):
            data = rng.integers(0, 256, config.axi_bytes).tolist()
            address = (base + i) % config.act_bytes
            apply(config, image, address, data, -1)
            ctx.set(pad.write.payload, {
                "address": address, "data": int.from_bytes(bytes(data), "little"),
                "strobe": (1 << config.axi_bytes) - 1})
            ctx.set(pad.write.valid, 1)
            await ctx.tick()
        ctx.set(pad.write.valid, 0)
        await ctx.tick().repeat(Scratchpad.WRITE_LATENCY)
        for bounded, height, width in ((0, 3, 3), (1, 5, 7), (1, 32767, 32767), (1, 4, lanes),
                                       (1, 1, 3 * lanes + 5)):
            ctx.set(reader.bounded, bounded)
            ctx.set(reader.height, height)
            ctx.set(reader.width_bytes, width)
            padding = int(rng.integers(-128, 128))
            ctx.set(reader.pad, padding)
            steps = []
            for cycle in range(100 + reader.LATENCY):
                if cycle >= reader.LATENCY:
                    assert ctx.get(reader.o) == steps[cycle - reader.LATENCY]
                address = (base + int(rng.integers(128 + 64))) % config.act_bytes
                y = int(rng.choice([0, height - 1, height, -1, -32768, 32767,
                                    rng.integers(height)]))
                x = int(rng.choice([0, -1, -lanes, 1 - lanes, -lanes - 1, width, width - 1,
                                    width - lanes, -32768, 32767,
                                    rng.integers(-2 * lanes, width)]))
                x = max(min(x, 32767), -32768)
                ctx.set(reader.address, address)
                ctx.set(reader.y, y)
                ctx.set(reader.x, x)
                row = []
                for lane in range(lanes):
                    byte = image[(address + lane) % config.act_bytes]
                    inside = not bounded or (0 <= y < height and 0 <= x + lane < width)
                    row.append((byte - 256 * (byte > 127)) if inside else padding)
                steps.append(row)
                await ctx.tick()

    simulate(bench, driver)


@pytest.mark.parametrize("kind", ["result", "write"])
def test_write_is_readable_after_its_latency(kind):
    """The first row address that sees a write comes WRITE_LATENCY cycles after it."""
    config = CONFIGS[0]
    pad = Scratchpad(config)

    async def driver(ctx):
        if kind == "result":
            payload = {"address": 37, "data": [91] * config.columns, "strobe": 1}
        else:
            payload = {"address": 36, "data": 91 << 8, "strobe": 2}
        port = getattr(pad, kind)
        ctx.set(pad.a_rows[37 % 16], 37 // 16)
        ctx.set(port.payload, payload)
        ctx.set(port.valid, 1)
        await ctx.tick()
        ctx.set(port.valid, 0)
        await ctx.tick().repeat(Scratchpad.WRITE_LATENCY - 1 + 2 - 1)
        assert ctx.get(pad.a_data[37 % 16]) == 0
        await ctx.tick()
        assert ctx.get(pad.a_data[37 % 16]) == 91

    simulate(pad, driver)


def test_load_and_store_take_turns():
    pad = Scratchpad(CONFIGS[0])
    taken = {"write": 0, "read": 0}

    async def driver(ctx):
        ctx.set(pad.write.valid, 1)
        ctx.set(pad.read_request.valid, 1)
        for _ in range(20):
            taken["write"] += ctx.get(pad.write.ready)
            taken["read"] += ctx.get(pad.read_request.ready)
            await ctx.tick()

    simulate(pad, driver)
    assert taken == {"write": 10, "read": 10}


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("lanes", [8, 16, 32])
def test_rotates_by_every_amount(lanes, left):
    dut = Rotator(lanes=lanes, width=6, left=left)

    async def driver(ctx):
        ctx.set(dut.i, list(range(lanes)))
        for cycle in range(lanes + dut.LATENCY):
            if cycle >= dut.LATENCY:
                amount = cycle - dut.LATENCY
                sign = 1 if left else -1
                assert ctx.get(dut.o) == [(i + sign * amount) % lanes for i in range(lanes)]
            ctx.set(dut.amount, cycle % lanes)
            await ctx.tick()

    simulate(dut, driver)


def test_rotator_lanes_must_be_a_power_of_two():
    with pytest.raises(ValueError, match=r"^lanes=12, must be a power of two, at least 8$"):
        Rotator(lanes=12, width=8, left=True)
