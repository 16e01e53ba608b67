"""Nested loop counters that know one cycle ahead which level is in its last pass."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LoopCounter"]


class LoopCounter(wiring.Component):
    """Count the passes of nested loops, the outermost first.

    Every level holds the passes left, the present one included, and a flag that says whether one
    is left; the flag is computed with the count, so that a decision is a few gates on flags and
    never a comparison. Counts follow their flags a cycle late, so that a decision enables a flag a
    level, and not all bits of all counts.

    Parameters
    ----------
    levels : int
        Loops, 1 or more.
    width : int
        Bits of a count.

    Members
    -------
    counts : In(ArrayLayout(unsigned(width), levels))
        Passes of each loop, 1 or more (0 counts as 2**width). Stable from the cycle before
        `start` to the end of the walk.
    start : In(1)
        Begin: from the next cycle on the outputs describe the first step.
    advance : In(levels)
        Bit i: the present step has been used; the outputs describe the next one from the next cycle
        on. Looked at only where all loops inside of loop i are in their last pass, so that it need
        not wait for what follows from that.
    last : Out(levels)
        Bit i: loop i is in its last pass (bit 0 is the outermost).
    inner_last : Out(levels)
        Bit i: all loops inside of loop i are in their last pass.
    level : Out(levels)
        One-hot: the outermost loop that advances after this step; 0 after the last step.

    Latency: none. Throughput: one step a cycle.
    """

    def __init__(self, *, levels: int, width: int = 16):
        if levels < 1:
            raise ValueError(f"levels={levels}, must be 1 or more")
        self.levels = levels
        self.width = width
        super().__init__({
            "counts": In(data.ArrayLayout(unsigned(width), levels)),
            "start": In(1),
            "advance": In(levels),
            "last": Out(levels),
            "inner_last": Out(levels),
            "level": Out(levels),
        })

    def elaborate(self, platform):
        m = Module()
        started = Signal()
        m.d.sync += started.eq(self.start)
        for i in range(self.levels):
            last = Signal(name=f"last{i}", reset_less=True)
            single = Signal(name=f"single{i}", reset_less=True)
            double = Signal(name=f"double{i}", reset_less=True)
            m.d.sync += [single.eq(self.counts[i] == 1), double.eq(self.counts[i] == 2)]
            # Kept, so that it is there before `advance` is: chained behind it, level by level, it
            # would take fewer gates and come late.
            inner_last = Signal(name=f"inner_last{i}", attrs={"keep": 1})
            m.d.comb += [
                inner_last.eq(self.last[i + 1 :].all()),
                self.inner_last[i].eq(inner_last),
                self.last[i].eq(last),
                self.level[i].eq(inner_last & ~last),
            ]

            # What the flag did a cycle ago, the count does now.
            passes = self.advance[i] & inner_last
            left = Signal(self.width, name=f"left{i}", reset_less=True)
            counts = Signal(name=f"counts{i}", reset_less=True)
            begins = Signal(name=f"begins{i}", reset_less=True)
            m.d.sync += [
                counts.eq(passes),
                begins.eq(self.start | last),
            ]
            with m.If(counts):
                m.d.sync += left.eq(left - 1)
            with m.If((counts | started) & begins):
                m.d.sync += left.eq(self.counts[i])

            # Two are left of those that `left` will have: of two, or of three of which one goes.
            two_left = Signal(name=f"two_left{i}")
            m.d.comb += two_left.eq(Mux(
                (counts | started) & begins, double, (left[1:] == 1) & (left[0] == counts)))
            with m.If(self.start):
                m.d.sync += last.eq(single)
            with m.Elif(passes):
                m.d.sync += last.eq(Mux(last, single, two_left))
        return m
