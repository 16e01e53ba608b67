"""ONNX operators on single elements: arithmetic, functions, activations.

Each function turns one node into a value: the docstrings say what is supported.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hadron_compiler.frontend.onnx_inputs import (
    Given,
    Handler,
    Made,
    Options,
    Value,
    constant_at,
    image_at,
    settled,
    shape_of,
)
from hadron_compiler.frontend.onnx_operands import common_shape, operand, quantized_constant
from hadron_compiler.frontend.onnx_quotients import quotient
from hadron_compiler.frontend.onnx_values import (
    Constant,
    Function,
    Image,
    Pending,
    Quantized,
    hull,
    range_of,
)
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Attributes,
    ChannelTablesAttributes,
    DType,
    ExtremumAttributes,
    MulAttributes,
    OpKind,
    ProductAttributes,
    Tensor,
)
from hadron_spec.real_tables import REAL_FUNCTIONS, real_table

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["ELEMENTWISE"]

Real = Callable[[float], float]
RealPair = Callable[[float, float], float]


def _real_of(value: Value | None) -> Real | None:
    """Return what an operand of a function is of the one activation; None where it is none."""
    if isinstance(value, Function):
        return value.apply
    if isinstance(value, Image):
        return lambda x: x
    if isinstance(value, Quantized | Constant):
        data = value.real if isinstance(value, Quantized) else value.data
        if data.size and data.min() == data.max():
            constant = float(data.ravel()[0])
            return lambda x: constant
    return None


def _composed(importer: "OnnxImporter", given: Given, function: RealPair,
              kind: OpKind) -> Function | None:
    """Return what depends on one activation alone; None where it does not."""
    sources = [value.source if isinstance(value, Function) else value for value in given
               if isinstance(value, Image | Function)]
    a, b = (_real_of(value) for value in given)
    if (not sources or a is None or b is None or not sources[0].tensor.scales
            or any(source.tensor is not sources[0].tensor for source in sources)
            or np.broadcast_shapes(*(shape_of(value) for value in given)) != sources[0].shape):
        return None
    left, right = a, b
    return Function(sources[0], lambda x: function(left(x), right(x)), kind, importer.index)


def _binary(kind: OpKind, function: RealPair, attributes: Callable[[Activation], Attributes],
            alike: bool = False) -> Handler:
    """Return the handler of an operator of two operands, which may have to be quantized `alike`."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        if not importer.require(len(given) == 2, "two operands are supported"):
            return None
        if kind in (OpKind.ADD, OpKind.SUB) and (sums := _sums(importer, given, kind)) is not None:
            return sums
        operands = settled(importer, given)
        if operands is None:
            return None
        composed = _composed(importer, operands, function, kind)
        if composed is not None:
            return composed
        if not importer.require(any(isinstance(value, Image | Function) for value in operands),
                                "two operands are supported, one of them quantized"):
            return None
        shape, last = common_shape(operands)
        tensors: list[Tensor] = []
        for value in operands:
            tensor = operand(importer, value, shape, last)
            if tensor is None:
                return None
            tensors.append(tensor)
        return Pending(
            importer.label, kind,
            lambda output: [importer.requantized(tensor, output) if alike else tensor
                            for tensor in tensors],
            lambda activation, output: attributes(activation), shape, last, importer.index,
            likely=hull(function(x, y) for x in range_of(tensors[0]) for y in range_of(tensors[1])))
    return handler


def _sums(importer: "OnnxImporter", given: Given, kind: OpKind) -> Pending | None:
    """Return sums of weights that are not quantized yet with a number for each channel added,
    subtracted or multiplied; None where it is anything else."""
    pending, constant = given if isinstance(given[0], Pending) else given[::-1]
    if (not isinstance(pending, Pending) or not isinstance(constant, Quantized | Constant)
            or not importer.is_open(pending)):
        return None
    assert pending.affine is not None
    rank = len(pending.shape)
    axis = 1 if pending.channels_last else rank - 1
    real = constant.real if isinstance(constant, Quantized) else constant.data.astype(np.float64)
    wide = (1,) * (rank - real.ndim) + real.shape
    if len(wide) != rank or wide[axis] not in (1, pending.shape[axis]) or real.size != wide[axis]:
        return None
    channels = np.broadcast_to(real.ravel(), (pending.shape[axis],))
    ones, zeros = np.ones(len(channels)), np.zeros(len(channels))
    if kind is OpKind.MUL:
        return pending.affine(channels, zeros)
    if kind is OpKind.ADD:
        return pending.affine(ones, channels)
    return (pending.affine(ones, -channels) if pending is given[0]
            else pending.affine(-ones, channels))


