"""A signed 8 x 8 multiplier from LUTs, for columns that no hardware multiplier is left for."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder

__all__ = ["SoftMultiplier"]


class SoftMultiplier(wiring.Component):
    """Product of two signed bytes as the sum of eight partial products, the last one negative.

    Members
    -------
    a, b : In(signed(8))
        Factors.
    o : Out(signed(16))
        Product of the factors of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles. Throughput: one product a cycle.
    """

    LATENCY = 3

    a: In(signed(8))
    b: In(signed(8))
    o: Out(signed(16))

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

        adder, product = add("product", signed(16))
        m.d.comb += [
            adder.a.eq(quads[0]),
            adder.b.eq(quads[1] << 4),
            self.o.eq(product),
        ]
        return m
