"""A dot product of signed bytes from LUTs, for columns that no hardware multiplier is left for."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..vendor.masked_adder import MaskedAdder
from .adder_tree import AdderTree

__all__ = ["SoftDotProduct", "add_shifted"]


class SoftDotProduct(wiring.Component):
    """Dot products of signed bytes with the halves of others.

    For each bit of `b` the lanes that have it are added up first, and these sums are shifted and
    added last: so the many adders are narrow, and those of whole products few.

    Parameters
    ----------
    lanes : int
        Length of the dot products, a power of two of at least 2.
    halves : bool
        There is `low_is_signed`.

    Members
    -------
    a, b : In(ArrayLayout(signed(8), lanes))
        Factors.
    low_is_signed : In(1)
        b[:4] are signed. Stable while any are inside.
    low, high : Out(signed(12 + log2(lanes)))
        Sums of a * b[:4], and of a * b[4:], that one signed, of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` = log2(lanes) + 2 cycles. Throughput: one of each a cycle.
    """

    def __init__(self, *, lanes: int, halves: bool = False):
        self.lanes = lanes
        self.halves = halves
        self.LATENCY = exact_log2(lanes) + 2
        factors = In(data.ArrayLayout(signed(8), lanes))
        sums = Out(signed(12 + exact_log2(lanes)))
        super().__init__({"a": factors, "b": factors, "low": sums, "high": sums,
                          **({"low_is_signed": In(1)} if halves else {})})

    def elaborate(self, platform):
        m = Module()
        bits = [self._lanes_with(m, i) for i in range(8)]
        pairs = [
            # The highest bit weighs -128, and that of signed low halves -8.
            add_shifted(m, bits[i], bits[i + 1], 1, name=f"pair{i}", subtract=i == 6,
                        negate=self.low_is_signed if self.halves and i == 2 else None)
            for i in range(0, 8, 2)
        ]
        for half, i in ((self.low, 0), (self.high, 2)):
            quad = add_shifted(m, pairs[i], pairs[i + 1], 2, name=f"quad{i}", width=len(half))
            m.d.comb += half.eq(quad)
        return m

    def _lanes_with(self, m, bit):
        """Return the sum of `a` where `b` has a bit."""
        sums = []
        for lane in range(0, self.lanes, 2):
            name = f"bit{bit}_lanes{lane}"
            m.submodules[name] = adder = MaskedAdder(width=9, masks=True)
            total = Signal(signed(9), name=name, reset_less=True)
            m.d.comb += [
                adder.a.eq(self.a[lane]),
                adder.a_mask.eq(self.b[lane][bit].replicate(9)),
                adder.b.eq(self.a[lane + 1]),
                adder.b_mask.eq(self.b[lane + 1][bit].replicate(9)),
            ]
            m.d.sync += total.eq(adder.o)
            sums.append(total)
        if len(sums) == 1:
            return sums[0]
        m.submodules[f"bit{bit}_tree"] = tree = AdderTree(shape=signed(9), count=len(sums))
        m.d.comb += [node.eq(value) for node, value in zip(tree.i, sums, strict=True)]
        return tree.o


def add_shifted(m, low, high, shift, *, name, width=None, subtract=False, negate=None):
    """Return ``low + (high << shift)``, or their difference with `subtract` or while `negate`, one
    cycle later.

    The lowest bits pass by the adder. `width` is that of the result, which by default is as wide as
    `high` and two bits more.
    """
    width = width or len(high) + 2
    total = Signal(signed(width), name=f"{name}_sum", reset_less=True)
    m.submodules[name] = adder = MaskedAdder(
        width=width - shift, subtract=subtract, negates=negate is not None)
    m.d.comb += [adder.a.eq(high), adder.b.eq(low >> shift)]
    if negate is not None:
        m.d.comb += adder.negate.eq(negate)
    m.d.sync += [total[:shift].eq(low[:shift]), total[shift:].eq(adder.o)]
    return total
