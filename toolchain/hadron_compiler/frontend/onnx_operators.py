"""The ONNX operators Hadron supports between DequantizeLinear and QuantizeLinear.

Each function turns one node into a value: the docstrings say what is supported.
"""

import math
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_elementwise import ELEMENTWISE
from hadron_compiler.frontend.onnx_inputs import Given, Handler, Options, Value, image_at
from hadron_compiler.frontend.onnx_movement import MOVEMENT
from hadron_compiler.frontend.onnx_normalization import NORMALIZATION
from hadron_compiler.frontend.onnx_operands import constant_tensor
from hadron_compiler.frontend.onnx_reductions import REDUCTIONS
from hadron_compiler.frontend.onnx_values import Constant, Pending, Quantized, Range, range_of
from hadron_compiler.frontend.onnx_windows import WINDOWS, weights_of, with_bias
from hadron_compiler.ir.graph import (
    FullyConnectedAttributes,
    MatmulAttributes,
    OpKind,
    Tensor,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["OPERATORS"]


def _dense(importer: "OnnxImporter", given: Given, transposed: bool) -> Value | None:
    source = image_at(importer, given)
    weights = weights_of(importer, given[1], 0 if transposed else 1,
                         (0, 1) if transposed else (1, 0), 0)
    if source is None or weights is None:
        return None
    source = importer.plain(source)
    if not importer.require(source.shape[-1] == weights.shape[1], f"input {source.tensor.name} has "
                            f"{source.shape[-1]} elements a row, weights {weights.name} "
                            f"{weights.shape[1]}"):
        return None
    tensor = source.tensor
    return with_bias(importer, given, tensor, weights, Pending(
        importer.label, OpKind.FULLY_CONNECTED, lambda output: [tensor, weights],
        lambda activation, output: FullyConnectedAttributes(activation),
        (*source.shape[:-1], weights.shape[0]), False, importer.index))


def _gemm(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Gemm: constant weights, alpha and beta of 1, the first operand not transposed."""
    plain = (options.get("alpha", 1.0) == options.get("beta", 1.0) == 1.0
             and not options.get("transA"))
    if not importer.require(plain, "alpha and beta must be 1, transA 0"):
        return None
    return _dense(importer, given, bool(options.get("transB")))


def _mat_mul(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """MatMul: of two tensors, or by a constant matrix, which costs less."""
    matrix = given[1]
    if isinstance(matrix, Quantized) and matrix.data.ndim == 2:
        return _dense(importer, given, False)
    tensors = []
    for position, value in enumerate(given):
        if isinstance(value, Constant | Quantized):
            constant = constant_tensor(importer, value, value.data.shape)
            if constant is None:
                return None
            tensors.append(constant)
            continue
        image = image_at(importer, given, position)
        if image is None:
            return None
        tensors.append(importer.plain(image).tensor)
    a, b = tensors
    if not importer.require(min(len(a.shape), len(b.shape)) >= 2, "two dimensions or more are "
                                                                  "supported"):
        return None
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    return Pending(importer.label, OpKind.BATCH_MATMUL, lambda output: [a, b],
                   lambda activation, output: MatmulAttributes(False, False), shape, False,
                   importer.index, likely=_likely(a, b, a.shape[-1]))


def _likely(a: Tensor, b: Tensor, depth: int) -> Range:
    """Return a range of sums of products as that of sums with weights is chosen."""
    largest = prod(max(map(abs, range_of(tensor))) for tensor in (a, b))
    likely = largest * math.sqrt(depth * 6 / 4 * math.sqrt(depth))
    return -likely, likely


OPERATORS: dict[str, Handler] = {
    **WINDOWS,
    "Gemm": _gemm,
    "MatMul": _mat_mul,
    **NORMALIZATION,
    **REDUCTIONS,
    **ELEMENTWISE,
    **MOVEMENT,
}
