"""Sliding windows over NHWC tensors, shared by convolutions and pools."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hadron_spec.tflite_quantization import padding_before, window_output

__all__ = ["Pair", "windows"]

Pair = tuple[int, int]


def windows(x: NDArray[Any], fill: int, kernel: Pair, stride: Pair, dilation: Pair, padding: str
            ) -> NDArray[Any]:
    """Return the windows of `x` as [n, output row, output column, channel, ky, kx]: a view.

    Parameters
    ----------
    x : ndarray
        [n, rows, columns, channels].
    fill : int
        Value of the elements outside.
    kernel, stride, dilation : (int, int)
        Rows and columns.
    padding : str
        "SAME" or "VALID".

    Raises
    ------
    ValueError
        When the window fits nowhere.
    """
    before = []
    after = []
    for axis in range(2):
        size = x.shape[1 + axis]
        args = kernel[axis], stride[axis], dilation[axis]
        output = window_output(size, *args, padding)
        if output < 1:
            raise ValueError(f"a window of {kernel} does not fit an input of {x.shape[1:3]}")
        first = padding_before(size, output, *args)
        end = (output - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        before.append(first)
        after.append(max(0, end - first - size))
    padded = np.pad(x, ((0, 0), (before[0], after[0]), (before[1], after[1]), (0, 0)),
                    constant_values=fill)
    span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(padded, span, (1, 2))
    return view[:, ::stride[0], ::stride[1], :, ::dilation[0], ::dilation[1]]
