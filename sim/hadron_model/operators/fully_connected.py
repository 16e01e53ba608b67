"""FULLY_CONNECTED, in the rounding of TensorFlow Lite Micro and in that of LiteRT.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h, FullyConnected
and FullyConnectedPerChannel.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hadron_model.operators.requantize import check_accumulators, clamp, requantize

__all__ = ["batch_matmul", "fully_connected", "fully_connected_float64"]


def fully_connected(x: NDArray[np.int8], weights: NDArray[np.int8], bias: ArrayLike | None, *,
                    multipliers: ArrayLike, shifts: ArrayLike, input_zero_point: int,
                    output_zero_point: int, minimum: int = -128, maximum: int = 127
                    ) -> NDArray[np.int8]:
    """Multiply rows of inputs with a matrix.

    Parameters
    ----------
    x : ndarray
        INT8 of any shape whose size is a multiple of the inputs of a row.
    weights : ndarray
        INT8, zero point 0: [outputs, inputs].
    bias : array_like or None
        INT32, one an output.
    multipliers, shifts : array_like
        One for all or one an output: `tflite_quantization.convolution_multiplier`.
    input_zero_point, output_zero_point : int
        -128 to 127.
    minimum, maximum : int
        Range of the fused activation.

    Returns
    -------
    ndarray
        INT8 [rows, outputs].

    Raises
    ------
    AccumulatorOverflowError
        When an accumulator does not fit 32 bits.
    """
    return requantize(_accumulate(x, weights, bias, input_zero_point), multipliers, shifts,
                      zero_point=output_zero_point, minimum=minimum, maximum=maximum)


def fully_connected_float64(x: NDArray[np.int8], weights: NDArray[np.int8],
                            bias: ArrayLike | None, *, scales: Sequence[tuple[int, int]],
                            input_zero_point: int, output_zero_point: int, minimum: int = -128,
                            maximum: int = 127) -> NDArray[np.int8]:
    """Multiply as :func:`fully_connected` does, rounding as LiteRT's reference kernel does.

    LiteRT multiplies the accumulator with the effective scale in double precision and rounds the
    product to an integer, halves away from zero. Here both are done on integers: the product is
    first rounded to 53 bits, halves to even, as a double precision multiplier does. Hardware does
    not implement this; it is for comparing with LiteRT.

    Parameters
    ----------
    scales : sequence of (int, int)
        Significand and exponent (`tflite_quantization.float64_scale`): one an output, or one.
    """
    accumulators = _accumulate(x, weights, bias, input_zero_point)
    check_accumulators(accumulators)
    each = list(scales) * (accumulators.shape[1] if len(scales) == 1 else 1)
    rounded = np.array([
        [_round_product(int(value), *scale) for value, scale in zip(row, each, strict=True)]
        for row in accumulators
    ], dtype=np.int64)
    return clamp(rounded + output_zero_point, minimum, maximum)


def batch_matmul(a: NDArray[np.int8], b: NDArray[np.int8], *, multiplier: int, shift: int,
                 zero_point_a: int, zero_point_b: int, output_zero_point: int,
                 adj_x: bool = False, adj_y: bool = False) -> NDArray[np.int8]:
    """Multiply matrices, the last two axes, broadcasting the others as NumPy does.

    Parameters
    ----------
    a, b : ndarray
        INT8.
    multiplier, shift : int
        `tflite_quantization.convolution_multiplier` of the three scales.
    adj_x, adj_y : bool
        Transpose the matrices of `a`, of `b` first.

    Source: tensorflow/lite/kernels/internal/reference/batch_matmul.h, BatchMatMul.
    """
    left, right = a.astype(np.int64) - zero_point_a, b.astype(np.int64) - zero_point_b
    left, right = (np.swapaxes(x, -1, -2) if turned else x
                   for x, turned in ((left, adj_x), (right, adj_y)))
    return requantize(left @ right, multiplier, shift, zero_point=output_zero_point)


def _accumulate(x: NDArray[np.int8], weights: NDArray[np.int8], bias: ArrayLike | None,
                zero_point: int) -> NDArray[np.int64]:
    rows = x.reshape(-1, weights.shape[1]).astype(np.int64) - zero_point
    products: NDArray[np.int64] = rows @ weights.astype(np.int64).T
    return products if bias is None else products + np.asarray(bias, np.int64)


def _round_product(value: int, significand: int, exponent: int) -> int:
    """Return round(value * significand * 2**exponent) as IEEE double arithmetic computes it."""
    magnitude = abs(value) * significand
    excess = max(0, magnitude.bit_length() - 53)
    if excess:
        low = magnitude & ((1 << excess) - 1)
        magnitude >>= excess
        half = 1 << (excess - 1)
        magnitude += low > half or (low == half and magnitude & 1)
    exponent += excess
    if exponent >= 0:
        rounded = magnitude << exponent
    else:
        rounded = (magnitude + (1 << (-exponent - 1))) >> -exponent
    # What exceeds INT32 is undefined in the reference kernel; saturation is what its callers see.
    return min(rounded, (1 << 31) - 1) * (1 if value >= 0 else -1)
