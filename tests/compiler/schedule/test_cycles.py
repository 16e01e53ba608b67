"""The cycle model: more work, more cycles; units overlap where tokens let them."""

import pytest

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_compiler.schedule.cycles import command_cycles, execute_overhead, predict
from hadron_rtl.execute import ExecuteUnit
from hadron_spec.commands import Opcode
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing.large_models import SMALL_CONFIGS

H256 = CONFIGS["h256"]


def execute(results: int, steps: int, **tokens: int) -> Command:
    fields = loop_fields({"ox": Loop(results), "seg": Loop(steps)}, bounded=False)
    return Command(Opcode.MATRIX, 0, fields, [], [], **tokens)


def load(size: int, **tokens: int) -> Command:
    return Command(Opcode.LOAD, 0, {"memory_offset": 0, "row_bytes": size, "rows": 1}, [], [],
                   **tokens)


@pytest.mark.parametrize("config", [*CONFIGS.values(), *SMALL_CONFIGS.values()],
                         ids=lambda config: config.name)
def test_overheads_are_those_of_the_hardware(config: NpuConfig) -> None:
    unit = ExecuteUnit(config)
    for opcode in (Opcode.MATRIX, Opcode.MAX, Opcode.ADD):
        assert execute_overhead(opcode, config) == unit.overhead(opcode)


def test_the_array_takes_one_step_a_cycle() -> None:
    assert command_cycles(execute(100, 9), H256) - command_cycles(execute(50, 9), H256) == 450


def test_the_requantizer_bounds_short_results() -> None:
    outlet = H256.columns // H256.requant_lanes
    assert (command_cycles(execute(100, 1), H256) - command_cycles(execute(50, 1), H256)
            == 50 * outlet)


def test_transfers_take_a_beat_a_cycle() -> None:
    assert command_cycles(load(3200), H256) - command_cycles(load(1600), H256) == 100


def test_a_load_runs_under_work_that_does_not_wait_for_it() -> None:
    free = predict([execute(1000, 9), load(16000), execute(1000, 9)], 1, H256).total
    held = predict([execute(1000, 9), load(16000, send=1), execute(1000, 9, wait=1)], 1,
                   H256).total
    alone = predict([execute(1000, 9), execute(1000, 9)], 1, H256).total
    assert free <= alone + 64
    assert held <= free + 64  # the load is done long before the first work is
    late = predict([execute(1000, 9, send=1), load(16000, wait=1, send=1),
                    execute(1000, 9, wait=1)], 1, H256).total
    assert late > alone + 900
