"""Convolutions, FULLY_CONNECTED, ADD, SUB, MUL, MEAN, SUM and functions of activations of 16 bits;
QUANTIZE.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, depthwise_conv.h,
transpose_conv.h, fully_connected.h and mul.h, reference/add.h, sub.h and leaky_relu.h, of int16_t;
reference/requantize.h, Requantize; tflite-micro kernels/elementwise.cc, AbsEvalQuantized.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hadron_model.operators.convolution import (
    convolution_sums,
    depthwise_sums,
    transposed_sums,
)
from hadron_model.operators.requantize import requantize, requantize_deep
from hadron_model.operators.windows import Pair
from hadron_spec.numerics import ADD_LEFT_SHIFT_DEEP
from hadron_spec.tflite_quantization import AddParameters

__all__ = ["deep_abs", "deep_add", "deep_conv2d", "deep_depthwise_conv2d",
           "deep_fully_connected", "deep_leaky_relu", "deep_mean", "deep_mul",
           "deep_transpose_conv", "rescale"]

_LOWEST, _HIGHEST = -1 << 15, (1 << 15) - 1


def deep_conv2d(x: NDArray[np.int16], weights: NDArray[np.int8], bias: ArrayLike | None, *,
                multipliers: ArrayLike, shifts: ArrayLike, once: bool, stride: Pair = (1, 1),
                padding: str = "VALID", minimum: int = _LOWEST, maximum: int = _HIGHEST
                ) -> NDArray[np.int16]:
    """Convolve INT16 with INT8, zero points 0; `once` with a bias of 64 bits.

    Accumulators have 32 bits all the same, or :class:`AccumulatorOverflowError` is raised.
    """
    return requantize_deep(convolution_sums(x, weights, bias, stride=stride, padding=padding),
                           multipliers, shifts, once=once, minimum=minimum, maximum=maximum)


def deep_depthwise_conv2d(x: NDArray[np.int16], weights: NDArray[np.int8], bias: ArrayLike | None,
                          *, multipliers: ArrayLike, shifts: ArrayLike, once: bool,
                          stride: Pair = (1, 1), padding: str = "VALID", minimum: int = _LOWEST,
                          maximum: int = _HIGHEST) -> NDArray[np.int16]:
    """Convolve each channel by itself, likewise."""
    return requantize_deep(depthwise_sums(x, weights, bias, stride=stride, padding=padding),
                           multipliers, shifts, once=once, minimum=minimum, maximum=maximum)


def deep_transpose_conv(x: NDArray[np.int16], weights: NDArray[np.int8], bias: ArrayLike | None, *,
                        size: Pair, multipliers: ArrayLike, shifts: ArrayLike, once: bool,
                        stride: Pair = (1, 1), padding: str = "VALID", minimum: int = _LOWEST,
                        maximum: int = _HIGHEST) -> NDArray[np.int16]:
    """Add every input, times the kernel, to the outputs that it reaches, likewise."""
    return requantize_deep(
        transposed_sums(x, weights, bias, size=size, stride=stride, padding=padding),
        multipliers, shifts, once=once, minimum=minimum, maximum=maximum)


def deep_fully_connected(x: NDArray[np.int16], weights: NDArray[np.int8], bias: ArrayLike | None,
                         *, multipliers: ArrayLike, shifts: ArrayLike, once: bool,
                         minimum: int = _LOWEST, maximum: int = _HIGHEST) -> NDArray[np.int16]:
    """Multiply rows of inputs with a matrix, likewise."""
    sums = x.reshape(-1, weights.shape[1]).astype(np.int64) @ weights.T.astype(np.int64)
    if bias is not None:
        sums = sums + np.asarray(bias, np.int64)
    return requantize_deep(sums, multipliers, shifts, once=once, minimum=minimum, maximum=maximum)


def deep_add(a: NDArray[np.int16], b: NDArray[np.int16], *, parameters: AddParameters,
             sign: int = 1, minimum: int = _LOWEST, maximum: int = _HIGHEST) -> NDArray[np.int16]:
    """Add or, with a `sign` of -1, subtract INT16, broadcasting as NumPy does."""
    first, second = parameters.rescaled(a.astype(np.int64), b.astype(np.int64),
                                        ADD_LEFT_SHIFT_DEEP)
    return requantize_deep(first + sign * second, parameters.multiplier, parameters.shift,
                           minimum=minimum, maximum=maximum)


def deep_mul(a: NDArray[np.int16], b: NDArray[np.int16], scale: tuple[int, int], *,
             minimum: int = _LOWEST, maximum: int = _HIGHEST) -> NDArray[np.int16]:
    """Multiply INT16, broadcasting as NumPy does: `tflite_quantization.convolution_multiplier` of
    the three scales."""
    return requantize_deep(a.astype(np.int64) * b.astype(np.int64), *scale, minimum=minimum,
                           maximum=maximum)


def deep_leaky_relu(x: NDArray[np.int16], right: tuple[int, int], left: tuple[int, int]
                    ) -> NDArray[np.int16]:
    """Scale INT16 by one multiplier and shift where it is not negative, and by others elsewhere."""
    values = x.astype(np.int64)
    return np.where(values >= 0, requantize_deep(values, *right), requantize_deep(values, *left))


def deep_abs(x: NDArray[np.int16], scale: tuple[int, int]) -> NDArray[np.int16]:
    """Scale the magnitudes of INT16."""
    return requantize_deep(np.abs(x.astype(np.int64)), *scale)


def deep_mean(x: NDArray[np.int16], axes: Sequence[int], scale: tuple[int, int]
              ) -> NDArray[np.int16]:
    """Add up INT16 along axes, which go, and rescale: `tflite_quantization.mean_multiplier`."""
    return requantize_deep(np.asarray(x.astype(np.int64).sum(tuple(axes))), *scale)


def rescale(x: NDArray[np.signedinteger], *, multiplier: int, shift: int, input_zero_point: int,
            output_zero_point: int, deep: bool) -> NDArray[np.signedinteger]:
    """QUANTIZE from INT8 or INT16 to INT8 or, with `deep`, INT16."""
    centred = x.astype(np.int64) - input_zero_point
    if deep:
        return requantize_deep(centred, multiplier, shift)
    return requantize(centred, multiplier, shift, zero_point=output_zero_point)
