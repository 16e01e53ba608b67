import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_fpga.on_chip_memory import OnChipMemory
from hadron_rtl.stream.axi import Response


async def write(ctx, axi, rng, address, beats):
    ctx.set(axi.awaddr, address)
    ctx.set(axi.awlen, len(beats) - 1)
    ctx.set(axi.awvalid, 1)
    await ctx.tick().until(axi.awready)
    ctx.set(axi.awvalid, 0)
    for i, (data, strobe) in enumerate(beats):
        while rng.integers(3) == 0:
            await ctx.tick()
        ctx.set(axi.wdata, data)
        ctx.set(axi.wstrb, strobe)
        ctx.set(axi.wlast, i == len(beats) - 1)
        ctx.set(axi.wvalid, 1)
        await ctx.tick().until(axi.wready)
        ctx.set(axi.wvalid, 0)
    ctx.set(axi.bready, 1)
    (response,) = await ctx.tick().sample(axi.bresp).until(axi.bvalid)
    ctx.set(axi.bready, 0)
    return response


async def read(ctx, axi, rng, address, count):
    ctx.set(axi.araddr, address)
    ctx.set(axi.arlen, count - 1)
    ctx.set(axi.arvalid, 1)
    await ctx.tick().until(axi.arready)
    ctx.set(axi.arvalid, 0)
    words, responses = [], set()
    while len(words) < count:
        ctx.set(axi.rready, int(rng.integers(3) > 0))
        *_, valid, ready, data, last, response = await ctx.tick().sample(
            axi.rvalid, axi.rready, axi.rdata, axi.rlast, axi.rresp)
        if valid and ready:
            words.append(data)
            responses.add(response)
            assert last == (len(words) == count)
    ctx.set(axi.rready, 0)
    return words, responses


@pytest.mark.parametrize("data_width", [32, 128])
def test_bursts_match_a_byte_array(rng, data_width):
    lanes = data_width // 8
    size = 2048 * lanes
    dut = OnChipMemory(size=size, data_width=data_width)
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    expected = np.zeros(size, dtype=np.uint8)

    async def bench(ctx):
        for _ in range(12):
            count = int(rng.integers(1, 17))
            beat = int(rng.integers(0, size // lanes - count))
            data = rng.integers(0, 256, (count, lanes), dtype=np.uint8)
            strobes = rng.integers(0, 2, (count, lanes), dtype=np.uint8)
            target = expected[beat * lanes:(beat + count) * lanes].reshape(count, lanes)
            target[strobes == 1] = data[strobes == 1]
            beats = [(int.from_bytes(d.tobytes(), "little"),
                      sum(int(bit) << i for i, bit in enumerate(s)))
                     for d, s in zip(data, strobes, strict=True)]
            assert await write(ctx, dut.axi, rng, beat * lanes, beats) == Response.OKAY
            words, responses = await read(ctx, dut.axi, rng, beat * lanes, count)
            assert words == [int.from_bytes(row.tobytes(), "little") for row in target]
            assert responses == {Response.OKAY}

    simulator.add_testbench(bench)
    simulator.run()


def test_answers_decerr_beyond_its_end(rng):
    dut = OnChipMemory(size=8192, data_width=32)
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)

    async def bench(ctx):
        assert await write(ctx, dut.axi, rng, 8192, [(1, 15)]) == Response.DECERR
        _, responses = await read(ctx, dut.axi, rng, 8192, 3)
        assert responses == {Response.DECERR}
        words, _ = await read(ctx, dut.axi, rng, 0, 1)
        assert words == [0]

    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("size", [1024, 3000, 1 << 20])
def test_refuses_sizes_block_ram_does_not_come_in(size):
    with pytest.raises(ValueError, match=f"^size={size}, must be a power of two"):
        OnChipMemory(size=size, data_width=32)
