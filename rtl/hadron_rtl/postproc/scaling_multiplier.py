"""The 32 x 31 bit product of requantization and its first rounding."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.multiplier import Multiplier18
from .delay import delayed

__all__ = ["ScalingMultiplier"]

_LOW = 17
"""Unsigned bits that the low half of a factor puts in a signed 18-bit multiplier."""


class ScalingMultiplier(wiring.Component):
    """Multiply a 32-bit value by a Q0.31 multiplier, left shift and first rounding included.

    With ``h = (a * 2**left * b + nudge) >> 31``, the result is ``o = h * 2**(7 - left)``: the left
    shift of up to 7 bits is made after the product, where it costs nothing, and saturates nothing.
    The nudge is 2**30 (halves up) or, with `average`, 2**31 - 1 for negative and 0 for other
    values (towards zero).

    Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul, as
    :func:`hadron_spec.numerics.saturating_rounding_doubling_high_mul` and
    :func:`hadron_spec.numerics.average_divide` restate it.

    Members
    -------
    a : In(signed(32))
        Value. From a register: the multipliers' input registers follow.
    b : In(31)
        Multiplier. Likewise.
    left : In(range(8))
        Left shift of the value.
    average : In(1)
        Round towards zero; requires ``left == 0``. Stable while values are inside.
    o : Out(signed(39))
        Product; the lowest ``7 - left`` bits are zero.

    Latency: ``LATENCY`` cycles. Throughput: one product a cycle.
    Cost (LFE5U): 4 MULT18X18D.
    """

    _SUMS = 4
    """Registers after those of the products: middle, carry from low, high and nudge, carry."""

    LATENCY = Multiplier18.LATENCY + 1 + _SUMS

    a: In(signed(32))
    b: In(31)
    left: In(range(8))
    average: In(1)
    o: Out(signed(39))

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def half_products(name: str, factor, other, width: int):
            m.submodules[name] = multiplier = Multiplier18()
            product = Signal(signed(width), name=f"{name}_product", reset_less=True)
            m.d.comb += [multiplier.a.eq(factor), multiplier.b.eq(other)]
            m.d.sync += product.eq(multiplier.o)
            return product

        a_low, a_high = Cat(self.a[:_LOW], Const(0, 1)).as_signed(), self.a[_LOW:].as_signed()
        b_low, b_high = (Cat(part, Const(0, 1)).as_signed()
                         for part in (self.b[:_LOW], self.b[_LOW:]))
        low_low = half_products("low_low", a_low, b_low, 35)
        low_high = half_products("low_high", a_low, b_high, 32)
        high_low = half_products("high_low", a_high, b_low, 33)
        high_high = half_products("high_high", a_high, b_high, 30)

        # Product = low + middle << 17 + high << 34; each register adds one carry chain.
        low_carry = Signal(_LOW, reset_less=True)
        low_any = Signal(reset_less=True)
        crossed = Signal(signed(33), reset_less=True)
        middle = Signal(signed(34), reset_less=True)
        m.d.sync += [
            crossed.eq(low_high + high_low),
            low_carry.eq(low_low[_LOW:2 * _LOW]),
            low_any.eq(low_low[:_LOW].any()),
            middle.eq(crossed + low_carry),
        ]

        # What the control inputs mean at the third sum.
        cycles = Multiplier18.LATENCY + 1 + 2
        left = delayed(m, self.left, cycles - 1, name="left")
        negative = delayed(m, self.a[-1], cycles - 1, name="negative")
        nudge = Signal(14, reset_less=True)
        carry_in = Signal(reset_less=True)
        keep = Signal(7, reset_less=True)
        m.d.sync += [
            nudge.eq(Mux(self.average, negative.replicate(14), (1 << 13) >> left)),
            # 2**31 - 1 carries out of the low 17 bits when any of them is set.
            carry_in.eq(self.average & negative & low_any),
            keep.eq(Cat(*(left >= 7 - n for n in range(7)))),
        ]

        nudged = Signal(_LOW + 1, reset_less=True)
        high = Signal(signed(29), reset_less=True)
        keep_2 = Signal(7, reset_less=True)
        m.d.sync += [
            nudged.eq((Cat(Const(1, 1), middle[:_LOW]) + Cat(carry_in, nudge))[1:]),
            high.eq(delayed(m, high_high, 2, name="high_high") + middle[_LOW:].as_signed()),
            keep_2.eq(keep),
            self.o.eq(Cat(nudged[7:14] & keep_2, nudged[14:_LOW], high + nudged[_LOW])),
        ]
        return m
