"""Start a unit's commands one after the other, when their tokens are there."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.queue import queued_command

__all__ = ["Dispatcher"]


class Dispatcher(wiring.Component):
    """Take the tokens a command waits for, hand it to its unit, send its tokens when it is done.

    The next command gets its tokens and is offered while one runs; a unit may take it before it is
    done with that one, but no third.

    Parameters
    ----------
    layout : StructLayout
        `TransferCommand` or `ExecuteCommand`.

    Members
    -------
    i : In(stream.Signature(queued_command(layout)))
        From the queue.
    o : Out(stream.Signature(layout))
        To the unit.
    done : In(1)
        The unit has finished the command it took first; two cycles or more after it took it, and
        ``REPORT`` cycles or more after the one before.
    available : In(2), take : Out(2), send : Out(2)
        To and from the token counters.
    hold : In(1)
        Start nothing.
    busy : Out(1)
        A command has its tokens and is not done.
    waiting : Out(2)
        There is a command, the unit is free, and these tokens are missing.
    layer : Out(16), index : Out(32)
        Of the command that is `busy` or `waiting` or, if none, of the one before; of one that is
        done for ``REPORT`` cycles more, since tokens it has sent may be too many.

    Latency: 2 cycles from `i` to the unit.
    """

    REPORT = 2

    def __init__(self, layout: data.StructLayout):
        self.layout = layout
        super().__init__({
            "i": In(stream.Signature(queued_command(layout))),
            "o": Out(stream.Signature(layout)),
            "done": In(1),
            "available": In(2),
            "take": Out(2),
            "send": Out(2),
            "hold": In(1),
            "busy": Out(1),
            "waiting": Out(2),
            "layer": Out(16),
            "index": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        command = self.i.payload.command
        report = data.StructLayout({"layer": 16, "index": 32, "send": 2})
        now = Signal(report, reset_less=True)
        following = Signal(report, reset_less=True)
        offered = Signal(report)
        # `now` runs; the unit has taken `following`, too; `now` is done and still reported.
        runs = Signal()
        ahead = Signal()
        reported = Signal(self.REPORT - 1)
        m.d.comb += [
            self.o.payload.eq(command),
            self.layer.eq(now.layer),
            self.index.eq(now.index),
            offered.layer.eq(command.layer),
            offered.index.eq(self.i.payload.index),
            offered.send.eq(command.send),
        ]

        offers = Signal()
        taken = Signal()
        missing = command.wait & ~self.available
        m.d.comb += [
            self.busy.eq(runs | ahead | offers),
            self.o.valid.eq(offers & ~ahead & ~self.hold),
            taken.eq(self.o.ready & ~ahead & ~self.hold & offers),
            self.i.ready.eq(taken),
        ]
        with m.If(offers):
            m.d.sync += offers.eq(~taken)
        with m.Elif(self.i.valid):
            with m.If(~(runs | ahead)):
                m.d.comb += self.waiting.eq(missing)
            with m.If(~missing.any() & ~self.hold):
                m.d.comb += self.take.eq(command.wait)
                m.d.sync += offers.eq(1)

        m.d.sync += reported.eq(Cat(self.done, reported))
        with m.If(self.done):
            m.d.comb += self.send.eq(now.send)
            m.d.sync += runs.eq(0)
        # Whatever comes next goes through `following`, which costs a cycle and no multiplexer.
        shown = Signal()
        m.d.sync += shown.eq(self.i.valid & ~ahead)
        with m.If(self.i.valid & ~ahead):
            m.d.sync += following.eq(offered)
        free = ~runs & ~reported.any()
        with m.If(free & (ahead | shown)):
            m.d.sync += now.eq(following)
        with m.If(taken):
            m.d.sync += ahead.eq(1)
        with m.Elif(free & ahead):
            m.d.sync += [runs.eq(1), ahead.eq(0)]
        return m
