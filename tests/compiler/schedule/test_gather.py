"""LOADs of weights that lie side by side become one."""

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.schedule.gather import gather_loads
from hadron_compiler.schedule.transfers import load_bytes
from hadron_spec.commands import Opcode

STEP = 256


def load(layer: int, memory: int, step: int, steps: int) -> Command:
    return load_bytes(layer, Space.WEIGHTS, memory, step, steps * STEP, STEP)


def work(layer: int) -> Command:
    return Command(Opcode.MATRIX, layer, {}, [], [])


def test_neighbours_become_one_where_the_first_stood() -> None:
    commands = [load(0, 1024, 5, 2), work(0), load(1, 1024 + 2 * STEP, 7, 3), work(1)]
    gathered = gather_loads(commands, 5 * STEP)
    assert [command.opcode for command in gathered] == [Opcode.LOAD, Opcode.MATRIX, Opcode.MATRIX]
    joined = gathered[0]
    assert joined.fields["row_bytes"] == 5 * STEP
    assert (joined.reads[0].start, joined.reads[0].end) == (1024, 1024 + 5 * STEP)
    assert (joined.writes[0].start, joined.writes[0].end) == (5, 10)
    assert joined.bytes_of_layers() == ((0, 2 * STEP), (1, 3 * STEP))
    assert commands[0].fields["row_bytes"] == 2 * STEP


def test_no_more_bytes_than_asked_for() -> None:
    commands = [load(0, 0, 0, 2), load(1, 2 * STEP, 2, 2), load(2, 4 * STEP, 4, 2)]
    gathered = gather_loads(commands, 4 * STEP)
    assert [command.fields["row_bytes"] // STEP for command in gathered] == [4, 2]
    assert gather_loads(commands, 0) == commands


def test_what_does_not_follow_on_both_sides_stays() -> None:
    apart = [load(0, 0, 0, 2), load(1, 2 * STEP, 3, 2), load(2, 5 * STEP, 5, 1)]
    assert gather_loads(apart, 1 << 20) == apart
    between = [load(0, 0, 0, 2), load_bytes(0, Space.SCRATCHPAD, 4096, 0, 64),
               load(1, 2 * STEP, 2, 2)]
    assert gather_loads(between, 1 << 20) == between
