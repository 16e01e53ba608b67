"""A signed 8 x 8 multiplier from LUTs, for columns that no hardware multiplier is left for."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder

__all__ = ["SoftMultiplier"]


class SoftMultiplier(wiring.Component):
    """Product of two signed bytes as the sum of eight partial products, the last one negative.

    Parameters
    ----------
    halves : bool
        Give the products with the halves of `b` instead, a cycle earlier.

    Members
    -------
    a, b : In(signed(8))
        Factors.
    o : Out(signed(16))
        Product of the factors of ``LATENCY`` cycles ago. Not with `halves`.
    low, high : Out(signed(13))
        With `halves`: a * b[:4] and a * b[4:], that one signed, of ``HALVES_LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles. Throughput: one product a cycle.
    """

    HALVES_LATENCY = 2
    LATENCY = HALVES_LATENCY + 1

    def __init__(self, *, halves: bool = False):
        self.halves = halves
        super().__init__({
            "a": In(signed(8)),
            "b": In(signed(8)),
            **({"low": Out(signed(13)), "high": Out(signed(13))} if halves else
               {"o": Out(signed(16))}),
        })

    def elaborate(self, platform):
        m = Module()

        def add(name, shape, subtract=False):
            m.submodules[name] = adder = MaskedAdder(width=shape.width, subtract=subtract)
            total = Signal(shape, name=f"{name}_sum", reset_less=True)
            m.d.sync += total.eq(adder.o)
            return adder, total

        pairs = []
        for i in range(4):
            # The upper row of the last pair weighs -128: subtracted, not added.
            adder, total = add(f"pair{i}", signed(10), subtract=i == 3)
            m.d.comb += [
                adder.a.eq(self.a << 1),
                adder.a_mask.eq(self.b[2 * i + 1].replicate(10)),
                adder.b.eq(self.a),
                adder.b_mask.eq(self.b[2 * i].replicate(10)),
            ]
            pairs.append(total)

        quads = []
        for i in range(2):
            adder, total = add(f"quad{i}", signed(13))
            m.d.comb += [adder.a.eq(pairs[2 * i]), adder.b.eq(pairs[2 * i + 1] << 2)]
            quads.append(total)
        if self.halves:
            m.d.comb += [self.low.eq(quads[0]), self.high.eq(quads[1])]
            return m

        adder, product = add("product", signed(16))
        m.d.comb += [
            adder.a.eq(quads[0]),
            adder.b.eq(quads[1] << 4),
            self.o.eq(product),
        ]
        return m
