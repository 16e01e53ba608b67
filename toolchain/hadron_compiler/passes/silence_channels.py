"""Channels of next to no scale, which make the zero point whatever they add up, add up nothing.

Training switches channels off: their weights become tiny, and converters give them a scale so small
that the bias at that scale ends at the largest 32-bit number. Their sums may then leave 32 bits,
for which an operator is refused, though no output shows it.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import DType, Graph, Operation, Tensor
from hadron_compiler.ir.weights import CHANNEL_AXES, along_axis, effective_scales
from hadron_spec.numerics import ACC_BITS, multiply_by_quantized_multiplier

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Take weights and bias from such channels."""
    return replace(graph, operations=[_silenced(operation) for operation in graph.operations])


def _silenced(operation: Operation) -> Operation:
    scales = effective_scales(operation)
    if not scales:
        return operation
    source, weights = operation.required(0), operation.required(1)
    assert weights.data is not None
    bias = operation.inputs[2] if len(operation.inputs) > 2 else None
    if source.deep and (bias is None or bias.dtype is DType.INT64):
        return operation  # adds up in 64 bits
    silent = _are_silent(*scales)
    if not silent.any():
        return operation
    spread = along_axis(silent, CHANNEL_AXES[operation.kind], len(weights.shape))
    inputs: list[Tensor | None] = [
        source,
        replace(weights, data=np.where(spread, 0, weights.data).astype(weights.data.dtype)),
        *operation.inputs[2:]]
    if bias is not None and bias.data is not None:
        inputs[2] = replace(bias, data=np.where(silent, 0, bias.data).astype(bias.data.dtype))
    return replace(operation, inputs=inputs)


def _are_silent(multipliers: npt.NDArray[np.int64], shifts: npt.NDArray[np.int64],
                ) -> npt.NDArray[np.bool_]:
    """Tell which scales make zero of any 32 bits."""
    silent = shifts <= 0
    for end in (-(1 << (ACC_BITS - 1)), (1 << (ACC_BITS - 1)) - 1):
        silent &= multiply_by_quantized_multiplier(end, multipliers, np.minimum(shifts, 0)) == 0
    return silent
