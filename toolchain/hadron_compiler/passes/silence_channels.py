"""Channels of next to no scale, which make the zero point whatever they add up, add up nothing.

Training switches channels off: their weights become tiny, and converters give them a scale so small
that the bias at that scale ends at the largest 32-bit number. Their sums may then leave 32 bits,
for which an operator is refused, though no output shows it.
"""

from dataclasses import replace

import numpy as np

from hadron_compiler.ir.graph import DType, Graph, Operation, Tensor
from hadron_compiler.ir.weights import CHANNEL_AXES
from hadron_spec.numerics import ACC_BITS, multiply_by_quantized_multiplier
from hadron_spec.tflite_quantization import convolution_multiplier

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Take weights and bias from such channels."""
    return replace(graph, operations=[_silenced(operation) for operation in graph.operations])


def _silenced(operation: Operation) -> Operation:
    axis = CHANNEL_AXES.get(operation.kind)
    if axis is None or (weights := operation.required(1)).data is None:
        return operation
    source, output = operation.required(0), operation.outputs[0]
    bias = operation.inputs[2] if len(operation.inputs) > 2 else None
    if source.deep and (bias is None or bias.dtype is DType.INT64):
        return operation  # adds up in 64 bits
    try:
        silent = np.array([_is_silent(*convolution_multiplier(source.scale, scale, output.scale))
                           for scale in weights.scales])
    except ValueError:  # refused where it is lowered
        return operation
    if not silent.any():
        return operation
    along = [-1 if place == axis else 1 for place in range(len(weights.shape))]
    inputs: list[Tensor | None] = [
        source,
        replace(weights, data=np.where(silent.reshape(along), 0, weights.data).astype(
            weights.data.dtype)),
        *operation.inputs[2:]]
    if bias is not None and bias.data is not None:
        inputs[2] = replace(bias, data=np.where(silent, 0, bias.data).astype(bias.data.dtype))
    return replace(operation, inputs=inputs)


def _is_silent(multiplier: int, shift: int) -> bool:
    """Tell whether a scale makes zero of any 32 bits."""
    ends = np.array([-(1 << (ACC_BITS - 1)), (1 << (ACC_BITS - 1)) - 1], np.int64)
    return shift <= 0 and not multiply_by_quantized_multiplier(ends, multiplier, shift).any()
