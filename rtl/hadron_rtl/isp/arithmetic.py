"""Arithmetic that several stages of the ISP share."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from ..vendor.multiplier import Multiplier18

__all__ = ["PRODUCT_LATENCY", "product", "saturate"]

PRODUCT_LATENCY = Multiplier18.LATENCY + 1
"""Cycles from the factors, in registers, to the registered product."""


def product(m: Module, a: Value, b: Value, *, name: str) -> Signal:
    """Return the product of two values of at most 18 bits, sign included, each from a register.

    The product of ``PRODUCT_LATENCY`` cycles ago, in a register of its own.
    """
    m.submodules[name] = multiplier = Multiplier18()
    width = sum(len(value) + (not value.shape().signed) for value in (a, b))
    result = Signal(signed(width), name=f"{name}_product", reset_less=True)
    m.d.comb += [multiplier.a.eq(a), multiplier.b.eq(b)]
    m.d.sync += result.eq(multiplier.o)
    return result


def saturate(value: Value, bits: int) -> Value:
    """Clip to what `bits` bits hold, from zero on."""
    over = value[bits:-1].any() if value.shape().signed else value[bits:].any()
    clipped = Mux(over, Const((1 << bits) - 1, bits), value[:bits])
    return Mux(value[-1], Const(0, bits), clipped) if value.shape().signed else clipped
