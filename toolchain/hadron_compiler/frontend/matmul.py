"""BATCH_MATMUL by a constant matrix: FULLY_CONNECTED of every row."""

from dataclasses import replace
from typing import Any

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.frontend.offsets import spans
from hadron_compiler.ir.graph import (
    Activation,
    FullyConnectedAttributes,
    MoveAttributes,
    OpKind,
)

__all__ = ["batch_matmul"]


def batch_matmul(check: Checker) -> Any:
    """BATCH_MATMUL: of a tensor by a constant matrix of zero point 0, either one transposed."""
    x, matrix = check.operation.required(0), check.operation.required(1)
    if not check.require(matrix.data is not None and x.data is None, f"operand {matrix.name} is "
                         "not a constant; Hadron multiplies matrices by constants only"):
        return None
    assert matrix.data is not None
    rank = len(x.shape)
    if not check.require(rank >= 2 and len(matrix.shape) >= 2
                         and all(size == 1 for size in matrix.shape[:-2]),
                         f"constant {matrix.name} has the shape {list(matrix.shape)}; one matrix "
                         "is supported"):
        return None
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
