"""The reciprocal of a softmax row's sum, by Newton-Raphson."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .serial_multiplier import SerialMultiplier

__all__ = ["SoftmaxReciprocal"]

_48_OVER_17 = 1515870810
_NEG_32_OVER_17 = -1010580540
"""Q2.29: the straight line that the iteration starts from."""

_STEPS = 7
"""Products: the straight line, then two for each of three iterations."""


class SoftmaxReciprocal(wiring.Component):
    """Compute :func:`hadron_spec.numerics.softmax_reciprocal` with a multiplier lent by the user.

    The total is shifted left until its top bit is set, one bit a cycle; half of it is the
    denominator d in [0.5, 1). Then x = 48/17 - 32/17 d, three times x += x * (1 - d * x), all in
    Q2.29. A total of zero, which no valid table gives, ends like any other.

    Source: tensorflow/lite/kernels/internal/common.h, GetReciprocal; gemmlowp fixedpoint.h,
    one_over_one_plus_x_for_x_in_0_1.

    Members
    -------
    start : In(1)
        Take `total`. Ignored while `busy`.
    total : In(32)
        Sum in Q12.19.
    busy : Out(1)
        Computing, from the cycle after `start` on.
    scale : Out(signed(32))
        Q0.31 significand of the reciprocal, while not `busy`.
    shift : Out(range(36))
        Right shift that makes an output in Q8 of ``scale * exp``: bits + 31 - 8.
    multiply : Out(1)
        Multiply `a` by `b`, which stay until `product_valid`.
    a, b : Out(signed(32))
        Factors.
    product : In(signed(32))
        ``(a * b + 2**30) >> 31``.
    product_valid : In(1)
        `product` is there.

    Latency: ``latency(leading_zeros)`` cycles from `start` to not `busy`; a valid table's totals
    have at most 12 leading zeros.
    """

    @classmethod
    def latency(cls, leading_zeros: int) -> int:
        """Return the cycles that a total with so many leading zeros takes."""
        normalize, finish = leading_zeros + 1, 1
        return 1 + normalize + _STEPS * (1 + SerialMultiplier.LATENCY) + finish

    start: In(1)
    total: In(32)
    busy: Out(1)
    scale: Out(signed(32))
    shift: Out(range(36))
    multiply: Out(1)
    a: Out(signed(32))
    b: Out(signed(32))
    product: In(signed(32))
    product_valid: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        total = Signal(32, reset_less=True)
        zeros = Signal(5, reset_less=True)
        x = Signal(signed(32), reset_less=True)
        error = Signal(signed(32), reset_less=True)
        step = Signal(range(_STEPS), reset_less=True)
        line = Signal()
        refine = Signal()
        m.d.comb += [
            line.eq(step == 0),
            refine.eq(~step[0] & ~line),
            self.a.eq(Mux(refine, x, total[1:])),
            self.b.eq(Mux(refine, error, x)),
            self.scale.eq(error),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [total.eq(self.total), zeros.eq(0), step.eq(0), x.eq(_NEG_32_OVER_17)]
                m.next = "NORMALIZE"
            with m.State("NORMALIZE"):
                with m.If(total[-1] | (zeros == 31)):
                    m.next = "MULTIPLY"
                with m.Else():
                    m.d.sync += [total.eq(total << 1), zeros.eq(zeros + 1)]
            with m.State("MULTIPLY"):
                m.d.comb += self.multiply.eq(1)
                m.next = "UPDATE"
            with m.State("UPDATE"), m.If(self.product_valid):
                with m.If(step[0]):
                    m.d.sync += error.eq((1 << 29) - self.product)
                with m.Else():
                    m.d.sync += x.eq(Mux(line, _48_OVER_17, x)
                                     + Mux(line, self.product, self.product << 2))
                m.d.sync += step.eq(step + 1)
                m.next = "MULTIPLY"
                with m.If(step == _STEPS - 1):
                    m.next = "FINISH"
            with m.State("FINISH"):
                # 1 / 0.5 is one more than Q0.31 holds.
                m.d.sync += [
                    error.eq(Mux(x[30], (1 << 31) - 1, x << 1)),
                    self.shift.eq(35 - zeros),
                ]
                m.next = "IDLE"
        return m
