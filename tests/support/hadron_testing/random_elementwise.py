"""Random, legal models of one operator of two operands, with broadcasting."""

from collections.abc import Callable

import numpy as np

from hadron_testing.draws import (
    activations,
    choose,
    draw_activation,
    draw_scale,
    draw_zero_point,
)
from hadron_testing.random_movement import draw_shape
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["ELEMENTWISE", "UNARY"]

Made = tuple[ModelBuilder, list[Tensor], dict[str, object]]


def _operands(rng: np.random.Generator, builder: ModelBuilder, scales: tuple[float, float],
              zero_points: tuple[int, int], shape: tuple[int, ...]) -> list[Tensor]:
    """Make two operands whose shapes broadcast to `shape`; the second may be a constant."""
    shapes = [shape, shape]
    if rng.random() < 0.5:
        small = tuple(1 if rng.random() < 0.5 else n for n in shape)
        shapes[int(rng.integers(2))] = small
    made = [builder.input(shapes[0], scales[0], zero_points[0])]
    if rng.random() < 0.25:
        made.append(builder.constant(activations(rng, shapes[1]), scales[1], zero_points[1]))
    else:
        made.append(builder.input(shapes[1], scales[1], zero_points[1]))
    return made if rng.random() < 0.7 else made[::-1]


def _extremum(opcode: str) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        builder = ModelBuilder()
        scale, zero_point = draw_scale(rng), draw_zero_point(rng)
        operands = _operands(rng, builder, (scale, scale), (zero_point, zero_point),
                             draw_shape(rng, (1, 2, 3, 4)))
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        y = builder.tensor(shape, scale, zero_point)
        builder.operator(opcode, operands, [y], "MaximumMinimum")
        return builder, [y], {}
    return make


def _quantized(rng: np.random.Generator) -> tuple[float, int]:
    return draw_scale(rng, 1e-3, 0.5), draw_zero_point(rng)


def _unary(opcode: str) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        builder = ModelBuilder()
        x = builder.input(draw_shape(rng, (1, 2, 3, 4)), *_quantized(rng))
        if opcode == "RSQRT":  # Of nothing below zero.
            x.zero_points[:] = -128
        scale, zero_point = _quantized(rng)
        options: str | None = None
        values: dict[str, object] = {}
        if opcode == "LOGISTIC":
            scale, zero_point = 1 / 256, -128
        elif opcode == "TANH":
            scale, zero_point = 1 / 128, 0
        elif opcode == "RELU6":
            scale, zero_point = x.scale, x.zero_point
        elif opcode == "HARD_SWISH":
            scale = max(scale, x.scale / 100)
        elif opcode == "LEAKY_RELU":
            options, values = "LeakyRelu", {"alpha": float(np.float32(rng.uniform(-0.5, 1.5)))}
        elif opcode == "QUANTIZE":
            options = "Quantize"
        y = builder.unary(opcode, x, scale, zero_point, options, **values)
        return builder, [y], values
    return make


def _sum(opcode: str) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        builder = ModelBuilder()
        a_scale = draw_scale(rng)
        b_scale = a_scale if rng.random() < 0.2 else a_scale * float(2 ** rng.uniform(-8, 8))
        operands = _operands(rng, builder, (a_scale, b_scale),
                             (draw_zero_point(rng), draw_zero_point(rng)),
                             draw_shape(rng, (1, 2, 3, 4)))
        activation = draw_activation(rng)
        scale = max(a_scale, b_scale) * float(2 ** rng.uniform(-4, 4))
        y = builder.binary(opcode, *operands, scale, draw_zero_point(rng), activation=activation)
        return builder, [y], {"activation": activation}
    return make


def _squared_difference(rng: np.random.Generator) -> Made:
    builder = ModelBuilder()
    a_scale = draw_scale(rng, 1e-3, 0.5)
    b_scale = a_scale if rng.random() < 0.3 else a_scale * float(2 ** rng.uniform(-6, 6))
    points = [int(choose(rng, (-128, 127, draw_zero_point(rng)))) for _ in range(2)]
    operands = _operands(rng, builder, (a_scale, b_scale), (points[0], points[1]),
                         draw_shape(rng, (1, 2, 3, 4)))
    scale = 4 * max(a_scale, b_scale) ** 2 * float(2 ** rng.uniform(-4, 10))
    y = builder.tensor(np.broadcast_shapes(*(operand.shape for operand in operands)), scale,
                       draw_zero_point(rng))
    builder.operator("SQUARED_DIFFERENCE", operands, [y])
    return builder, [y], {}


