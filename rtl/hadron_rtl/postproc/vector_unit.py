"""The operators that need no array: maximum, and the copy for softmax."""

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_rtl.vendor.compare import is_less
from hadron_rtl.vendor.own_register import own_register
from hadron_spec.config import NpuConfig

__all__ = ["VectorStep", "VectorUnit"]


class VectorStep(data.StructLayout):
    """One step of the vector unit.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    valid : unsigned(1)
        There is a step in this cycle.
    first, last : unsigned(1)
        It begins, ends a result.
    x : ArrayLayout(signed(8), columns)
        The first lanes of the step.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "valid": unsigned(1),
            "first": unsigned(1),
            "last": unsigned(1),
            "x": data.ArrayLayout(signed(8), config.columns),
        })


class VectorUnit(wiring.Component):
    """Make a result of the first `columns` lanes of its steps, with no array.

    ========  ============================================================
    opcode    each value of a result
    ========  ============================================================
    MAX       the maximum over the steps, with `least` the minimum
    SOFTMAX   the byte of the last step (the only one)
    ========  ============================================================

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    result_depth : int
        Results that fit; whoever issues the last step of a result holds a credit for it.

    Members
    -------
    least : In(1)
        Take the minimum. Stable while steps are in flight.
    step : In(VectorStep(config))
        No back-pressure.
    results : Out(stream.Signature(ArrayLayout(signed(8), columns)))
        Results in order.

    Latency: ``LATENCY`` cycles from the last step to the result. Throughput: one step a cycle.
    """

    LATENCY = 2 + ReservedFifo.LATENCY

    def __init__(self, config: NpuConfig, *, result_depth: int):
        self.config = config
        self.result_depth = result_depth
        super().__init__({
            "least": In(1),
            "step": In(VectorStep(config)),
            "results": Out(stream.Signature(data.ArrayLayout(signed(8), config.columns))),
        })

    def elaborate(self, platform):
        m = Module()
        # A register before the comparison, which is with what the step before has left.
        step = Signal(VectorStep(self.config), reset_less=True)
        valid = Signal()
        m.d.sync += [step.eq(self.step), valid.eq(self.step.valid)]
        m.submodules.fifo = fifo = ReservedFifo(
            shape=self.results.payload.shape(), depth=1 << ceil_log2(self.result_depth))
        wiring.connect(m, wiring.flipped(self.results), fifo.o)

        m.d.sync += fifo.i.valid.eq(valid & step.last)
        for column, x in enumerate(step.x):
            kept = Signal(signed(8), name=f"kept{column}", reset_less=True)
            compares = own_register(m, self.step.valid, name=f"compares{column}")
            first = own_register(m, self.step.first, name=f"first{column}")
            least = own_register(m, self.least, name=f"least{column}")
            with m.If(compares & (first | (is_less(kept, x) ^ least))):
                m.d.sync += kept.eq(x)
            m.d.comb += fifo.i.payload[column].eq(kept)
        return m
