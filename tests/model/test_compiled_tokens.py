"""Take one token out of a compiled program: the hazard check must notice."""

import pytest

from hadron_compiler import Program, compile_model
from hadron_model.executor import Executor, Status
from hadron_spec.commands import COMMAND_BYTES, OTHER_UNITS, Opcode, decode, encode, unit_of
from hadron_spec.config import CONFIGS
from hadron_testing.random_models import random_network


def tokens(commands):
    """Return for each token (sending command, its bit, waiting command, its bit)."""
    ends = {"send": {}, "wait": {}}
    for index, fields in enumerate(commands):
        unit = unit_of(Opcode(fields["opcode"]))
        for bit, other in enumerate(OTHER_UNITS.get(unit, ())):
            for name, pair in (("send", (unit, other)), ("wait", (other, unit))):
                if fields[name] >> bit & 1:
                    ends[name].setdefault(pair, []).append((index, bit))
    assert ends["send"].keys() == ends["wait"].keys()
    return [
        (*sent, *waited)
        for pair, sends in ends["send"].items()
        for sent, waited in zip(sends, ends["wait"][pair], strict=True)
    ]


def run(program: Program, commands):
    """Run a program with other commands."""
    memory = bytearray(program.region_bytes)
    memory[: len(program.memory)] = program.memory
    for index, fields in enumerate(commands):
        start = program.command_offset + index * COMMAND_BYTES
        values = {k: v for k, v in fields.items() if k not in ("opcode", "checksum")}
        memory[start : start + COMMAND_BYTES] = encode(Opcode(fields["opcode"]), **values)
    return Executor(program.config).run(
        memory, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes, check_hazards=True)


@pytest.mark.parametrize("name", ["h64", "h256"])
def test_a_missing_token_is_a_hazard(name, rng):
    program = compile_model(random_network(rng, size=12, blocks=2).model, CONFIGS[name])
    start = program.command_offset
    commands = [decode(program.memory[start + i * COMMAND_BYTES :][:COMMAND_BYTES])
                for i in range(program.command_count)]
    assert run(program, commands).ok
    found = 0
    every = tokens(commands)
    for sender, send_bit, waiter, wait_bit in every:
        fewer = [dict(fields) for fields in commands]
        fewer[sender]["send"] &= ~(1 << send_bit)
        fewer[waiter]["wait"] &= ~(1 << wait_bit)
        result = run(program, fewer)
        assert result.status == Status.DONE
        found += bool(result.hazards)
    # A token may be implied by others; most are not.
    assert len(every) > 4
    assert found > 0.7 * len(every)
