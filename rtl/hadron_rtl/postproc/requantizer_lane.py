"""One column a cycle through the requantizer's arithmetic."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from ..array.layouts import COLUMN_PARAMETERS
from ..control.layouts import ExecuteCommand
from .addend_scaler import AddendScaler
from .delay import delayed
from .rounding_shift import RoundingShift
from .scaling_multiplier import ScalingMultiplier

__all__ = ["Mode", "RequantizerLane"]

_MULTIPLIER_BITS = 31


class Mode(enum.Enum, shape=2):
    """What is done to a result."""

    REQUANTIZE = 0
    """Add the bias, scale, add the zero point, clamp."""
    AVERAGE = 1
    """Divide by the count: `bias` is half of it, `multiplier` its reciprocal. Clamp."""
    ADD = 2
    """Rescale and add two INT8 values, then as REQUANTIZE without a bias."""
    CLAMP = 3
    """Clamp."""


class RequantizerLane(wiring.Component):
    """Scale one INT32 value a cycle to INT8, rounding exactly as the TFLite reference kernels do.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier (the branch
    without TFLITE_SINGLE_ROUNDING); reference/integer_ops/{conv,add,pooling}.h.

    Members
    -------
    mode : In(Mode)
        What to do. Stable while values are inside.
    command : In(ExecuteCommand)
        Zero points, bounds, addend's multiplier and shift (-31 to 0). Stable likewise.
    triple_b : In(33)
        3 times ``command.multiplier_b``, which must not be negative. Stable likewise.
    value : In(signed(32))
        Accumulator; with ADD bits 7:0 are A, 15:8 B. It and its bias must not overflow 32 bits
        (the compiler proves it); nothing after them wraps.
    parameters : In(COLUMN_PARAMETERS)
        Of the column whose value came ``parameters_delay(mode)`` cycles ago. The multiplier must
        not be negative, the shift must be -31 to 7. Not used by CLAMP.
    o : Out(signed(8))
        Result.

    Latency: ``latency(mode)`` cycles from `value`. Throughput: one value a cycle.
    Cost (LFE5U, yosys 0.66): 4 MULT18X18D, 802 LUT4 and 201 CCU2C, 1261 registers; half of the
    LUTs are the addend scaler's.
    """

    _INPUT = 1
    """Register behind the multiplexers of `value` and of `parameters`."""
    _DIFFERENCE = 1
    """Zero points of ADD's operands removed."""
    _OPERAND = 1
    """The 32-bit value to be scaled."""
    _OUTPUT = 3
    """Zero point, comparison with the bounds, choice."""
    _SATURATED = 1
    """CLAMP's value, narrowed."""

    mode: In(Mode)
    command: In(ExecuteCommand)
    triple_b: In(33)
    value: In(signed(32))
    parameters: In(COLUMN_PARAMETERS)
    o: Out(signed(8))

    @classmethod
    def parameters_delay(cls, mode: Mode) -> int:
        """Return by how many cycles `parameters` follow their `value`."""
        return cls._DIFFERENCE + AddendScaler.LATENCY if mode is Mode.ADD else 0

    @classmethod
    def latency(cls, mode: Mode) -> int:
        """Return the cycles from `value` to `o`."""
        if mode is Mode.CLAMP:
            return cls._INPUT + cls._SATURATED + cls._OUTPUT
        return (cls.parameters_delay(mode) + cls._INPUT + cls._OPERAND + ScalingMultiplier.LATENCY
                + RoundingShift.LATENCY + cls._OUTPUT)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        value = Signal(signed(32), reset_less=True)
        parameters = Signal(COLUMN_PARAMETERS, reset_less=True)
        m.d.sync += [value.eq(self.value), parameters.eq(self.parameters)]

        a, b, b_increment = self._addends(m, value)
        operand = self._operand(m, value, parameters.bias, a, b, b_increment)
        scaled, increment = self._scale(m, operand, parameters)
        self._output(m, value, scaled, increment)
        return m

    def _addends(self, m: Module, value):
        m.submodules.scaler = scaler = AddendScaler()
        a = Signal(signed(9), reset_less=True)
        b = Signal(signed(9), reset_less=True)
        m.d.sync += [
            a.eq(value[0:8].as_signed() - self.command.zero_point_a),
            b.eq(value[8:16].as_signed() - self.command.zero_point_b),
        ]
        m.d.comb += [
            scaler.i.eq(b),
            scaler.multiplier.eq(self.command.multiplier_b[:_MULTIPLIER_BITS]),
            scaler.triple.eq(self.triple_b),
            scaler.shift.eq(-self.command.shift_b),
        ]
        return delayed(m, a, AddendScaler.LATENCY, name="a"), scaler.o, scaler.increment

    def _operand(self, m: Module, value, bias, a, b, b_increment):
        """One adder for all modes: value +/- bias or A + B."""
        add = Signal()
        subtract = Signal()
        first = Signal(signed(32))
        second = Signal(signed(32))
        operand = Signal(signed(32), reset_less=True)
        m.d.comb += [
            add.eq(self.mode == Mode.ADD),
            subtract.eq((self.mode == Mode.AVERAGE) & value[-1]),
            first.eq(Mux(add, a << 19, value)),
            second.eq(Mux(add, b, bias ^ subtract.replicate(32).as_signed())),
        ]
        m.d.sync += operand.eq(
            (Cat(Const(1, 1), first) + Cat(Mux(add, b_increment, subtract), second))[1:])
        return operand

    def _scale(self, m: Module, operand, parameters):
        m.submodules.multiplier = multiplier = ScalingMultiplier()
        m.submodules.divide = divide = RoundingShift(width=39, result_width=10, shift_max=38)
        factor = Signal(_MULTIPLIER_BITS, reset_less=True)
        left = Signal(3, reset_less=True)
        right = Signal(6, reset_less=True)
        m.d.sync += [
            factor.eq(parameters.multiplier[:_MULTIPLIER_BITS]),
            left.eq(Mux(parameters.shift[5], 0, parameters.shift[:3])),
            right.eq(7 - parameters.shift[:6].as_signed()),
        ]
        m.d.comb += [
            multiplier.a.eq(operand),
            multiplier.b.eq(factor),
            multiplier.left.eq(left),
            multiplier.average.eq(self.mode == Mode.AVERAGE),
            divide.i.eq(multiplier.o),
            divide.shift.eq(delayed(m, right, ScalingMultiplier.LATENCY, name="right")),
        ]
        return divide.o, divide.increment

    def _output(self, m: Module, value, scaled, increment):
        """Add the zero point, clamp. Ten bits are enough for all that clamps to the same bound."""
        clamp_only = Signal()
        saturated = Signal(signed(10), reset_less=True)
        with_zero_point = Signal(signed(11), reset_less=True)
        fits = ~value[9:].any() | value[9:].all()
        m.d.comb += clamp_only.eq(self.mode == Mode.CLAMP)
        m.d.sync += [
            saturated.eq(Mux(fits, value[:10], Cat((~value[-1]).replicate(9), value[-1]))),
            with_zero_point.eq(
                (Cat(Const(1, 1), Mux(clamp_only, saturated, scaled)).as_signed()
                 + Cat(increment & ~clamp_only,
                       Mux(clamp_only, 0, self.command.zero_point)).as_signed())[1:]),
        ]
        result = Signal(signed(8), reset_less=True)
        above = Signal(reset_less=True)
        below = Signal(reset_less=True)
        m.d.sync += [
            result.eq(with_zero_point),
            above.eq(with_zero_point > self.command.maximum),
            below.eq(with_zero_point < self.command.minimum),
            self.o.eq(Mux(above, self.command.maximum,
                          Mux(below, self.command.minimum, result))),
        ]
