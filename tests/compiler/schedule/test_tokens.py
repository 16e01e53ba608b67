"""Dependencies, order and tokens: whatever must not swap is held by a chain of tokens."""

import numpy as np
import pytest

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.schedule.dependencies import derive_dependencies
from hadron_compiler.schedule.order import AHEAD, order_commands
from hadron_compiler.schedule.tokens import assign_tokens
from hadron_spec.commands import OTHER_UNITS, Opcode, Unit

OPCODES = {Unit.LOAD: Opcode.LOAD, Unit.EXECUTE: Opcode.MATRIX, Unit.STORE: Opcode.STORE}


def command(unit: Unit, reads: tuple[int, int] | None = None,
            writes: tuple[int, int] | None = None) -> Command:
    return Command(OPCODES[unit], 0, {},
                   [Range(Space.SCRATCHPAD, *reads)] if reads else [],
                   [Range(Space.SCRATCHPAD, *writes)] if writes else [])


def random_commands(rng: np.random.Generator, count: int = 60) -> list[Command]:
    def span() -> tuple[int, int]:
        start = int(rng.integers(0, 40))
        return start, start + int(rng.integers(1, 8))

    made = []
    for _ in range(count):
        unit = Unit(int(rng.integers(3)))
        reads = span() if unit is not Unit.LOAD else None
        writes = span() if unit is not Unit.STORE else None
        made.append(command(unit, reads, writes))
    return made


def conflict(a: Command, b: Command) -> bool:
    def overlap(x: list[Range], y: list[Range]) -> bool:
        return any(p.space is q.space and p.start < q.end and q.start < p.end for p in x for q in y)

    return overlap(a.writes, b.reads + b.writes) or overlap(a.reads, b.writes)


def finished_before(commands: list[Command]) -> dict[Command, set[Command]]:
    """Return for each command all that tokens and unit order hold back until it is done."""
    before: dict[Command, set[Command]] = {}
    last: dict[Unit, Command] = {}
    tokens = {(s, r): [c for c in commands if c.unit is s
                       and c.send >> OTHER_UNITS[s].index(r) & 1]
              for s in Unit for r in OTHER_UNITS[s]}
    waited = dict.fromkeys(tokens, 0)
    for c in commands:
        sources = [last[c.unit]] if c.unit in last else []
        for bit, sender in enumerate(OTHER_UNITS[c.unit]):
            if c.wait >> bit & 1:
                sources.append(tokens[sender, c.unit][waited[sender, c.unit]])
                waited[sender, c.unit] += 1
        before[c] = set().union(*({s} | before[s] for s in sources)) if sources else set()
        last[c.unit] = c
    assert all(waited[pair] == len(sent) for pair, sent in tokens.items())
    return before


def test_tokens_hold_every_conflict_in_order(rng: np.random.Generator) -> None:
    for _ in range(40):
        commands = random_commands(rng)
        derive_dependencies(commands)
        ordered = order_commands(commands)
        assign_tokens(ordered)
        before = finished_before(ordered)
        for i, a in enumerate(commands):
            for b in commands[i + 1:]:
                if conflict(a, b):
                    assert a in before[b]


def test_order_within_a_unit_stays(rng: np.random.Generator) -> None:
    commands = random_commands(rng)
    derive_dependencies(commands)
    ordered = order_commands(commands)
    assert len(ordered) == len(commands)
    for unit in Unit:
        assert ([c for c in ordered if c.unit is unit] == [c for c in commands if c.unit is unit])


def test_no_token_without_a_conflict() -> None:
    commands = [command(Unit.LOAD, writes=(0, 8)), command(Unit.EXECUTE, (8, 16), (16, 24)),
                command(Unit.STORE, reads=(24, 32))]
    derive_dependencies(commands)
    assign_tokens(commands)
    assert all(c.wait == c.send == 0 for c in commands)


@pytest.mark.parametrize(("first", "second", "needed"), [
    (command(Unit.LOAD, writes=(0, 8)), command(Unit.EXECUTE, (7, 9), (16, 24)), True),
    (command(Unit.EXECUTE, (0, 8), (16, 24)), command(Unit.LOAD, writes=(0, 1)), True),
    (command(Unit.EXECUTE, (0, 8), (16, 24)), command(Unit.LOAD, writes=(23, 30)), True),
    (command(Unit.EXECUTE, (0, 8), (16, 24)), command(Unit.LOAD, writes=(8, 16)), False),
    (command(Unit.EXECUTE, (0, 8), (16, 24)), command(Unit.STORE, reads=(0, 8)), False),
])
def test_overlap_decides(first: Command, second: Command, needed: bool) -> None:
    derive_dependencies([first, second])
    assign_tokens([first, second])
    assert (second.wait != 0) is needed
    assert (first.send != 0) is needed


def test_one_token_covers_what_an_earlier_one_orders() -> None:
    commands = [command(Unit.LOAD, writes=(0, 8)), command(Unit.LOAD, writes=(8, 16)),
                command(Unit.EXECUTE, (0, 16), (32, 40)), command(Unit.EXECUTE, (0, 8), (40, 48))]
    derive_dependencies(commands)
    assign_tokens(commands)
    assert [c.send for c in commands] == [0, 1, 0, 0]
    assert [c.wait for c in commands] == [0, 0, 1, 0]


def test_loads_come_before_the_work_they_run_under() -> None:
    """Loads for later work are fetched early, never more than the queue of LOAD holds."""
    commands = []
    for i in range(12):
        commands.append(command(Unit.LOAD, writes=(i * 8, i * 8 + 8)))
        commands.append(command(Unit.EXECUTE, (i * 8, i * 8 + 8), (1000, 1008)))
    derive_dependencies(commands)
    ordered = order_commands(commands)
    loads = executes = 0
    ahead = []
    for c in ordered:
        if c.unit is Unit.LOAD:
            loads += 1
        else:
            executes += 1
            ahead.append(loads - executes)
    assert ahead[0] == 0
    assert max(ahead) == AHEAD
    assert ahead[1] > 0