def _mul(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Made:
    """Mul: of two tensors; by a constant of one value or one a channel it costs least."""
    source, constant = ((given[0], given[1]) if isinstance(given[1], Quantized | Constant)
                        else (given[1], given[0]))
    if isinstance(source, Pending) and isinstance(constant, Quantized | Constant):
        sums = _times(source, constant) or _sums(importer, given, OpKind.MUL)
        if sums is not None:
            return sums
    operands = settled(importer, given)
    if operands is None:
        return None
    source = operands[given.index(source)]
    composed = _composed(importer, operands, lambda a, b: a * b, OpKind.MUL)
    if composed is not None:
        return composed
    if isinstance(constant, Constant):
        constant = quantized_constant(constant)
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
                           source.channels_last, importer.index,
                           likely=hull(x * float(y) for x in range_of(image.tensor)
                                       for y in constant.real.ravel()))
    return _binary(OpKind.MUL, lambda a, b: a * b, ProductAttributes)(importer, node,
                                                                       operands, options)


def _times(pending: Pending, constant: Quantized | Constant) -> Pending | None:
    """Return what has not been quantized times a positive number: its scale is another one."""
    real = _real_of(constant)
    factor = real(0.0) if real is not None else 0.0
    return replace(pending, gain=pending.gain * factor) if factor > 0 and not pending.then else None


