"""The parameters of two columns, kept until the last result that needs them has left."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from .layouts import COLUMN_PARAMETERS

__all__ = ["ParameterMemory"]


class ParameterMemory(wiring.Component):
    """Parameters of the last ``DEPTH`` parameter steps, in LUT RAM.

    Nothing is freed: a step overwrites the parameters of ``DEPTH`` steps before, of which all
    results must have left. They have: a result leaves the array at most ``2 * DEPTH`` cycles
    after its last step, and no more than one step in two cycles holds parameters.

    Members
    -------
    push : In(1)
        Enter `i` behind the parameters entered before.
    i : In(ArrayLayout(COLUMN_PARAMETERS, 2))
        Parameters.
    index : In(range(DEPTH))
        Which to read: parameter steps are counted from 0, modulo ``DEPTH``.
    o : Out(ArrayLayout(COLUMN_PARAMETERS, 2))
        Parameters at `index`, from the cycle after their push on.

    Latency: 0 cycles from `index`. Cost (LFE5U, yosys 0.66): 36 TRELLIS_DPR16X4, 4 LUT4.
    """

    DEPTH = 16

    push: In(1)
    i: In(data.ArrayLayout(COLUMN_PARAMETERS, 2))
    index: In(range(DEPTH))
    o: Out(data.ArrayLayout(COLUMN_PARAMETERS, 2))

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=self.i.shape(), depth=self.DEPTH, init=[])
        write = storage.write_port()
        read = storage.read_port(domain="comb")
        head = Signal(range(self.DEPTH))
        m.d.comb += [
            write.addr.eq(head),
            write.data.eq(self.i),
            write.en.eq(self.push),
            read.addr.eq(self.index),
            self.o.eq(read.data),
        ]
        with m.If(self.push):
            m.d.sync += head.eq(head + 1)
        return m
