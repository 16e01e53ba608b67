"""Two products from one hardware multiplier: one activation, two packed weights."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder
from ..vendor.multiplier import Multiplier18
from .low_product import LowProduct

__all__ = ["SHALLOW_BITS", "PackedMultiplier"]

SHALLOW_BITS = 7
"""Bits of a product of two numbers of four bits, -8 to 7 and -7 to 7."""


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
    that four products lie side by side, seven bits each. Each is one less than it should be where
    the one below is negative; the topmost two are `upper`.

    Parameters
    ----------
    shallow : bool
        There are `x_low` and `products`.

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
    x_low : In(4)
        Low bits of two activations, zero where there is one.
    products : Out(ArrayLayout(signed(7), 3))
        Of two activations, after ``LATENCY`` cycles: first*w0; second*w0 and first*w1, less one
        where the product before, as it is here, is negative. `upper` then is second*w1 * 128 plus
        the last of them.

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
            "low": Out(10),
            "upper": Out(signed(15)),
            "high": Out(signed(5)),
            **({
                "x_low": In(4),
                "products": Out(data.ArrayLayout(signed(SHALLOW_BITS), 3)),
            } if shallow else {}),
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
            below = Cat(Const(0, align - 4), self.x_low)
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
        m.d.comb += [
            self.low.eq(product[:10]),
            self.upper.eq(product[10:]),
        ]

        if self.has_shallow:
            lowest = Signal(4, reset_less=True)
            m.d.sync += lowest.eq(multiplier.o[align - 4:align])
            m.d.comb += self.products.eq(Cat(lowest, product))

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
