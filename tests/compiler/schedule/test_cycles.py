"""The cycle model: more work, more cycles; units overlap where tokens let them."""

import dataclasses
from typing import Any

import pytest
from amaranth.sim import Simulator

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_compiler.schedule.cycles import (
    DISPATCH,
    MEMORY_LATENCY,
    ROW_CYCLES,
    command_cycles,
    early_start,
    execute_overhead,
)
from hadron_compiler.schedule.prediction import predict
from hadron_rtl.control.load import LoadUnit
from hadron_rtl.control.store import StoreUnit
from hadron_rtl.execute import ExecuteUnit
from hadron_spec.commands import Opcode
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing.large_models import SMALL_CONFIGS

H256 = CONFIGS["h256"]


def execute(results: int, steps: int, **tokens: int) -> Command:
    fields = loop_fields({"ox": Loop(results), "seg": Loop(steps)}, bounded=False)
    return Command(Opcode.MATRIX, 0, fields, [], [], **tokens)


def cost(command: Command) -> int:
    return command_cycles(command, H256).total


def load(size: int, **tokens: int) -> Command:
    return Command(Opcode.LOAD, 0, {"memory_offset": 0, "row_bytes": size, "rows": 1}, [],
                   [Range(Space.WEIGHTS, 0, 1)], **tokens)


def streamed(opcode: Opcode, size: int) -> Command:
    near = [Range(Space.SCRATCHPAD, 0, size)]
    return Command(opcode, 0, {"memory_offset": 0, "row_bytes": size, "rows": 1}, near, near)


@pytest.mark.parametrize("config", [*CONFIGS.values(), *SMALL_CONFIGS.values()],
                         ids=lambda config: config.name)
def test_overheads_are_those_of_the_hardware(config: NpuConfig) -> None:
    unit = ExecuteUnit(config)
    for opcode in (Opcode.MATRIX, Opcode.MAX, Opcode.LOOKUP, Opcode.DEPTHWISE):
        for wide in (False, True):
            assert (execute_overhead(opcode, config, wide=wide)
                    == unit.overhead(opcode, wide=wide))
        assert early_start(opcode, config) == unit.early_start(opcode)
    for wide in (False, True):
        assert (execute_overhead(Opcode.DEPTHWISE, config, wide=wide, tall=True)
                == unit.overhead(Opcode.DEPTHWISE, wide=wide, tall=True))


def test_short_rows_take_what_the_bursts_of_the_hardware_allow() -> None:
    assert ROW_CYCLES == {Opcode.LOAD: (MEMORY_LATENCY + 6) / LoadUnit.OUTSTANDING,
                          Opcode.STORE: (MEMORY_LATENCY + 16) / StoreUnit.UNANSWERED}
    for beats, cycles in ((1, 100 * 19 / 8), (2, 100 * 19 / 8), (3, 300)):
        command = load(beats * H256.axi_bytes)
        command.fields["rows"] = 100
        assert command_cycles(command, H256).work == pytest.approx(cycles, abs=2)


@pytest.mark.parametrize("multipliers", [1, 4])
def test_softmax_takes_what_the_hardware_takes(multipliers: int) -> None:
    config = dataclasses.replace(CONFIGS["h64"], softmax_multipliers=multipliers)
    unit = ExecuteUnit(config)
    shapes = [(1, 1), (1, 10), (1, 60), (4, 2), (60, 2), (30, 5), (16, 10),
              (8, 40), (5, 90), (2, 200)]
    predicted, measured = [], []

    async def bench(ctx: Any) -> None:
        for rows, elements in shapes:
            loops = {"kg": Loop(rows, elements, 0, 0, elements), "ox": Loop(elements, 1, 0, 0, 1)}
            fields = loop_fields(loops, bounded=False)
            command = Command(Opcode.SOFTMAX, 0, fields, [], [])
            predicted.append(command_cycles(command, config).total - DISPATCH)
            ctx.set(unit.command.payload, fields | {"opcode": Opcode.SOFTMAX, "outputs": 1,
                                                    "last_outputs": 1, "destination": 16384})
            ctx.set(unit.command.valid, 1)
            await ctx.tick().until(unit.command.ready)
            ctx.set(unit.command.valid, 0)
            measured.append(0)
            while not ctx.get(unit.done):
                await ctx.tick()
                measured[-1] += 1

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert predicted == pytest.approx(measured, rel=0.12)


def test_the_array_takes_one_step_a_cycle() -> None:
    assert cost(execute(100, 9)) - cost(execute(50, 9)) == 450


def test_wide_results_take_two_cycles() -> None:
    assert cost(execute(100, 1)) - cost(execute(50, 1)) == 50
    wide = [execute(count, 1) for count in (100, 50)]
    for command in wide:
        command.fields["wide"] = 1
    assert cost(wide[0]) - cost(wide[1]) == 100


def test_transfers_take_a_beat_a_cycle() -> None:
    assert cost(load(3200)) - cost(load(1600)) == 100


def test_a_load_runs_under_work_that_does_not_wait_for_it() -> None:
    free = predict([execute(1000, 9), load(16000), execute(1000, 9)], H256).total
    held = predict([execute(1000, 9), load(16000, send=1), execute(1000, 9, wait=1)],
                   H256).total
    alone = predict([execute(1000, 9), execute(1000, 9)], H256).total
    assert free <= alone + 64
    assert held <= free + 64  # the load is done long before the first work is
    late = predict([execute(1000, 9, send=1), load(16000, wait=1, send=1),
                    execute(1000, 9, wait=1)], H256).total
    assert late > alone + 900


def test_loads_stores_and_results_share_a_port() -> None:
    alone = predict([streamed(Opcode.LOAD, 16000)], H256).total
    both = predict([streamed(Opcode.LOAD, 16000), streamed(Opcode.STORE, 16000)], H256).total
    assert 1900 < both - alone + 1000 < 2200
    under = predict([execute(1000, 4), streamed(Opcode.LOAD, 16000)], H256).total
    beside = predict([execute(1000, 4), load(16000)], H256).total
    assert under == beside  # a quarter of the port is taken: the load still ends before the work
    busy = predict([execute(250, 4), streamed(Opcode.LOAD, 16000)], H256).total
    assert busy - alone > 100


def test_a_slow_memory_is_shared_by_all_that_moves() -> None:
    assert predict([load(3200)], H256, 2).total - predict([load(1600)], H256, 2).total == 800
    alone = predict([streamed(Opcode.STORE, 1600)], H256, 2).total
    both = predict([load(1600), streamed(Opcode.STORE, 1600)], H256, 2).total
    assert 700 < both - alone < 900
