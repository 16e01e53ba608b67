"""BurstGenerator: every transfer cut right, every bad one refused before its first bad row."""

import dataclasses

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.bursts import BurstGenerator
from hadron_rtl.stream.axi import BURST_BEATS
from hadron_spec.commands import LocalSpace
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode

SPACES = (32 << 10, 8 << 10, 1024)
MEMORY_BASE = 0xFFFF_F000 - 0x1_0000
MEMORY_BYTES = 0x1_0000


def _config(name: str):
    if name == "32-bit bus":
        return dataclasses.replace(CONFIGS["h64"], axi_data_width=32)
    return CONFIGS[name]


def _generate(name: str, commands: list[dict[str, int]], rng=None, memory_bytes=MEMORY_BYTES,
              shifts=False):
    """Run commands one after the other; return each one's bursts, strobes and failure."""
    config = _config(name)
    dut = BurstGenerator(config=config, spaces=SPACES, shifts=shifts)
    results = []

    async def run(ctx):
        ctx.set(dut.memory_base, MEMORY_BASE >> 7)
        ctx.set(dut.memory_bytes, memory_bytes)
        for command in commands:
            for field, value in command.items():
                ctx.set(dut.command.payload[field], value)
            ctx.set(dut.command.valid, 1)
            await ctx.tick().until(dut.command.ready)
            ctx.set(dut.command.valid, 0)
            bursts = []
            held = None
            for _ in range(20_000):
                ready = 1 if rng is None else int(rng.integers(2))
                ctx.set(dut.o.ready, ready)
                *_, valid, burst, failed, code = await ctx.tick().sample(
                    dut.o.valid, dut.o.payload, dut.failure.valid, dut.failure.code)
                if held is not None:
                    assert valid
                    assert burst == held
                held = burst if valid and not ready else None
                if valid and ready:
                    bursts.append({field: burst[field] for field, _ in dut.burst})
                if failed or (valid and ready and burst.last):
                    break
            else:
                raise AssertionError("neither last burst nor failure")
            results.append((bursts, ctx.get(dut.first_strobe), ctx.get(dut.last_strobe),
                            ErrorCode(code) if failed else None))
            if failed:
                # A failure stays.
                for _ in range(4):
                    *_, valid, ready = await ctx.tick().sample(dut.o.valid, dut.command.ready)
                    assert not valid
                    assert not ready
                return

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.run()
    return results


def _expected_bytes(command: dict[str, int]) -> list[tuple[int, int]]:
    return [
        (MEMORY_BASE + command["memory_offset"] + row * command["memory_pitch"] + i,
         command["local_address"] + row * command["local_pitch"] + i)
        for row in range(command["rows"]) for i in range(command["row_bytes"])
    ]


def _covered_bytes(beat: int, bursts, first: int, last: int) -> list[tuple[int, int]]:
    """Which byte goes where, from the bursts and strobes."""
    covered = []
    for burst in bursts:
        beats = burst["length"] + 1
        start = burst["address"]
        assert start % beat == 0
        assert start >> 12 == (start + beats * beat - 1) >> 12, "crosses 4 KB"
        for i in range(beats):
            strobe = (1 << beat) - 1
            if burst["row_first"] and i == 0:
                strobe &= first
            if burst["row_last"] and i == beats - 1:
                strobe &= last
            local = (burst["local"] + i) * beat + burst["shift"]
            covered += [(start + i * beat + lane, (local + lane) % SPACES[0])
                        for lane in range(beat) if strobe >> lane & 1]
    return covered


