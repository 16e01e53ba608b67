"""TensorWriter: good frames alternate between two buffers, broken ones are written over."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.isp.tensor_writer import TensorWriter
from hadron_testing.axi_memory import AxiMemory

BASES = (0x1000, 0x2000)
SIZE = 0x4000


def _run(width, frames, rng, *, latency=9, push=0.7, fail=()):
    """Send (bytes, broken) frames; return memory, and (buffer, valid, error) after each."""
    dut = TensorWriter(data_width=width)
    memory = AxiMemory(dut.m_axi, size=SIZE, latency=latency)
    states, bursts = [], []
    size = width // 8

    async def feed(ctx):
        for index, base in enumerate(BASES):
            ctx.set(dut.base[index], base)
        for number, (content, broken) in enumerate(frames):
            ctx.set(dut.m_axi.bresp, 2 if number in fail else 0)
            beats = [content[at:at + size] for at in range(0, len(content), size)]
            for index, beat in enumerate(beats):
                while rng.random() > push:
                    await ctx.tick()
                ctx.set(dut.i.tdata, int.from_bytes(beat, "little"))
                ctx.set(dut.i.tlast, index == len(beats) - 1)
                ctx.set(dut.i.tuser, broken and index == len(beats) - 1)
                ctx.set(dut.i.tvalid, 1)
                await ctx.tick().until(dut.i.tready)
                ctx.set(dut.i.tvalid, 0)
            # What was acknowledged is in memory.
            written = bytes(memory.data)
            await ctx.tick()
            states.append((ctx.get(dut.buffer), ctx.get(dut.valid), ctx.get(dut.error), written))

    async def watch(ctx):
        axi = dut.m_axi
        while True:
            *_, valid, ready, address, length = await ctx.tick().sample(
                axi.awvalid, axi.awready, axi.awaddr, axi.awlen)
            if valid and ready:
                bursts.append((address, (length + 1) * size))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed)
    for background in (memory.write, watch):
        simulator.add_testbench(background, background=True)
    simulator.run()
    for address, length in bursts:
        assert address // 4096 == (address + length - 1) // 4096
    return states


def _content(rng, beats, width):
    return rng.bytes(beats * width // 8)


@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("latency", [1, 20])
def test_frames_alternate_between_the_buffers(width, latency, rng):
    frames = [(_content(rng, int(beats), width), False)
              for beats in (1, 15, 16, 17, 33, int(rng.integers(1, 100)))]
    for number, (buffer, valid, error, memory) in enumerate(
            _run(width, frames, rng, latency=latency)):
        assert (buffer, valid, error) == (number % 2, 1, 0)
        content = frames[number][0]
        assert memory[BASES[buffer]:BASES[buffer] + len(content)] == content
        if number:
            before = frames[number - 1][0]
            assert memory[BASES[1 - buffer]:BASES[1 - buffer] + len(before)] == before


def test_a_broken_frame_is_not_shown_and_written_over(rng):
    frames = [(_content(rng, 20, 64), broken) for broken in (True, False, True, True, False)]
    states = _run(64, frames, rng)
    assert [state[:3] for state in states] == [
        (1, 0, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0), (1, 1, 0)]
    good, last = frames[1][0], frames[4][0]
    assert states[3][3][BASES[0]:BASES[0] + len(good)] == good
    assert states[4][3][BASES[1]:BASES[1] + len(last)] == last


def test_a_frame_that_memory_refuses_is_not_shown(rng):
    frames = [(_content(rng, 20, 128), False) for _ in range(3)]
    states = _run(128, frames, rng, fail={1})
    assert [state[:3] for state in states] == [(0, 1, 0), (0, 1, 1), (1, 1, 1)]


def test_takes_sixteen_beats_in_eighteen_cycles_or_so(rng):
    dut = TensorWriter(data_width=32)
    memory = AxiMemory(dut.m_axi, size=SIZE, latency=5)
    cycles = []

    async def feed(ctx):
        ctx.set(dut.base[0], BASES[0])
        ctx.set(dut.i.tvalid, 1)
        count = taken = 0
        while taken < 160:
            *_, ready = await ctx.tick().sample(dut.i.tready)
            taken += ready
            count += 1
        cycles.append(count)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed)
    simulator.add_testbench(memory.write, background=True)
    simulator.run()
    assert cycles[0] <= 18 * 10
