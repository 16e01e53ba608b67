"""BATCH_MATMUL by a constant matrix: FULLY_CONNECTED of every row."""

from dataclasses import replace
from typing import Any

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import spans
from hadron_compiler.ir.graph import (
    Activation,
    FullyConnectedAttributes,
    MatmulAttributes,
    MoveAttributes,
    OpKind,
    Tensor,
)

__all__ = ["batch_matmul"]


def batch_matmul(check: Checker) -> Any:
    """BATCH_MATMUL: any two tensors, with broadcasting, either one transposed; by one constant
    matrix of zero point 0 it costs as much as FULLY_CONNECTED."""
    x, matrix = check.operation.required(0), check.operation.required(1)
    rank = len(x.shape)
    if not check.require(min(rank, len(matrix.shape)) >= 2, "two dimensions or more are "
                                                            "supported"):
        return None
    one = matrix.data is not None and all(size == 1 for size in matrix.shape[:-2])
    if not one or matrix.zero_point or matrix.data is None:
        return _of_tensors(check, x, matrix)
    operations = []
    if check.option("AdjX"):
        order = (*range(rank - 2), rank - 1, rank - 2)
        axes = spans(x.shape, [0] * rank, x.shape).axes
        turned = replace(x, name=f"{x.name} (turned)", root=None,
                         shape=tuple(x.shape[axis] for axis in order))
        operations.append(replace(check.operation, kind=OpKind.TRANSPOSE, inputs=[x],
                                  outputs=[turned],
                                  attributes=MoveAttributes(tuple(axes[i] for i in order))))
        x = turned
    data = matrix.data.reshape(matrix.shape[-2:])
    weights = np.ascontiguousarray(data if check.option("AdjY") else data.T)
    if not check.require(x.shape[-1] == weights.shape[1], f"rows of {x.shape[-1]} elements do not "
                         f"meet columns of {weights.shape[1]} of constant {matrix.name}"):
        return None
    check.output_shape((*x.shape[:-1], weights.shape[0]))
    constant = replace(matrix, shape=weights.shape, data=weights)
    check.operation.inputs = [x, constant]
    check.weights(0)
    check.operation.attributes = FullyConnectedAttributes(Activation.NONE)
    return [*operations, check.operation]


def _of_tensors(check: Checker, x: Tensor, y: Tensor) -> MatmulAttributes | None:
    adj_x, adj_y = bool(check.option("AdjX")), bool(check.option("AdjY"))
    rows, taps = x.shape[-2:][::-1] if adj_x else x.shape[-2:]
    others, columns = y.shape[-2:][::-1] if adj_y else y.shape[-2:]
    try:
        batch: tuple[int, ...] | None = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    except ValueError:
        batch = None
    if not check.require(taps == others and batch is not None, f"{x.name} of the shape "
                         f"{list(x.shape)} and {y.name} of the shape {list(y.shape)} do not "
                         "multiply"):
        return None
    check.output_shape((*(batch or ()), rows, columns))
    return MatmulAttributes(adj_x, adj_y)
