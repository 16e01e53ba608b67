"""Sequencer: which error wins, what is a deadlock, how a program ends."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.control.sequencer import SETTLE_CYCLES, Sequencer
from hadron_spec.commands import Unit
from hadron_spec.errors import ErrorCode

DONE, ERROR, ABORTED = 1, 2, 4


def _run(testbench) -> None:
    dut = Sequencer()
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)

    async def run(ctx):
        for unit in Unit:
            ctx.set(dut.units[unit].empty, 1)
            ctx.set(dut.units[unit].index, 100 + unit)
        ctx.set(dut.bus_idle, 1)
        ctx.set(dut.decoder_index, 50)
        await testbench(ctx, dut)

    simulator.add_testbench(run)
    simulator.run()


async def _start(ctx, dut) -> None:
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)
    assert ctx.get(dut.busy)
    await ctx.tick()
    assert ctx.get(dut.run)


async def _end(ctx, dut, limit: int = 50) -> tuple[int, ErrorCode, int]:
    """Wait for an event; return it with the error's code and command."""
    for _ in range(limit):
        events = ctx.get(dut.events)
        await ctx.tick()
        if events:
            assert not ctx.get(dut.busy)
            assert ctx.get(dut.clear)
            code, index = ErrorCode(ctx.get(dut.error_code)), ctx.get(dut.error_command)
            await ctx.tick()
            assert not ctx.get(dut.clear)
            return events, code, index
    raise AssertionError(f"no event in {limit} cycles")


def test_end_waits_for_units_queues_and_bus():
    async def run(ctx, dut):
        await _start(ctx, dut)
        holds = [(dut.units[Unit.STORE].busy, 1, 0), (dut.units[Unit.LOAD].empty, 0, 1),
                 (dut.bus_idle, 0, 1)]
        for signal, value, _ in holds:
            ctx.set(signal, value)
        ctx.set(dut.decoder_finished, 1)
        for signal, _, value in holds:
            for _ in range(2 * SETTLE_CYCLES):
                await ctx.tick()
                assert ctx.get(dut.busy)
            ctx.set(signal, value)
        assert await _end(ctx, dut) == (DONE, ErrorCode.NONE, 0)
        assert ctx.get(dut.status_done)
        # START clears how it ended.
        await _start(ctx, dut)
        assert not ctx.get(dut.status_done)

    _run(run)


def test_overflow_of_the_last_command_is_an_error_not_an_end():
    async def run(ctx, dut):
        await _start(ctx, dut)
        execute = dut.units[Unit.EXECUTE]
        ctx.set(execute.busy, 1)
        ctx.set(dut.decoder_finished, 1)
        await ctx.tick().repeat(10)
        ctx.set(execute.busy, 0)
        ctx.set(execute.overflow, 1)
        await ctx.tick()
        ctx.set(execute.overflow, 0)
        assert await _end(ctx, dut) == (ERROR, ErrorCode.TOKEN_OVERFLOW, 100 + Unit.EXECUTE)

    _run(run)


def test_first_error_wins_and_load_comes_first():
    async def run(ctx, dut):
        await _start(ctx, dut)
        for unit, code in ((Unit.LOAD, ErrorCode.BUS_READ), (Unit.STORE, ErrorCode.BUS_WRITE)):
            ctx.set(dut.units[unit].failure.valid, 1)
            ctx.set(dut.units[unit].failure.code, code)
        ctx.set(dut.decoder_failure.valid, 1)
        ctx.set(dut.decoder_failure.code, ErrorCode.CHECKSUM)
        await ctx.tick()
        ctx.set(dut.units[Unit.LOAD].failure.code, ErrorCode.ADDRESS)
        assert await _end(ctx, dut) == (ERROR, ErrorCode.BUS_READ, 100 + Unit.LOAD)

    _run(run)


