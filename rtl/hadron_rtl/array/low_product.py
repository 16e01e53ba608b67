"""The low five bits of a product, from LUTs."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.masked_adder import MaskedAdder

__all__ = ["LowProduct"]


class LowProduct(wiring.Component):
    """Product of two numbers modulo 32; the same for signed and unsigned numbers.

    Written out bit by bit: the tools would turn a product operator into a whole MULT18X18D.

    Members
    -------
    a, b : In(5)
        Low bits of the factors.
    o : Out(5)
        Low bits of the product of the factors of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles. Throughput: one product a cycle.
    """

    LATENCY = 2

    a: In(5)
    b: In(5)
    o: Out(5)

    def elaborate(self, platform):
        m = Module()
        a, b = self.a, self.b

        # Rows 0 and 1 of the partial products add up to `left`, rows 2 to 4 to `right`.
        m.submodules.rows = rows = MaskedAdder(width=5, masks=True)
        left = Signal(5, reset_less=True)
        right = Signal(3, reset_less=True)
        m.d.comb += [
            rows.a.eq(a),
            rows.a_mask.eq(b[0].replicate(5)),
            rows.b.eq(a << 1),
            rows.b_mask.eq(b[1].replicate(5)),
        ]
        m.d.sync += [
            left.eq(rows.o),
            right.eq(Cat(
                a[0] & b[2],
                (a[1] & b[2]) ^ (a[0] & b[3]),
                (a[2] & b[2]) ^ (a[1] & b[3]) ^ (a[0] & b[4]) ^ (a[1] & b[2] & a[0] & b[3]),
            )),
        ]
        product = Signal(5, reset_less=True)
        carry3 = left[2] & right[0]
        carry4 = (left[3] & right[1]) | (carry3 & (left[3] | right[1]))
        m.d.sync += product.eq(Cat(
            left[:2],
            left[2] ^ right[0],
            left[3] ^ right[1] ^ carry3,
            left[4] ^ right[2] ^ carry4,
        ))
        m.d.comb += self.o.eq(product)
        return m
