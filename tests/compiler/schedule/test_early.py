"""Which commands begin early: all that gain by it, but those that would read too soon."""

import numpy as np

from hadron_compiler.codegen.command import Command
from hadron_compiler.schedule.cycles import DISPATCH, LATE, command_cycles, head_start
from hadron_compiler.schedule.early import begin_early
from hadron_compiler.schedule.prediction import predict
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig
from hadron_testing.execute_bench import Bench, simulate
from hadron_testing.execute_operators import (
    addition,
    average_pool,
    convolution,
    depthwise,
    fully_connected,
    function,
    max_pool,
    softmax,
)
from hadron_testing.execute_reference import destinations, walk

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=256, axi_data_width=64)
Operation = tuple[dict[str, int], bytes, list[int] | None]
OPERATORS = [fully_connected, convolution, depthwise, average_pool, function, addition, max_pool]


def commands_of(*fields: dict[str, int]) -> list[Command]:
    made = [Command(Opcode(some["opcode"]), 0, some, [], []) for some in fields]
    begin_early(made, CONFIG)
    return made


def touched(fields: dict[str, int]) -> tuple[int, int]:
    """Return the first and the last address of the results."""
    addresses = [address for address, _ in destinations(fields)]
    return min(addresses), max(addresses)


def test_what_reads_elsewhere_is_early(rng: np.random.Generator) -> None:
    for first in OPERATORS:
        for second in OPERATORS:
            command = commands_of(first(rng, CONFIG)[0], second(rng, CONFIG)[0])
            gains = head_start(command[0], command[1], CONFIG) > LATE
            assert command[1].early == gains
            assert gains or first is max_pool
            assert not command[0].early


def test_what_reads_the_last_results_is_not_early(rng: np.random.Generator) -> None:
    for operator in (fully_connected, convolution, depthwise, average_pool, function, addition):
        fields = operator(rng, CONFIG)[0]
        reader = function(rng, CONFIG)[0]
        reader["source"] = touched(fields)[1]
        assert not commands_of(fields, reader)[1].early
        # Nor is one that works in its place, when it comes to the end as soon.
        reader["source"] = reader["destination"] = touched(fields)[0]
        _, early = commands_of(fields | {"count_oy": 1, "count_ox": 4, "count_kg": 1}, reader)
        assert not early.early


def test_softmax_is_never_early_nor_what_follows_it(rng: np.random.Generator) -> None:
    commands = commands_of(*(operator(rng, CONFIG)[0] for operator in (
        function, softmax, function)))
    assert [command.early for command in commands] == [False] * 3


def test_a_sum_that_goes_on_is_not_early(rng: np.random.Generator) -> None:
    fields = fully_connected(rng, CONFIG)[0]
    assert not commands_of(fields, fields | {"continues": 1, "source": 0x3000})[1].early


def test_the_prediction_counts_what_is_gained(rng: np.random.Generator) -> None:
    fields = [convolution(rng, CONFIG, size=(8, 8))[0] for _ in range(5)]
    early = commands_of(*fields)
    late = commands_of(*fields)
    for command in late:
        command.early = False
    gained = head_start(early[0], early[1], CONFIG) - LATE
    assert predict(late, CONFIG).total - predict(early, CONFIG).total == 4 * gained
    alone = predict(late[:1], CONFIG).total
    assert (predict(late, CONFIG).total - alone
            == 4 * (command_cycles(late[0], CONFIG).total - LATE))


def writer_of_many(rng: np.random.Generator) -> Operation:
    """A command whose results take long enough for the first ones to be written."""
    return [
        lambda: convolution(rng, CONFIG, size=(5, 4), outputs=4),
        lambda: convolution(rng, CONFIG, size=(4, 4), outputs=6, kernel=(1, 1), pad=0),
        lambda: depthwise(rng, CONFIG, strips=1, rows=5, pixels=8, blocks=1),
        lambda: function(rng, CONFIG, pixels=60),
    ][int(rng.integers(4))]()


def reader_of_few(rng: np.random.Generator) -> Operation:
    return [
        lambda: fully_connected(rng, CONFIG, inputs=30, outputs=4),
        lambda: convolution(rng, CONFIG, size=(2, 3), outputs=4, pad=0, kernel=(2, 2)),
        lambda: function(rng, CONFIG, pixels=5),
        lambda: max_pool(rng, CONFIG, size=(1, 2), blocks=1, pool=2),
    ][int(rng.integers(4))]()


def test_hardware_reads_what_was_written(rng: np.random.Generator) -> None:
    """Commands that read results of the one before, from any place on."""
    bench = Bench(CONFIG, rng)
    counts = [0, 0]

    async def scenario(ctx: object) -> None:
        for turn in range(12):
            (writer, *image), (reader, *others) = writer_of_many(rng), reader_of_few(rng)
            low, high = touched(writer)
            first = next(step for step in walk(reader) if not step.parameters)
            reader["source"] += int(rng.integers(low - 20, high + 20)) - first.address
            reader["destination"] = 0x6000
            reader["early"] = int(commands_of(writer, reader)[1].early)
            counts[reader["early"]] += 1
            await bench.check_overlapped(ctx, [(writer, *image), (reader, *others)],
                                         traffic=bool(turn % 2))

    simulate(bench, scenario)
    assert min(counts) > 0


def test_a_command_takes_what_is_predicted(rng: np.random.Generator) -> None:
    """Cycles from the first transfer to the last `done`, of random chains."""
    bench = Bench(CONFIG, rng)

    async def scenario(ctx: object) -> None:
        for _ in range(3):
            runs = [operator(rng, CONFIG) for operator in rng.permutation(
                [fully_connected, function, average_pool, depthwise, max_pool])]
            commands = commands_of(*(fields for fields, _, _ in runs))
            predicted = 0
            for before, command in zip([None, *commands], commands, strict=False):
                if rng.integers(4) == 0:
                    command.early = False
                command.fields["early"] = int(command.early)
                predicted += command_cycles(command, CONFIG).total
                if before is not None:
                    predicted -= head_start(before, command, CONFIG) if command.early else LATE
            assert await bench.check_overlapped(ctx, runs) == predicted - DISPATCH

    simulate(bench, scenario)
