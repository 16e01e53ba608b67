"""Rotate bytes around a row of lanes in two pipelined stages."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Rotator"]

_FINE_BITS = 2
"""Bits of the amount that the first stage takes: a 4-to-1 multiplexer, the deepest that is fast."""


class Rotator(wiring.Component):
    """Rotate `lanes` elements by any amount.

    Parameters
    ----------
    lanes : int
        Elements, a power of two of at least 8.
    width : int
        Bits of an element.
    left : bool
        Element i comes from element ``i + amount`` if true, goes there if false (modulo `lanes`).

    Members
    -------
    i : In(ArrayLayout(unsigned(width), lanes))
        Elements.
    amount : In(range(lanes))
        Distance, in the same cycle as `i`.
    o : Out(ArrayLayout(unsigned(width), lanes))
        Rotated elements.

    Latency: ``LATENCY`` cycles. Throughput: one row a cycle.
    """

    LATENCY = 2

    def __init__(self, *, lanes: int, width: int, left: bool):
        if lanes < 8 or lanes & (lanes - 1):
            raise ValueError(f"lanes={lanes}, must be a power of two, at least 8")
        self.lanes = lanes
        self.width = width
        self.left = left
        layout = data.ArrayLayout(unsigned(width), lanes)
        super().__init__({"i": In(layout), "amount": In(range(lanes)), "o": Out(layout)})

    def _rotated(self, elements, amount, unit):
        """Return `elements` rotated by ``amount * unit``."""
        sign = 1 if self.left else -1
        choices = [
            Cat(elements[(lane + sign * unit * turn) % self.lanes] for lane in range(self.lanes))
            for turn in range(1 << len(amount))
        ]
        rows = Cat(*choices)
        return rows.word_select(amount, self.lanes * self.width)

    def elaborate(self, platform):
        m = Module()
        fine = Signal(self.i.shape(), reset_less=True)
        coarse_amount = Signal(len(self.amount) - _FINE_BITS, reset_less=True)
        coarse = Signal(self.i.shape(), reset_less=True)
        m.d.sync += [
            fine.as_value().eq(self._rotated(self.i, self.amount[:_FINE_BITS], 1)),
            coarse_amount.eq(self.amount[_FINE_BITS:]),
            coarse.as_value().eq(self._rotated(fine, coarse_amount, 1 << _FINE_BITS)),
        ]
        m.d.comb += self.o.eq(coarse)
        return m