@pytest.mark.parametrize("source", ["decoder_finished", "decoder_blocked"])
def test_deadlock_when_every_unit_waits_or_has_nothing(source):
    async def run(ctx, dut):
        await _start(ctx, dut)
        ctx.set(getattr(dut, source), 1)
        for unit in (Unit.EXECUTE, Unit.STORE):
            ctx.set(dut.units[unit].waiting, 1)
            ctx.set(dut.units[unit].empty, 0)
        # LOAD has a command on its way from the queue, then runs it: no deadlock.
        ctx.set(dut.units[Unit.LOAD].empty, 0)
        await ctx.tick().repeat(20)
        ctx.set(dut.units[Unit.LOAD].empty, 1)
        ctx.set(dut.units[Unit.LOAD].busy, 1)
        await ctx.tick().repeat(20)
        # Its token takes two cycles to arrive.
        ctx.set(dut.units[Unit.LOAD].busy, 0)
        await ctx.tick().repeat(2)
        ctx.set(dut.units[Unit.EXECUTE].waiting, 0)
        ctx.set(dut.units[Unit.EXECUTE].busy, 1)
        await ctx.tick().repeat(20)
        assert ctx.get(dut.run)
        ctx.set(dut.units[Unit.EXECUTE].busy, 0)
        ctx.set(dut.units[Unit.EXECUTE].empty, 1)
        assert await _end(ctx, dut) == (ERROR, ErrorCode.DEADLOCK, 100 + Unit.STORE)

    _run(run)


def test_no_deadlock_while_commands_may_come():
    async def run(ctx, dut):
        await _start(ctx, dut)
        ctx.set(dut.units[Unit.LOAD].waiting, 1)
        ctx.set(dut.units[Unit.LOAD].empty, 0)
        await ctx.tick().repeat(30)
        assert ctx.get(dut.run)

    _run(run)


@pytest.mark.parametrize("limit", [20, 35])
def test_watchdog_stops_after_so_many_cycles(limit):
    async def run(ctx, dut):
        ctx.set(dut.watchdog, limit)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        cycles = 0
        while not ctx.get(dut.halt):
            await ctx.tick()
            cycles += 1
            assert cycles < 100
        assert limit <= cycles <= limit + 3
        assert await _end(ctx, dut) == (ERROR, ErrorCode.WATCHDOG, 50)

    _run(run)


def test_no_watchdog_by_default():
    async def run(ctx, dut):
        await _start(ctx, dut)
        await ctx.tick().repeat(200)
        assert ctx.get(dut.run)

    _run(run)


def test_misaligned_base_never_fetches():
    async def run(ctx, dut):
        ctx.set(dut.misaligned, 1)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        assert not ctx.get(dut.begin)
        assert await _end(ctx, dut) == (ERROR, ErrorCode.ALIGNMENT, 0)

    _run(run)


def test_abort_halts_until_the_bus_is_idle():
    async def run(ctx, dut):
        await _start(ctx, dut)
        ctx.set(dut.bus_idle, 0)
        ctx.set(dut.abort, 1)
        await ctx.tick()
        ctx.set(dut.abort, 0)
        for _ in range(30):
            assert ctx.get(dut.halt)
            assert ctx.get(dut.busy)
            await ctx.tick()
        ctx.set(dut.bus_idle, 1)
        assert await _end(ctx, dut) == (ABORTED, ErrorCode.NONE, 0)
        assert ctx.get(dut.status_aborted)

    _run(run)


def test_abort_in_the_first_cycle():
    async def run(ctx, dut):
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.abort, 1)
        await ctx.tick()
        ctx.set(dut.abort, 0)
        assert await _end(ctx, dut) == (ABORTED, ErrorCode.NONE, 0)

    _run(run)


def test_error_during_abort_is_not_reported():
    async def run(ctx, dut):
        await _start(ctx, dut)
        ctx.set(dut.abort, 1)
        await ctx.tick()
        ctx.set(dut.abort, 0)
        ctx.set(dut.units[Unit.LOAD].failure.valid, 1)
        assert await _end(ctx, dut) == (ABORTED, ErrorCode.NONE, 0)
        assert not ctx.get(dut.status_error)

    _run(run)


def test_idle_ignores_abort_and_busy_ignores_start():
    async def run(ctx, dut):
        ctx.set(dut.abort, 1)
        await ctx.tick().repeat(5)
        assert not ctx.get(dut.busy)
        ctx.set(dut.abort, 0)
        await _start(ctx, dut)
        ctx.set(dut.start, 1)
        for _ in range(5):
            await ctx.tick()
            assert not ctx.get(dut.begin)
            assert ctx.get(dut.run)

    _run(run)
