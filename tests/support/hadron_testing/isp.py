"""Drive and watch the pixel streams of the ISP's stages."""

import numpy as np
from amaranth.sim import Simulator

__all__ = ["AxiLite", "drain_pixels", "feed_pixels", "run_stage", "set_settings", "stalls",
           "write_table"]


def stalls(rng, density):
    """Yield whether to go on, in runs of random length: streams and single bubbles alike."""
    while True:
        go = bool(rng.random() < density)
        for _ in range(int(rng.integers(1, 12))):
            yield go or bool(density >= 1)


async def feed_pixels(ctx, port, frames, *, rng, density=1.0):
    """Push frames (arrays (height, width) or (height, width, channels)) into a pixel stream."""
    flow = stalls(rng, density)
    for frame in frames:
        width = frame.shape[1]
        for y, row in enumerate(frame.tolist()):
            for x, pixel in enumerate(row):
                while not next(flow):
                    await ctx.tick()
                ctx.set(port.payload.data, pixel)
                ctx.set(port.payload.first, x == 0 and y == 0)
                ctx.set(port.payload.last, x == width - 1)
                ctx.set(port.valid, 1)
                await ctx.tick().until(port.ready)
                ctx.set(port.valid, 0)


async def drain_pixels(ctx, port, shapes, *, rng, density=1.0, gaps=None):
    """Pull frames of the given (height, width[, channels]) and check the marks and stability.

    Cycles in which a pixel was waited for, after the first of a frame, are added to `gaps`.
    """
    flow = stalls(rng, density)
    frames = []
    held = None
    for shape in shapes:
        height, width = shape[:2]
        values = []
        while len(values) < height * width:
            ready = next(flow)
            ctx.set(port.ready, ready)
            *_, valid, payload = await ctx.tick().sample(port.valid, port.payload)
            if held is not None:
                assert valid, "valid fell before ready"
                assert payload.as_bits() == held.as_bits(), "the payload changed before ready"
            held = payload if valid and not ready else None
            if valid and ready:
                index = len(values)
                assert payload.first == (index == 0), f"first at pixel {index} of {shape}"
                assert payload.last == (index % width == width - 1), f"last at pixel {index}"
                value = payload.data
                values.append(list(value) if len(shape) == 3 else int(value))
            elif gaps is not None and ready and values:
                gaps.append(len(values))
        frames.append(np.array(values).reshape(shape))
    ctx.set(port.ready, 1)
    for _ in range(20):
        *_, valid = await ctx.tick().sample(port.valid)
        assert not valid, "a pixel too many"
    return frames


def set_settings(ctx, port, settings):
    """Set a stage's settings port from its settings."""
    for name in port.shape().members:
        value = getattr(settings, name)
        ctx.set(getattr(port, name), list(value) if isinstance(value, tuple) else value)


async def write_table(ctx, port, words):
    """Write (address, value) pairs to the idle bank and swap banks."""
    for address, value in words:
        ctx.set(port.address, address)
        ctx.set(port.data, value)
        ctx.set(port.write, 1)
        await ctx.tick()
        ctx.set(port.write, 0)
        await ctx.tick()
    bank = ctx.get(port.bank)
    await ctx.tick().repeat(4)
    ctx.set(port.bank, 1 - bank)
    await ctx.tick()


def run_stage(dut, frames, *, rng, push=1.0, pull=1.0, setup=None, shapes=None, gaps=None,
              teardown=None):
    """Pass frames through a stage and return what comes out.

    `setup(ctx)` is awaited first: geometry, settings, tables; `teardown(ctx)` last.
    """
    frames = [np.asarray(frame) for frame in frames]
    shapes = shapes or [frame.shape for frame in frames]
    ready = []
    result = []

    async def feed(ctx):
        if setup is not None:
            await setup(ctx)
            # The top gives geometry and settings some cycles before the first pixel.
            await ctx.tick().repeat(4)
        ready.append(True)
        await feed_pixels(ctx, dut.i, frames, rng=rng, density=push)

    async def drain(ctx):
        while not ready:
            await ctx.tick()
        result.extend(await drain_pixels(ctx, dut.o, shapes, rng=rng, density=pull, gaps=gaps))
        if teardown is not None:
            await teardown(ctx)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.run()
    return result


class AxiLite:
    """Manager of an AXI4-Lite port of a simulated component.

    Parameters
    ----------
    bus : the port
    base : int
        Added to every address.
    """

    def __init__(self, bus, *, base=0):
        self.bus = bus
        self.base = base

    async def read(self, ctx, address):
        """Return data and response."""
        bus = self.bus
        ctx.set(bus.araddr, self.base + address)
        ctx.set(bus.arvalid, 1)
        await ctx.tick().until(bus.arready)
        ctx.set(bus.arvalid, 0)
        ctx.set(bus.rready, 1)
        data, response = await ctx.tick().sample(bus.rdata, bus.rresp).until(bus.rvalid)
        ctx.set(bus.rready, 0)
        return data, response

    async def write(self, ctx, address, data, *, strobe=0xF, order="both"):
        """Return the response; `order` is that of "data first", "address first" or "both"."""
        bus = self.bus

        async def send(valid, ready):
            ctx.set(valid, 1)
            await ctx.tick().until(ready)
            ctx.set(valid, 0)

        ctx.set(bus.awaddr, self.base + address)
        ctx.set(bus.wdata, data)
        ctx.set(bus.wstrb, strobe)
        channels = [(bus.awvalid, bus.awready), (bus.wvalid, bus.wready)]
        if order == "both":
            ctx.set(bus.awvalid, 1)
            await send(bus.wvalid, bus.wready)
            ctx.set(bus.awvalid, 0)
        else:
            for channel in channels if order == "address first" else reversed(channels):
                await send(*channel)
                await ctx.tick().repeat(3)
        ctx.set(bus.bready, 1)
        response, = await ctx.tick().sample(bus.bresp).until(bus.bvalid)
        ctx.set(bus.bready, 0)
        return response
