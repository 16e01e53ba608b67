"""The low five bits of a product, from LUTs."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LowProduct"]


class LowProduct(wiring.Component):
    """Product of two numbers modulo 32; the same for signed and unsigned numbers.

    Written out bit by bit: the tools would turn a product operator into a whole MULT18X18D, and
    sums of so few bits into carry chains that cost more than the LUTs.

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
        left = Signal(5, reset_less=True)
        right = Signal(3, reset_less=True)
        row0 = [a[i] & b[0] for i in range(5)]
        row1 = [a[i] & b[1] for i in range(4)]
        carry2 = row0[1] & row1[0]
        carry3 = _majority(row0[2], row1[1], carry2)
        carry4 = _majority(row0[3], row1[2], carry3)
        m.d.sync += [
            left.eq(Cat(
                row0[0],
                row0[1] ^ row1[0],
                row0[2] ^ row1[1] ^ carry2,
                row0[3] ^ row1[2] ^ carry3,
                row0[4] ^ row1[3] ^ carry4,
            )),
            right.eq(Cat(
                a[0] & b[2],
                (a[1] & b[2]) ^ (a[0] & b[3]),
                (a[2] & b[2]) ^ (a[1] & b[3]) ^ (a[0] & b[4]) ^ (a[1] & b[2] & a[0] & b[3]),
            )),
        ]
        product = Signal(5, reset_less=True)
        carry3 = left[2] & right[0]
        carry4 = _majority(left[3], right[1], carry3)
        m.d.sync += product.eq(Cat(
            left[:2],
            left[2] ^ right[0],
            left[3] ^ right[1] ^ carry3,
            left[4] ^ right[2] ^ carry4,
        ))
        m.d.comb += self.o.eq(product)
        return m


def _majority(a, b, c):
    """Carry of a full adder."""
    return (a & b) | (c & (a | b))
