"""ExecuteUnit against a direct reading of the command set, with LOAD and STORE traffic beside it.

A command takes one cycle a step (parameter steps included) and a fixed overhead, measured here from
its transfer to `done` and predicted by `ExecuteUnit.overhead`: for h64 49 cycles for MATRIX, 42 for
LOOKUP, 22 for MAX.
"""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import ResetInserter, Signal

from hadron_model.execute import execute
from hadron_model.memories import LocalMemories
from hadron_model.program import Command
from hadron_model.steps import StepGrid
from hadron_model.strips import Strip
from hadron_spec.commands import LocalSpace, Opcode, unit_of
from hadron_spec.config import NpuConfig
from hadron_testing.execute_bench import Bench, simulate
from hadron_testing.execute_operators import (
    addition,
    average_pool,
    convolution,
    depthwise,
    depthwise_of_stride_two,
    diagonal,
    fully_connected,
    function,
    in_all_columns,
    long_sum,
    max_pool,
    shallow_convolution,
    softmax,
    tall_depthwise,
    tall_depthwise_of_stride_two,
)
from hadron_testing.execute_random import random_command, random_defined_command
from hadron_testing.execute_reference import run_command, walk

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=256, axi_data_width=64)
PAIRS = replace(CONFIG, name="pairs", row_pairs=True)
SHALLOW = replace(CONFIG, name="shallow", shallow=True)
WIDE = replace(CONFIG, name="wide", columns=16, dsp_columns=16, axi_data_width=128)

