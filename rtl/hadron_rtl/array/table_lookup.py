"""Table entries out of the weight memory: what a column adds up with LOOKUP."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hadron_spec.config import NpuConfig

from ..postproc.delay import delayed
from ..vendor.mux4 import Mux4
from .weight_memory import WeightMemory

__all__ = ["TableLookup"]


class TableLookup(wiring.Component):
    """Find where the entry of an activation is, and pick it out of what the memory returns.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    valid : In(1)
        There is an activation in this cycle.
    table : In(range(config.weight_steps))
        First step of its table.
    x : In(signed(8))
        The activation.
    step : Out(range(config.weight_steps))
        Step to read, in the next cycle.
    reads : Out(1)
        `step` is to be read.
    words : In(ArrayLayout(8, config.lanes))
        What the weight memory holds for this column at the step asked for.
    entry : Out(signed(32))
        The entry, 0 if there was no activation.

    Latency: ``LATENCY`` cycles. Throughput: one entry a cycle.
    Cost (LFE5U, 16 lanes, yosys 0.66): 66 LUT4, 5 CCU2C, 50 registers.
    """

    LATENCY = 1 + WeightMemory.LATENCY + 1

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "valid": In(1),
            "table": In(range(config.weight_steps)),
            "x": In(signed(8)),
            "step": Out(range(config.weight_steps)),
            "reads": Out(1),
            "words": In(data.ArrayLayout(8, config.lanes)),
            "entry": Out(signed(32)),
        })

    def elaborate(self, platform):
        m = Module()
        word_bits = exact_log2(self.config.lanes // 4)
        index = Cat(self.x[:-1], ~self.x[-1])
        word = Signal(word_bits, reset_less=True)
        m.d.sync += [
            self.reads.eq(self.valid),
            self.step.eq(self.table + index[word_bits:]),
            word.eq(index[:word_bits]),
        ]
        select = delayed(m, word, WeightMemory.LATENCY, name="word")
        arrived = delayed(m, self.reads, WeightMemory.LATENCY, name="arrived")
        entry = Signal(signed(32), reset_less=True)
        if len(select) == 2:
            m.submodules.words = words = Mux4(width=32)
            m.d.comb += [words.i.eq(self.words), words.select.eq(select)]
            m.d.sync += entry.eq(words.o)
        else:
            m.d.sync += entry.eq(self.words.as_value().word_select(select, 32))
        with m.If(~arrived):
            m.d.sync += entry.eq(0)
        m.d.comb += self.entry.eq(entry)
        return m
