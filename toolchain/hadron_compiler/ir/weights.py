"""Constant weights: where their channels lie, and those of more than eight bits."""

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import DType, OpKind, Tensor

__all__ = ["CHANNEL_AXES", "weights_tensor"]

CHANNEL_AXES = {OpKind.CONV_2D: 0, OpKind.DEPTHWISE_CONV_2D: 3, OpKind.TRANSPOSE_CONV: 0,
                OpKind.FULLY_CONNECTED: 0}
"""Operators that have them; which axis is that of the output channels."""


def weights_tensor(name: str, data: npt.NDArray[np.int64], scales: tuple[float, ...],
                   axis: int) -> Tensor:
    """Return weights without zero points: of INT8 if they fit, else of INT16, and the array
    multiplies by several that add up to each."""
    fits = data.min(initial=0) >= -128 and data.max(initial=0) <= 127
    kept = np.ascontiguousarray(data, np.int8 if fits else np.int16)
    return Tensor(name, data.shape, DType.INT8 if fits else DType.INT16, scales,
                  (0,) * len(scales), axis, kept)
