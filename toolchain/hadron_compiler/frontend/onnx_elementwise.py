"""ONNX operators on single elements: arithmetic, functions, activations.

Each function turns one node into a value: the docstrings say what is supported.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.offsets import grid, strides
from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Options,
    Value,
    image_at,
    shape_of,
)
from hadron_compiler.frontend.onnx_values import Constant, Image, Pending, Quantized
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Attributes,
    DType,
    ExtremumAttributes,
    MulAttributes,
    OpKind,
    ProductAttributes,
    TableAttributes,
    Tensor,
)
from hadron_spec.real_tables import REAL_FUNCTIONS, real_table

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["ELEMENTWISE"]


def _binary(kind: OpKind, attributes: Callable[[Activation], Attributes],
            alike: bool = False) -> Handler:
    """Return the handler of an operator of two operands, which may have to be quantized `alike`."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        images = [value for value in given if isinstance(value, Image)]
        if not importer.require(len(images) > 0 and len(given) == 2, "two operands are supported, "
                                "one of them quantized"):
            return None
        shape = np.broadcast_shapes(*(shape_of(value) for value in given))
        last = any(image.channels_last for image in images) and len(shape) == 4
        tensors: list[Tensor | None] = []
        for value in given:
            tensor = _operand(importer, value, shape, last)
            if tensor is None:
                return None
            tensors.append(tensor)
        return Pending(
            importer.label, kind,
            lambda output: [importer.requantized(tensor, output) if alike and tensor else tensor
                            for tensor in tensors],
            lambda activation, output: attributes(activation), shape, last, importer.index)
    return handler


