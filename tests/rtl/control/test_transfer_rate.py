"""LOAD and STORE move one beat a cycle from a memory 32 cycles away."""

from collections import deque
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hadron_model.memories import LocalMemories
from hadron_rtl.control.load import LoadUnit
from hadron_rtl.control.memory_port import MemoryPort
from hadron_rtl.control.store import StoreUnit
from hadron_rtl.control.stream_reader import StreamReader
from hadron_rtl.stream.skid import SkidBuffer
from hadron_spec.commands import LocalSpace
from hadron_spec.config import CONFIGS
from hadron_testing.axi_memory import AxiMemory

CONFIG = CONFIGS["h256"]
BEAT = CONFIG.axi_bytes
LATENCY = 32
SCRATCHPAD_LATENCY = 6
MEMORY_BYTES = 1 << 16


def _transfer(rows: int, row_bytes: int, offset: int, pitch: int) -> dict[str, int]:
    return {"memory_offset": offset, "local_address": offset % BEAT, "row_bytes": row_bytes,
            "rows": rows, "memory_pitch": pitch, "local_pitch": -(-row_bytes // BEAT) * BEAT + BEAT}


def _simulate(unit, port, connect, testbenches) -> None:
    m = Module()
    m.submodules.unit = unit
    m.submodules.port = port
    connect(m)
    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    memory = AxiMemory(port.m_axi, size=MEMORY_BYTES, latency=LATENCY)
    memory.data[:] = bytes(i * 7 % 251 for i in range(MEMORY_BYTES))
    simulator.add_testbench(memory.read, background=True)
    simulator.add_testbench(memory.write, background=True)
    for testbench, background in testbenches(memory):
        simulator.add_testbench(testbench, background=background)
    simulator.run()


def _connect_load(unit, port):
    """Return what joins a LoadUnit and the memory port."""
    def connect(m):
        wiring.connect(m, unit.request, port.load_request)
        wiring.connect(m, port.load_data, unit.data)
    return connect


def _take_writes(out, local):
    """Return a testbench that writes what leaves a LoadUnit by `out` to `local`, byte by byte."""
    async def take_writes(ctx):
        ctx.set(out.ready, 1)
        while True:
            *_, valid, write = await ctx.tick().sample(out.valid, out.payload)
            for lane in range(len(out.payload.strobe)):
                if valid and write.strobe >> lane & 1:
                    local[write.address + lane] = write.data >> 8 * lane & 0xFF
    return take_writes


async def _run_command(ctx, unit, command: dict[str, int]) -> int:
    """Give a command and return the cycles until it is done."""
    ctx.set(unit.memory_bytes, MEMORY_BYTES)
    for name, value in command.items():
        ctx.set(unit.command.payload[name], value)
    ctx.set(unit.command.valid, 1)
    await ctx.tick().until(unit.command.ready)
    ctx.set(unit.command.valid, 0)
    cycles = 1
    while True:
        *_, done, failed = await ctx.tick().sample(unit.done, unit.failure.valid)
        cycles += 1
        assert not failed
        assert cycles < 10_000
        if done:
            return cycles


CASES = [
    pytest.param(1, 8192, 0, 8192, id="one row"),
    pytest.param(1, 8192, 5, 8192, id="one row, unaligned"),
    pytest.param(128, 4 * BEAT, 0, 8 * BEAT, id="rows of four beats"),
    pytest.param(48, 10 * BEAT - 3, 1, 11 * BEAT, id="rows of ten beats, unaligned"),
]


def _load(rows, row_bytes, offset, pitch, **change) -> int:
    """Return the cycles of a LOAD; check what it writes."""
    unit, port = LoadUnit(CONFIG), MemoryPort(CONFIG)
    command = _transfer(rows, row_bytes, offset, pitch) | change
    local = bytearray(CONFIG.act_bytes)
    cycles = 0

    def testbenches(memory):
        async def run(ctx):
            nonlocal cycles
            cycles = await _run_command(ctx, unit, command)
            expected = bytearray(CONFIG.act_bytes)
            for row in range(rows):
                a = offset + row * pitch
                b = command["local_address"] + row * command["local_pitch"]
                expected[b : b + row_bytes] = memory.data[a : a + row_bytes]
            assert local == expected
        return (_take_writes(unit.write_activations, local), True), (run, False)

    _simulate(unit, port, _connect_load(unit, port), testbenches)
    return cycles


@pytest.mark.parametrize("change", [{}, {"local_address": 77, "local_pitch": 10 * BEAT + 9}],
                         ids=["aligned", "to any byte"])
@pytest.mark.parametrize(("rows", "row_bytes", "offset", "pitch"), CASES)
def test_load_takes_a_beat_a_cycle(rows, row_bytes, offset, pitch, change):
    assert (_load(rows, row_bytes, offset, pitch, **change)
            == _beats(rows, row_bytes, offset) + LATENCY + LoadUnit.OVERHEAD)


@pytest.mark.parametrize("row_beats", [1, 2])
def test_load_of_short_rows_takes_what_the_bursts_on_their_way_allow(row_beats):
    few, many = (_load(rows, row_beats * BEAT, 0, 4 * BEAT) for rows in (40, 120))
    assert abs((many - few) / 80 - (LATENCY + 5) / LoadUnit.OUTSTANDING) < 0.1


def test_load_takes_a_beat_a_cycle_from_the_stream():
    unit, reader = LoadUnit(CONFIG), StreamReader(CONFIG)
    beats = 300
    command = {**_transfer(1, beats * BEAT, 0, 0), "stream": 1, "stream_end": 1}
    m = Module()
    m.submodules.unit, m.submodules.reader = unit, reader
    wiring.connect(m, unit.stream_request, reader.request)
    wiring.connect(m, reader.data, unit.stream_data)
    local = []
    cycles = None

    async def send(ctx):
        for beat in range(beats):
            ctx.set(reader.s_axis.tdata, beat * 77)
            ctx.set(reader.s_axis.tlast, beat == beats - 1)
            ctx.set(reader.s_axis.tvalid, 1)
            await ctx.tick().until(reader.s_axis.tready)
        ctx.set(reader.s_axis.tvalid, 0)

    async def take_writes(ctx):
        out = unit.write_activations
        ctx.set(out.ready, 1)
        while True:
            *_, valid, write = await ctx.tick().sample(out.valid, out.payload)
            if valid:
                local.append((write.address, write.data))

    async def run(ctx):
        nonlocal cycles
        cycles = await _run_command(ctx, unit, command)

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(send, background=True)
    simulator.add_testbench(take_writes, background=True)
    simulator.add_testbench(run)
    simulator.run()
    assert local == [(beat * BEAT, beat * 77) for beat in range(beats)]
    assert cycles <= beats + LoadUnit.OVERHEAD + SkidBuffer.LATENCY + 1


@pytest.mark.parametrize("config", [CONFIG, CONFIGS["h64"]], ids=lambda config: config.name)
@pytest.mark.parametrize(("rows", "row_beats", "cut", "space"), [
    (1, 64, 0, LocalSpace.NIBBLES), (1, 64, 5, LocalSpace.NIBBLES), (6, 8, 0, LocalSpace.NIBBLES),
    (6, 8, 0, LocalSpace.SHALLOW_NIBBLES)])
def test_load_of_nibbles_writes_a_beat_a_cycle(config, rows, row_beats, cut, space):
    config = replace(config, shallow=True)
    unit, port = LoadUnit(config), MemoryPort(config)
    beat = config.axi_bytes
    local = np.zeros(config.weight_bytes, np.uint8)
    memories = LocalMemories(config)
    cycles = None
    command = {"memory_offset": 256 + cut, "local_address": 512 + cut, "rows": rows,
               "row_bytes": row_beats * beat - 2 * cut, "memory_pitch": row_beats * beat,
               "local_pitch": 2 * row_beats * beat, "space": space}

    def testbenches(memory):
        async def run(ctx):
            nonlocal cycles
            cycles = await _run_command(ctx, unit, command)
            data = np.frombuffer(memory.data, np.uint8)
            for row in range(rows):
                start = command["memory_offset"] + row * command["memory_pitch"]
                memories.load(space,
                              command["local_address"] + row * command["local_pitch"],
                              data[start : start + command["row_bytes"]])
        return (_take_writes(unit.write_weights, local), True), (run, False)

    _simulate(unit, port, _connect_load(unit, port), testbenches)
    np.testing.assert_array_equal(local, memories.spaces[LocalSpace.WEIGHTS])
    assert cycles == 2 * rows * row_beats + LATENCY + LoadUnit.OVERHEAD


def _store(rows, row_bytes, offset, pitch) -> int:
    """Return the cycles of a STORE; check what it writes."""
    unit, port = StoreUnit(CONFIG), MemoryPort(CONFIG)
    command = _transfer(rows, row_bytes, offset, pitch)
    local = bytes(i * 11 % 253 for i in range(CONFIG.act_bytes))
    cycles = 0

    def connect(m):
        wiring.connect(m, unit.request, port.store_request)
        wiring.connect(m, unit.data, port.store_data)
        m.d.comb += unit.response.eq(port.store_response)

    async def answer_reads(ctx):
        ctx.set(unit.read_request.ready, 1)
        pipeline = deque([None] * SCRATCHPAD_LATENCY)
        while True:
            *_, valid, address = await ctx.tick().sample(
                unit.read_request.valid, unit.read_request.payload)
            pipeline.append(address if valid else None)
            address = pipeline.popleft()
            ctx.set(unit.read_data.valid, address is not None)
            if address is not None:
                ctx.set(unit.read_data.data,
                        int.from_bytes(local[address : address + BEAT], "little"))

    def testbenches(memory):
        async def run(ctx):
            nonlocal cycles
            expected = bytearray(memory.data)
            cycles = await _run_command(ctx, unit, command)
            for row in range(rows):
                a = offset + row * pitch
                b = command["local_address"] + row * command["local_pitch"]
                expected[a : a + row_bytes] = local[b : b + row_bytes]
            assert memory.data == expected
        return (answer_reads, True), (run, False)

    _simulate(unit, port, connect, testbenches)
    return cycles


@pytest.mark.parametrize(("rows", "row_bytes", "offset", "pitch"), CASES)
def test_store_gives_a_beat_a_cycle(rows, row_bytes, offset, pitch):
    assert (_store(rows, row_bytes, offset, pitch)
            == _beats(rows, row_bytes, offset) + LATENCY + SCRATCHPAD_LATENCY + StoreUnit.OVERHEAD)


@pytest.mark.parametrize("row_beats", [1, 2])
def test_store_of_short_rows_takes_what_the_memory_has_not_answered(row_beats):
    few, many = (_store(rows, row_beats * BEAT, 0, 4 * BEAT) for rows in (40, 120))
    assert abs((many - few) / 80
               - (LATENCY + SCRATCHPAD_LATENCY + 10) / StoreUnit.UNANSWERED) < 0.1


def _beats(rows: int, row_bytes: int, offset: int) -> int:
    return rows * -(-(offset % BEAT + row_bytes) // BEAT)
