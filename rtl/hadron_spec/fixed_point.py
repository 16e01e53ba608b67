"""Functions on fixed-point numbers, as gemmlowp computes them.

Source: gemmlowp fixedpoint/fixedpoint.h. Numbers are Python integers: Qm.n has m bits above the
point and n = 31 - m below it.
"""

from hadron_spec.numerics import exp_on_negative_values, saturating_rounding_doubling_high_mul

__all__ = ["logistic", "tanh"]

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
