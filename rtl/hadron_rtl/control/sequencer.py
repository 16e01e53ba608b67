"""What runs when: START, END, the first error, ABORT."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bus import Failure
from hadron_spec.commands import Unit
from hadron_spec.errors import ErrorCode

__all__ = ["Sequencer", "UnitState"]

UnitState = data.StructLayout({
    "busy": 1,
    "waiting": 1,
    "empty": 1,
    "index": 32,
    "failure": Failure,
    "overflow": 1,
})
"""What the sequencer must know of a unit.

busy: it runs a command; waiting: its next command lacks tokens; empty: it has no command, nor one
on the way from its queue; index: of the command it runs or that waits; failure: of that command;
overflow: of that command's tokens.
"""

SETTLE_CYCLES = 4
"""Cycles that deadlock, end and a drained bus must last to be believed: as long as a token or an
error takes from one block to the next."""


class Sequencer(wiring.Component):
    """Start, finish and stop programs.

    The first error wins; of errors in the same cycle, in this order: LOAD, EXECUTE, STORE, the
    decoder, deadlock, watchdog. Error and abort take the same way out: `halt` until nothing is
    outstanding, then `clear`.

    DEADLOCK is exact: no unit runs a command, at least one waits for tokens, and the decoder has
    found END or waits for room in the queue of a unit that waits. Then nothing can change.

    Members
    -------
    start, abort : In(1)
        From CONTROL, one cycle each. `start` counts when idle, `abort` when not.
    misaligned : In(1)
        COMMAND_BASE or MEMORY_BASE is not a multiple of 128; sampled in the cycle after `start`.
    watchdog : In(32)
        Most cycles of a program; 0 is no limit.
    units : In(UnitState), one a `Unit`
        The units.
    decoder_index : In(32), decoder_failure : In(Failure), decoder_blocked : In(1),
    decoder_finished : In(1)
        From the decoder.
    bus_idle : In(1)
        No burst is outstanding.
    begin : Out(1)
        One cycle: fetch.
    run : Out(1)
        A program runs: decode and dispatch.
    halt : Out(1)
        Stop and finish what is outstanding, or be reset; a register, since all units read it.
    clear : Out(1)
        The first cycle in which the sequencer is idle again: reset units, queues, tokens.
    busy : Out(1)
        STATUS.BUSY.
    status_done, status_error, status_aborted : Out(1)
        How the last program ended; cleared by START.
    error_code : Out(8), error_command : Out(32)
        Of the first error; cleared by START.
    events : Out(3)
        One cycle: DONE, ERROR, ABORTED.
    """

    def __init__(self) -> None:
        super().__init__({
            "start": In(1),
            "abort": In(1),
            "misaligned": In(1),
            "watchdog": In(32),
            "units": In(UnitState).array(len(Unit)),
            "decoder_index": In(32),
            "decoder_failure": In(Failure),
            "decoder_blocked": In(1),
            "decoder_finished": In(1),
            "bus_idle": In(1),
            "begin": Out(1),
            "run": Out(1),
            "halt": Out(1),
            "clear": Out(1),
            "busy": Out(1),
            "status_done": Out(1),
            "status_error": Out(1),
            "status_aborted": Out(1),
            "error_code": Out(8),
            "error_command": Out(32),
            "events": Out(3),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        failed = Signal()
        aborting = Signal()
        self._record(m, failed)

        finished = self._settled(m, "finished", self.run & self.decoder_finished & self.bus_idle
                                 & Cat(unit.empty & ~unit.busy for unit in self.units).all())
        drained = self._settled(m, "drained", self.halt & self.bus_idle)
        ended = Signal()
        halts = Signal()
        m.d.sync += [self.clear.eq(ended), self.halt.eq(halts | ended)]

        def halt() -> None:
            m.d.comb += halts.eq(1)
            m.next = "HALT"

        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [
                    self.busy.eq(1),
                    self.status_done.eq(0),
                    self.status_error.eq(0),
                    self.status_aborted.eq(0),
                    self.error_code.eq(ErrorCode.NONE),
                    self.error_command.eq(0),
                    failed.eq(0),
                    aborting.eq(0),
                ]
                m.next = "BEGIN"

            with m.State("BEGIN"):
                with m.If(self.misaligned):
                    m.d.sync += [failed.eq(1), self.error_code.eq(ErrorCode.ALIGNMENT)]
                    halt()
                with m.Else():
                    m.d.comb += self.begin.eq(1)
                    m.next = "RUN"
                with m.If(self.abort):
                    m.d.sync += aborting.eq(1)
                    halt()

            with m.State("RUN"):
                m.d.comb += self.run.eq(1)
                with m.If(failed):
                    halt()
                with m.Elif(finished):
                    m.d.comb += [ended.eq(1), self.events[0].eq(1)]
                    m.d.sync += [self.status_done.eq(1), self.busy.eq(0)]
                    m.next = "IDLE"
                with m.Elif(self.abort):
                    m.d.sync += aborting.eq(1)
                    halt()

            with m.State("HALT"):
                m.d.comb += halts.eq(1)
                with m.If(drained):
                    m.d.comb += [
                        ended.eq(1),
                        self.events.eq(Mux(aborting, 0b100, 0b010)),
                    ]
                    m.d.sync += [
                        self.busy.eq(0),
                        self.status_error.eq(~aborting),
                        self.status_aborted.eq(aborting),
                    ]
                    with m.If(aborting):
                        m.d.sync += [self.error_code.eq(ErrorCode.NONE), self.error_command.eq(0)]
                    m.next = "IDLE"
        return m

    def _settled(self, m: Module, name: str, condition: Value) -> Signal:
        """Return a register that is set when `condition` has held for SETTLE_CYCLES."""
        history = Signal(SETTLE_CYCLES, name=name)
        settled = Signal(name=name + "_settled")
        m.d.sync += [history.eq(Cat(condition, history)), settled.eq(history.all() & condition)]
        return settled

    def _record(self, m: Module, failed: Signal) -> None:
        """Keep the first error: choose whose, then, a cycle later, its code and command."""
        deadlock = self._find_deadlock(m)
        expired = self._watch(m)
        decoder = len(Unit)
        whose = Signal(range(len(Unit) + 1))
        failing = [unit.failure.valid | unit.overflow for unit in self.units]
        m.d.comb += whose.eq(decoder)
        with m.If(Cat(failing).any()):
            for unit in reversed(Unit):
                with m.If(failing[unit]):
                    m.d.comb += whose.eq(unit)
        with m.Elif(~self.decoder_failure.valid & deadlock):
            for unit in reversed(Unit):
                with m.If(self.units[unit].waiting):
                    m.d.comb += whose.eq(unit)

        fails = Cat(*failing, self.decoder_failure.valid, deadlock, expired).any()
        with m.If(self.run & ~failed & fails):
            m.d.sync += failed.eq(1)

        # What it was and whose command is looked up a cycle later, when what chooses is a register:
        # nobody who failed goes on meanwhile.
        codes = Array(Signal.like(self.error_code, name=f"code{i}") for i in range(decoder + 1))
        indices = Array([*(unit.index for unit in self.units), self.decoder_index])
        chosen = Signal.like(whose)
        m.d.sync += [
            chosen.eq(whose),
            *(code.eq(Mux(unit.failure.valid, unit.failure.code,
                          Mux(unit.overflow, ErrorCode.TOKEN_OVERFLOW, ErrorCode.DEADLOCK)))
              for unit, code in zip(self.units, codes, strict=False)),
            codes[decoder].eq(Mux(self.decoder_failure.valid, self.decoder_failure.code,
                                  ErrorCode.WATCHDOG)),
        ]
        with m.If(self.run & failed):
            m.d.sync += [self.error_code.eq(codes[chosen]), self.error_command.eq(indices[chosen])]

    def _find_deadlock(self, m: Module) -> Signal:
        """Return whether nothing can go on."""
        return self._settled(
            m, "deadlock",
            (self.decoder_finished | self.decoder_blocked)
            & Cat(unit.waiting for unit in self.units).any()
            & Cat(~unit.busy & (unit.waiting | unit.empty) for unit in self.units).all())

    def _watch(self, m: Module) -> Signal:
        """Return whether the program has taken all the cycles it may."""
        cycles = Signal(32)
        expired = Signal()
        with m.If(self.busy):
            m.d.sync += cycles.eq(cycles + 1)
        with m.Else():
            m.d.sync += cycles.eq(1)
        m.d.sync += expired.eq((cycles == self.watchdog) & (self.watchdog != 0))
        return expired
