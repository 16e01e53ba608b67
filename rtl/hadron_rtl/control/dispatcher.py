"""Start a unit's commands one after the other, when their tokens are there."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.queue import queued_command

__all__ = ["Dispatcher"]


class Dispatcher(wiring.Component):
    """Take the tokens a command waits for, hand it to its unit, send its tokens when it is done.

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
        The unit has finished the command; a cycle or more after it took it.
    available : In(2), take : Out(2), send : Out(2)
        To and from the token counters.
    hold : In(1)
        Start nothing.
    busy : Out(1)
        A command has its tokens and is not done.
    waiting : Out(2)
        There is a command, the unit is free, and these tokens are missing.
    layer : Out(16), index : Out(32)
        Of the command that is `busy` or `waiting` or, if none, of the one before.

    Latency: 2 cycles from `i` to the unit.
    """

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
        to_send = Signal(2, reset_less=True)
        m.d.comb += self.o.payload.eq(command)
        with m.FSM():
            with m.State("FREE"):
                missing = command.wait & ~self.available
                with m.If(self.i.valid):
                    m.d.sync += [
                        self.layer.eq(command.layer),
                        self.index.eq(self.i.payload.index),
                        to_send.eq(command.send),
                    ]
                    m.d.comb += self.waiting.eq(missing)
                    with m.If(~missing.any() & ~self.hold):
                        m.d.comb += self.take.eq(command.wait)
                        m.d.sync += self.busy.eq(1)
                        m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += [
                    self.o.valid.eq(~self.hold),
                    self.i.ready.eq(self.o.ready & ~self.hold),
                ]
                with m.If(self.i.ready):
                    m.next = "RUN"
            with m.State("RUN"), m.If(self.done):
                m.d.comb += self.send.eq(to_send)
                m.d.sync += self.busy.eq(0)
                m.next = "FREE"
        return m
