"""The two EXECUTE commands under way: one makes steps, the one before it drains."""

from collections.abc import Mapping

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.result_counts import ResultCounts, count_results
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ExecuteSequencer"]

_CLEAR = 12
"""Cycles until nothing looks at the front's command: the reader, DEPTHWISE's last windows."""


class ExecuteSequencer(wiring.Component):
    """Take commands, start the front of the pipeline with each, hand it to the back in its time.

    The front is what makes steps and reads for them, the back what works on results and writes
    them. A command is taken, and decoded, while the one before drains. It begins when that has made
    its last write or, when it is `early`, as soon as its first result cannot come before that.

    Parameters
    ----------
    early : mapping of Opcode to int
        Cycles from the last step of a command to the earliest `start` of another, by its opcode;
        one with no entry is never early. For a command before of the shortest latency.

    Members
    -------
    command : In(stream.Signature(ExecuteCommand))
        Commands; `wide` comes out as what holds for the results.
    stepping : In(1)
        The front is making steps; from the cycle after `start`.
    finished : In(1)
        The last write of the back's command is being made.
    front, back : Out(ExecuteCommand)
        The command of each; `front` is stable while its steps are on their way to the array, and
        from ``SETTLE`` cycles before `start`, `back` from as many before `back_start` until
        `finished`.
    counts : Out(ResultCounts)
        Of `back`.
    start, back_start : Out(1)
        Begin.
    done : Out(1)
        One cycle: a command is finished. Two may be taken before, not three.

    Latency: ``START`` cycles from the transfer of a command to `start`, when there is no other;
    ``HAND_OVER`` cycles from `finished` to the first in which `back` is the next command.
    """

    START = 3
    SETTLE = 2
    HAND_OVER = 1
    MORE = 4
    """Most cycles that results take longer than those of the shortest latency."""

    def __init__(self, config: NpuConfig, *, early: Mapping[Opcode, int]):
        self.config = config
        self.early = early
        super().__init__({
            "command": In(stream.Signature(ExecuteCommand)),
            "stepping": In(1),
            "finished": In(1),
            "front": Out(ExecuteCommand),
            "back": Out(ExecuteCommand),
            "counts": Out(ResultCounts),
            "start": Out(1),
            "back_start": Out(1),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        front = Signal(ExecuteCommand, reset_less=True)
        back = Signal(ExecuteCommand, reset_less=True)
        # The front's command has begun, the back does not have it yet.
        pending = Signal()
        busy = Signal()
        take = Signal()
        m.d.comb += [
            self.front.eq(front),
            self.back.eq(back),
            take.eq(pending & (~busy | self.finished)),
        ]
        m.d.sync += self.done.eq(self.finished)
        clear, early = self._watch_steps(m, front, back)
        front_counts = count_results(m, self.config, front)

        # Of the states two that many look at, in a register each.
        idle = Signal(init=1)
        m.d.comb += self.command.ready.eq(idle & clear & ~pending)

        def begin() -> None:
            m.d.sync += self.start.eq(1)
            m.next = "START"

        with m.FSM():
            with m.State("IDLE"), m.If(clear & ~pending):
                m.d.sync += front.eq(self.command.payload)
                if self.config.deep:
                    m.d.sync += front.wide.eq(
                        self.command.payload.wide | self.command.payload.deep_results)
                if self.config.shallow:
                    with m.If(self.command.payload.shallow):
                        m.d.sync += front.wide.eq(0)
                with m.If(self.command.valid):
                    m.d.sync += idle.eq(0)
                    m.next = "DECODE"
            with m.State("DECODE"):
                m.next = "SETTLE"
            with m.State("SETTLE"):
                # Whether it may be early is not known yet.
                m.next = "READY"
                with m.If(~busy | self.finished):
                    begin()
            with m.State("READY"), m.If(~busy | self.finished | early):
                begin()
            with m.State("START"):
                m.d.sync += [self.start.eq(0), idle.eq(1)]
                m.next = "IDLE"

        taken = Signal(self.SETTLE)
        m.d.sync += [
            taken.eq(Cat(take, taken)),
            self.back_start.eq(taken[-1]),
        ]
        with m.If(self.start):
            m.d.sync += pending.eq(1)
        with m.Elif(take):
            m.d.sync += pending.eq(0)
        with m.If(take):
            m.d.sync += [back.eq(front), self.counts.eq(front_counts), busy.eq(1)]
        with m.Elif(self.finished):
            m.d.sync += busy.eq(0)
        return m

    def _watch_steps(self, m, front, back):
        """Return whether nothing looks at the front's command any more, and whether the next may
        begin, both by the cycles since its last step."""
        # Results that take longer count later. DEPTHWISE: halves of the channels, pairs of pixels.
        more = Signal(range(self.MORE + 1))
        with m.If(front.opcode == Opcode.DEPTHWISE):
            m.d.comb += more.eq(Mux(front.wide | front.tall, 4, 2))
        with m.Elif(front.deep_results if self.config.deep else 0):
            m.d.comb += more.eq(2)
        with m.Else():
            m.d.comb += more.eq(front.wide | (front.shallow if self.config.shallow else 0))
        # `since` is a cycle late, as are `early` and `start` after it.
        limits = {opcode: cycles + self.MORE - 3 for opcode, cycles in self.early.items()}
        longest = max(*limits.values(), _CLEAR)
        since = Signal(range(longest + 1))
        clear = Signal()
        with m.If(self.start | self.stepping):
            m.d.sync += since.eq(self.MORE - more)
        with m.Elif(since != longest):
            m.d.sync += since.eq(since + 1)
        m.d.sync += clear.eq((since >= _CLEAR) & ~(self.start | self.stepping))

        limit = Signal.like(since, reset_less=True)
        allowed = Signal(reset_less=True)
        early = Signal()
        m.d.sync += [
            allowed.eq(front.early & ~front.continues & (back.opcode != Opcode.SOFTMAX)
                       & Cat(front.opcode == opcode for opcode in limits).any()),
            early.eq(allowed & (since >= limit)),
        ]
        for opcode, cycles in limits.items():
            with m.If(front.opcode == opcode):
                m.d.sync += limit.eq(cycles)
        return clear, early
