"""Dispatcher: one command runs and one is taken ahead; tokens first, reports in order."""

from collections import deque

from amaranth.sim import Simulator

from hadron_rtl.control.dispatcher import Dispatcher
from hadron_rtl.control.layouts import TransferCommand


def _run(testbench, dut) -> None:
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_commands_start_with_their_tokens_and_end_in_order(rng):
    """A unit that takes the next command while one runs, at random; tokens that come late."""
    dut = Dispatcher(TransferCommand)
    count = 60

    async def run(ctx):
        coming = deque((index, int(rng.integers(4)), int(rng.integers(4)))
                       for index in range(count))
        tokens = [0, 0]
        # Cycles left of the commands that the unit has.
        unit = deque()
        ended, ahead, since = 0, 0, 10
        taken_before = False
        while ended < count:
            offered = coming[0] if coming else None
            ctx.set(dut.i.valid, offered is not None)
            if offered is not None:
                index, wait, send = offered
                ctx.set(dut.i.payload.index, index)
                ctx.set(dut.i.payload.command.layer, index + 1000)
                ctx.set(dut.i.payload.command.wait, wait)
                ctx.set(dut.i.payload.command.send, send)
            # Not valid in the cycle after a `take`: a register further on.
            available = 0 if taken_before else sum((tokens[i] > 0) << i for i in range(2))
            ctx.set(dut.available, available)
            ctx.set(dut.o.ready, len(unit) < 2 and bool(rng.integers(2)))
            since += 1
            done = bool(unit) and unit[0][1] <= 0 and since > Dispatcher.REPORT
            ctx.set(dut.done, done)
            if since <= 2 or unit:
                # Of what runs, and for a while of what has ended.
                reported = ended - 1 if since <= 2 else ended
                if reported >= 0 and (since <= 2 or since > Dispatcher.REPORT + 1):
                    assert ctx.get(dut.index) == reported
                    assert ctx.get(dut.layer) == reported + 1000
            assert ctx.get(dut.busy) or not unit
            if unit:
                assert not ctx.get(dut.waiting)
            take = ctx.get(dut.take)
            assert not take & ~available
            taken_before = bool(take)
            for i in range(2):
                tokens[i] += int(rng.integers(4) == 0) - (take >> i & 1)
            transferred = ctx.get(dut.o.valid) and ctx.get(dut.o.ready)
            assert transferred == ctx.get(dut.i.ready)
            if done:
                index, _, send = unit[0]
                assert index == ended
                assert ctx.get(dut.send) == send
            else:
                assert ctx.get(dut.send) == 0
            await ctx.tick()
            for command in unit:
                command[1] -= 1
            if done:
                unit.popleft()
                ended += 1
                since = 0
            if transferred:
                index, _, send = coming.popleft()
                unit.append([index, int(rng.integers(2, 12)), send])
                ahead += len(unit) == 2
        assert ahead > 5, "no command was taken ahead"

    _run(run, dut)


def test_a_hold_stops_what_has_not_been_taken():
    dut = Dispatcher(TransferCommand)

    async def run(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.hold, 1)
        await ctx.tick().repeat(5)
        assert not ctx.get(dut.busy)
        ctx.set(dut.hold, 0)
        await ctx.tick()
        ctx.set(dut.hold, 1)
        assert not ctx.get(dut.o.valid)
        await ctx.tick().repeat(3)
        assert not ctx.get(dut.i.ready)

    _run(run, dut)
