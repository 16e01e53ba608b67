"""Softmax over rows of INT8 elements, in three passes."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from hadron_spec.config import NpuConfig
from hadron_spec.numerics import SOFTMAX_ACCUMULATION_INTEGER_BITS

from ..stream.local import LocalWrite
from ..vendor.block_ram import BlockRam
from .rounding_shift import RoundingShift
from .serial_multiplier import SerialMultiplier
from .softmax_reciprocal import SoftmaxReciprocal

__all__ = ["Softmax"]

_TABLE_WORDS = 256
_OUTPUTS = 8
"""Outputs that may be on their way or wait."""


class Softmax(wiring.Component):
    """Normalise the exponentials of a row, exactly as TFLite's reference kernel does for INT8.

    Each row comes three times: for its maximum, for the sum of its exponentials, which a table
    holds for every difference from the maximum, and for the outputs. Rows follow one another
    without any command.

    Source: tensorflow/lite/kernels/internal/reference/softmax.h, Softmax; the rules are
    :func:`hadron_spec.numerics.softmax_sum_term`, ``softmax_reciprocal``, ``softmax_output``.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    i : In(stream.Signature(signed(8)))
        Elements of a row, three times over.
    count : In(16)
        Elements of a row, 1 to 4095. Stable while `busy`, and from the cycle before an element is
        offered.
    o : Out(stream.Signature(signed(8)))
        Outputs, zero point -128, in the order of the elements.
    table : In(stream.Signature(LocalWrite(config)))
        Writes to the table: 256 words of 32 bits, little endian, of
        :func:`hadron_spec.numerics.softmax_table`. Bit 31 is ignored. Not while `busy`.
    busy : Out(1)
        A row is in progress or an output waits.

    Latency: ``LATENCY`` cycles from an element of the third pass to its output. Throughput: one
    element a cycle in the first two passes, one in ``SerialMultiplier.INTERVAL`` cycles in the
    third; between passes at most ``ROW_OVERHEAD`` cycles a row. A table beat takes a cycle for
    each of its words.
    Cost (LFE5U, yosys 0.66): 1 MULT18X18D, 1 DP16KD, 655 LUT4 and 112 CCU2C, 441 registers.
    """

    _EXP = 1 + BlockRam.LATENCY
    """From an element to its exponential: address, table."""
    _SUM = _EXP + 2
    """From an element to the sum: term, addition."""
    LATENCY = _EXP + SerialMultiplier.LATENCY + RoundingShift.LATENCY + 1 + 1
    """Exponential, product, shift, zero point, buffer."""
    ROW_OVERHEAD = (_SUM + SoftmaxReciprocal.latency(leading_zeros=12) + 2) + (LATENCY + 1)

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(signed(8))),
            "count": In(16),
            "o": Out(stream.Signature(signed(8))),
            "table": In(stream.Signature(LocalWrite(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.table = table = BlockRam(width=32, depth=_TABLE_WORDS)
        m.submodules.multiplier = multiplier = SerialMultiplier()
        m.submodules.reciprocal = reciprocal = SoftmaxReciprocal()
        self._write_table(m, table)

        maximum = Signal(signed(8), reset_less=True)
        exp = table.read_data[:31]
        taken = Signal()
        summing = Signal()
        normalizing = Signal()
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        with m.If(taken):
            # x - maximum + 255, modulo 256
            m.d.sync += table.read_address.eq(self.i.payload + ~maximum)

        total, summed = self._sum(m, exp, taken & summing, clear=~summing & taken & ~normalizing)
        looked_up = Signal(self._EXP)
        m.d.sync += looked_up.eq(Cat(taken & normalizing, looked_up))
        m.d.comb += [
            multiplier.start.eq(Mux(normalizing, looked_up[-1], reciprocal.multiply)),
            multiplier.a.eq(Mux(normalizing, exp, reciprocal.a)),
            multiplier.b.eq(Mux(normalizing, reciprocal.scale, reciprocal.b)),
            reciprocal.total.eq(total),
            reciprocal.product.eq(multiplier.o),
            reciprocal.product_valid.eq(multiplier.valid),
        ]
        outputs = self._output(m, multiplier.o, reciprocal.shift,
                               valid=multiplier.valid & normalizing, begins=taken & normalizing)

        index = Signal(16)
        last_index = Signal(16, reset_less=True)
        last = Signal()
        pause = Signal(range(SerialMultiplier.INTERVAL))
        m.d.sync += last_index.eq(self.count - 1)
        m.d.comb += last.eq(taken & (index == last_index))
        with m.If(taken):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        with m.If(taken & normalizing):
            m.d.sync += pause.eq(SerialMultiplier.INTERVAL - 1)
        with m.Elif(pause != 0):
            m.d.sync += pause.eq(pause - 1)

        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("MAXIMUM") | (index != 0) | (outputs != 0))
            with m.State("MAXIMUM"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(taken & ((index == 0) | (self.i.payload > maximum))):
                    m.d.sync += maximum.eq(self.i.payload)
                with m.If(last):
                    m.next = "SUM"
            with m.State("SUM"):
                m.d.comb += [self.i.ready.eq(1), summing.eq(1)]
                with m.If(last):
                    m.next = "SETTLE"
            with m.State("SETTLE"), m.If(summed):
                m.d.comb += reciprocal.start.eq(1)
                m.next = "RECIPROCAL"
            with m.State("RECIPROCAL"), m.If(~reciprocal.busy):
                m.next = "OUTPUT"
            with m.State("OUTPUT"):
                m.d.comb += [
                    normalizing.eq(1),
                    self.i.ready.eq((pause == 0) & (outputs != _OUTPUTS)),
                ]
                with m.If(last):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                # Scale and multiplier belong to this row until its last output has left.
                m.d.comb += normalizing.eq(1)
                with m.If(outputs == 0):
                    m.next = "MAXIMUM"
        return m

    def _write_table(self, m: Module, table):
        """Write the words of a beat one after the other."""
        words = self.config.axi_bytes // 4
        word = Signal(range(words))
        last = word == words - 1
        payload = self.table.p
        m.d.comb += [
            self.table.ready.eq(last),
            table.write_address.eq(payload.address[2:] + word),
            table.write_data.eq(payload.data.word_select(word, 32)),
            table.write_strobe.eq(
                payload.strobe.word_select(word, 4) & self.table.valid.replicate(4)),
        ]
        with m.If(self.table.valid):
            m.d.sync += word.eq(Mux(last, 0, word + 1))

    def _sum(self, m: Module, exp, taken, *, clear):
        """Add up the terms; return the sum and whether all of it is there."""
        dropped = SOFTMAX_ACCUMULATION_INTEGER_BITS
        way = Signal(self._SUM - 1)
        term = Signal(32 - dropped, reset_less=True)
        total = Signal(32, reset_less=True)
        m.d.sync += [
            way.eq(Cat(taken, way)),
            term.eq((exp >> dropped) + exp[dropped - 1]),
        ]
        with m.If(clear):
            m.d.sync += total.eq(0)
        with m.Elif(way[-1]):
            m.d.sync += total.eq(total + term)
        return total, ~way.any()

    def _output(self, m: Module, product, shift, *, valid, begins):
        """Shift, saturate, buffer; return how many outputs are on their way or wait."""
        m.submodules.divide = divide = RoundingShift(width=32, result_width=10, shift_max=35)
        m.submodules.buffer = buffer = SyncFIFO(width=8, depth=_OUTPUTS)
        way = Signal(RoundingShift.LATENCY + 1)
        biased = Signal(10)
        output = Signal(8, reset_less=True)
        outputs = Signal(range(_OUTPUTS + 1))
        m.d.sync += [
            way.eq(Cat(valid, way)),
            # Biased by 128, that is, its top bit is inverted.
            output.eq(Mux(biased[8:].any(), 0x7F, biased[:8] ^ 0x80)),
            outputs.eq(outputs + begins - (self.o.valid & self.o.ready)),
        ]
        m.d.comb += [
            divide.i.eq(product),
            divide.shift.eq(shift),
            biased.eq(divide.o + divide.increment),
            buffer.w_data.eq(output),
            buffer.w_en.eq(way[-1]),
            self.o.valid.eq(buffer.r_rdy),
            self.o.payload.eq(buffer.r_data),
            buffer.r_en.eq(self.o.ready),
        ]
        return outputs
