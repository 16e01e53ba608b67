"""Two products from one hardware multiplier: one activation, two packed weights."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder
from ..vendor.multiplier import Multiplier18
from .low_product import LowProduct

__all__ = ["SHALLOW_BITS", "X_LOW_BITS", "PackedMultiplier"]

SHALLOW_BITS = 7
"""Bits of a product of two numbers of four bits, -8 to 7 and -7 to 7."""

X_LOW_BITS = 4
"""Bits that two activations have more than one."""


class PackedMultiplier(wiring.Component):
    """Multiply `x` by two weights, w0 in -127 to 127 and w1 likewise, in one multiplier.

    The operand {byte1, sign(w0), sign(w0), byte0} is w1 * 1024 + w0, because byte1 holds
    w1 - (w0 < 0). The product is therefore x*w1 * 1024 + x*w0: bits 9:0 are those of x*w0, which
    has 15 bits; its upper five overlap with the lower five of x*w1, known from LUTs. Subtracting
    these modulo 32 gives `high`, and

        x*w0 = high * 1024 + low        x*w1 = upper - high

    The two sums are left to whoever adds up the lanes: done once for all of them, they cost three
    narrow adder trees instead of two wide ones and one subtractor a lane.

    With `shallow` there may be two activations, -8 to 7, and weights of -7 to 7, the second one
    stored as 16 * w1. {x, x_low} is second * 128 + first and the other operand w1 * 2**14 + w0, so
    that four products lie side by side, seven bits each: two in `low`, two in `upper`, which is one
    less than it should be where `low` is negative.

    Parameters
    ----------
    shallow : bool
        There are `x_low`, `shallow` and `negative`, and `low` is signed and wider.

    Members
    -------
    x : In(signed(8))
        Activation, -128 to 127.
    byte0, byte1 : In(8)
        Packed weights, see `hadron_spec.commands.PARAMETERS`.
    low : Out(10), or Out(signed(11 + X_LOW_BITS))
        Bits 9:0 of x*w0, after ``LATENCY`` cycles; with `shallow`, above X_LOW_BITS zeros. Of two
        activations, second*w0 * 128 + first*w0.
    upper : Out(signed(15))
        x*w1 + high, after ``LATENCY`` cycles. Of two activations, second*w1 * 128 + first*w1 -
        negative.
    high : Out(signed(5))
        x*w0 >> 10, after ``HIGH_LATENCY`` cycles. Of two activations, (first*w1 - negative) >> 2.
    x_low : In(X_LOW_BITS)
        Low bits of two activations, zero where there is one.
    shallow : In(1)
        There are two. Stable while any are inside.
    negative : Out(1)
        With `shallow`, `low` is negative.

    Latency: ``LATENCY`` and ``HIGH_LATENCY`` cycles. Throughput: two products a cycle, or four.
    """

    LATENCY = Multiplier18.LATENCY + 1
    HIGH_LATENCY = LATENCY + 1

    def __init__(self, *, shallow: bool = False):
        self.has_shallow = shallow
        super().__init__({
            "x": In(signed(8)),
            "byte0": In(8),
            "byte1": In(8),
            "low": Out(signed(11 + X_LOW_BITS) if shallow else 10),
            "upper": Out(signed(15)),
            "high": Out(signed(5)),
            **({"x_low": In(X_LOW_BITS), "shallow": In(1), "negative": Out(1)} if shallow else {}),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier18()
        m.submodules.low_product = low_product = LowProduct()

        # The narrow factor stands at the top: its lower bits are constants and its sign needs no
        # copies. The product then begins at bit 10.
        align = 10
        below = Const(0, align)
        if self.has_shallow:
            below = Cat(Const(0, align - X_LOW_BITS), self.x_low)
        m.d.comb += [
            multiplier.a.eq(Cat(below, self.x)),
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
        low = product[:10]
        if self.has_shallow:
            lowest = Signal(X_LOW_BITS, reset_less=True)
            negative = Signal(reset_less=True)
            m.d.sync += [
                lowest.eq(multiplier.o[align - X_LOW_BITS:align]),
                negative.eq(multiplier.o[align + 9]),
            ]
            with m.If(self.shallow):
                m.d.sync += overlap.eq(0)
            with m.Else():
                m.d.sync += negative.eq(0)
            low = Cat(lowest, low, negative)
            m.d.comb += self.negative.eq(negative)
        m.d.comb += [
            self.low.eq(low),
            self.upper.eq(product[10:]),
        ]

        m.submodules.subtractor = subtractor = MaskedAdder(
            width=5, subtract=True, selects=self.has_shallow)
        high = Signal(signed(5), reset_less=True)
        m.d.comb += [subtractor.a.eq(overlap), subtractor.b.eq(product[10:15])]
        if self.has_shallow:
            # Of two activations, of which nothing overlaps, the upper bits of the first product.
            m.d.comb += [
                subtractor.c.eq(self.upper[SHALLOW_BITS - len(high):SHALLOW_BITS]),
                subtractor.select.eq(self.shallow),
            ]
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
