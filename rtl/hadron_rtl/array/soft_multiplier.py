"""A signed 8 x 8 multiplier from LUTs, for columns that no hardware multiplier is left for."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

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

        def row(i):
            partial = Signal(signed(8), name=f"row{i}")
            m.d.comb += partial.eq(self.a & self.b[i].replicate(8))
            return partial

        pairs = [Signal(signed(10), name=f"pair{i}", reset_less=True) for i in range(4)]
        for i in range(3):
            m.d.sync += pairs[i].eq(row(2 * i) + (row(2 * i + 1) << 1))
        m.d.sync += pairs[3].eq(row(6) - (row(7) << 1))

        quads = [Signal(signed(13), name=f"quad{i}", reset_less=True) for i in range(2)]
        m.d.sync += [quad.eq(pairs[2 * i] + (pairs[2 * i + 1] << 2))
                     for i, quad in enumerate(quads)]

        product = Signal(signed(16), reset_less=True)
        m.d.sync += product.eq(quads[0] + (quads[1] << 4))
        m.d.comb += self.o.eq(product)
        return m