OPERATORS = [convolution, diagonal, depthwise, depthwise_of_stride_two, tall_depthwise,
             tall_depthwise_of_stride_two, fully_connected, average_pool, max_pool, addition,
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


def test_two_activations_a_byte_are_bit_exact(rng):
    bench = Bench(SHALLOW, rng)

    async def scenario(ctx):
        for kernel, channels in (((3, 3), 5), ((1, 1), 16), ((1, 2), 20)):
            _, distinct = await bench.check(ctx, *shallow_convolution(
                rng, SHALLOW, size=(3, 4), kernel=kernel, channels=channels), traffic=True)
            assert distinct > 5, "the outputs say nothing"
            # Others come before and after.
            await bench.check(ctx, *depthwise(rng, SHALLOW, strips=1, rows=4, pixels=6, blocks=1))
            await bench.check(ctx, *addition(rng, SHALLOW, pixels=3))

    simulate(bench, scenario)


@pytest.mark.parametrize("options", [{}, {"deep": True}, {"shallow": True}], ids=str)
def test_commands_go_on_with_a_sum(rng, options):
    """Weights, and what is read, change between the commands of a sum."""
    config = replace(CONFIG, **options)
    bench = Bench(config, rng)

    async def scenario(ctx):
        for commands in (2, 4):
            deep = config.deep and bool(rng.integers(2))
            for made in long_sum(rng, config, commands=commands, deep=deep,
                                 wide=deep or bool(rng.integers(2))):
                await bench.fill(ctx)
                await bench.check(ctx, *made, traffic=True)
            # What comes between sums is not added.
            await bench.check(ctx, *fully_connected(rng, config, inputs=30, outputs=6))
            await bench.check(ctx, *addition(rng, config, pixels=3))

    simulate(bench, scenario)


def test_a_command_that_goes_on_takes_a_cycle_a_step(rng):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        for fields, weights, table in long_sum(rng, CONFIG, commands=3):
            cycles, _ = await bench.check(ctx, fields, weights, table)
            steps = list(walk(fields))
            assert steps[0].parameters == (not fields["continues"])
            assert cycles - len(steps) == bench.dut.overhead(Opcode.MATRIX)

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


@pytest.mark.parametrize("channels", [16, 32, 48])
def test_two_activations_a_byte_take_a_cycle_a_step_and_a_result(rng, channels):
    bench = Bench(SHALLOW, rng)

    async def scenario(ctx):
        fields, weights, table = shallow_convolution(
            rng, SHALLOW, size=(3, 4), channels=channels, outputs=8, kernel=(1, 1), pad=0)
        cycles, _ = await bench.check(ctx, fields, weights, table)
        steps, results, groups = channels // 16, 3 * 4, 2
        # A parameter step, and it waits as well as others for the second result.
        assert cycles == (groups * (1 + results * max(steps, 2) - (steps == 1))
                          + bench.dut.overhead(Opcode.MATRIX, shallow=True))

    simulate(bench, scenario)


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


@pytest.mark.parametrize(("wide", "stride", "pixels", "more"), [
    (0, (1, 1), 14, 0),
    (0, (2, 2), 13, 0),
    # Four rows complete windows, with each pixel; the last pixel of a block holds nothing up.
    (1, (1, 1), 14, 2 * 4 * 14 - 1),
    # Two rows of six do, with three pixels.
    (1, (2, 2), 14, 2 * 2 * 3),
    (1, (1, 2), 13, 2 * 4 * 3 - 1),
    (1, (2, 1), 14, 2 * 2 * 14),
])
def test_depthwise_takes_a_pixel_a_cycle_and_wide_ones_that_complete_windows_two(
        rng, wide, stride, pixels, more):
    bench = Bench(CONFIG, rng)
    bench.fill_bytes = 2048

    async def scenario(ctx):
        fields, weights, _ = depthwise(rng, CONFIG, strips=2, rows=6, pixels=pixels, stride=stride,
                                       wide=wide)
        cycles, _ = await bench.check(ctx, fields, weights, None)
        blocks, strip = fields["count_kg"], Strip(fields)
        last = (strip.rows - 1 - strip.last_rows[-1]) * strip.pixels
        last += strip.pixels - 1 - strip.last_pixels[-1]
        last += wide if last else 0
        # What comes behind the last window is read for nothing, but while that is on its way.
        assert (cycles + last
                == blocks * (4 + 2 * 6 * pixels + more)
                + bench.dut.overhead(Opcode.DEPTHWISE, wide=bool(wide)))
        assert bench.mac_active == blocks * 2 * 2 * strip.output_rows * strip.pairs

    simulate(bench, scenario)


@pytest.mark.parametrize("stride", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_tall_windows_of_every_width(rng, stride):
    bench = Bench(CONFIG, rng)
    bench.fill_bytes = 4096

    async def scenario(ctx):
        for pixels in (6, 7, 13, 16):
            fields, weights, _ = depthwise(
                rng, CONFIG, strips=int(rng.integers(1, 3)), rows=int(rng.integers(5, 9)),
                pixels=pixels, stride=stride, odd=int(rng.integers(2)),
                wide=int(rng.integers(2)), tall=1)
            await bench.check(ctx, fields, weights, None)

    simulate(bench, scenario)


@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize(("stride", "pixels"), [((1, 1), 16), ((2, 2), 15)])
def test_tall_windows_take_a_pixel_a_cycle_even_when_wide(rng, wide, stride, pixels):
    bench = Bench(CONFIG, rng)
    bench.fill_bytes = 2048

    async def scenario(ctx):
        fields, weights, _ = depthwise(rng, CONFIG, strips=2, rows=7, pixels=pixels, stride=stride,
                                       wide=wide, tall=1)
        cycles, _ = await bench.check(ctx, fields, weights, None)
        blocks, strip = fields["count_kg"], Strip(fields)
        # Of a pair the second output comes a cycle later.
        assert (cycles + strip.singles == blocks * (2 + 2 * 7 * pixels)
                + bench.dut.overhead(Opcode.DEPTHWISE, wide=bool(wide), tall=True))
        assert bench.mac_active == blocks * 2 * 2 * strip.output_rows * strip.pairs

    simulate(bench, scenario)


def check_resets(rng, config, interrupted):
    """Reset each (operator, cycles after it began, operator); that last one must be exact."""
    bench = Bench(config, rng)
    reset = Signal()
    held = ResetInserter(reset)(bench.dut)

    async def scenario(ctx):
        for operator, cycles, following in interrupted:
            fields, _, _ = operator(rng, config)
            await bench.start(ctx, fields)
            await ctx.tick().repeat(cycles)
            ctx.set(reset, 1)
            await ctx.tick()
            ctx.set(reset, 0)
            # What was on its way to the scratchpad may still have arrived.
            await bench.fill(ctx)
            fields, weights, table = following(rng, config)
            writes = run_command(config, fields, bench.image, weights, table)
            await bench.clear(ctx, writes)
            await bench.check(ctx, fields, weights, table)

    simulate(bench, scenario, unit=held)


@pytest.mark.parametrize("config", [CONFIG, SHALLOW], ids=lambda config: config.name)
def test_reset_at_any_cycle_leaves_a_working_unit(rng, config):
    """Reset in the middle of commands of each kind; the next one is exact."""
    operators = [*OPERATORS, *[shallow_convolution] * (3 * config.shallow)]
    check_resets(rng, config, [
        (operators[index], int(rng.integers(1, 100)), operators[int(rng.integers(len(operators)))])
        for index in rng.permutation(len(operators))[:4]])


@pytest.mark.parametrize("operator", [convolution, depthwise], ids=named)
def test_reset_while_a_command_begins_leaves_a_working_unit(rng, operator):
    """Reset in each of the cycles in which a command is taken and started."""
    check_resets(rng, CONFIG, [(operator, cycles, operator) for cycles in range(1, 9)])


def test_any_command_in_range_ends(rng):
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        for _ in range(8):
            await bench.execute(ctx, random_command(rng, CONFIG))

    simulate(bench, scenario)


@pytest.mark.parametrize(("options", "count"), [
    ({}, 4), ({"deep": True}, 4), ({"row_pairs": True}, 6), ({"shallow": True}, 4),
    ({"shallow": True, "deep": True}, 4)], ids=str)
def test_random_commands_are_bit_exact(rng, options, count):
    """A small weight memory, so that steps wrap around in it."""
    config = replace(CONFIG, weight_steps=128, **options)
    bench = Bench(config, rng)

    async def scenario(ctx):
        for _ in range(count):
            await bench.check(ctx, *random_defined_command(rng, config))

    simulate(bench, scenario)


@pytest.mark.parametrize("config", [CONFIG, PAIRS], ids=lambda config: config.name)
def test_the_reading_here_agrees_with_the_golden_model(rng, config):
    config = replace(config, weight_steps=128)
    for turn in range(100):
        if turn % 5:
            fields, weights, table = random_defined_command(rng, config)
        else:
            tall = int(rng.integers(2))
            fields, weights, table = depthwise(
                rng, config, strips=int(rng.integers(1, 4)),
                rows=int(rng.integers(3, 8)) + 2 * tall,
                pixels=int(rng.integers(5 + tall, 17)),
                stride=tuple(rng.integers(1, 3, 2).tolist()),
                odd=int(rng.integers(2)), wide=int(rng.integers(2)), tall=tall)
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
