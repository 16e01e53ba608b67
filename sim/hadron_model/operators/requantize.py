"""INT32 accumulators to INT8: what every operator of the array ends with."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hadron_spec.numerics import (
    ACC_BITS,
    multiply_by_quantized_multiplier,
    multiply_rounding_once,
)

__all__ = ["AccumulatorOverflowError", "check_accumulators", "clamp", "requantize",
           "requantize_deep"]


class AccumulatorOverflowError(ArithmeticError):
    """An accumulator does not fit its 32 bits."""


def check_accumulators(accumulators: NDArray[np.int64]) -> None:
    """Raise :class:`AccumulatorOverflowError` unless all fit; they never wrap silently."""
    limit = 1 << (ACC_BITS - 1)
    if accumulators.size and not (-limit <= accumulators.min()
                                  and accumulators.max() < limit):
        raise AccumulatorOverflowError(
            f"accumulators from {accumulators.min()} to {accumulators.max()} do not fit "
            f"{ACC_BITS} bits")


def clamp(values: NDArray[Any], minimum: int, maximum: int) -> NDArray[np.int8]:
    """Clamp to a fused activation's range, the upper bound last, and narrow to INT8."""
    clamped: NDArray[np.int8] = np.minimum(np.maximum(values, minimum), maximum).astype(np.int8)
    return clamped


def requantize_deep(accumulators: NDArray[np.int64], multipliers: ArrayLike, shifts: ArrayLike, *,
                    once: bool = False, minimum: int = -1 << 15, maximum: int = (1 << 15) - 1
                    ) -> NDArray[np.int16]:
    """Scale accumulators to INT16, zero point 0: as :func:`requantize`, or rounding once.

    Source: as :func:`requantize`; its overload for int64_t rounds once, with the multiplier of
    :func:`hadron_spec.numerics.reduced_multiplier`.
    """
    check_accumulators(accumulators)
    scale = multiply_rounding_once if once else multiply_by_quantized_multiplier
    scaled = scale(accumulators, np.asarray(multipliers, np.int64), np.asarray(shifts, np.int64))
    clipped: NDArray[np.int64] = np.clip(scaled, minimum, maximum)
    return clipped.astype(np.int16)


def requantize(accumulators: NDArray[np.int64], multipliers: ArrayLike, shifts: ArrayLike, *,
               zero_point: int, minimum: int = -128, maximum: int = 127) -> NDArray[np.int8]:
    """Scale accumulators (channels last) with double rounding, add the zero point and clamp.

    Parameters
    ----------
    accumulators : ndarray
        Any shape, channels last, within 32 bits.
    multipliers, shifts : array_like
        Q0.31 multipliers and exponents: one a channel, or one for all.
    zero_point : int
        Output zero point, -128 to 127.
    minimum, maximum : int
        Range of the fused activation.

    Raises
    ------
    AccumulatorOverflowError
        When an accumulator does not fit 32 bits.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier.
    """
    check_accumulators(accumulators)
    scaled = multiply_by_quantized_multiplier(
        accumulators, np.asarray(multipliers, np.int64), np.asarray(shifts, np.int64))
    return clamp(scaled + zero_point, minimum, maximum)
