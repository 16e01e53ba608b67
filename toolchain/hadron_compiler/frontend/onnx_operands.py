"""Operands of ONNX arithmetic, brought to one shape and one order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hadron_compiler.frontend.offsets import grid, strides
from hadron_compiler.frontend.onnx_inputs import image_at, shape_of
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Function,
    Image,
    Quantized,
    Value,
    stored_shape,
)
from hadron_compiler.ir.graph import DType, OpKind, Tensor

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["common_shape", "constant_tensor", "operand", "quantized_constant"]


def common_shape(operands: Sequence[Value | None]) -> tuple[tuple[int, ...], bool]:
    """Return the shape that operands are repeated up to, and whether its channels are stored
    last."""
    shape = np.broadcast_shapes(*(shape_of(value) for value in operands))
    images = (value.source if isinstance(value, Function) else value for value in operands)
    return shape, len(shape) > 2 and any(isinstance(image, Image) and image.channels_last
                                         for image in images)


def quantized_constant(value: Constant) -> Quantized:
    """Return a constant of real numbers as one of INT8."""
    real = value.data.astype(np.float64)
    scale = float(np.abs(real).max(initial=0)) / 127 or 1.0
    return Quantized(value.name, np.rint(real / scale).astype(np.int64), (scale,), (0,), 0)


def constant_tensor(importer: "OnnxImporter", value: Constant | Quantized,
                    shape: tuple[int, ...], last: bool = False) -> Tensor | None:
    """Return a constant of one scale, repeated up to `shape`, as a tensor of INT8; with `last`,
    channels last."""
    if isinstance(value, Constant):
        value = quantized_constant(value)
    if not importer.require(len(value.scales) == 1, f"constant {value.name} has "
                            f"{len(value.scales)} scales, must be 1"):
        return None
    data = np.broadcast_to(value.data, shape)
    if last:
        data = np.moveaxis(data, 1, -1)
    return Tensor(value.name, stored_shape(shape, last), DType.INT8, value.scales,
                  value.zero_points, 0, np.ascontiguousarray(data).astype(np.int8))


def operand(importer: "OnnxImporter", value: Value | None, shape: tuple[int, ...],
            last: bool) -> Tensor | None:
    """Return an operand with the shape that the output's tensor has."""
    if isinstance(value, Constant | Quantized):
        return constant_tensor(importer, value, shape, last)
    stored = stored_shape(shape, last)
    image = image_at(importer, [value])
    if image is None:
        return None
    if len(image.shape) < len(shape):
        wide = (1,) * (len(shape) - len(image.shape)) + image.shape
        image = Image(importer.operation(OpKind.RESHAPE, importer.plain(image).tensor, wide, None,
                                         "view"), wide)
    tensor = (importer.image(image) if last else importer.plain(image)).tensor
    if tensor.shape == stored:
        return tensor
    return importer.operation(OpKind.BROADCAST_TO, tensor, stored, grid(*(
        (wanted, 0 if size == 1 else step) for size, wanted, step in zip(
            tensor.shape, stored, strides(tensor.shape), strict=True))), "repeated")
