"""A 32 x 32 bit fixed-point product from one hardware multiplier used four times."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.multiplier import Multiplier18

__all__ = ["SerialMultiplier"]

_LOW = 17
"""Unsigned bits that the low half of a factor puts in a signed 18-bit multiplier."""


class SerialMultiplier(wiring.Component):
    """Multiply two Q0.31 numbers, halves rounded up: ``(a * b + 2**30) >> 31``.

    Source: :func:`hadron_spec.numerics.saturating_rounding_doubling_high_mul`.

    Members
    -------
    start : In(1)
        Multiply; at most every ``INTERVAL`` cycles.
    a, b : In(signed(32))
        Factors, stable for ``INTERVAL`` cycles from `start` on; not both -2**31.
    valid : Out(1)
        `o` is the product of the factors of ``LATENCY`` cycles ago; in this cycle only.
    o : Out(signed(32))
        Product.

    Latency: ``LATENCY`` cycles. Throughput: one product in ``INTERVAL`` cycles.
    Cost (LFE5U): 1 MULT18X18D.
    """

    INTERVAL = 4
    _FIRST_PRODUCT = 1 + Multiplier18.LATENCY + 1
    """Registers before the accumulator: half factors, multiplier, its product."""
    LATENCY = _FIRST_PRODUCT + INTERVAL

    start: In(1)
    a: In(signed(32))
    b: In(signed(32))
    valid: Out(1)
    o: Out(signed(32))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.multiplier = multiplier = Multiplier18()

        def half(factor, high):
            return Mux(high, factor[_LOW:].as_signed(),
                       Cat(factor[:_LOW], Const(0, 1)).as_signed())

        # Low * low, low * high, high * low, high * high.
        phase = Signal(2)
        a_half = Signal(signed(18), reset_less=True)
        b_half = Signal(signed(18), reset_less=True)
        product = Signal(signed(36), reset_less=True)
        with m.If(self.start | (phase != 0)):
            m.d.sync += phase.eq(phase + 1)
        m.d.sync += [
            a_half.eq(half(self.a, phase[1])),
            b_half.eq(half(self.b, phase[0])),
            product.eq(multiplier.o),
        ]
        m.d.comb += [multiplier.a.eq(a_half), multiplier.b.eq(b_half)]

        started = Signal(self.LATENCY)
        m.d.sync += started.eq(Cat(self.start, started))
        low_low, _, high_low, high_high = (
            started[self._FIRST_PRODUCT - 1 + n] for n in range(self.INTERVAL))

        # A step up in weight drops 17 bits that no later product can change.
        total = Signal(signed(36), reset_less=True)
        last_bits = Signal(3, reset_less=True)
        base = Signal(signed(36))
        m.d.comb += base.eq(Mux(low_low, 1 << 30, Mux(high_low, total, total >> _LOW)))
        m.d.sync += total.eq(base + product)
        with m.If(high_high):
            m.d.sync += last_bits.eq(total[31 - _LOW:_LOW])
        m.d.comb += [
            self.valid.eq(started[-1]),
            self.o.eq(Cat(last_bits, total)),
        ]
        return m
