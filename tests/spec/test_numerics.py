"""The rounding rules against independent formulations: exact rationals and C's own statements."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hadron_spec import numerics

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1

accumulators = st.integers(INT32_MIN, INT32_MAX)
multipliers = st.integers(1 << 30, INT32_MAX)
shifts = st.integers(numerics.SHIFT_MIN, numerics.SHIFT_MAX)


def _c_divide(a: int, b: int) -> int:
    """C's integer division, which truncates toward zero."""
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _half_away(value: Fraction) -> int:
    magnitude = math.floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def _c_high_mul(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul as gemmlowp states it, nudge and all."""
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
    return _c_divide(product + nudge, 1 << 31)


def _c_divide_by_pot(x: int, exponent: int) -> int:
    """RoundingDivideByPOT as gemmlowp states it: mask, remainder, threshold."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if x < 0 else 0)
    return (x >> exponent) + (1 if x & mask > threshold else 0)


@given(accumulators, st.integers(0, INT32_MAX))
@example(INT32_MIN, INT32_MAX)
@example(-1, 1 << 30)
def test_high_mul_matches_the_statement_in_c(a: int, b: int) -> None:
    assert numerics.saturating_rounding_doubling_high_mul(a, b) == _c_high_mul(a, b)


@given(accumulators, st.integers(0, 31))
@example(-1, 1)
@example(-3, 1)
@example(INT32_MIN, 31)
def test_divide_by_pot_matches_c_and_rounds_halves_away(x: int, exponent: int) -> None:
    result = numerics.rounding_divide_by_pot(x, exponent)
    assert result == _c_divide_by_pot(x, exponent)
    assert result == _half_away(Fraction(x, 1 << exponent))


@given(accumulators, multipliers, st.integers(numerics.SHIFT_MIN, 0))
@example(-1, 1 << 30, 0)
@example(INT32_MIN, INT32_MAX, -31)
def test_requantization_rounds_twice(x: int, multiplier: int, shift: int) -> None:
    expected = _c_divide_by_pot(_c_high_mul(x, multiplier), -shift)
    assert numerics.multiply_by_quantized_multiplier(x, multiplier, shift) == expected


@given(st.integers(-(1 << 24), 1 << 24), multipliers, st.integers(1, numerics.SHIFT_MAX))
def test_requantization_shifts_left_before_it_multiplies(x, multiplier: int, shift: int) -> None:
    expected = _c_high_mul(x << shift, multiplier)
    assert numerics.multiply_by_quantized_multiplier(x, multiplier, shift) == expected


def test_double_rounding_differs_from_single_rounding() -> None:
    # 5 * 0.5 / 2 = 1.25: rounded once 1, rounded twice 2.5 -> 3 -> 1.5 -> 2.
    assert numerics.multiply_by_quantized_multiplier(5, 1 << 30, -1) == 2


@given(accumulators, multipliers, shifts)
def test_requantization_is_close_to_the_real_product(x: int, multiplier: int, shift: int) -> None:
    exact = Fraction(x * multiplier) * Fraction(2) ** (shift - 31)
    result = numerics.multiply_by_quantized_multiplier(x, multiplier, shift)
    assert abs(result - exact) <= 1


def test_integers_and_arrays_agree(rng: np.random.Generator) -> None:
    x = rng.integers(INT32_MIN, INT32_MAX, 1000)
    multiplier = rng.integers(1 << 30, INT32_MAX, 1000)
    shift = rng.integers(numerics.SHIFT_MIN, 1, 1000)
    arrays = numerics.multiply_by_quantized_multiplier(x, multiplier, shift)
    assert arrays.dtype == np.int64
    for i in range(1000):
        scalar = numerics.multiply_by_quantized_multiplier(
            int(x[i]), int(multiplier[i]), int(shift[i]))
        assert scalar == arrays[i]


@given(st.floats(2.0**-30, 100.0))
@example(0.5)
@example(1.0)
@example(math.nextafter(1.0, 0.0))
def test_quantized_multiplier_is_normalised_and_accurate(real: float) -> None:
    multiplier, shift = numerics.quantize_multiplier(real)
    assert 1 << 30 <= multiplier <= INT32_MAX
    assert numerics.SHIFT_MIN <= shift <= numerics.SHIFT_MAX
    approximation = Fraction(multiplier) * Fraction(2) ** (shift - 31)
    assert abs(approximation / Fraction(real) - 1) <= Fraction(1, 1 << 30)


@pytest.mark.parametrize(("real", "expected"), [
    (0.0, (0, 0)),
    (1.0, (1 << 30, 1)),
    (0.5, (1 << 30, 0)),
    (0.75, (3 << 29, 0)),
    (1 - 2.0**-33, (1 << 30, 1)),  # rounds up to 1
    (2.0**-33, (0, 0)),  # too small for the shift
])
def test_quantized_multiplier_corners(real: float, expected: tuple[int, int]) -> None:
    assert numerics.quantize_multiplier(real) == expected


@given(st.integers(-255, 255))
def test_the_larger_addend_needs_no_multiplier(x: int) -> None:
    assert numerics.rescale_addend(x, 1 << 30, 0) == x << numerics.ADD_LEFT_SHIFT - 1


@given(st.integers(-255, 255), multipliers, st.integers(-31, 0))
def test_rescaled_addend_matches_c(x: int, multiplier: int, shift: int) -> None:
    expected = _c_divide_by_pot(_c_high_mul(x << 20, multiplier), -shift)
    assert numerics.rescale_addend(x, multiplier, shift) == expected


def _c_average(total: int, count: int) -> int:
    biased = total + count // 2 if total > 0 else total - count // 2
    return _c_divide(biased, count)


def _average(totals: np.ndarray, count: int, bits: int = 8) -> list[int]:
    averages = numerics.multiply_by_quantized_multiplier(
        numerics.AVERAGE_WEIGHT * totals, *numerics.average_multiplier(count, bits))
    return list(averages)


@pytest.mark.parametrize("count", [2, 3, 4, 7, 9, 16, 25, 49, 100])
def test_average_is_exact_for_every_sum(count: int) -> None:
    totals = np.arange(-128 * count, 127 * count + 1)
    assert _average(totals, count) == [_c_average(int(total), count) for total in totals]


def test_average_is_exact_at_both_sides_of_each_step(rng: np.random.Generator) -> None:
    for count in [*range(2, 4097), *rng.integers(4097, 1 << 20, 500).tolist(), 1 << 20]:
        steps = rng.integers(-128, 128, 16) * count + rng.integers(-1, 2, 16) * (count // 2)
        totals = np.concatenate([steps - 1, steps, steps + 1])
        totals = np.clip(totals, -128 * count, 127 * count)
        assert _average(totals, count) == [_c_average(int(t), count) for t in totals], count


def test_average_of_sixteen_bits_is_exact_at_both_sides_of_each_step(
        rng: np.random.Generator) -> None:
    for count in [2, 3, *rng.integers(4, 4096, 500).tolist(), 4096]:
        steps = rng.integers(-1 << 15, 1 << 15, 16) * count + rng.integers(-1, 2, 16) * (count // 2)
        totals = np.clip(np.concatenate([steps - 1, steps, steps + 1]), -(count << 15),
                         (count << 15) - count)
        assert _average(totals, count, 16) == [_c_average(int(t), count) for t in totals], count


@given(accumulators, multipliers, st.integers(-8, 0), st.integers(-128, 127))
def test_saturating_to_a_narrow_accumulator_is_exact_at_large_scales(
        x: int, multiplier: int, shift: int, zero_point: int) -> None:
    def output(value: int) -> int:
        scaled = numerics.multiply_by_quantized_multiplier(value, max(multiplier, 1 << 30), shift)
        return min(max(scaled + zero_point, -128), 127)

    limit = 1 << numerics.NARROW_BITS - 1
    assert output(min(max(x, -limit), limit - 1)) == output(x)


@pytest.mark.parametrize(("count", "bits", "most"), [
    (0, 8, 1048576), (1, 8, 1048576), (1048577, 8, 1048576), (1, 16, 4096), (4097, 16, 4096)])
def test_average_refuses_a_count_out_of_range(count: int, bits: int, most: int) -> None:
    message = f"^average pool over {count} elements, must be 2 to {most}$"
    with pytest.raises(ValueError, match=message):
        numerics.average_multiplier(count, bits)
