"""Two products from one hardware multiplier: one activation, two packed weights."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder
from ..vendor.multiplier import Multiplier18
from .low_product import LowProduct

__all__ = ["PackedMultiplier"]


class PackedMultiplier(wiring.Component):
    """Multiply `x` by two weights, w0 in -127 to 127 and w1 likewise, in one multiplier.

    The operand {byte1, sign(w0), sign(w0), byte0} is w1 * 1024 + w0, because byte1 holds
    w1 - (w0 < 0). The product is therefore x*w1 * 1024 + x*w0: bits 9:0 are those of x*w0, which
    has 15 bits; its upper five overlap with the lower five of x*w1, known from LUTs. Subtracting
    these modulo 32 gives `high`, and

        x*w0 = high * 1024 + low        x*w1 = upper - high

    The two sums are left to whoever adds up the lanes: done once for all of them, they cost three
    narrow adder trees instead of two wide ones and one subtractor a lane.

    Members
    -------
    x : In(signed(8))
        Activation, -128 to 127.
    byte0, byte1 : In(8)
        Packed weights, see `hadron_spec.commands.PARAMETERS`.
    low : Out(10)
        Bits 9:0 of x*w0, after ``LATENCY`` cycles.
    upper : Out(signed(15))
        x*w1 + high, after ``LATENCY`` cycles.
    high : Out(signed(5))
        x*w0 >> 10, after ``HIGH_LATENCY`` cycles.

    Latency: ``LATENCY`` and ``HIGH_LATENCY`` cycles. Throughput: two products a cycle.
    """

    LATENCY = Multiplier18.LATENCY + 1
    HIGH_LATENCY = LATENCY + 1

    x: In(signed(8))
    byte0: In(8)
    byte1: In(8)
    low: Out(10)
    upper: Out(signed(15))
    high: Out(signed(5))

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier18()
        m.submodules.low_product = low_product = LowProduct()

        # The narrow factor stands at the top: its lower bits are constants and its sign needs no
        # copies. The product then begins at bit 10.
        align = 10
        m.d.comb += [
            multiplier.a.eq(Cat(Const(0, align), self.x)),
            multiplier.b.eq(Cat(self.byte0, self.byte0[7], self.byte0[7], self.byte1)),
        ]

        x_low = Signal(5, reset_less=True)
        w1_low = Signal(5, reset_less=True)
        m.d.sync += [
            x_low.eq(self.x[:5]),
            w1_low.eq(_increment(self.byte1[:5], self.byte0[7])),
        ]
        m.d.comb += [
            low_product.a.eq(x_low),
            low_product.b.eq(w1_low),
        ]
        overlap = Signal(5, reset_less=True)
        m.d.sync += overlap.eq(low_product.o)
        assert self.LATENCY == 1 + low_product.LATENCY + 1

        product = Signal(25, reset_less=True)
        m.d.sync += product.eq(multiplier.o[align:])
        m.d.comb += [
            self.low.eq(product[:10]),
            self.upper.eq(product[10:]),
        ]

        m.submodules.subtractor = subtractor = MaskedAdder(width=5, subtract=True)
        high = Signal(signed(5), reset_less=True)
        m.d.comb += [subtractor.a.eq(overlap), subtractor.b.eq(product[10:15])]
        m.d.sync += high.eq(subtractor.o)
        m.d.comb += self.high.eq(high)
        return m


def _increment(value, carry):
    """Add a carry from LUTs: at five bits a carry chain costs more."""
    bits = []
    for bit in value:
        bits.append(bit ^ carry)
        carry = bit & carry
    return Cat(bits)
