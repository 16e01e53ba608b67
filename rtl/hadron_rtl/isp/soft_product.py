"""Small products in carry chains, where a hardware multiplier would be a waste."""

from amaranth.hdl import Module, Shape, Signal, Value

from ..vendor.masked_adder import MaskedAdder

__all__ = ["soft_product", "soft_product_latency"]


def soft_product_latency(bits: int) -> int:
    """Return the cycles that a product with a factor of `bits` bits takes."""
    return max(1, (bits - 1).bit_length())


def soft_product(m: Module, value: Value, factor: Value, *, name: str) -> Signal:
    """Return ``value * factor``, registered, ``soft_product_latency(len(factor))`` cycles later.

    A tree of additions; those at the leaves mask `value` with two bits of the factor each.

    Parameters
    ----------
    m : Module
        Where adders and registers go.
    value : Value
        Signed or unsigned.
    factor : Value
        Unsigned, the narrower of the two.
    name : str
        Prefix of what is made.
    """
    signed = value.shape().signed
    # Each partial sum: value, weight of its lowest bit.
    parts: list[tuple[Value, int]] = []
    for low in range(0, len(factor), 2):
        bits = factor[low:low + 2]
        width = len(value) + len(bits)
        total = Signal(Shape(width, signed), name=f"{name}_part_{low}", reset_less=True)
        m.submodules[f"{name}_adder_{low}"] = adder = MaskedAdder(width=width, masks=True)
        extended = Signal(Shape(width, signed), name=f"{name}_value_{low}")
        m.d.comb += [
            extended.eq(value),
            adder.a.eq(extended),
            adder.a_mask.eq(bits[0].replicate(width)),
            adder.b.eq(extended << 1),
            adder.b_mask.eq(bits[1].replicate(width) if len(bits) > 1 else 0),
        ]
        m.d.sync += total.eq(adder.o)
        parts.append((total, low))
    level = 0
    while len(parts) > 1:
        level += 1
        merged = []
        for i in range(0, len(parts), 2):
            (low_part, low), *rest = parts[i:i + 2]
            high = low_part if not rest else low_part + (rest[0][0] << (rest[0][1] - low))
            total = Signal(high.shape(), name=f"{name}_level_{level}_{i}", reset_less=True)
            m.d.sync += total.eq(high)
            merged.append((total, low))
        parts = merged
    result = Signal(Shape(len(value) + len(factor), signed), name=f"{name}_product")
    m.d.comb += result.eq(parts[0][0])
    return result
