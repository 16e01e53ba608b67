"""Any component behind four pins, so that pins limit neither its size nor its speed."""

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Harness"]


class Harness(wiring.Component):
    """A shift register drives every input, a tree of exclusive-ors observes every output.

    Both belong to what is measured: ``sink_lut4`` says how many LUTs the tree takes, once
    elaborated; the shift register takes none. Its registers are set by a reset, which no register
    behind an input is: otherwise synthesis would merge a systolic chain there, bit by bit,
    into the shift register.

    Parameters
    ----------
    component : Component
        With one clock domain, `sync`.

    Members
    -------
    clk, rst : In(1)
        Clock and reset.
    si : In(1)
        Serial in: every input of the component in turn.
    so : Out(1)
        Exclusive or of every output of the component, some cycles later.
    """

    clk: In(1)
    rst: In(1)
    si: In(1)
    so: Out(1)

    def __init__(self, component: wiring.Component):
        super().__init__()
        self.component = component
        self.sink_lut4 = 0

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain()
        reset = Signal()
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(reset)]
        m.d.sync += reset.eq(self.rst)
        m.submodules.component = component = self.component
        inputs, outputs = [], []
        for _, member, value in component.signature.flatten(component):
            (inputs if member.flow == wiring.In else outputs).append(Value.cast(value))

        driven = Cat(*inputs)
        chain = Signal(len(driven), init=-1)
        m.d.sync += chain.eq(Cat(self.si, chain))
        m.d.comb += driven.eq(chain)

        bits = list(Cat(*outputs))
        level = 0
        while len(bits) > 1 or not level:
            parts = [bits[i:i + 4] for i in range(0, len(bits), 4)]
            reduced = Signal(len(parts), name=f"level{level}", reset_less=True)
            m.d.sync += reduced.eq(Cat(Cat(part).xor() for part in parts))
            self.sink_lut4 += sum(len(part) > 1 for part in parts)
            bits = list(reduced)
            level += 1
        m.d.comb += self.so.eq(bits[0])
        return m
