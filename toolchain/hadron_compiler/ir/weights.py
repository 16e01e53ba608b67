"""Constant weights: where their channels lie, and those of more than eight bits."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import DType, Operation, OpKind, Tensor
from hadron_spec.tflite_quantization import convolution_multiplier

__all__ = ["CHANNEL_AXES", "along_axis", "effective_scales", "weights_tensor"]

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


def along_axis(values: npt.NDArray[Any], axis: int, rank: int) -> npt.NDArray[Any]:
    """Return values, one a channel, in a shape that broadcasts with weights of so many axes."""
    return values.reshape([-1 if place == axis else 1 for place in range(rank)])


def effective_scales(operation: Operation) -> tuple[npt.NDArray[np.int64], ...]:
    """Return multipliers and shifts, one for each scale of an operator's constant weights; nothing
    where it has none, or scales for which it is refused when it is lowered."""
    if operation.kind not in CHANNEL_AXES or (weights := operation.required(1)).data is None:
        return ()
    source, output = operation.required(0), operation.outputs[0]
    try:
        pairs = [convolution_multiplier(source.scale, scale, output.scale)
                 for scale in weights.scales]
    except ValueError:
        return ()
    return tuple(np.array(pairs, np.int64).T)
