"""CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV.

Source: tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, ConvPerChannel,
depthwise_conv.h, DepthwiseConvPerChannel, and transpose_conv.h, TransposeConv.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hadron_model.operators.requantize import requantize
from hadron_model.operators.windows import Pair, windows
from hadron_spec.tflite_quantization import padding_before, window_output

__all__ = ["conv2d", "convolution_sums", "depthwise_conv2d", "depthwise_sums", "transpose_conv",
           "transposed_sums"]


def conv2d(x: NDArray[np.int8], weights: NDArray[np.int8], bias: ArrayLike | None, *,
           multipliers: ArrayLike, shifts: ArrayLike, input_zero_point: int,
           output_zero_point: int, stride: Pair = (1, 1), dilation: Pair = (1, 1),
           padding: str = "VALID", minimum: int = -128, maximum: int = 127) -> NDArray[np.int8]:
    """Convolve.

    Parameters
    ----------
    x : ndarray
        INT8 input [n, rows, columns, channels].
    weights : ndarray
        INT8, zero point 0: [outputs, ky, kx, channels].
    bias : array_like or None
        INT32, one an output.
    multipliers, shifts : array_like
        One an output, or one for all: `tflite_quantization.convolution_multiplier`.
    input_zero_point, output_zero_point : int
        -128 to 127.
    stride, dilation : (int, int)
        Rows and columns.
    padding : str
        "SAME" or "VALID".
    minimum, maximum : int
        Range of the fused activation.

    Returns
    -------
    ndarray
        INT8 [n, output rows, output columns, outputs].

    Raises
    ------
    AccumulatorOverflowError
        When an accumulator does not fit 32 bits.
    ValueError
        When the window fits nowhere.
    """
    accumulators = convolution_sums(x, weights, bias, input_zero_point=input_zero_point,
                                    stride=stride, dilation=dilation, padding=padding)
    return requantize(accumulators, multipliers, shifts, zero_point=output_zero_point,
                      minimum=minimum, maximum=maximum)


def convolution_sums(x: NDArray[np.signedinteger], weights: NDArray[np.int8],
                     bias: ArrayLike | None, *, input_zero_point: int = 0, stride: Pair = (1, 1),
                     dilation: Pair = (1, 1), padding: str = "VALID") -> NDArray[np.int64]:
    """Return the accumulators of :func:`conv2d`; `x` may have 16 bits."""
    # Zero point removed first: padding then adds nothing, as in the reference kernel.
    centred = x.astype(np.int32) - input_zero_point
    patches = windows(centred, 0, (weights.shape[1], weights.shape[2]), stride, dilation, padding)
    columns = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, weights[0].size)
    matrix = weights.reshape(weights.shape[0], -1).astype(np.int64)
    accumulators = (columns.astype(np.int64) @ matrix.T).reshape(*patches.shape[:3], -1)
    return _add_bias(accumulators, bias)


def depthwise_conv2d(x: NDArray[np.int8], weights: NDArray[np.int8], bias: ArrayLike | None, *,
                     multipliers: ArrayLike, shifts: ArrayLike, input_zero_point: int,
                     output_zero_point: int, stride: Pair = (1, 1), dilation: Pair = (1, 1),
                     padding: str = "VALID", minimum: int = -128, maximum: int = 127
                     ) -> NDArray[np.int8]:
    """Convolve each channel by itself.

    As :func:`conv2d`, but `weights` is [1, ky, kx, outputs] with `outputs` a multiple of the
    input channels: output c * multiplier + m reads input channel c.
    """
    accumulators = depthwise_sums(x, weights, bias, input_zero_point=input_zero_point,
                                  stride=stride, dilation=dilation, padding=padding)
    return requantize(accumulators, multipliers, shifts, zero_point=output_zero_point,
                      minimum=minimum, maximum=maximum)


def depthwise_sums(x: NDArray[np.signedinteger], weights: NDArray[np.int8],
                   bias: ArrayLike | None, *, input_zero_point: int = 0, stride: Pair = (1, 1),
                   dilation: Pair = (1, 1), padding: str = "VALID") -> NDArray[np.int64]:
    """Return the accumulators of :func:`depthwise_conv2d`; `x` may have 16 bits."""
    outputs = weights.shape[3]
    multiplier, rest = divmod(outputs, x.shape[3])
    if rest:
        raise ValueError(f"{outputs} outputs are no multiple of {x.shape[3]} input channels")
    centred = x.astype(np.int32) - input_zero_point
    patches = windows(centred, 0, (weights.shape[1], weights.shape[2]), stride, dilation, padding)
    kernel = weights[0].reshape(*weights.shape[1:3], x.shape[3], multiplier).astype(np.int64)
    accumulators = np.einsum("nyxckl,klcm->nyxcm", patches.astype(np.int64), kernel)
    return _add_bias(accumulators.reshape(*patches.shape[:3], outputs), bias)


def transpose_conv(x: NDArray[np.int8], weights: NDArray[np.int8], bias: ArrayLike | None, *,
                   size: Pair, multipliers: ArrayLike, shifts: ArrayLike, input_zero_point: int,
                   output_zero_point: int, stride: Pair = (1, 1), padding: str = "VALID",
                   minimum: int = -128, maximum: int = 127) -> NDArray[np.int8]:
    """Add every input, times the kernel, to the outputs that it reaches.

    As :func:`conv2d`, but `size` is that of the output: the convolution of an image of that size
    would have that of `x`.
    """
    return requantize(
        transposed_sums(x.astype(np.int64) - input_zero_point, weights, bias, size=size,
                        stride=stride, padding=padding),
        multipliers, shifts, zero_point=output_zero_point, minimum=minimum, maximum=maximum)


def transposed_sums(x: NDArray[np.signedinteger], weights: NDArray[np.int8],
                    bias: ArrayLike | None, *, size: Pair, stride: Pair, padding: str
                    ) -> NDArray[np.int64]:
    """Return the accumulators of `transpose_conv`; the input's zero point is 0."""
    channels, *kernel, _ = weights.shape
    before = [padding_before(size[axis], window_output(size[axis], kernel[axis], stride[axis], 1,
                                                       padding), kernel[axis], stride[axis], 1)
              if padding == "SAME" else 0 for axis in (0, 1)]
    n, rows, columns, _ = x.shape
    extent = [max(size[axis] + before[axis], (x.shape[1 + axis] - 1) * stride[axis] + kernel[axis])
              for axis in (0, 1)]
    whole = np.zeros((n, *extent, channels), np.int64)
    for ky in range(kernel[0]):
        for kx in range(kernel[1]):
            whole[:, ky:ky + (rows - 1) * stride[0] + 1:stride[0],
                  kx:kx + (columns - 1) * stride[1] + 1:stride[1]] += (
                      x.astype(np.int64) @ weights[:, ky, kx].astype(np.int64).T)
    accumulators = whole[:, before[0]:before[0] + size[0], before[1]:before[1] + size[1]]
    return np.asarray(_add_bias(accumulators, bias))


def _add_bias(accumulators: NDArray[np.int64], bias: ArrayLike | None) -> NDArray[Any]:
    return accumulators if bias is None else accumulators + np.asarray(bias, np.int64)
