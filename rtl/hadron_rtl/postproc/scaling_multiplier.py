"""The product of requantization and its first rounding, on two hardware multipliers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.numerics import NARROW_BITS, SHIFT_MAX

from ..vendor.multiplier import Multiplier18
from ..vendor.own_register import own_register
from .delay import delayed

__all__ = ["ScalingMultiplier"]

_LOW = 17
"""Unsigned bits that the low part of a factor puts in a signed 18-bit multiplier."""


class ScalingMultiplier(wiring.Component):
    """Multiply a value by a Q0.31 multiplier, left shift and first rounding included.

    A narrow value of 18 bits takes one pass. With ``h = (a * 2**left * b + 2**30) >> 31`` the
    result is ``h * 2**(7 - left)``: the left shift is made after the product, where it costs
    nothing. A wide value of 32 bits takes two passes in consecutive cycles, its low 17 bits
    (unsigned), then its high 15; the result of the second is ``(value * b + 2**30) >> 31``.

    Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul, as
    :func:`hadron_spec.numerics.saturating_rounding_doubling_high_mul` restates it.

    Members
    -------
    a : In(signed(18))
        Value, or the half of a wide one. From a register: the multipliers' input registers follow.
    b : In(31)
        Multiplier. Likewise.
    left : In(range(8))
        Left shift; ignored when `wide`.
    wide : In(1)
        Values come in halves. Stable while values are inside.
    high : In(1)
        `a` is the high half of a wide value, the low half of which came in the cycle before.
    truncate : In(1)
        With `a`: the product of a wide value is rounded down.
    o : Out(signed(32))
        Product, rounded once. Narrow products have ``7 - left`` lowest bits of zero.

    Latency: ``LATENCY`` cycles. Throughput: one pass a cycle.
    Cost (LFE5U): 2 MULT18X18D.
    """

    LATENCY = Multiplier18.LATENCY + 4

    a: In(signed(NARROW_BITS))
    b: In(31)
    left: In(range(8))
    wide: In(1)
    high: In(1)
    truncate: In(1)
    o: Out(signed(32))

    def elaborate(self, platform: object) -> Module:
        m = Module()

        def half_product(name: str, other, width: int):
            m.submodules[name] = multiplier = Multiplier18()
            product = Signal(signed(width), name=f"{name}_product", reset_less=True)
            m.d.comb += [multiplier.a.eq(self.a), multiplier.b.eq(other)]
            m.d.sync += product.eq(multiplier.o)
            return product

        low = half_product("low", Cat(self.b[:_LOW], Const(0, 1)).as_signed(), 35)
        high = half_product("high", Cat(self.b[_LOW:], Const(0, 4)).as_signed(), 32)

        # The lowest 17 bits of a product carry nothing into the rounding bit of a narrow one.
        upper = Signal(signed(32), reset_less=True)
        lower = Signal(_LOW, reset_less=True)
        m.d.sync += [upper.eq(high + low[_LOW:].as_signed()), lower.eq(low[:_LOW])]

        cycles = Multiplier18.LATENCY + 1
        left = delayed(m, Mux(self.wide, 0, self.left), cycles, name="left")
        is_high = own_register(m, delayed(m, self.high, cycles + 1, name="will_be_high"),
                               name="is_high")
        truncate = delayed(m, self.truncate, cycles, name="truncate")
        nudge = Signal(14, reset_less=True)
        keep = Signal(SHIFT_MAX, reset_less=True)
        keep_2 = Signal(SHIFT_MAX, reset_less=True)
        m.d.sync += [
            nudge.eq(Mux(truncate, 0, (1 << 13) >> left)),
            keep.eq(Cat(*(left >= SHIFT_MAX - n for n in range(SHIFT_MAX)))),
            keep_2.eq(keep),
        ]

        # A narrow product, or the low half of a wide one, with half a unit of the result added ...
        rounded = Signal(signed(32), reset_less=True)
        # ... which the high half takes up, 17 bits higher.
        joined = Signal(signed(46), reset_less=True)
        m.d.sync += [
            rounded.eq(upper + nudge),
            joined.eq((Cat(lower, upper).as_signed() + rounded)[:46]),
        ]
        product = Mux(is_high, joined[14:], Cat(rounded[7:14] & keep_2, rounded[14:]).as_signed())
        m.d.comb += self.o.eq(delayed(m, product, 1, name="product"))
        return m
