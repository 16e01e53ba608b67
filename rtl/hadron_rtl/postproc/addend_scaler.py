"""The smaller operand of ADD, brought to the common scale without a hardware multiplier."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .rounding_shift import RoundingShift

__all__ = ["AddendScaler"]


class AddendScaler(wiring.Component):
    """Multiply a difference of two INT8 values by ``2**20 * multiplier * 2**(-31 - shift)``.

    ``o + increment`` is :func:`hadron_spec.numerics.rescale_addend` of `i`, `multiplier` and
    ``-shift``. There the value is shifted left by 20 before ``(x * multiplier + 2**30) >> 31``;
    as 2**20 divides all but the nudge, that is ``(i * multiplier + 2**10) >> 11`` exactly.

    The product is a sum of four base-4 digits of `i`, each of which picks 0, 1, 2 or 3 times the
    multiplier, and of the sign's -256 times.

    Members
    -------
    i : In(signed(9))
        Operand, zero point removed.
    multiplier : In(31)
        Q0.31 multiplier. Stable while values are inside.
    triple : In(33)
        3 times `multiplier`, from a register that all lanes share.
    shift : In(range(32))
        Right shift. Stable while values are inside.
    o : Out(signed(29))
        Scaled operand, rounded down.
    increment : Out(1)
        To be added to it.

    Latency: ``LATENCY`` cycles. Throughput: one a cycle.
    """

    _PRODUCT = 4
    """Registers of the product: digits, pairs, sign, sum."""

    LATENCY = _PRODUCT + RoundingShift.LATENCY

    i: In(signed(9))
    multiplier: In(31)
    triple: In(33)
    shift: In(range(32))
    o: Out(signed(29))
    increment: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.divide = divide = RoundingShift(width=29, result_width=29, shift_max=31)

        digits = [Signal(33, name=f"digit{n}", reset_less=True) for n in range(4)]
        sign = Signal(31, reset_less=True)
        for n, digit in enumerate(digits):
            one, two = self.i[2 * n], self.i[2 * n + 1]
            m.d.sync += digit.eq(Mux(
                two, Mux(one, self.triple, Cat(Const(0, 1), self.multiplier)),
                Mux(one, self.multiplier, 0)))
        m.d.sync += sign.eq(Mux(self.i[8], self.multiplier, 0))

        low_pair = Signal(35, reset_less=True)
        high_pair = Signal(35, reset_less=True)
        sign_2 = Signal(31, reset_less=True)
        m.d.sync += [
            low_pair.eq(digits[0] + (digits[1] << 2)),
            high_pair.eq(digits[2] + (digits[3] << 2)),
            sign_2.eq(sign),
        ]

        # 2**4 weighs the high pair; the low pair's last four bits can no longer carry.
        low = Signal(32, reset_less=True)
        high = Signal(signed(36), reset_less=True)
        m.d.sync += [
            low.eq(low_pair[4:] + (1 << 6)),
            high.eq(high_pair - (sign_2 << 4)),
        ]

        rounded = Signal(signed(29), reset_less=True)
        m.d.sync += rounded.eq((high + low) >> 7)

        m.d.comb += [
            divide.i.eq(rounded),
            divide.shift.eq(self.shift),
            self.o.eq(divide.o),
            self.increment.eq(divide.increment),
        ]
        return m
