"""The rounding rules of Hadron, written once.

Each function uses only integer operators, so it takes Python integers and NumPy ``int64`` arrays
alike. The oracle is TensorFlow Lite Micro's reference kernels; each rule cites its source there.
"""

import math
from typing import Any

__all__ = [
    "ACC_BITS",
    "ADD_LEFT_SHIFT",
    "ADD_LEFT_SHIFT_DEEP",
    "AVERAGE_WEIGHT",
    "MULTIPLIER_FRACTION_BITS",
    "NARROW_BITS",
    "SHIFT_MAX",
    "SHIFT_MIN",
    "SOFTMAX_ACCUMULATION_INTEGER_BITS",
    "SOFTMAX_SCALED_DIFF_INTEGER_BITS",
    "SQUARED_DIFFERENCE_LEFT_SHIFT",
    "average_multiplier",
    "exp_on_negative_values",
    "largest_average",
    "multiply_by_quantized_multiplier",
    "multiply_rounding_once",
    "quantize_multiplier",
    "reduced_multiplier",
    "rescale_addend",
    "rounding_divide_by_pot",
    "saturating_rounding_doubling_high_mul",
    "softmax_exp",
    "softmax_output",
    "softmax_reciprocal",
    "softmax_sum_term",
    "softmax_table",
]

ACC_BITS = 32
"""Width of an accumulator. The compiler proves from the weights that none overflows."""

NARROW_BITS = 18
"""Bits of an accumulator that the requantizer scales in one pass, saturating what exceeds them.

That is exact where no accumulator does, and where the effective scale is 2**-9 or more: what
saturates is then beyond the INT8 range by more than any zero point brings back."""

MULTIPLIER_FRACTION_BITS = 31
"""Fraction bits of a multiplier: Q0.31, normalised to [0.5, 1)."""

SHIFT_MIN = -31
SHIFT_MAX = 7
"""Range of the exponent beside a multiplier: positive shifts left before the multiplication,
negative right after it. Effective scales of 128 and more are refused."""

ADD_LEFT_SHIFT = 20
"""Left shift of ADD's operands. Source: tflite-micro kernels/add_common.cc (8-bit)."""

ADD_LEFT_SHIFT_DEEP = 15
"""The same of 16 bits."""

SQUARED_DIFFERENCE_LEFT_SHIFT = 7
"""The same of SQUARED_DIFFERENCE.

Source: tflite-micro kernels/squared_difference.cc, SquaredDifferencePrepare.
"""

AVERAGE_WEIGHT = 4
"""Weight of every element of an average: see :func:`average_multiplier`."""

SOFTMAX_SCALED_DIFF_INTEGER_BITS = 5
SOFTMAX_ACCUMULATION_INTEGER_BITS = 12
"""Source: tensorflow/lite/kernels/internal/reference/softmax.h."""

SOFTMAX_COUNT_MAX = (1 << 12) - 1
"""Most elements of a softmax: their sum, at most 2**19 each, must stay below 2**31."""


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


def multiply_rounding_once(x: Any, multiplier: Any, shift: Any) -> Any:
    """Return ``x * multiplier * 2**(shift - 31)``, halves rounded up; `shift` is 0 or less.

    With the multiplier of :func:`reduced_multiplier` it is TFLite's rule for INT64 accumulators.
    What the division by 2**31 cuts off has no say: half of the second divisor is an integer.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier of int64_t.
    """
    right = -shift
    first = (1 << 30) * (right == 0)
    return (((x * multiplier + first) >> 31) + ((1 << right) >> 1)) >> right


def reduced_multiplier(multiplier: int) -> int:
    """Round a Q0.31 multiplier to the Q0.15 that TFLite takes for INT64 accumulators, as Q0.31.

    Source: as :func:`multiply_rounding_once`.
    """
    reduced = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
    return reduced << 16


def rescale_addend(x: Any, multiplier: Any, shift: Any, left_shift: int = ADD_LEFT_SHIFT) -> Any:
    """Scale one operand of ADD, zero point removed, to the common scale.

    The operand of the larger scale always has multiplier 2**30 and shift 0 (a scale of exactly
    one half), for which this is ``x << left_shift - 1``: hardware multiplies only the other one.

    Source: tensorflow/lite/kernels/internal/reference/add.h, AddElementwise.
    """
    return multiply_by_quantized_multiplier(x * (1 << left_shift), multiplier, shift)


def largest_average(bits: int) -> int:
    """Return the most values of so many bits that :func:`average_multiplier` averages."""
    return 1 << (28 - bits)


def average_multiplier(count: int, bits: int = 8) -> tuple[int, int]:
    """Return multiplier and shift that divide `AVERAGE_WEIGHT` times a sum by `count`.

    :func:`multiply_by_quantized_multiplier` then rounds halves away from zero, for the sum of
    `count` values of `bits` bits: (sum +/- count / 2) / count with C's truncating division. The
    first rounding leaves at least ``2 * count`` steps a unit, so that it neither makes a half nor
    loses one (nor does the rounding of the multiplier: at most an eighth of a step, half a unit of
    2**-29 times a sum of up to 2**27), and the second one decides.

    Source: tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, AveragePool.

    Raises
    ------
    ValueError
        When `count` is not 2 to :func:`largest_average`.
    """
    if not 2 <= count <= largest_average(bits):
        raise ValueError(f"average pool over {count} elements, must be 2 to "
                         f"{largest_average(bits)}")
    right = (2 * count - 1).bit_length()
    scaled = 1 << (MULTIPLIER_FRACTION_BITS - 2 + right)
    return (2 * scaled + count) // (2 * count), -right


