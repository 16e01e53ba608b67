"""ExecuteSequencer in its unit: two commands under way, in time and bit for bit."""

from dataclasses import replace

import pytest

from hadron_rtl.control.execute_sequencer import ExecuteSequencer
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig
from hadron_testing.execute_bench import Bench, simulate
from hadron_testing.execute_operators import (
    average_pool,
    convolution,
    depthwise,
    fully_connected,
    function,
    max_pool,
    shallow_convolution,
    softmax,
)
from hadron_testing.execute_reference import walk

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=256, axi_data_width=64)
SHALLOW = replace(CONFIG, name="shallow", shallow=True)
DEEP = replace(CONFIG, name="deep", deep=True)


def short_operators(rng, config):
    """Commands of a few steps of each kind but SOFTMAX: two are under way for most of the time."""
    return [
        fully_connected(rng, config, inputs=int(rng.integers(1, 40)),
                        outputs=int(rng.integers(1, 9))),
        convolution(rng, config, size=(2, 3), channels=5, outputs=5),
        depthwise(rng, config, strips=1, rows=3, pixels=int(rng.integers(5, 8)),
                  odd=int(rng.integers(2)), blocks=1, wide=int(rng.integers(2))),
        depthwise(rng, config, strips=1, rows=5, pixels=5, stride=(2, 2), blocks=2,
                  wide=int(rng.integers(2))),
        depthwise(rng, config, strips=1, rows=5, pixels=int(rng.integers(6, 9)), blocks=1,
                  wide=int(rng.integers(2)), tall=1),
        function(rng, config, pixels=int(rng.integers(1, 4))),
        max_pool(rng, config, size=(1, int(rng.integers(1, 3))), blocks=1,
                 pool=int(rng.integers(1, 3))),
        average_pool(rng, config, size=(2, 4), pool=(2, 2), blocks=1),
    ]


@pytest.mark.parametrize("turn", range(3))
def test_early_commands_of_all_kinds_are_bit_exact(rng, turn):
    """They read what no other writes, so any of them may be early."""
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        for pause in (0, 80):
            commands = short_operators(rng, CONFIG)
            if turn == 0:
                commands.append(softmax(rng, CONFIG, rows=1, elements=3))
            order = rng.permutation(len(commands))
            for fields, _, _ in commands:
                fields["early"] = int(turn < 2 or rng.integers(2))
                if fields["opcode"] == Opcode.MATRIX:
                    fields["wide"] = int(rng.integers(2))
            await bench.check_overlapped(ctx, [commands[index] for index in order], pause=pause,
                                         traffic=bool(turn))

    simulate(bench, scenario)


@pytest.mark.parametrize("config", [SHALLOW, DEEP], ids=lambda config: config.name)
def test_early_commands_of_other_precisions_are_bit_exact(rng, config):
    bench = Bench(config, rng)

    async def scenario(ctx):
        commands = short_operators(rng, config)
        if config.shallow:
            commands += [shallow_convolution(rng, config, size=(2, 2), kernel=(1, 1), pad=0,
                                             channels=5, outputs=outputs) for outputs in (3, 4, 7)]
        else:
            commands += [deep_product(rng, config) for _ in range(3)]
        for fields, _, _ in commands:
            fields["early"] = 1
        await bench.check_overlapped(
            ctx, [commands[index] for index in rng.permutation(len(commands))])

    simulate(bench, scenario)


def deep_product(rng, config):
    fields, weights, table = fully_connected(rng, config, inputs=20, outputs=5)
    fields |= {"deep": 1, "deep_results": 1, "wide": 1, "plane_address": 64, "destination_px": 32}
    for level in ("kg", "seg"):
        fields[f"{level}_address"] -= 64
    fields["destination_kg"] -= 32
    return fields, weights, table


def test_the_next_command_begins_after_the_last_write_or_early(rng):
    """Two commands take as much less than one after the other."""
    bench = Bench(CONFIG, rng)

    async def scenario(ctx):
        unit = bench.dut
        for operator, opcode in ((fully_connected, Opcode.MATRIX), (function, Opcode.LOOKUP),
                                 (max_pool, Opcode.MAX)):
            apart = []
            for early in (0, 1):
                first = fully_connected(rng, CONFIG)
                second = operator(rng, CONFIG)
                second[0]["early"] = early
                steps = [len(list(walk(fields))) for fields, _, _ in (first, second)]
                cycles = await bench.check_overlapped(ctx, [first, second])
                apart.append(cycles - sum(steps) - unit.overhead(Opcode.MATRIX)
                             - unit.overhead(opcode))
            # It begins with `done`, already decoded, or so many cycles after the last step.
            assert apart[0] == -ExecuteSequencer.START
            assert apart[1] == unit.early_start(opcode) - unit.overhead(Opcode.MATRIX)

    simulate(bench, scenario)
