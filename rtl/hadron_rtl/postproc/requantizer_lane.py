"""One column a cycle through the requantizer's arithmetic."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.numerics import MULTIPLIER_FRACTION_BITS, NARROW_BITS

from ..array.layouts import COLUMN_PARAMETERS
from ..control.layouts import ExecuteCommand
from ..vendor.compare import is_less
from ..vendor.masked_adder import MaskedAdder
from ..vendor.own_register import own_register
from .delay import delayed
from .rounding_shift import RoundingShift
from .scaling_multiplier import ScalingMultiplier

__all__ = ["Mode", "RequantizerLane"]

_LOW = NARROW_BITS - 1
"""Bits of the unsigned half of a wide value."""


class Mode(enum.Enum, shape=2):
    """What is done to a result."""

    NARROW = 0
    """Add the bias, saturate to 18 bits, scale, add the zero point, clamp."""
    WIDE = 1
    """The same with all 32 bits, in two passes; no left shift."""
    CLAMP = 2
    """Clamp an INT8 value."""


class RequantizerLane(wiring.Component):
    """Scale one INT32 value a cycle to INT8, rounding exactly as the TFLite reference kernels do.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier (the branch
    without TFLITE_SINGLE_ROUNDING); reference/integer_ops/conv.h.

    Parameters
    ----------
    deep : bool
        Results may have 16 bits and be rounded once.

    Members
    -------
    mode : In(Mode)
        What to do. Stable from the cycle before the first value while values are inside.
    command : In(ExecuteCommand)
        Zero point and bounds. Stable likewise.
    value : In(signed(32))
        Accumulator; a wide one is given in two consecutive cycles. With its bias it must not
        overflow 32 bits (the compiler proves it).
    high : In(1)
        The second of these cycles.
    parameters : In(COLUMN_PARAMETERS)
        Of the column whose value came ``PARAMETERS_DELAY`` cycles ago. The multiplier must not be
        negative, the shift must be -31 to 7; positive ones count as 0 when wide. Not used by CLAMP.
    bounds : In(ArrayLayout(signed(16), 2))
        The smallest and the largest result.
    second : In(1)
        Of a deep result: `o` in the next cycle is the high byte of what it is in this one.
    o : Out(signed(8))
        Result; of a deep one the low byte.

    Latency: ``latency(mode)`` cycles from the last cycle of `value`. Throughput: one cycle's value
    a cycle.
    Cost (LFE5U): see :class:`~hadron_rtl.postproc.requantizer.Requantizer`.
    """

    PARAMETERS_DELAY = 1

    _INPUT = 1
    """Register of `value`."""
    _OPERAND = 3
    """Registers: parameters, bias added, saturated or halved."""
    _OUTPUT = 3
    """Registers: zero point, comparison with the bounds, choice."""

    mode: In(Mode)
    command: In(ExecuteCommand)
    bounds: In(data.ArrayLayout(signed(16), 2))
    second: In(1)
    value: In(signed(32))
    high: In(1)
    parameters: In(COLUMN_PARAMETERS)
    o: Out(signed(8))

    def __init__(self, *, deep: bool = False):
        self.deep = deep
        super().__init__()

    @classmethod
    def latency(cls, mode: Mode) -> int:
        """Return the cycles from `value` to `o`."""
        if mode is Mode.CLAMP:
            return cls._INPUT + cls._OUTPUT
        return (cls._INPUT + cls._OPERAND + ScalingMultiplier.LATENCY + RoundingShift.LATENCY
                + cls._OUTPUT)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wide = own_register(m, self.mode == Mode.WIDE, name="wide")
        value = Signal(signed(32), reset_less=True)
        m.d.sync += value.eq(self.value)
        high = own_register(m, delayed(m, self.high, self._INPUT + self._OPERAND - 2,
                                       name="will_be_high"), name="high")
        parameters = Signal(COLUMN_PARAMETERS, reset_less=True)
        m.d.sync += parameters.eq(self.parameters)

        factor = self._factor(m, delayed(m, value, 1, name="value"), parameters.bias, wide, high)
        scales = own_register(m, self.mode != Mode.CLAMP, name="scales")
        scaled, increment = self._scale(m, factor, parameters, wide, high, scales)
        self._output(m, scaled, increment, scales)
        return m

    def _factor(self, m: Module, value, bias, wide, high):
        """Add the bias; saturate to what the multiplier takes, or pick the half of this pass."""
        operand = Signal(signed(32), reset_less=True)
        factor = Signal(signed(NARROW_BITS), reset_less=True)
        fits = ~operand[_LOW:].any() | operand[_LOW:].all()
        sign = operand[-1]
        # Two bits choose among the halves and the rails, so that each bit takes one LUT: `second`
        # is the high half rather than the low one or, with `saturates`, the upper rail.
        saturates = Signal()
        second = Signal()
        m.d.comb += [
            saturates.eq(~wide & ~fits),
            second.eq(Mux(wide, high, ~fits & ~sign)),
        ]
        m.d.sync += [
            operand.eq(value + bias),
            factor.eq(Cat(
                Mux(saturates, second.replicate(_LOW),
                    Mux(second, operand[_LOW:].as_signed(), operand[:_LOW]))[:_LOW],
                sign & (~wide | high))),
        ]
        return factor

    def _scale(self, m: Module, factor, parameters, wide, high, scales):
        m.submodules.multiplier = multiplier = ScalingMultiplier()
        m.submodules.divide = divide = RoundingShift(
            width=32, result_width=17 if self.deep else 9, shift_max=31)
        left = Signal(3, reset_less=True)
        right = Signal(5, reset_less=True)
        # A narrow product has 25 bits: shifted by 31 or more it is zero.
        shift = parameters.shift[:6].as_signed()
        distance = 7 - shift
        truncate = Signal(reset_less=True)
        once = Signal(reset_less=True)
        if self.deep:
            m.d.sync += [once.eq(self.command.once & wide), truncate.eq(once & shift[-1])]
        m.d.sync += [
            left.eq(Mux(shift[-1], 0, shift[:3])),
            right.eq(Mux(wide, Mux(shift[-1], -shift, 0), Mux(distance[5], 31, distance[:5]))),
        ]
        m.d.comb += [
            multiplier.a.eq(factor),
            multiplier.b.eq(delayed(m, parameters.multiplier[:MULTIPLIER_FRACTION_BITS],
                                    self._OPERAND - 1, name="multiplier")),
            multiplier.left.eq(delayed(m, left, self._OPERAND - 2, name="left")),
            multiplier.wide.eq(wide),
            multiplier.high.eq(delayed(m, high, 1, name="high_factor")),
            multiplier.truncate.eq(delayed(m, truncate, self._OPERAND - 2, name="truncate")),
            divide.half_up.eq(once),
            divide.clear.eq(~scales),
            divide.i.eq(multiplier.o),
            divide.shift.eq(delayed(m, right, self._OPERAND - 2 + ScalingMultiplier.LATENCY,
                                    name="right")),
        ]
        return divide.o, divide.increment

    def _output(self, m: Module, scaled, increment, scales):
        """Add the zero point, clamp.

        Nine bits are enough for all that clamps to the same bound: with a zero point of eight they
        still reach the smallest and the largest one.
        """
        # Of the scaled value and one that is clamped only, the other is zero.
        clamped = Signal(signed(8), reset_less=True)
        m.d.sync += clamped.eq(self.value)
        with m.If(scales):
            m.d.sync += clamped.eq(0)
        zero_point = own_register(m, self.command.zero_point, name="zero_point")
        width = len(scaled) + 1
        with_zero_point = Signal(signed(width), reset_less=True)
        m.submodules.zero_point = adder = MaskedAdder(width=width, carries=True, joins=True)
        m.d.comb += [
            adder.a.eq(zero_point),
            adder.a_mask.eq(scales.replicate(width)),
            adder.b.eq(scaled),
            adder.c.eq(clamped),
            adder.carry.eq(increment),
        ]
        m.d.sync += with_zero_point.eq(adder.o)
        size = 16 if self.deep else 8
        smallest, largest = (
            own_register(m, bound[:size].as_signed(), name=name)
            for bound, name in zip(self.bounds, ("smallest", "largest"), strict=True))
        result = Signal(signed(size), reset_less=True)
        above = Signal(reset_less=True)
        below = Signal(reset_less=True)
        m.d.sync += [
            result.eq(with_zero_point),
            above.eq(is_less(largest, with_zero_point)),
            below.eq(is_less(with_zero_point, smallest)),
        ]
        chosen = Mux(above, largest, Mux(below, smallest, result))
        if not self.deep:
            m.d.comb += self.o.eq(delayed(m, chosen, 1, name="chosen"))
            return
        bits = Signal(16)
        m.d.comb += bits.eq(chosen)
        high = delayed(m, bits[8:], 1, name="high_byte")
        byte = Mux(self.second, high, Cat(bits[:7], bits[7] ^ self.command.deep_results))
        m.d.comb += self.o.eq(delayed(m, byte, 1, name="byte"))