def _mul(rng: np.random.Generator) -> Made:
    builder = ModelBuilder()
    scales = draw_scale(rng), draw_scale(rng)
    operands = _operands(rng, builder, scales, (draw_zero_point(rng), draw_zero_point(rng)),
                         draw_shape(rng, (1, 2, 3, 4)))
    effective = 2.0 ** (rng.uniform(-9, -4) if rng.random() < 0.6 else rng.uniform(-28, 6))
    activation = draw_activation(rng)
    y = builder.binary("MUL", *operands, scales[0] * scales[1] / effective, draw_zero_point(rng),
                       activation=activation)
    return builder, [y], {"activation": activation}


def _prelu(rng: np.random.Generator) -> Made:
    builder = ModelBuilder()
    x = builder.input(draw_shape(rng, (2, 3, 4)), *_quantized(rng))
    shape = tuple(choose(rng, (
        x.shape, (1, *x.shape[1:]), *[(*(1,) * (len(x.shape) - 1), x.shape[-1])] * 4,
        (1,) * len(x.shape))))
    slope = builder.constant(rng.integers(-128, 128, shape).astype(np.int8),
                             draw_scale(rng, 1e-3, 0.02), draw_zero_point(rng))
    y = builder.tensor(x.shape, *_quantized(rng))
    builder.operator("PRELU", [x, slope], [y])
    return builder, [y], {}


def _reduce(opcode: str) -> Callable[[np.random.Generator], Made]:
    def make(rng: np.random.Generator) -> Made:
        shape = draw_shape(rng, (2, 3, 4, 4), 7, 40)
        first = int(rng.integers(len(shape)))
        axes = list(range(first, int(rng.integers(first, len(shape))) + 1))
        if rng.random() < 0.4 and len(shape) == 4:
            axes = [1, 2]
        count = int(np.prod([shape[axis] for axis in axes]))
        builder = ModelBuilder()
        if count > 250:
            return make(rng)
        x = builder.input(shape, *_quantized(rng))
        scale, zero_point = x.scale, x.zero_point
        if opcode in ("MEAN", "SUM"):
            zero_point = draw_zero_point(rng)
            scale *= float(rng.uniform(0.1, 2)) * (count if opcode == "SUM" else 1)
        keep = bool(rng.integers(2))
        y = builder.tensor([1 if i in axes else n for i, n in enumerate(shape)
                            if keep or i not in axes], scale, zero_point)
        given = [axis - len(shape) if rng.random() < 0.3 else axis for axis in axes]
        builder.operator(opcode, [x, builder.constant(np.asarray(given, np.int32))], [y],
                         "Reducer", keepDims=keep)
        return builder, [y], {"axes": axes}
    return make


def _batch_matmul(rng: np.random.Generator) -> Made:
    """Of two tensors, or by a constant."""
    builder = ModelBuilder()
    taps, channels = int(rng.integers(1, 60)), int(rng.integers(1, 30))
    adj_x, adj_y = (bool(rng.integers(2)) for _ in range(2))
    outer = tuple(int(n) for n in rng.integers(1, 3, int(rng.integers(3))))
    rows = int(rng.integers(1, 8))
    x = builder.input((*outer, *((taps, rows) if adj_x else (rows, taps))), *_quantized(rng))
    size = (channels, taps) if adj_y else (taps, channels)
    if rng.random() < 0.4:
        data = rng.integers(-128, 128, size).astype(np.int8)
        matrix = builder.constant(data, draw_scale(rng, 1e-3, 0.02), 0)
    else:
        batch = outer if rng.random() < 0.6 else ()
        matrix = builder.input((*batch, *size), draw_scale(rng, 1e-3, 0.02), draw_zero_point(rng))
    scale = x.scale * matrix.scale * 60 * float(np.sqrt(taps) * rng.uniform(0.5, 2))
    y = builder.tensor((*outer, rows, channels), scale, draw_zero_point(rng))
    builder.operator("BATCH_MATMUL", [x, matrix], [y], "BatchMatMul", adjX=adj_x, adjY=adj_y)
    return builder, [y], {"adj_x": adj_x, "adj_y": adj_y}


UNARY = ("RELU", "RELU6", "LEAKY_RELU", "ELU", "HARD_SWISH", "LOGISTIC", "TANH", "ABS", "RSQRT",
         "QUANTIZE")
"""Those that TensorFlow Lite Micro has, too."""

ELEMENTWISE: dict[str, Callable[[np.random.Generator], Made]] = {
    "MAXIMUM": _extremum("MAXIMUM"),
    "MINIMUM": _extremum("MINIMUM"),
    **{opcode: _reduce(opcode) for opcode in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")},
    "BATCH_MATMUL": _batch_matmul,
    "MUL": _mul,
    "PRELU": _prelu,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SUB": _sum("SUB"),
    "ADD": _sum("ADD"),
    **{opcode: _unary(opcode) for opcode in UNARY},
}
