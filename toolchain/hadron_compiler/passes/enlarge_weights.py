"""Channels of an effective scale of 1 and more get larger weights.

The hardware does not shift wide accumulators left, and an operator has wide ones for all channels
when it needs them for one, if not in strips. Weights and bias times a power of two, at a scale that
is as much smaller, give the same results, bit by bit: TFLite multiplies the accumulator by that
power first. Where they take more than eight bits then, the array multiplies by several.
"""

from dataclasses import replace

import numpy as np

from hadron_compiler.codegen.strips import may_take_strips
from hadron_compiler.ir.graph import ConvolutionAttributes, Graph, Operation, OpKind, Tensor
from hadron_compiler.ir.weights import CHANNEL_AXES, along_axis, effective_scales, weights_tensor
from hadron_spec.numerics import ACC_BITS, NARROW_BITS

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Enlarge the weights of operators that may have accumulators of both kinds."""
    return replace(graph, operations=[_enlarged(operation) for operation in graph.operations])


def _enlarged(operation: Operation) -> Operation:
    _, shifts = effective_scales(operation) or (None, None)
    if shifts is None or shifts.max(initial=0) <= 0 or _may_take_strips(operation):
        return operation
    source, weights = operation.required(0), operation.required(1)
    assert weights.data is not None
    axis = CHANNEL_AXES[operation.kind]
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
    larger = weights_tensor(
        f"{weights.name} (larger)", weights.data.astype(np.int64) << along_axis(
            shifts, axis, len(weights.shape)),
        tuple(float(scale) for scale in np.array(weights.scales) / (1 << shifts)), axis)
    inputs: list[Tensor | None] = [source, larger, *operation.inputs[2:]]
    if bias is not None and bias.data is not None:
        inputs[2] = replace(bias, name=f"{bias.name} (larger)",
                            data=(added << shifts).astype(bias.data.dtype))
    return replace(operation, inputs=inputs)


def _may_take_strips(operation: Operation) -> bool:
    attributes, source, weights = (operation.attributes, operation.required(0),
                                   operation.required(1))
    return (operation.kind is OpKind.DEPTHWISE_CONV_2D
            and isinstance(attributes, ConvolutionAttributes) and weights.data is not None
            and may_take_strips(attributes.window, weights.data.astype(np.int64),
                                source.shape[-1], deep=source.deep))