def _div(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Made:
    """Div: by a constant, or of functions of one tensor; by another tensor it costs most."""
    composed = _composed(importer, given, _ratio, OpKind.MUL)
    if composed is not None:
        return composed
    divisor = given[1]
    if not isinstance(divisor, Quantized | Constant):
        return quotient(importer, given)
    real = divisor.real if isinstance(divisor, Quantized) else divisor.data.astype(np.float64)
    if not importer.require(bool((real != 0).all()), "a divisor is 0"):
        return None
    return _mul(importer, node, [given[0], Constant(divisor.name, 1 / real)], options)


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


def _power(a: float, b: float) -> float:
    try:
        return float(a**b) if a >= 0 or b == int(b) else math.nan
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _pow(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Pow: by a constant of one value."""
    composed = _composed(importer, given, _power, OpKind.MUL)
    importer.require(composed is not None, "powers of a quantized tensor by one number are "
                                           "supported")
    return composed


def _function(kind: OpKind, name: str, alpha: float = 0.0, beta: float = 0.0) -> Handler:
    """Return the handler of a function of one operand."""
    def handler(importer: "OnnxImporter", node: Any, given: Given,
                options: Options) -> Value | None:
        a, b = (float(options.get(key, default)) for key, default in (("alpha", alpha),
                                                                      ("beta", beta)))
        tanh = options.get("approximate", b"none") == b"tanh"
        function = REAL_FUNCTIONS[f"{name} tanh" if tanh else name]
        return _applied(importer, given, lambda x: function(x, a, b), kind)
    return handler


def _applied(importer: "OnnxImporter", given: Given, function: Real,
             kind: OpKind) -> Value | None:
    """Return a function of a value."""
    value = given[0]
    if isinstance(value, Function):
        inner = value.apply
        return replace(value, apply=lambda x: function(inner(x)), kind=kind, index=importer.index)
    source = image_at(importer, given)
    return source and Function(source, function, kind, importer.index)


def _leaky(slope: float) -> Real:
    return lambda x: max(x, 0.0) + slope * min(x, 0.0)


def _prelu(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """PRelu: a constant slope of one value or one a channel."""
    source, slope = image_at(importer, given), given[1]
    if source is None or not importer.require(isinstance(slope, Quantized | Constant),
                                              "the slope must be constant"):
        return None
    assert isinstance(slope, Quantized | Constant)
    real = slope.real if isinstance(slope, Quantized) else slope.data.astype(np.float64)
    rank = len(source.shape)
    wide = (1,) * (rank - real.ndim) + real.shape
    channels = source.shape[1] if rank > 1 else 1
    fits = len(wide) == rank and wide == (1, channels, *(1,) * (rank - 2))
    if not importer.require(fits or real.size == 1, f"the slope has the shape {list(real.shape)}; "
                            f"one value, or one for each of the {channels} channels, is supported"):
        return None
    slopes = np.broadcast_to(real.ravel(), (channels,)).tolist()
    image = importer.image(source)

    def attributes(activation: Activation, output: Tensor) -> ChannelTablesAttributes:
        x, y = (image.tensor.scale, image.tensor.zero_point), (output.scale, output.zero_point)
        return ChannelTablesAttributes(np.array([real_table(x, y, _leaky(slope))
                                                 for slope in slopes]))

    return Pending(importer.label, OpKind.PRELU, lambda output: [image.tensor], attributes,
                   image.shape, image.channels_last, importer.index,
                   likely=hull(_leaky(slope)(x) for x in range_of(image.tensor)
                               for slope in slopes))


def _relu(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Relu: fused into the operator before it, or a table."""
    return _clamped(importer, given, 0.0, math.inf)


def _clip(importer: "OnnxImporter", node: Any, given: Given, options: Options) -> Value | None:
    """Clip: from 0 to 6, from -1 to 1, or from 0 on, fused into the operator before it; otherwise a
    table."""
    limits = []
    for position, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        value = constant_at(given, position)
        limits.append(float(options.get(name, default)) if value is None
                      else float(value.data.ravel()[0]))
    return _clamped(importer, given, *limits)


_ACTIVATIONS = {(0.0, 6.0): Activation.RELU6, (-1.0, 1.0): Activation.RELU_N1_TO_1,
                (0.0, math.inf): Activation.RELU}


def _clamped(importer: "OnnxImporter", given: Given, low: float, high: float) -> Value | None:
    value = given[0]

    def clamp(x: float) -> float:
        return min(max(x, low), high)

    if isinstance(value, Pending):
        fused = _ACTIVATIONS.get((low, high), Activation.NONE)
        if value.activation is Activation.NONE and not value.then and value.gain == 1 and (
                fused is not Activation.NONE):
            return replace(value, activation=fused)
        index = importer.index
        return importer.after(value, lambda image: Function(image, clamp, OpKind.RELU, index))
    return _applied(importer, given, clamp, OpKind.RELU)


def _extremum(least: bool) -> Handler:
    return _binary(OpKind.MINIMUM if least else OpKind.MAXIMUM, min if least else max,
                   lambda activation: ExtremumAttributes(least), True)


ELEMENTWISE: dict[str, Handler] = {
    "Add": _binary(OpKind.ADD, lambda a, b: a + b, AddAttributes),
    "Sub": _binary(OpKind.SUB, lambda a, b: a - b, AddAttributes),
    "Mul": _mul,
    "Div": _div,
    "Pow": _pow,
    "Max": _extremum(False),
    "Min": _extremum(True),
    "Abs": _function(OpKind.ABS, "Abs"),
    "Celu": _function(OpKind.ELU, "Celu", 1.0),
    "Elu": _function(OpKind.ELU, "Elu", 1.0),
    "Erf": _function(OpKind.GELU, "Erf"),
    "Exp": _function(OpKind.LOGISTIC, "Exp"),
    "Gelu": _function(OpKind.GELU, "Gelu"),
    "HardSigmoid": _function(OpKind.LOGISTIC, "HardSigmoid", 0.2, 0.5),
    "HardSwish": _function(OpKind.HARD_SWISH, "HardSwish"),
    "LeakyRelu": _function(OpKind.LEAKY_RELU, "LeakyRelu", 0.01),
    "Log": _function(OpKind.LOGISTIC, "Log"),
    "Mish": _function(OpKind.HARD_SWISH, "Mish"),
    "Neg": _function(OpKind.QUANTIZE, "Neg"),
    "Reciprocal": _function(OpKind.LOGISTIC, "Reciprocal"),
    "Sigmoid": _function(OpKind.LOGISTIC, "Sigmoid"),
    "Softplus": _function(OpKind.LOGISTIC, "Softplus"),
    "Softsign": _function(OpKind.TANH, "Softsign"),
    "Sqrt": _function(OpKind.LOGISTIC, "Sqrt"),
    "Swish": _function(OpKind.HARD_SWISH, "Swish", 1.0),
    "Tanh": _function(OpKind.TANH, "Tanh"),
    "PRelu": _prelu,
    "Relu": _relu,
    "Clip": _clip,
}
