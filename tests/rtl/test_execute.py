"""ExecuteUnit against a direct reading of the command set, with LOAD and STORE traffic beside it.

A command takes one cycle a step (parameter steps included) and a fixed overhead, measured here from
its transfer to `done` and predicted by `ExecuteUnit.overhead`: for h64 47 cycles for MATRIX, 41 for
LOOKUP, 20 for MAX.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hadron_model.execute import execute
from hadron_model.memories import LocalMemories
from hadron_model.program import Command
from hadron_model.steps import StepGrid
from hadron_model.strips import Strip
from hadron_rtl.execute import ExecuteUnit
from hadron_spec.commands import (
    FIELDS,
    LEVELS,
    LocalSpace,
    Opcode,
    Unit,
    pack_parameters,
    unit_of,
)
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import (
    AVERAGE_WEIGHT,
    average_multiplier,
    quantize_multiplier,
    softmax_table,
)
from hadron_testing.execute_reference import pack_weights, run_command, walk

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=256, axi_data_width=64)
WIDE = replace(CONFIG, name="wide", columns=16, dsp_columns=16,
               axi_data_width=128)
EXECUTE = [opcode for opcode in Opcode if unit_of(opcode) == Unit.EXECUTE]
SOURCE, SOURCE_B, DESTINATION, TRAFFIC = 0x0103, 0x2805, 0x4007, 0x7000
"""Scratchpad regions, at odd addresses; commands here stay within 10 KiB of each."""


def command(opcode, **values):
    fields = dict.fromkeys(FIELDS[opcode], 0) | {f"count_{level}": 1 for level in LEVELS}
    fields |= {"opcode": int(opcode), "minimum": -128, "maximum": 127,
               "source": SOURCE, "destination": DESTINATION}
    assert set(values) <= set(fields)
    return fields | values


def differences(counts, strides):
    """Turn the stride of each loop into the difference that also undoes the loops inside it."""
    result, undo = {}, 0
    for level in reversed(LEVELS):
        result[level] = strides.get(level, 0) - undo
        undo += (counts[level] - 1) * strides.get(level, 0)
    return result


def with_loops(fields, *, address, y=None, x=None, destination):
    """Fill in the loop fields from strides; `counts` are in `fields` already."""
    counts = {level: fields[f"count_{level}"] for level in LEVELS}
    for name, strides in (("address", address), ("y", y or {}), ("x", x or {})):
        for level, value in differences(counts, strides).items():
            fields[f"{level}_{name}"] = value
    inner = dict.fromkeys(LEVELS[3:], 1)
    for level, value in differences(counts | inner, destination).items():
        if level in LEVELS[:3]:
            fields[f"destination_{level}"] = value
    return fields


def groups_of(config, channels):
    """Return kg, outputs and last_outputs for a number of output channels."""
    groups = math.ceil(channels / config.columns)
    return {"count_kg": groups, "outputs": min(channels, config.columns),
            "last_outputs": channels - (groups - 1) * config.columns}


def random_parameters(rng, config, *, scale=1 / 600, bias=2000):
    """One parameter step."""
    data = b""
    for _ in range(config.columns):
        multiplier, shift = quantize_multiplier(float(scale * rng.uniform(0.5, 2)))
        parameters = pack_parameters(int(rng.integers(-bias, bias)), multiplier, shift)
        data += parameters.ljust(config.lanes, b"\0")
    return data


def random_weights(rng, config):
    """One weight step."""
    return pack_weights(rng.integers(-127, 128, (config.columns, config.lanes)).tolist())


def random_clamp(rng):
    return {"minimum": int(rng.integers(-128, -60)), "maximum": int(rng.integers(60, 128)),
            "zero_point": int(rng.integers(-20, 20))}


# Operators as the compiler lays them out: (fields, weights, table).

def convolution(rng, config, *, size=(4, 5), channels=5, outputs=7, kernel=(3, 3), stride=1, pad=1,
                seed_weight_step=0):
    """NHWC convolution: a kernel row is one run of bytes, read in segments of `lanes`."""
    (height, width), (kh, kw) = size, kernel
    out_h = (height + 2 * pad - kh) // stride + 1
    out_w = (width + 2 * pad - kw) // stride + 1
    segments = math.ceil(kw * channels / config.lanes)
    row = width * channels
    fields = command(
        Opcode.MATRIX, **groups_of(config, outputs), count_oy=out_h, count_ox=out_w, count_ky=kh,
        count_seg=segments, bounded=1, pad=int(rng.integers(-128, 128)), height=height,
        width_bytes=row, start_y=-pad, start_x=-pad * channels,
        source=SOURCE - pad * row - pad * channels, weight_step=seed_weight_step,
        **random_clamp(rng))
    with_loops(
        fields,
        address={"oy": stride * row, "ox": stride * channels, "ky": row, "seg": config.lanes},
        y={"oy": stride, "ky": 1}, x={"ox": stride * channels, "seg": config.lanes},
        destination={"kg": config.columns, "oy": out_w * outputs, "ox": outputs})
    weights = b"\0" * config.step_bytes * seed_weight_step
    for _ in range(fields["count_kg"]):
        weights += random_parameters(rng, config)
        weights += b"".join(random_weights(rng, config) for _ in range(kh * segments))
    return fields, weights, None


def diagonal(rng, config, *, size=(4, 3), blocks=2):
    """Blocks of `columns` channels, diagonal weights, the source steps with kg."""
    height, width = size
    channels = blocks * config.columns - 1
    row = width * channels
    fields = command(
        Opcode.MATRIX, **groups_of(config, channels), count_oy=height, count_ox=width, count_ky=3,
        count_kx=3, bounded=1, pad=7, height=height, width_bytes=row, start_y=-1,
        start_x=-channels, source=SOURCE - row - channels, **random_clamp(rng))
    with_loops(
        fields,
        address={"kg": config.columns, "oy": row, "ox": channels, "ky": row, "kx": channels},
        y={"oy": 1, "ky": 1},
        x={"kg": config.columns, "ox": channels, "kx": channels},
        destination={"kg": config.columns, "oy": row, "ox": channels})
    weights = b""
    for _ in range(blocks):
        weights += random_parameters(rng, config, scale=1 / 300)
        for _ in range(9):
            diagonal = np.zeros((config.columns, config.lanes), int)
            np.fill_diagonal(diagonal, rng.integers(-127, 128, config.columns))
            weights += pack_weights(diagonal.tolist())
    return fields, weights, None


def depthwise(rng, config, *, strips=2, rows=5, pixels=8, stride=(1, 1), odd=0, blocks=2,
              wide=0):
    """Strips of rows of pixels, `columns` channels at a time; the last block has one less."""
    channels = blocks * config.columns - 1
    fields = command(
        Opcode.DEPTHWISE, **groups_of(config, channels), count_oy=strips, count_ox=rows,
        count_kx=pixels, stride_y=stride[0] - 1, stride_x=stride[1] - 1, odd=odd,
        wide=wide, bounded=1,
        pad=int(rng.integers(-128, 128)), height=rows - 1,
        width_bytes=(strips * (pixels - 2) - 2) * channels, start_y=-1, start_x=-channels,
        weight_step=3, **random_clamp(rng))
    row = strips * (pixels - 2) * channels
    fields["source"] -= row + channels
    strip = Strip(fields)
    wide = strip.output_pixels * strips * channels
    advance = (pixels - 2) * channels
    with_loops(
        fields,
        address={"kg": config.columns, "oy": advance, "ox": row, "kx": channels},
        y={"ox": 1}, x={"kg": config.columns, "oy": advance, "kx": channels},
        destination={})
    counts = {"kg": blocks, "oy": strips, "ox": strip.output_rows, "px": strip.output_pixels}
    strides = {"kg": config.columns, "oy": strip.output_pixels * channels, "ox": wide,
               "px": channels}
    undo = 0
    for level in reversed(counts):
        fields[f"destination_{level}"] = strides[level] - undo
        undo += (counts[level] - 1) * strides[level]
    weights = b"\x77" * 3 * config.step_bytes
    for _ in range(blocks):
        weights += random_parameters(rng, config, scale=1 / 300)
        weights += random_parameters(rng, config, scale=1 / 300)
        for _ in range(2):
            kernels = rng.integers(-127, 128, (config.columns, config.lanes))
            # Left of the strip there is nothing.
            kernels[:, 0:15:5] *= stride[1] == 2
            weights += pack_weights(kernels.tolist())
    return fields, weights, None


def depthwise_of_stride_two(rng, config):
    return depthwise(rng, config, strips=1, rows=6, pixels=9, stride=(2, 2), odd=1, wide=1)


def fully_connected(rng, config, *, inputs=70, outputs=11):
    segments = math.ceil(inputs / config.lanes)
    fields = command(
        Opcode.MATRIX, **groups_of(config, outputs), count_seg=segments, bounded=1, pad=0,
        height=1, width_bytes=inputs, **random_clamp(rng))
    with_loops(fields, address={"seg": config.lanes}, x={"seg": config.lanes},
               destination={"kg": config.columns})
    weights = b""
    for _ in range(fields["count_kg"]):
        weights += random_parameters(rng, config, scale=1 / 900)
        weights += b"".join(random_weights(rng, config) for _ in range(segments))
    return fields, weights, None


def average_pool(rng, config, *, size=(6, 4), pool=(3, 2), blocks=2):
    (height, width), (kh, kw) = size, pool
    channels = blocks * config.columns
    fields = command(
        Opcode.MATRIX, **groups_of(config, channels), count_oy=height // kh,
        count_ox=width // kw, count_ky=kh, count_kx=kw)
    row = width * channels
    with_loops(
        fields,
        address={"kg": config.columns, "oy": kh * row, "ox": kw * channels, "ky": row,
                 "kx": channels},
        destination={"kg": config.columns, "oy": width // kw * channels, "ox": channels})
    weights = AVERAGE_WEIGHT * np.eye(config.columns, config.lanes, dtype=int)
    reciprocal = pack_parameters(0, *average_multiplier(kh * kw))
    step = reciprocal.ljust(config.lanes, b"\0") * config.columns
    return fields, (step + pack_weights(weights.tolist()) * (kh * kw)) * blocks, None


def max_pool(rng, config, *, size=(3, 4), blocks=2, pool=3):
    height, width = size
    channels = blocks * config.columns
    row = width * channels
    fields = command(
        Opcode.MAX, **groups_of(config, channels), count_oy=height, count_ox=width, count_ky=pool,
        count_kx=pool, bounded=1, pad=-128, height=height, width_bytes=row, start_y=-1,
        start_x=-channels, source=SOURCE - row - channels, **random_clamp(rng))
    with_loops(
        fields,
        address={"kg": config.columns, "oy": row, "ox": channels, "ky": row, "kx": channels},
        y={"oy": 1, "ky": 1}, x={"kg": config.columns, "ox": channels, "kx": channels},
        destination={"kg": config.columns, "oy": row, "ox": channels})
    return fields, b"", None


def addition(rng, config, *, pixels=9):
    """A in one region, B in another: the innermost loop goes from one to the other."""
    fields = command(
        Opcode.LOOKUP, outputs=config.columns, last_outputs=config.columns - 1, count_ox=pixels,
        count_seg=2, wide=1, weight_step=1, **random_clamp(rng))
    with_loops(fields, address={"ox": config.columns, "seg": SOURCE_B - SOURCE},
               destination={"ox": config.columns})
    multiplier, shift = quantize_multiplier(float(2.0**-19 * rng.uniform(0.5, 2)))
    parameters = pack_parameters(int(rng.integers(-2000, 2000)), multiplier, shift)
    tables = rng.integers(-1 << 26, 1 << 26, 512).astype("<i4")
    # The step before is not this command's.
    return (fields, b"\x55" * config.lanes + parameters.ljust(config.lanes, b"\0")
            + tables.tobytes(), None)


def function(rng, config, *, pixels=9):
    """One table, whose entries come out as they are."""
    fields = command(Opcode.LOOKUP, outputs=config.columns, last_outputs=config.columns,
                     count_ox=pixels)
    with_loops(fields, address={"ox": config.columns}, destination={"ox": config.columns})
    table = rng.integers(-128, 128, 256).astype("<i4")
    return fields, pack_parameters(0, 1 << 30, 1).ljust(config.lanes, b"\0") + table.tobytes(), None


def in_all_columns(config, tables):
    """Lay out tables as the weight memory holds them."""
    steps = [tables[i:i + config.lanes] for i in range(0, len(tables), config.lanes)]
    return b"".join(step * config.columns for step in steps)


def softmax(rng, config, *, rows=3, elements=11):
    fields = command(Opcode.SOFTMAX, count_kg=rows, count_ox=elements, outputs=1,
                     last_outputs=1, zero_point=-128)
    with_loops(fields, address={"kg": elements, "ox": 1},
               destination={"kg": elements + 2, "ox": 1})
    return fields, b"", softmax_table(0.1)


class Bench:
    """The unit, a copy of its scratchpad, and traffic on the LOAD and STORE side."""

    def __init__(self, config, rng):
        self.config = config
        self.rng = rng
        self.dut = ExecuteUnit(config)
        self.image = bytearray(config.act_bytes)
        self.fill_bytes = 320
        self.beats = []
        self.expected_beats = []
        self.traffic_wanted = False
        self.traffic_runs = False
        self.mac_active = 0

    async def send(self, ctx, port, payload):
        ctx.set(port.payload, payload)
        ctx.set(port.valid, 1)
        await ctx.tick().until(port.ready)
        ctx.set(port.valid, 0)

    async def load(self, ctx, port, address, contents, *, tables=0):
        """Write bytes, beat by beat, through one of the LOAD ports."""
        beat = self.config.axi_bytes
        assert address % beat == 0
        assert len(contents) % beat == 0
        for i in range(0, len(contents), beat):
            await self.send(ctx, port, {
                "address": address + i, "data": int.from_bytes(contents[i : i + beat], "little"),
                "strobe": (1 << beat) - 1, "tables": tables})

    async def fill(self, ctx):
        """Fill the operand regions with random bytes."""
        for region, count in ((SOURCE, self.fill_bytes), (SOURCE_B, 96)):
            base = region & ~15
            contents = self.rng.integers(0, 256, count, dtype=np.uint8).tobytes()
            await self.load(ctx, self.dut.write_activations, base, contents)
            self.image[base : base + len(contents)] = contents

    async def clear(self, ctx, writes):
        """Write what the copy says to all beats that `writes` touch."""
        beat = self.config.axi_bytes
        touched = {(address + j) % self.config.act_bytes // beat * beat
                   for address, contents in writes
                   for j in range(-2 * beat, len(contents) + 3 * beat)}
        for address in sorted(touched):
            await self.load(ctx, self.dut.write_activations, address,
                            self.image[address : address + beat])

    async def start(self, ctx, fields):
        """Hand over a command."""
        port = self.dut.command
        ctx.set(port.payload, {k: v for k, v in fields.items() if k != "checksum"})
        ctx.set(port.valid, 1)
        await ctx.tick().until(port.ready)
        ctx.set(port.valid, 0)

    async def execute(self, ctx, fields):
        """Run a command; return the cycles from its transfer to `done`."""
        await self.start(ctx, fields)
        cycles = 1
        while not ctx.get(self.dut.done):
            self.mac_active += ctx.get(self.dut.mac_active)
            await ctx.tick()
            cycles += 1
            assert cycles < 20000, "the command does not end"
        return cycles

    async def collect(self, ctx):
        """Gather what STORE reads."""
        port = self.dut.read_data
        async for _, _, valid, data in ctx.tick().sample(port.valid, port.data):
            if valid:
                self.beats.append(data)

    async def request(self, ctx, address):
        """Ask for a beat as STORE does."""
        await self.send(ctx, self.dut.read_request, address)
        beat = self.image[address : address + self.config.axi_bytes]
        self.expected_beats.append((address, int.from_bytes(beat, "little")))

    async def compare(self, ctx):
        """Compare the beats read so far with what the scratchpad should hold."""
        while len(self.beats) < len(self.expected_beats):
            await ctx.tick()
        for got, (address, want) in zip(self.beats, self.expected_beats, strict=True):
            assert got == want, f"at {address:#x}: {got:x}, must be {want:x}"
        self.beats.clear()
        self.expected_beats.clear()

    async def traffic(self, ctx):
        """Write and read elsewhere, at random, while it is wanted."""
        beat = self.config.axi_bytes
        while True:
            self.traffic_runs = self.traffic_wanted
            if self.traffic_runs:
                address = TRAFFIC + int(self.rng.integers(0, 64)) * beat
                if self.rng.random() < 0.5:
                    data = self.rng.integers(0, 256, beat, dtype=np.uint8).tobytes()
                    await self.load(ctx, self.dut.write_activations, address, data)
                    self.image[address : address + beat] = data
                else:
                    await self.request(ctx, address)
            for _ in range(int(self.rng.integers(1, 4))):
                await ctx.tick()

    async def check(self, ctx, fields, weights, table, *, traffic=False):
        """Load the operands, run the command, compare every byte around the destination.

        Returns the cycles the command took and how many values the outputs have.
        """
        is_lookup = fields["opcode"] == Opcode.LOOKUP
        await self.load(ctx, self.dut.write_weights, 0, weights, tables=int(is_lookup))
        if is_lookup:
            weights = in_all_columns(self.config, weights)
        if table:
            words = b"".join(word.to_bytes(4, "little") for word in table)
            await self.load(ctx, self.dut.write_table, 0, words)
        writes = run_command(self.config, fields, self.image, weights, table)
        self.traffic_wanted = traffic
        cycles = await self.execute(ctx, fields)
        self.traffic_wanted = False
        while self.traffic_runs:
            await ctx.tick()
        for address, contents in writes:
            for j, byte in enumerate(contents):
                self.image[(address + j) % self.config.act_bytes] = byte
        beat = self.config.axi_bytes
        first = min(address for address, _ in writes) // beat * beat - beat
        last = max(address for address, _ in writes) + self.config.columns + 2 * beat
        for address in range(first, last, beat):
            await self.request(ctx, address % self.config.act_bytes)
        await self.compare(ctx)
        return cycles, len({byte for _, contents in writes for byte in contents})


def simulate(bench, scenario, *background, unit=None):
    async def main(ctx):
        await bench.fill(ctx)
        await scenario(ctx)

    simulator = Simulator(unit or bench.dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench.collect, background=True)
    for testbench in (bench.traffic, *background):
        simulator.add_testbench(testbench, background=True)
    simulator.add_testbench(main)
    simulator.run()


OPERATORS = [convolution, diagonal, depthwise, depthwise_of_stride_two, fully_connected,
              average_pool, max_pool, addition,
             function, softmax]


def named(value):
    return value.__name__ if callable(value) else value.name


@pytest.mark.parametrize("operator", OPERATORS, ids=named)
def test_operator_is_bit_exact(rng, operator):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        _, distinct = await bench.check(ctx, *operator(rng, CONFIG))
        assert distinct > 5, "the outputs say nothing"

    simulate(bench, scenario)


def test_sixteen_columns_on_a_full_width_port(rng):
    """Beats as wide as the lanes, results as wide as the lanes."""
    bench = Bench(WIDE, rng)

    async def scenario(ctx):
        await bench.check(ctx, *convolution(rng, WIDE, size=(3, 4), outputs=20))
        await bench.check(ctx, *addition(rng, WIDE, pixels=3))
        await bench.check(ctx, *depthwise(rng, WIDE, rows=4, pixels=6))

    simulate(bench, scenario)


def test_commands_of_all_kinds_in_turn_beside_traffic(rng):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        for index in rng.permutation(len(OPERATORS)):
            await bench.check(ctx, *OPERATORS[index](rng, CONFIG), traffic=True)

    simulate(bench, scenario)


def test_results_wrap_around_the_end_of_the_scratchpad(rng):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        fields, weights, table = max_pool(rng, CONFIG)
        fields["destination"] = CONFIG.act_bytes - 77
        await bench.check(ctx, fields, weights, table)

    simulate(bench, scenario)


def test_a_step_a_cycle_beside_a_fixed_overhead(rng):
    """Many steps a result: the array works in every cycle but those of the overhead."""
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        fields, weights, table = convolution(rng, CONFIG, size=(4, 4), channels=16, outputs=8)
        cycles, _ = await bench.check(ctx, fields, weights, table)
        steps = list(walk(fields))
        assert bench.mac_active == sum(not step.parameters for step in steps)
        assert cycles - len(steps) == bench.dut.overhead(Opcode.MATRIX)

    simulate(bench, scenario)


@pytest.mark.parametrize("wide", [0, 1])
def test_results_of_one_step_come_every_cycle_and_wide_ones_every_other(rng, wide):
    bench = Bench(CONFIG, rng)
    stalls = 0

    async def count(ctx):
        nonlocal stalls
        async for _, _, stall in ctx.tick().sample(bench.dut.stall_requantizer):
            stalls += stall

    async def scenario(ctx):
        fields, weights, table = convolution(rng, CONFIG, size=(6, 6), channels=8, outputs=4,
                                             kernel=(1, 1), pad=0)
        fields["wide"] = wide
        cycles, _ = await bench.check(ctx, fields, weights, table)
        results = 36
        # A parameter step, and nothing after the last result.
        assert cycles == (1 + results + wide * (results - 1)
                          + bench.dut.overhead(Opcode.MATRIX, wide=bool(wide)))
        assert stalls == wide * (results - 1)

    simulate(bench, scenario, count)


def test_overhead_of_the_smallest_command_of_each_kind(rng):
    bench = Bench(CONFIG, rng)
    smallest = {Opcode.MATRIX: (fully_connected, {"inputs": 16, "outputs": 4}),
                Opcode.LOOKUP: (function, {"pixels": 1}),
                Opcode.MAX: (max_pool, {"size": (1, 1), "blocks": 1, "pool": 1})}

    async def scenario(ctx):
        for opcode, (operator, size) in smallest.items():
            fields, weights, table = operator(rng, CONFIG, **size)
            cycles, _ = await bench.check(ctx, fields, weights, table)
            assert cycles - len(list(walk(fields))) == bench.dut.overhead(opcode)

    simulate(bench, scenario)


@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("pixels", [5, 6, 13, 15, 16])
def test_depthwise_of_every_width(rng, stride, pixels):
    bench = Bench(CONFIG, rng)
    bench.fill_bytes = 4096

    async def scenario(ctx):
        for odd in range(2):
            fields, weights, _ = depthwise(rng, CONFIG, strips=int(rng.integers(1, 3)),
                                           rows=int(rng.integers(3, 7)), pixels=pixels,
                                           stride=stride, odd=odd, wide=int(rng.integers(2)))
            await bench.check(ctx, fields, weights, None)

    simulate(bench, scenario)


@pytest.mark.parametrize("wide", [0, 1])
def test_depthwise_takes_a_pixel_a_cycle_or_two(rng, wide):
    bench = Bench(CONFIG, rng)
    bench.fill_bytes = 2048

    async def scenario(ctx):
        fields, weights, _ = depthwise(rng, CONFIG, strips=2, rows=6, pixels=14, wide=wide)
        cycles, _ = await bench.check(ctx, fields, weights, None)
        blocks = fields["count_kg"]
        pixels = 2 * 6 * 14
        # The last pixel of a block holds nothing up.
        assert cycles == (blocks * (4 + pixels + wide * (pixels - 1))
                          + bench.dut.overhead(Opcode.DEPTHWISE, wide=bool(wide)))
        assert bench.mac_active == blocks * 2 * 4 * 12

    simulate(bench, scenario)


def test_reset_at_any_cycle_leaves_a_working_unit(rng):
    """Reset in the middle of commands of each kind; the next one is exact."""
    bench = Bench(CONFIG, rng)
    reset = Signal()
    held = ResetInserter(reset)(bench.dut)

    async def scenario(ctx):
        for index in rng.permutation(len(OPERATORS))[:4]:
            fields, weights, table = OPERATORS[index](rng, CONFIG)
            await bench.start(ctx, fields)
            for _ in range(int(rng.integers(1, 100))):
                await ctx.tick()
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            # What was on its way to the scratchpad may still have arrived.
            await bench.fill(ctx)
            fields, weights, table = OPERATORS[int(rng.integers(len(OPERATORS)))](rng, CONFIG)
            writes = run_command(CONFIG, fields, bench.image, weights, table)
            await bench.clear(ctx, writes)
            await bench.check(ctx, fields, weights, table)

    simulate(bench, scenario, unit=held)


def random_command(rng, config):
    """Any fields the decoder lets pass, with counts that keep it short."""
    opcode = Opcode(int(rng.choice(list(EXECUTE))))
    fields = {}
    for name, field in FIELDS[opcode].items():
        fields[name] = int(rng.integers(field.minimum, field.maximum + 1))
    for level in LEVELS:
        fields[f"count_{level}"] = int(rng.integers(1, 4))
    if opcode == Opcode.LOOKUP:
        fields["count_kg"] = 1
    if opcode == Opcode.DEPTHWISE:
        fields |= {"count_ox": int(rng.integers(3, 6)), "count_kx": int(rng.integers(5, 17)),
                   "count_ky": 1, "count_seg": 1}
    for name in ("outputs", "last_outputs"):
        fields[name] = int(rng.integers(1, config.columns + 1))
    for name in ("height", "width_bytes"):
        fields[name] = int(rng.integers(0, 32768))
    return fields | {"opcode": int(opcode)}


def test_any_command_in_range_ends(rng):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        for _ in range(8):
            await bench.execute(ctx, random_command(rng, CONFIG))

    simulate(bench, scenario)


def random_tables(rng, config, parameter_step, wide):
    """Fill the whole weight memory with tables, but for one step of parameters."""
    bits = 26 if wide else 16
    entries = rng.integers(-1 << bits, 1 << bits, config.weight_steps * config.lanes // 4)
    data = bytearray(entries.astype("<i4").tobytes())
    multiplier, shift = quantize_multiplier(float(2.0 ** (7 - bits) * rng.uniform(0.5, 2)))
    parameters = pack_parameters(int(rng.integers(-100, 100)), multiplier, shift)
    start = parameter_step * config.lanes
    data[start:start + len(parameters)] = parameters
    return bytes(data)


def random_defined_command(rng, config):
    """Loops and bounds at random, as far as the architecture defines the result.

    Sources stay around the filled region, destinations away from it.
    """
    opcode = Opcode(int(rng.choice([o for o in EXECUTE if o != Opcode.DEPTHWISE])))
    fields = command(opcode, **random_clamp(rng))
    for level in LEVELS:
        fields[f"count_{level}"] = int(rng.integers(1, 4))
        fields[f"{level}_address"] = int(rng.integers(-20, 30))
        fields[f"{level}_y"] = int(rng.integers(-2, 3))
        fields[f"{level}_x"] = int(rng.integers(-20, 20))
        if level in LEVELS[:3]:
            fields[f"destination_{level}"] = int(rng.integers(-40, 40))
    if opcode in (Opcode.LOOKUP, Opcode.SOFTMAX):
        fields |= {f"count_{level}": 1 for level in LEVELS[3:]}
    if opcode == Opcode.LOOKUP:
        fields |= {f"count_{rng.choice(LEVELS[3:])}": 2, "count_kg": 1}
    if opcode == Opcode.SOFTMAX:
        fields |= {"zero_point": -128, "minimum": -128, "maximum": 127, "bounded": 0}
    else:
        fields |= {"bounded": int(rng.integers(2)), "height": int(rng.integers(0, 6)),
                   "width_bytes": int(rng.integers(0, 60)), "pad": int(rng.integers(-128, 128))}
    fields |= {"start_y": int(rng.integers(-3, 4)), "start_x": int(rng.integers(-20, 20)),
               "source": SOURCE + 140 - (1 << 23) * int(rng.integers(2)),
               "outputs": int(rng.integers(1, config.columns + 1)),
               "last_outputs": int(rng.integers(1, config.columns + 1)),
               "weight_step": int(rng.integers(config.weight_steps)),
               "least": int(rng.integers(2)),
               "wide": int(rng.integers(2)) if opcode in (Opcode.MATRIX, Opcode.LOOKUP) else 0}
    # No step of the weight memory may be read both as parameters and as weights.
    while fields["count_kg"] * (1 + math.prod(
            fields[f"count_{level}"] for level in LEVELS[3:])) > config.weight_steps:
        fields[f"count_{rng.choice(['kg', *LEVELS[3:]])}"] = 1
    table = softmax_table(float(rng.uniform(0.01, 0.5))) if opcode == Opcode.SOFTMAX else None
    if opcode == Opcode.LOOKUP:
        return fields, random_tables(rng, config, fields["weight_step"], fields["wide"]), table
    weights = [random_weights(rng, config) for _ in range(config.weight_steps)]
    for step in walk(fields):
        if step.parameters:
            data = random_parameters(rng, config, scale=0.01)
            weights[step.weight_step % config.weight_steps] = data
    return fields, b"".join(weights), table


def test_random_commands_are_bit_exact(rng):
    """A small weight memory, so that steps wrap around in it."""
    config = replace(CONFIG, weight_steps=128)
    bench = Bench(config, rng)

    async def scenario(ctx):
        for _ in range(4):
            await bench.check(ctx, *random_defined_command(rng, config))

    simulate(bench, scenario)


def test_the_reading_here_agrees_with_the_golden_model(rng):
    config = replace(CONFIG, weight_steps=128)
    for turn in range(100):
        if turn % 5:
            fields, weights, table = random_defined_command(rng, config)
        else:
            fields, weights, table = depthwise(
                rng, config, strips=int(rng.integers(1, 4)), rows=int(rng.integers(3, 8)),
                pixels=int(rng.integers(5, 17)), stride=tuple(rng.integers(1, 3, 2).tolist()),
                odd=int(rng.integers(2)), wide=int(rng.integers(2)))
            weights = weights.ljust(config.weight_bytes, b"\0")
        memories = LocalMemories(config)
        memories.scratchpad[:] = rng.integers(0, 256, config.act_bytes, dtype=np.uint8)
        if fields["opcode"] == Opcode.LOOKUP:
            weights = in_all_columns(config, weights)
        memories.spaces[LocalSpace.WEIGHTS][:] = np.frombuffer(weights, np.uint8)
        if table:
            memories.spaces[LocalSpace.TABLE][:] = np.array(table, "<u4").view(np.uint8)
        expected = memories.scratchpad.copy()
        for address, contents in run_command(config, fields, expected.tobytes(), weights, table):
            for j, byte in enumerate(contents):
                expected[(address + j) % config.act_bytes] = byte
        opcode = Opcode(fields["opcode"])
        execute(memories, Command(0, opcode, unit_of(opcode), fields),
                StepGrid(config, opcode, fields))
        assert np.array_equal(memories.scratchpad, expected), fields
