"""Functions on fixed-point numbers, as gemmlowp computes them.

Source: gemmlowp fixedpoint/fixedpoint.h. Numbers are Python integers: Qm.n has m bits above the
point and n = 31 - m below it.
"""

from hadron_spec.numerics import exp_on_negative_values, saturating_rounding_doubling_high_mul

__all__ = ["inverse_square_root", "logistic", "tanh"]

_LIMIT = (1 << 31) - 1
"""One in Q0.31, nearly."""


def _reciprocal_of_one_plus(x: int) -> int:
    """Return 2 / (1 + x), Q2.29, of `x` in Q0.31 from 0 to 1: three Newton-Raphson steps.

    Source: one_over_one_plus_x_for_x_in_0_1.
    """
    mul = saturating_rounding_doubling_high_mul
    half_denominator = (x + _LIMIT + 1) >> 1
    result = 1515870810 + mul(half_denominator, -1010580540)  # 48/17 - 32/17 d
    for _ in range(3):
        error = (1 << 29) - mul(half_denominator, result)
        result += 4 * mul(result, error)
    return int(result)


def logistic(x: int) -> int:
    """Return 1 / (1 + exp(-x)), Q0.31, of `x` in Q4.27."""
    if x == 0:
        return 1 << 30
    positive = min(2 * _reciprocal_of_one_plus(exp_on_negative_values(-abs(x), 4)), _LIMIT)
    return positive if x > 0 else _LIMIT - positive


def tanh(x: int) -> int:
    """Return tanh(x), Q0.31, of `x` in Q4.27."""
    if x == 0:
        return 0
    # exp(-2 |x|): the same bits with one more of them above the point.
    magnitude = 4 * (_reciprocal_of_one_plus(exp_on_negative_values(-abs(x), 5)) - (1 << 29))
    magnitude = min(magnitude, _LIMIT)
    return magnitude if x > 0 else -magnitude


def inverse_square_root(x: int) -> tuple[int, int]:
    """Return 1 / sqrt(x) of a positive integer as (multiplier in Q0.31, shift to the left).

    Source: tensorflow/lite/kernels/internal/common.h, GetInvSqrtQuantizedMultiplierExp.
    """
    if x <= 1:
        return _LIMIT, 0
    mul = saturating_rounding_doubling_high_mul
    shift = 11
    while x >= 1 << 29:
        x //= 4
        shift += 1
    pairs = (31 - x.bit_length()) // 2 - 1
    shift -= pairs
    x <<= 2 * pairs
    # Q3.28, a half of what was given, by five Newton-Raphson steps from 1 on.
    half = (x >> 1) + 1 >> 1
    three_halves = 3 << 27
    root = 1 << 28
    for _ in range(5):
        cube = _saturated(mul(mul(root, root), root) << 6)
        root = _saturated((mul(three_halves, root) - mul(half, cube)) << 3)
    root = int(mul(root, 1518500250))  # sqrt(2) / 2
    if shift < 0:
        return root << -shift, 0
    return root, -shift


def _saturated(x: int) -> int:
    return min(max(int(x), -_LIMIT - 1), _LIMIT)
