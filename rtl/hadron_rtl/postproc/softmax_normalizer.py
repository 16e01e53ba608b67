"""The leading zeros of a softmax row's sum."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SoftmaxNormalizer"]

_STRIDE = 5
"""Zeros taken off at once, as long as there are so many; the rest one by one. With 5, no total
takes more than nine shifts."""
_MAX_ZEROS = 31


class SoftmaxNormalizer(wiring.Component):
    """Shift a total left until its top bit is set, and count.

    Members
    -------
    load : In(1)
        Take `total`, at most every ``INTERVAL`` cycles.
    total : In(32)
        What to normalise. Zero ends with a fraction of zero.
    valid : Out(1)
        `fraction` and `zeros` are those of the last total; in this cycle only.
    fraction : Out(31)
        Half of the normalised total.
    zeros : Out(5)
        How far it was shifted.

    Latency: ``latency(leading_zeros)`` cycles from `load` to `valid`.
    Throughput: one total in ``INTERVAL`` cycles.
    """

    INTERVAL = 10

    load: In(1)
    total: In(32)
    valid: Out(1)
    fraction: Out(31)
    zeros: Out(5)

    @classmethod
    def latency(cls, leading_zeros: int) -> int:
        """Return the cycles that a total with so many leading zeros takes."""
        return 1 + leading_zeros // _STRIDE + leading_zeros % _STRIDE

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(32, reset_less=True)
        zeros = Signal(range(_MAX_ZEROS + 1), reset_less=True)
        shifting = Signal()
        ends = total[-1] | (zeros == _MAX_ZEROS)
        # A total of zero would pass the largest count.
        far = ~total[-_STRIDE:].any() & ~zeros[1:].all()
        m.d.comb += [
            self.valid.eq(shifting & ends),
            self.fraction.eq(total[1:]),
            self.zeros.eq(zeros),
        ]
        with m.If(self.load):
            m.d.sync += [total.eq(self.total), zeros.eq(0), shifting.eq(1)]
        with m.Elif(shifting):
            m.d.sync += [
                total.eq(Mux(far, total << _STRIDE, total << 1)),
                zeros.eq(zeros + Mux(far, _STRIDE, 1)),
                shifting.eq(~ends),
            ]
        return m
