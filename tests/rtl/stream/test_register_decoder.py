"""RegisterDecoder: each transfer reaches its block, in whatever order address and data come."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.stream.axi import Response
from hadron_rtl.stream.register_decoder import RegisterDecoder

WIDTH = 6
HIGH = 1 << (WIDTH - 1)


class _Block:
    """A block of registers on one side of the decoder, which takes its time."""

    def __init__(self, bus, rng, response):
        self.bus, self.rng, self.response = bus, rng, response
        self.words = {}

    async def serve_reads(self, ctx):
        while True:
            await self._pause(ctx)
            ctx.set(self.bus.arready, 1)
            *_, address = await ctx.tick().sample(self.bus.araddr).until(self.bus.arvalid)
            ctx.set(self.bus.arready, 0)
            await self._pause(ctx)
            ctx.set(self.bus.rdata, self.words.get(address, 0))
            ctx.set(self.bus.rresp, self.response)
            ctx.set(self.bus.rvalid, 1)
            await ctx.tick().until(self.bus.rready)
            ctx.set(self.bus.rvalid, 0)

    async def serve_writes(self, ctx):
        while True:
            await self._pause(ctx)
            ctx.set(self.bus.awready, 1)
            *_, address = await ctx.tick().sample(self.bus.awaddr).until(self.bus.awvalid)
            ctx.set(self.bus.awready, 0)
            await self._pause(ctx)
            ctx.set(self.bus.wready, 1)
            *_, word = await ctx.tick().sample(self.bus.wdata).until(self.bus.wvalid)
            ctx.set(self.bus.wready, 0)
            self.words[address] = word
            await self._pause(ctx)
            ctx.set(self.bus.bresp, self.response)
            ctx.set(self.bus.bvalid, 1)
            await ctx.tick().until(self.bus.bready)
            ctx.set(self.bus.bvalid, 0)

    async def _pause(self, ctx):
        for _ in range(int(self.rng.integers(3))):
            await ctx.tick()


def test_reads_and_writes_reach_their_block(rng):
    dut = RegisterDecoder(address_width=WIDTH)
    low = _Block(dut.low, rng, Response.OKAY)
    high = _Block(dut.high, rng, Response.SLVERR)
    written = {}

    async def write(ctx):
        for _ in range(80):
            address, word = int(rng.integers(1 << WIDTH)), int(rng.integers(1 << 32))
            written[address] = word
            ctx.set(dut.bus.awaddr, address)
            ctx.set(dut.bus.wdata, word)
            # The data may be offered before the address, or after.
            lead = int(rng.integers(-2, 3))
            offered = {"aw": max(lead, 0), "w": max(-lead, 0)}
            taken = set()
            cycle = 0
            while len(taken) < 2:
                for channel, start in offered.items():
                    ctx.set(getattr(dut.bus, channel + "valid"),
                            channel not in taken and cycle >= start)
                *_, awready, wready, awvalid, wvalid = await ctx.tick().sample(
                    dut.bus.awready, dut.bus.wready, dut.bus.awvalid, dut.bus.wvalid)
                taken |= ({"aw"} if awready and awvalid else set()) | (
                    {"w"} if wready and wvalid else set())
                cycle += 1
            ctx.set(dut.bus.awvalid, 0)
            ctx.set(dut.bus.wvalid, 0)
            ctx.set(dut.bus.bready, 1)
            *_, response = await ctx.tick().sample(dut.bus.bresp).until(dut.bus.bvalid)
            ctx.set(dut.bus.bready, 0)
            assert response == (Response.SLVERR if address >= HIGH else Response.OKAY)

    async def read(ctx):
        for _ in range(80):
            address = int(rng.integers(1 << WIDTH))
            block = high if address >= HIGH else low
            ctx.set(dut.bus.araddr, address)
            ctx.set(dut.bus.arvalid, 1)
            await ctx.tick().until(dut.bus.arready)
            ctx.set(dut.bus.arvalid, 0)
            ctx.set(dut.bus.rready, 1)
            *_, word, response = await ctx.tick().sample(
                dut.bus.rdata, dut.bus.rresp).until(dut.bus.rvalid)
            ctx.set(dut.bus.rready, 0)
            assert response == block.response
            assert word in (0, block.words.get(address, 0), written.get(address, 0))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    for block in (low, high):
        simulator.add_testbench(block.serve_reads, background=True)
        simulator.add_testbench(block.serve_writes, background=True)
    simulator.add_testbench(write)
    simulator.add_testbench(read)
    simulator.run()
    assert low.words == {a: word for a, word in written.items() if a < HIGH}
    assert high.words == {a: word for a, word in written.items() if a >= HIGH}


def test_too_narrow_an_address_is_refused():
    with pytest.raises(ValueError, match=r"^address_width=1, must be 2 to 64$"):
        RegisterDecoder(address_width=1)
