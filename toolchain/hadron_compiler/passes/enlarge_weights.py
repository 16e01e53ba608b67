"""Channels of an effective scale of 1 and more get larger weights.

The hardware does not shift wide accumulators left, and an operator has wide ones for all channels
when it needs them for one, if not in strips. Weights and bias times a power of two, at a scale that
is as much smaller, give the same results, bit by bit: TFLite multiplies the accumulator by that
power first. Where they take more than eight bits then, the array multiplies by several.
"""

from dataclasses import replace

import numpy as np

from hadron_compiler.codegen.strips import may_take_strips
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.ir.weights import CHANNEL_AXES, weights_tensor
from hadron_spec.numerics import ACC_BITS, NARROW_BITS
from hadron_spec.tflite_quantization import convolution_multiplier

__all__ = ["run"]

def run(graph: Graph) -> Graph:
    """Enlarge the weights of operators that may have accumulators of both kinds."""
    return replace(graph, operations=[_enlarged(operation) for operation in graph.operations])


def _enlarged(operation: Operation) -> Operation:
    axis = CHANNEL_AXES.get(operation.kind)
    if (axis is None or (weights := operation.required(1)).data is None
            or may_take_strips(operation)):
        return operation
    source, output = operation.required(0), operation.outputs[0]
    try:
        shifts = np.array([convolution_multiplier(source.scale, scale, output.scale)[1]
                           for scale in weights.scales])
    except ValueError:  # refused where it is lowered
        return operation
    if shifts.max(initial=0) <= 0:
        return operation
    shifts = np.broadcast_to(np.clip(shifts, 0, ACC_BITS), weights.shape[axis:axis + 1])
    others = tuple(other for other in range(len(weights.shape)) if other != axis)
    magnitudes = np.abs(weights.data.astype(np.int64))
    bias = operation.inputs[2] if len(operation.inputs) > 2 else None
    added = (np.zeros(len(shifts), np.int64) if bias is None or bias.data is None
             else bias.data.astype(np.int64).reshape(-1))
    bound = np.abs(added.astype(np.float64)) + magnitudes.sum(others) * (
        1 << (16 if source.deep else 8))
    wide = source.deep | ((shifts == 0) & (bound >= 1 << (NARROW_BITS - 1)))
    shifts = np.where(bound * np.exp2(shifts) < 1 << (ACC_BITS - 1), shifts, 0)
    if not wide.any() or not shifts.any():
        return operation
    along = [-1 if place == axis else 1 for place in range(len(weights.shape))]
    larger = weights_tensor(
        f"{weights.name} (larger)", weights.data.astype(np.int64) << shifts.reshape(along),
        tuple(float(scale) for scale in np.array(weights.scales) / (1 << shifts)), axis)
    inputs: list[Tensor | None] = [source, larger, *operation.inputs[2:]]
    if bias is not None and bias.data is not None:
        inputs[2] = replace(bias, name=f"{bias.name} (larger)",
                            data=(added << shifts).astype(bias.data.dtype))
    return replace(operation, inputs=inputs)