def _random_command(rng, beat: int) -> dict[str, int]:
    while True:
        space = int(rng.integers(3))
        phase = int(rng.integers(beat))
        rows = int(rng.choice([1, 1, 2, 5]))
        row_bytes = int(rng.choice([1, beat, rng.integers(1, 4 * beat), rng.integers(1, 9000)]))
        reach = -(-(phase + row_bytes) // beat) * beat
        command = {
            "space": space, "rows": rows, "row_bytes": row_bytes,
            "memory_offset": int(rng.integers(MEMORY_BYTES // beat)) * beat + phase,
            "local_address": int(rng.integers(SPACES[space] // beat)) * beat + phase,
            "memory_pitch": reach + beat * int(rng.integers(9)),
            "local_pitch": reach + beat * int(rng.integers(3)),
        }
        memory_end = command["memory_offset"] + (rows - 1) * command["memory_pitch"] + row_bytes
        local_end = command["local_address"] + (rows - 1) * command["local_pitch"] + row_bytes
        if memory_end <= MEMORY_BYTES and local_end <= SPACES[space]:
            return command


@pytest.mark.parametrize("name", ["32-bit bus", "h64", "h256"])
def test_bursts_cover_each_byte_once_and_in_order(name, rng):
    beat = _config(name).axi_bytes
    commands = [_random_command(rng, beat) for _ in range(40)]
    results = _generate(name, commands, rng)
    for command, (bursts, first, last, failure) in zip(commands, results, strict=True):
        assert failure is None
        assert _covered_bytes(beat, bursts, first, last) == _expected_bytes(command)


@pytest.mark.parametrize("name", ["32-bit bus", "h256"])
def test_with_shifts_rows_go_to_any_byte_of_the_scratchpad(name, rng):
    beat = _config(name).axi_bytes
    commands = []
    for command in (_random_command(rng, beat) for _ in range(40)):
        if command["space"] == 0:
            command["local_address"] = int(rng.integers(SPACES[0] // 2))
            command["local_pitch"] = command["row_bytes"] + int(rng.integers(9))
            command["rows"] = min(command["rows"], SPACES[0] // 2 // command["local_pitch"] or 1)
        commands.append(command)
    commands[0] |= {"space": 0, "local_address": 0, "memory_offset": beat - 1, "rows": 1}
    results = _generate(name, commands, rng, shifts=True)
    for command, (bursts, first, last, failure) in zip(commands, results, strict=True):
        assert failure is None
        assert _covered_bytes(beat, bursts, first, last) == _expected_bytes(command)


@pytest.mark.parametrize("change", [
    {"space": 1, "memory_offset": 3}, {"rows": 2, "memory_pitch": 65},
    {"space": 1, "rows": 2, "local_pitch": 65},
])
def test_with_shifts_memory_and_other_spaces_stay_aligned(change):
    (done, _, _, failure), = _generate("h256", [BASE | change], shifts=True)
    assert failure is ErrorCode.ALIGNMENT
    assert not done


def test_long_row_is_cut_into_the_longest_bursts():
    command = {"space": 0, "rows": 1, "row_bytes": 32 << 10, "memory_offset": 0,
               "local_address": 0, "memory_pitch": 0, "local_pitch": 0}
    (bursts, _, _, _), = _generate("h64", [command])
    assert [burst["length"] + 1 for burst in bursts] == [BURST_BEATS] * 128


BASE = {"space": 0, "rows": 1, "row_bytes": 64, "memory_offset": 0, "local_address": 0,
        "memory_pitch": 64, "local_pitch": 64}


@pytest.mark.parametrize(("change", "code", "bursts"), [
    ({"memory_offset": 3}, ErrorCode.ALIGNMENT, 0),
    ({"rows": 2, "memory_pitch": 65}, ErrorCode.ALIGNMENT, 0),
    ({"rows": 2, "local_pitch": 72}, ErrorCode.ALIGNMENT, 0),
    ({"memory_offset": MEMORY_BYTES - 48}, ErrorCode.ADDRESS, 0),
    ({"memory_offset": 0xFFFF_FFF0}, ErrorCode.ADDRESS, 0),
    ({"row_bytes": 0xFFFF_FFF0}, ErrorCode.ADDRESS, 0),
    ({"memory_offset": 0xFFFF_FFF0, "local_address": 0xFFFF_FFF0, "row_bytes": 0xFFFF_FFFF},
     ErrorCode.ADDRESS, 0),
    ({"local_address": SPACES[0] - 48}, ErrorCode.ADDRESS, 0),
    ({"space": 1, "local_address": SPACES[1] - 48}, ErrorCode.ADDRESS, 0),
    ({"space": 2, "local_address": SPACES[2] - 48}, ErrorCode.ADDRESS, 0),
    ({"rows": 3, "memory_pitch": 0xFFFF_FFF0, "memory_offset": 0x20}, ErrorCode.ADDRESS, 1),
    ({"rows": 3, "memory_pitch": MEMORY_BYTES // 2}, ErrorCode.ADDRESS, 2),
    ({"rows": 3, "local_pitch": SPACES[0] // 2}, ErrorCode.ADDRESS, 2),
    ({"rows": 0xFFFF, "local_pitch": 0x8000_0000}, ErrorCode.ADDRESS, 1),
])
def test_refuses_before_the_first_bad_row(change, code, bursts):
    (done, _, _, failure), = _generate("h256", [BASE | change])
    assert failure == code
    assert len(done) == bursts


def test_single_row_ignores_pitches():
    (_, _, _, failure), = _generate("h256", [BASE | {"memory_pitch": 1, "local_pitch": 3}])
    assert failure is None


def test_latency_is_as_stated():
    dut = BurstGenerator(config=CONFIGS["h256"], spaces=SPACES)

    async def run(ctx):
        ctx.set(dut.memory_bytes, MEMORY_BYTES)
        for field, value in BASE.items():
            ctx.set(dut.command.payload[field], value)
        ctx.set(dut.command.valid, 1)
        await ctx.tick().until(dut.command.ready)
        for _ in range(BurstGenerator.LATENCY - 1):
            assert not ctx.get(dut.o.valid)
            await ctx.tick()
        assert ctx.get(dut.o.valid)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.run()


@pytest.mark.parametrize("spaces", [(), range(1, len(LocalSpace) + 2)])
def test_constructor_refuses(spaces):
    message = f"spaces has {len(spaces)} entries, must be 1 to {len(LocalSpace)}"
    with pytest.raises(ValueError, match=message):
        BurstGenerator(config=CONFIGS["h64"], spaces=spaces)