def exp_on_negative_values(x: int, integer_bits: int) -> int:
    """Return exp(x), Q0.31, of `x` at most 0 with 4 or 5 integer bits.

    Source: gemmlowp fixedpoint.h, exp_on_negative_values and
    exp_on_interval_between_negative_one_quarter_and_0_excl (Taylor series around -1/8).
    """
    mul = saturating_rounding_doubling_high_mul
    if x == 0:
        return (1 << 31) - 1
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (x & (quarter - 1)) - quarter
    constant, third = 1895147668, 715827883  # exp(-1/8) and 1/3
    t = (remainder << integer_bits) + (1 << 28)
    t2 = mul(t, t)
    t3 = mul(t2, t)
    t4_over_4 = rounding_divide_by_pot(mul(t2, t2), 2)
    series = rounding_divide_by_pot(mul(t4_over_4 + t3, third) + t2, 1)
    result = constant + mul(t + series, constant)
    # exp(-2**n) for n = -2 to 4, of which the quarters taken off select.
    factors = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for n, factor in enumerate(factors[:integer_bits + 2]):
        if (remainder - x) >> (fraction_bits - 2 + n) & 1:
            result = mul(result, factor)
    return int(result)


def softmax_exp(x: int) -> int:
    """Return exp(x), Q0.31, of `x` in Q5.26, at most 0."""
    return exp_on_negative_values(x, SOFTMAX_SCALED_DIFF_INTEGER_BITS)


def softmax_table(beta_times_scale: float) -> list[int]:
    """Return the 256 words of SOFTMAX's table: exp((index - 255) * beta * scale) in Q0.31.

    Differences too large for Q5.26 have 0, with which they neither add to the sum nor come out
    as anything but the zero point.

    Source: tensorflow/lite/kernels/internal/quantization_util.cc, PreprocessSoftmaxScaling and
    CalculateInputRadius; reference/softmax.h, Softmax.

    Parameters
    ----------
    beta_times_scale : float
        beta times the input's scale, each a float32, multiplied in double precision.

    Raises
    ------
    ValueError
        When `beta_times_scale` is 2**-26 or less; TFLite refuses it, too.
    """
    fraction_bits = 31 - SOFTMAX_SCALED_DIFF_INTEGER_BITS
    real = min(beta_times_scale * (1 << fraction_bits), (1 << 31) - 1.0)
    if not real > 1.0:
        raise ValueError(f"softmax: beta times scale is {beta_times_scale}, must be more than "
                         f"2**-{fraction_bits}")
    multiplier, shift = quantize_multiplier(real)
    radius = (((1 << SOFTMAX_SCALED_DIFF_INTEGER_BITS) - 1) << fraction_bits) >> shift
    return [
        softmax_exp(saturating_rounding_doubling_high_mul(diff << shift, multiplier))
        if diff >= -radius else 0
        for diff in range(-255, 1)
    ]


def softmax_sum_term(exp: Any) -> Any:
    """Return what one element adds to the sum, Q12.19, from its exp in Q0.31.

    Source: gemmlowp fixedpoint.h, Rescale<12>.
    """
    return rounding_divide_by_pot(exp, SOFTMAX_ACCUMULATION_INTEGER_BITS)


def softmax_reciprocal(total: Any) -> tuple[Any, Any]:
    """Return (scale, bits): 1 / total is scale / 2**(31 + bits); `total` is Q12.19, 1 to 2**31 - 1.

    Three Newton-Raphson steps from 48/17 - 32/17 d. `bits` is 0 to 11 when total is 1.0 or more,
    as it is for every row of a valid table.

    Source: tensorflow/lite/kernels/internal/common.h, GetReciprocal; gemmlowp fixedpoint.h,
    one_over_one_plus_x_for_x_in_0_1. Nothing in it saturates but the last doubling.
    """
    mul = saturating_rounding_doubling_high_mul
    bits = SOFTMAX_ACCUMULATION_INTEGER_BITS + 0 * total
    for step in (16, 8, 4, 2, 1):
        short = step * (total < 1 << (32 - step))
        total = total << short
        bits = bits - short
    half_denominator = total >> 1  # Q0.31 in [0.5, 1): RoundingHalfSum(total - 1.0, 1.0)
    x = 1515870810 + mul(half_denominator, -1010580540)  # Q2.29
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, x)
        x = x + mul(x, error) * 4
    scale = 2 * x
    limit = (1 << 31) - 1
    return scale - (scale - limit) * (scale > limit), bits


def softmax_output(exp: Any, scale: Any, bits: Any) -> Any:
    """Return the INT8 output of one element, zero point -128, from its exp and the reciprocal.

    A row whose sum is 512 or more (`bits` above 8) comes out as all -128, the exact result; the
    reference kernel does not define it (it asserts that no shift exceeds 31).

    Source: tensorflow/lite/kernels/internal/reference/softmax.h, Softmax.
    """
    value = rounding_divide_by_pot(
        saturating_rounding_doubling_high_mul(scale, exp), bits + 31 - 8)
    return value - 128 - (value - 255) * (value > 255)
