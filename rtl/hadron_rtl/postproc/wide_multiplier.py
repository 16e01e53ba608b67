"""A 32 x 32 bit fixed-point product from hardware multipliers of 18 x 18 bits."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.multiplier import Multiplier18
from .delay import delayed

__all__ = ["WideMultiplier"]

_LOW = 17
"""Unsigned bits that the low half of a factor puts in a signed 18-bit multiplier."""
_HALF_PRODUCTS = 4
"""Low * low, low * high, high * low, high * high."""


def _half(factor, high):
    return Mux(high, factor[_LOW:].as_signed(), Cat(factor[:_LOW], Const(0, 1)).as_signed())


class WideMultiplier(wiring.Component):
    """Multiply two Q0.31 numbers, halves rounded up: ``(a * b + 2**30) >> 31``.

    Source: :func:`hadron_spec.numerics.saturating_rounding_doubling_high_mul`.

    Parameters
    ----------
    multipliers : int
        Hardware multipliers: 1, used four times for a product, or 4.

    Members
    -------
    start : In(1)
        Multiply; at most every ``interval`` cycles.
    a, b : In(signed(32))
        Factors, stable for ``interval`` cycles from `start` on; not both -2**31. From registers.
    valid : Out(1)
        `o` is the product of the factors of ``latency`` cycles ago; in this cycle only.
    o : Out(signed(32))
        Product.

    Latency: ``latency`` cycles. Throughput: one product in ``interval`` cycles.
    Cost (LFE5U): `multipliers` MULT18X18D.

    Raises
    ------
    ValueError
        When `multipliers` is neither 1 nor 4.
    """

    _ONE_FIRST_PRODUCT = 1 + Multiplier18.LATENCY + 1
    """Registers before the accumulator: half factors, multiplier, its product."""
    _FOUR_SUMS = 3
    """Registers behind those of the products: crossed halves, low half, high half."""

    start: In(1)
    a: In(signed(32))
    b: In(signed(32))
    valid: Out(1)
    o: Out(signed(32))

    def __init__(self, *, multipliers: int):
        if multipliers not in (1, _HALF_PRODUCTS):
            raise ValueError(f"multipliers={multipliers}, must be 1 or {_HALF_PRODUCTS}")
        self.multipliers = multipliers
        super().__init__()

    @property
    def interval(self) -> int:
        """Cycles from one product to the next."""
        return _HALF_PRODUCTS // self.multipliers

    @property
    def latency(self) -> int:
        """Cycles from factors to product."""
        if self.multipliers == 1:
            return self._ONE_FIRST_PRODUCT + _HALF_PRODUCTS
        return Multiplier18.LATENCY + 1 + self._FOUR_SUMS

    def elaborate(self, platform: object) -> Module:
        m = Module()
        started = Signal(self.latency)
        m.d.sync += started.eq(Cat(self.start, started))
        m.d.comb += self.valid.eq(started[-1])
        if self.multipliers == 1:
            self._one(m, started)
        else:
            self._four(m)
        return m

    def _one(self, m: Module, started):
        """Four half products one after the other, added as they come."""
        m.submodules.multiplier = multiplier = Multiplier18()
        phase = Signal(2)
        a_half = Signal(signed(18), reset_less=True)
        b_half = Signal(signed(18), reset_less=True)
        product = Signal(signed(36), reset_less=True)
        with m.If(self.start | (phase != 0)):
            m.d.sync += phase.eq(phase + 1)
        m.d.sync += [
            a_half.eq(_half(self.a, phase[1])),
            b_half.eq(_half(self.b, phase[0])),
            product.eq(multiplier.o),
        ]
        m.d.comb += [multiplier.a.eq(a_half), multiplier.b.eq(b_half)]
        low_low, _, high_low, high_high = (
            started[self._ONE_FIRST_PRODUCT - 1 + n] for n in range(_HALF_PRODUCTS))

        # A step up in weight drops 17 bits that no later product can change.
        total = Signal(signed(36), reset_less=True)
        last_bits = Signal(3, reset_less=True)
        base = Signal(signed(36))
        m.d.comb += base.eq(Mux(low_low, 1 << 30, Mux(high_low, total, total >> _LOW)))
        m.d.sync += total.eq(base + product)
        with m.If(high_high):
            m.d.sync += last_bits.eq(total[31 - _LOW:_LOW])
        m.d.comb += self.o.eq(Cat(last_bits, total))

    def _four(self, m: Module):
        """Four half products side by side."""
        def half_product(a_high: int, b_high: int):
            name = f"product_{a_high}{b_high}"
            m.submodules[name] = multiplier = Multiplier18()
            product = Signal(signed(36), name=name, reset_less=True)
            m.d.comb += [multiplier.a.eq(_half(self.a, a_high)),
                         multiplier.b.eq(_half(self.b, b_high))]
            m.d.sync += product.eq(multiplier.o)
            return product

        low_low, low_high, high_low, high_high = (
            half_product(a_high, b_high) for a_high in (0, 1) for b_high in (0, 1))
        low = Signal(_LOW + 1, reset_less=True)
        crossed = Signal(signed(34), reset_less=True)
        middle = Signal(signed(35), reset_less=True)
        m.d.sync += [
            low.eq(low_low[_LOW:2 * _LOW] + (1 << 30 - _LOW)),
            crossed.eq(low_high[:33].as_signed() + high_low[:33].as_signed()),
            middle.eq(crossed + low),
        ]
        high = delayed(m, high_high[:30].as_signed(), self._FOUR_SUMS - 1, name="high")
        kept = middle >> 31 - _LOW
        total = Signal(signed(32), reset_less=True)
        m.d.sync += total.eq(
            Cat(kept[:2 * _LOW - 31], kept[2 * _LOW - 31:].as_signed() + high))
        m.d.comb += self.o.eq(total)
