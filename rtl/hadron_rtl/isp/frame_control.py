"""One frame at a time: when settings change, when a frame begins, what becomes of it."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["FrameControl"]


class FrameControl(wiring.Component):
    """Begin a frame when the last one has left the pipeline, and commit in between.

    See docs/adr/0004-isp-frames.md.

    Members
    -------
    commit_request : In(1)
        For one cycle: commit before the next frame.
    commit_pending : Out(1)
        A commit was requested and is not done.
    commit, store_busy : Out(1), In(1)
        Copy the settings, swap the tables' banks.
    committed : Out(1)
        For one cycle: done.
    open : Out(1)
        A frame may begin.
    began : In(1)
        For one cycle: it has.
    complete, broken : In(1)
        All of the frame has come in; it is no good.
    left : In(1)
        The last pixel and the last beat of the frame have left. Sampled while `complete`.
    stages_ready : In(1)
        The stages have taken a commit, `export` or `discard` in; low within two cycles after each
        where that takes long.
    export, discard : Out(1)
        For one cycle: the frame was good, was broken.
    busy : Out(1)
        A frame is in the pipeline.
    frame_index, commit_index : Out(32)
        Good frames so far; number of the first frame with the settings in use.
    frame_cycles : Out(32)
        Cycles from the first pixel in to the last out, last frame.
    """

    SETTLE_CYCLES = 8
    """Cycles from a commit to the frame, for what stages derive from their settings."""

    commit_request: In(1)
    commit_pending: Out(1)
    commit: Out(1)
    store_busy: In(1)
    committed: Out(1)
    open: Out(1)
    began: In(1)
    complete: In(1)
    broken: In(1)
    left: In(1)
    stages_ready: In(1)
    export: Out(1)
    discard: Out(1)
    busy: Out(1)
    frame_index: Out(32)
    commit_index: Out(32, init=1)
    frame_cycles: Out(32)

    def elaborate(self, platform):
        m = Module()
        settle = Signal(range(self.SETTLE_CYCLES))
        cycles = Signal(32, reset_less=True)
        number = Signal(32, init=1)
        copying = Signal()
        m.d.sync += number.eq(self.frame_index + 1)
        with m.If(self.commit_request):
            m.d.sync += self.commit_pending.eq(1)
        m.d.sync += [
            self.commit.eq(0), self.committed.eq(0), self.export.eq(0), self.discard.eq(0)]
        with m.FSM(init="STORE"):
            with m.State("STORE"), m.If(~self.commit & ~self.store_busy):
                m.d.sync += settle.eq(self.SETTLE_CYCLES - 1)
                m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(settle != 0):
                    m.d.sync += settle.eq(settle - 1)
                with m.Elif(self.stages_ready):
                    m.next = "IDLE"
                    # Not for the defaults after reset.
                    with m.If(copying):
                        m.d.sync += [
                            copying.eq(0), self.committed.eq(1), self.commit_pending.eq(0)]
            with m.State("IDLE"):
                m.d.comb += self.open.eq(~self.commit_pending)
                m.d.sync += cycles.eq(0)
                with m.If(self.began):
                    m.d.comb += self.busy.eq(1)
                    m.next = "RUN"
                with m.Elif(self.commit_pending):
                    m.d.sync += [
                        self.commit.eq(1), copying.eq(1),
                        self.commit_index.eq(number),
                    ]
                    m.next = "STORE"
            with m.State("RUN"):
                m.d.comb += self.busy.eq(1)
                m.d.sync += cycles.eq(cycles + 1)
                with m.If(self.complete & self.left):
                    m.d.sync += [
                        self.export.eq(~self.broken),
                        self.discard.eq(self.broken),
                        self.frame_cycles.eq(cycles),
                    ]
                    with m.If(~self.broken):
                        m.d.sync += self.frame_index.eq(number)
                    m.next = "SETTLE"
                    m.d.sync += settle.eq(self.SETTLE_CYCLES - 1)
        return m