def _mul(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Mul: of two tensors; by a constant of one value or one a channel it costs least."""
    source, constant = (given[0], given[1]) if isinstance(given[1], Quantized) else (given[1],
                                                                                     given[0])
    if (isinstance(source, Image) and isinstance(constant, Quantized)
            and np.broadcast_shapes(source.shape, constant.data.shape) == source.shape):
        image = source
        channel = source.shape[1] if source.channels_last else source.shape[-1]
        wide = [1] * (len(source.shape) - constant.data.ndim) + list(constant.data.shape)
        place = 1 if source.channels_last else len(wide) - 1
        if constant.data.size in (1, channel) and wide[place] in (1, channel) and (
                wide[place] == constant.data.size):
            data = constant.data.ravel().astype(np.int8)
            factor = Tensor(constant.name, data.shape, DType.INT8, constant.scales,
                            constant.zero_points, 0, data)
            return Pending(importer.label, OpKind.MUL, lambda output: [image.tensor, factor],
                           lambda activation, output: MulAttributes(activation), source.shape,
                           source.channels_last, importer.index)
    return _binary(OpKind.MUL, ProductAttributes)(importer, node, given, options)


def _function(kind: OpKind, name: str, alpha: float = 0.0, beta: float = 0.0) -> Handler:
    """Return the handler of a function of one operand."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        source = image_at(importer, given)
        if source is None:
            return None
        a, b = (float(options.get(key, default)) for key, default in (("alpha", alpha),
                                                                      ("beta", beta)))

        def attributes(activation: Activation, output: Tensor) -> TableAttributes:
            return TableAttributes(tuple(real_table(
                (source.tensor.scale, source.tensor.zero_point),
                (output.scale, output.zero_point),
                lambda x: clamped(activation, REAL_FUNCTIONS[name](x, a, b)))))

        return Pending(importer.label, kind, lambda output: [source.tensor], attributes,
                       source.shape, source.channels_last, importer.index)
    return handler


def clamped(activation: Activation, value: float) -> float:
    """Return a real number after an activation."""
    limits = {Activation.NONE: (-np.inf, np.inf), Activation.RELU: (0.0, np.inf),
              Activation.RELU6: (0.0, 6.0), Activation.RELU_N1_TO_1: (-1.0, 1.0)}[activation]
    return float(min(max(value, limits[0]), limits[1]))


def _operand(importer: "OnnxImporter", value: Value | None, shape: tuple[int, ...],
             last: bool) -> Tensor | None:
    """Return an operand with the shape that the output's tensor has."""
    order = (0, 2, 3, 1)
    stored = tuple(shape[axis] for axis in order) if last else shape
    if isinstance(value, Quantized):
        data = np.broadcast_to(value.data, shape)
        data = np.ascontiguousarray(data.transpose(order) if last else data).astype(np.int8)
        return Tensor(value.name, stored, DType.INT8, value.scales, value.zero_points, 0, data)
    if not isinstance(value, Image) or not value.tensor.scales:
        importer.require(False, "both operands must be quantized")
        return None
    value = importer.image(value) if last else importer.plain(value)
    if value.tensor.shape == stored:
        return value.tensor
    own = (1,) * (len(stored) - len(value.tensor.shape)) + value.tensor.shape
    return importer.operation(OpKind.BROADCAST_TO, value.tensor, stored, grid(*(
        (wanted, 0 if size == 1 else step)
        for size, wanted, step in zip(own, stored, strides(own), strict=True))), "repeated")


def _relu(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Relu: fused into the operator before it, or a table."""
    return _activated(importer, given, Activation.RELU)


def _clip(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Clip: from 0 to 6, from -1 to 1, or from 0 on; fused into the operator before it."""
    limits: list[float | None] = []
    for position, name in ((1, "min"), (2, "max")):
        value = given[position] if position < len(given) else None
        limits.append(float(value.data) if isinstance(value, Constant)
                      else options.get(name))
    known: dict[tuple[float | None, ...], Activation] = {
        (0.0, 6.0): Activation.RELU6, (-1.0, 1.0): Activation.RELU_N1_TO_1,
        (0.0, None): Activation.RELU}
    kind = known.get(tuple(limits))
    if not importer.require(kind is not None, f"from {limits[0]} to {limits[1]} is not supported; "
                            "0 to 6, -1 to 1 and 0 on are"):
        return None
    assert kind is not None
    return _activated(importer, given, kind)


def _activated(importer: "OnnxImporter", given: Given, kind: Activation) -> Value | None:
    value = given[0]
    if isinstance(value, Pending) and importer.require(
            value.activation is Activation.NONE, "two activations in a row are not supported"):
        return replace(value, activation=kind)
    source = image_at(importer, given)
    if source is None:
        return None

    def attributes(activation: Activation, output: Tensor) -> TableAttributes:
        return TableAttributes(tuple(real_table(
            (source.tensor.scale, source.tensor.zero_point), (output.scale, output.zero_point),
            lambda x: clamped(kind, x))))

    return Pending(importer.label, OpKind.RELU, lambda output: [source.tensor], attributes,
                   source.shape, source.channels_last, importer.index)


ELEMENTWISE: dict[str, Handler] = {
    "Add": _binary(OpKind.ADD, AddAttributes),
    "Sub": _binary(OpKind.SUB, AddAttributes),
    "Mul": _mul,
    "Max": _binary(OpKind.MAXIMUM, lambda activation: ExtremumAttributes(False), True),
    "Min": _binary(OpKind.MINIMUM, lambda activation: ExtremumAttributes(True), True),
    "Abs": _function(OpKind.ABS, "Abs"),
    "Elu": _function(OpKind.ELU, "Elu", 1.0),
    "Gelu": _function(OpKind.GELU, "Gelu"),
    "HardSigmoid": _function(OpKind.LOGISTIC, "HardSigmoid", 0.2, 0.5),
    "HardSwish": _function(OpKind.HARD_SWISH, "HardSwish"),
    "LeakyRelu": _function(OpKind.LEAKY_RELU, "LeakyRelu", 0.01),
    "Neg": _function(OpKind.QUANTIZE, "Neg"),
    "Sigmoid": _function(OpKind.LOGISTIC, "Sigmoid"),
    "Softplus": _function(OpKind.LOGISTIC, "Softplus"),
    "Tanh": _function(OpKind.TANH, "Tanh"),
    "Relu": _relu,
    "Clip": _clip,
}
