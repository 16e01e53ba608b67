"""The rounding rules of Hadron, written once.

Each function uses only integer operators, so it takes Python integers and NumPy ``int64`` arrays
alike. The oracle is TensorFlow Lite Micro's reference kernels; each rule cites its source there.
"""

import math
from typing import Any

__all__ = [
    "ACC_BITS",
    "ADD_LEFT_SHIFT",
    "AVERAGE_FRACTION_BITS",
    "MULTIPLIER_FRACTION_BITS",
    "SHIFT_MAX",
    "SHIFT_MIN",
    "SOFTMAX_ACCUMULATION_INTEGER_BITS",
    "SOFTMAX_SCALED_DIFF_INTEGER_BITS",
    "average_divide",
    "average_multiplier",
    "multiply_by_quantized_multiplier",
    "quantize_multiplier",
    "rescale_addend",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
]

ACC_BITS = 32
"""Width of an accumulator. The compiler proves from the weights that none overflows."""

MULTIPLIER_FRACTION_BITS = 31
"""Fraction bits of a multiplier: Q0.31, normalised to [0.5, 1)."""

SHIFT_MIN = -31
SHIFT_MAX = 7
"""Range of the exponent beside a multiplier: positive shifts left before the multiplication,
negative right after it. Effective scales of 128 and more are refused."""

ADD_LEFT_SHIFT = 20
"""Left shift of ADD's operands. Source: tflite-micro kernels/add_common.cc (8-bit)."""

AVERAGE_FRACTION_BITS = 31
"""Fraction bits of the reciprocal that divides an average pool's sum."""

SOFTMAX_SCALED_DIFF_INTEGER_BITS = 5
SOFTMAX_ACCUMULATION_INTEGER_BITS = 12
"""Source: tensorflow/lite/kernels/internal/reference/softmax.h."""


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Split a positive real multiplier into a Q0.31 integer and an exponent.

    Source: tensorflow/lite/kernels/internal/quantization_util.cc, QuantizeMultiplier.
    """
    if real == 0.0:
        return 0, 0
    significand, shift = math.frexp(real)
    # std::round rounds halves away from zero; significand is positive, so floor(x + 0.5) does.
    quantized = math.floor(significand * (1 << MULTIPLIER_FRACTION_BITS) + 0.5)
    if quantized == 1 << MULTIPLIER_FRACTION_BITS:
        quantized //= 2
        shift += 1
    if shift < SHIFT_MIN:
        return 0, 0
    return quantized, shift


def saturating_rounding_doubling_high_mul(a: Any, b: Any) -> Any:
    """Return ``a * b / 2**31``, halves rounded up; `b` is not negative, so nothing saturates.

    Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul: its sign-dependent nudge and
    truncating division are, together, floor((a * b + 2**30) / 2**31).
    """
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_pot(x: Any, exponent: Any) -> Any:
    """Return ``x / 2**exponent``, halves rounded away from zero; `exponent` is 0 or more.

    Source: gemmlowp fixedpoint.h, RoundingDivideByPOT.
    """
    half = (1 << exponent) >> 1
    return (x + half - (half != 0) * (x < 0)) >> exponent


def multiply_by_quantized_multiplier(x: Any, multiplier: Any, shift: Any) -> Any:
    """Scale an accumulator by ``multiplier * 2**(shift - 31)`` with TFLite's double rounding.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier, the branch
    without TFLITE_SINGLE_ROUNDING.
    """
    left = shift * (shift > 0)
    right = -shift * (shift < 0)
    high = saturating_rounding_doubling_high_mul(x * (1 << left), multiplier)
    return rounding_divide_by_pot(high, right)


def rescale_addend(x: Any, multiplier: Any, shift: Any) -> Any:
    """Scale one operand of ADD, zero point removed, to the common scale.

    The operand of the larger scale always has multiplier 2**30 and shift 0 (a scale of exactly
    one half), for which this is ``x << 19``: hardware multiplies only the other one.

    Source: tensorflow/lite/kernels/internal/reference/add.h, AddElementwise.
    """
    return multiply_by_quantized_multiplier(x * (1 << ADD_LEFT_SHIFT), multiplier, shift)


def average_multiplier(count: int) -> int:
    """Return the reciprocal with which :func:`average_divide` is exact, for 2 <= count <= 4096.

    Raises
    ------
    ValueError
        When `count` is outside that range, or a sum of `count` INT8 values would divide inexactly.
    """
    if not 2 <= count <= 4096:
        raise ValueError(f"average pool over {count} elements, must be 2 to 4096")
    multiplier = -(-(1 << AVERAGE_FRACTION_BITS) // count)
    error = multiplier * count - (1 << AVERAGE_FRACTION_BITS)
    largest = 128 * count + count // 2
    if error * largest >= 1 << AVERAGE_FRACTION_BITS:
        raise ValueError(f"average pool over {count} elements has no exact 31-bit reciprocal")
    return multiplier


def average_divide(total: Any, half_count: Any, multiplier: Any) -> Any:
    """Divide a sum by the count it was taken over, halves rounded away from zero.

    `half_count` is count // 2 and `multiplier` is ``average_multiplier(count)``.

    Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, AveragePool:
    (sum +/- count / 2) / count with C's truncating division.
    """
    negative = total < 0
    biased = total + half_count * (1 - 2 * negative)
    mask = (1 << AVERAGE_FRACTION_BITS) - 1
    return (biased * multiplier + negative * mask) >> AVERAGE_FRACTION_BITS
