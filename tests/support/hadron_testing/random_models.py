"""Random, legal INT8 models of one operator, and chains of several.

Scales are drawn so that the effective multipliers cover what the hardware takes: outputs that
spread over the INT8 range, that are squeezed into a few values, that saturate, multipliers above
one, and accumulators close to the INT32 rails. No accumulator overflows, neither in the reference
kernel nor with the input's zero point folded into the bias.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hadron_testing.draws import (
    activations,
    choose,
    draw_activation,
    draw_quantization,
    draw_scale,
    draw_weights,
    draw_zero_point,
)
from hadron_testing.random_elementwise import ELEMENTWISE
from hadron_testing.random_images import IMAGES
from hadron_testing.random_movement import MOVEMENT
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["GENERATORS", "SIMPLE", "Case", "random_average_pool",
           "random_concatenation", "random_conv", "random_depthwise", "random_fully_connected",
           "random_max_pool", "random_mul", "random_network", "random_reshape", "random_softmax"]

WEIGHT_BITS = (8, 8, 4)
"""Four bits in one of three."""


@dataclass
class Case:
    """A model, inputs for it, and what it was made from."""

    operator: str
    model: bytes
    inputs: list[np.ndarray]
    builder: ModelBuilder
    operands: list[Tensor | None]
    """Inputs of the operator in TFLite's order: of a network, its inputs."""
    output: Tensor
    attributes: dict[str, object]
    """stride, dilation, padding, activation, size, beta: what the operator has."""
    outputs: int = 1
    """How many outputs the model has."""


def _window(rng: np.random.Generator, *, kernel_max: int, size_max: int
            ) -> tuple[tuple[int, int], tuple[int, int], dict]:
    """Draw kernel, input size and attributes such that at least one result exists."""
    kernel = tuple(int(n) for n in rng.integers(1, kernel_max + 1, 2))
    stride = tuple(int(n) for n in rng.integers(1, 4, 2))
    most_dilation = 1 if rng.random() < 0.7 else 3
    dilation = tuple(int(n) for n in rng.integers(1, most_dilation + 1, 2))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = choose(rng, ("SAME", "VALID"))
    least = span if padding == "VALID" else (1, 1)
    size = tuple(int(rng.integers(low, max(low, size_max) + 1)) for low in least)
    return kernel, size, {"stride": stride, "dilation": dilation, "padding": padding,
                          "activation": draw_activation(rng)}


def _case(rng: np.random.Generator, operator: str, builder: ModelBuilder, output: Tensor,
          attributes: dict) -> Case:
    inputs = [activations(rng, x.shape) for x in builder.inputs]
    last = builder.operators[-1]
    operands = [None if i < 0 else builder.tensors[i] for i in last.inputs]
    return Case(operator, builder.finish([output]), inputs, builder, operands, output, attributes)


def random_conv(rng: np.random.Generator, *, size_max: int = 9, channels_max: int = 40) -> Case:
    """Make a CONV_2D."""
    kernel, size, attributes = _window(rng, kernel_max=4, size_max=size_max)
    depth, channels = (int(choose(rng, (1, 3, int(rng.integers(1, channels_max + 1)))))
                       for _ in range(2))
    builder = ModelBuilder(weight_bits=choose(rng, WEIGHT_BITS))
    x = builder.input((1, *size, depth), draw_scale(rng), draw_zero_point(rng))
    weights = draw_weights(rng, (channels, *kernel, depth), builder.weight_bits)
    bias, scales, scale = draw_quantization(rng, x, kernel[0] * kernel[1] * depth, channels,
                                        bool(rng.random() < 0.8))
    y = builder.conv_2d(x, weights, bias, scales, scale, draw_zero_point(rng), **attributes)
    return _case(rng, "CONV_2D", builder, y, attributes)


def random_depthwise(rng: np.random.Generator, *, size_max: int = 9, channels_max: int = 40,
                     multiplier_max: int = 3) -> Case:
    """Make a DEPTHWISE_CONV_2D."""
    kernel, size, attributes = _window(rng, kernel_max=5, size_max=size_max)
    depth = int(rng.integers(1, channels_max + 1))
    multiplier = 1 if rng.random() < 0.6 else int(rng.integers(1, multiplier_max + 1))
    channels = depth * multiplier
    builder = ModelBuilder(weight_bits=choose(rng, WEIGHT_BITS))
    x = builder.input((1, *size, depth), draw_scale(rng), draw_zero_point(rng))
    weights = draw_weights(rng, (1, *kernel, channels), builder.weight_bits)
    bias, scales, scale = draw_quantization(rng, x, kernel[0] * kernel[1], channels,
                                        bool(rng.random() < 0.8))
    if bias is None:  # The reference kernel reads the bias' type whether there is one or not.
        bias = np.zeros(channels, np.int32)
    y = builder.depthwise_conv_2d(x, weights, bias, scales, scale, draw_zero_point(rng),
                                  **attributes)
    return _case(rng, "DEPTHWISE_CONV_2D", builder, y, attributes)


def random_fully_connected(rng: np.random.Generator, *, taps_max: int = 200,
                           channels_max: int = 40) -> Case:
    """Make a FULLY_CONNECTED of one row."""
    taps, channels = int(rng.integers(1, taps_max + 1)), int(rng.integers(1, channels_max + 1))
    builder = ModelBuilder(weight_bits=choose(rng, WEIGHT_BITS))
    x = builder.input((1, taps), draw_scale(rng), draw_zero_point(rng))
    weights = draw_weights(rng, (channels, taps), builder.weight_bits)
    # TensorFlow Lite Micro takes INT4 weights of one scale.
    per_channel = bool(rng.random() < 0.3) and builder.weight_bits == 8
    bias, scales, scale = draw_quantization(rng, x, taps, channels, per_channel)
    attributes = {"activation": draw_activation(rng)}
    y = builder.fully_connected(x, weights, bias, scales, scale, draw_zero_point(rng), **attributes)
    return _case(rng, "FULLY_CONNECTED", builder, y, attributes)


def _random_pool(rng: np.random.Generator, opcode: str, size_max: int, channels_max: int) -> Case:
    kernel, size, attributes = _window(rng, kernel_max=5, size_max=size_max)
    if rng.random() < 0.3:
        size, attributes["padding"] = kernel, "VALID"
    del attributes["dilation"]
    size = tuple(max(n, k) if attributes["padding"] == "VALID" else n
                 for n, k in zip(size, kernel, strict=True))
    builder = ModelBuilder()
    x = builder.input((1, *size, int(rng.integers(1, channels_max + 1))), draw_scale(rng),
                      draw_zero_point(rng))
    y = builder.pool_2d(opcode, x, kernel, **attributes)
    return _case(rng, opcode, builder, y, {"size": kernel, **attributes})


def random_average_pool(rng: np.random.Generator, *, size_max: int = 9,
                        channels_max: int = 40) -> Case:
    """Make an AVERAGE_POOL_2D."""
    return _random_pool(rng, "AVERAGE_POOL_2D", size_max, channels_max)


def random_max_pool(rng: np.random.Generator, *, size_max: int = 9,
                    channels_max: int = 40) -> Case:
    """Make a MAX_POOL_2D."""
    return _random_pool(rng, "MAX_POOL_2D", size_max, channels_max)


def _shape(rng: np.random.Generator, size_max: int, channels_max: int) -> tuple[int, ...]:
    rank = int(choose(rng, (4, 4, 4, 1, 2, 3)))
    shape = (*(int(n) for n in rng.integers(1, size_max + 1, 2)),
             int(rng.integers(1, channels_max + 1)))
    return (1, *shape) if rank == 4 else shape[3 - rank:]


def _constant_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Draw the shape of a scalar or of a value a channel."""
    channels = shape[-1]
    ones = (1,) * (len(shape) - 1)
    return choose(rng, ((), (1,), (channels,), (*ones, channels)))


def random_mul(rng: np.random.Generator, *, size_max: int = 9, channels_max: int = 40) -> Case:
    """Make a MUL of any two tensors, or by a scalar or a constant a channel, on either side."""
    if rng.random() < 0.5:
        return _case_of("MUL")(rng)
    shape = _shape(rng, size_max, channels_max)
    builder = ModelBuilder()
    x = builder.input(shape, draw_scale(rng), draw_zero_point(rng))
    other = builder.constant(activations(rng, _constant_shape(rng, shape)), draw_scale(rng),
                             draw_zero_point(rng))
    effective = 2.0 ** (rng.uniform(-9, -4) if rng.random() < 0.6 else rng.uniform(-28, 6))
    activation = draw_activation(rng)
    operands = (x, other) if rng.random() < 0.7 else (other, x)
    y = builder.binary("MUL", *operands, x.scale * other.scale / effective, draw_zero_point(rng),
                       activation=activation)
    return _case(rng, "MUL", builder, y, {"activation": activation})


def random_concatenation(rng: np.random.Generator, *, size_max: int = 9,
                         channels_max: int = 40) -> Case:
    """Make a CONCATENATION along any axis; now and then of a constant, or of one tensor twice."""
    shape = _shape(rng, size_max, channels_max)
    axis = int(rng.integers(len(shape)))
    scale, zero_point = draw_scale(rng), draw_zero_point(rng)
    builder = ModelBuilder()
    parts = []
    for _ in range(int(rng.integers(1, 6))):
        part = (*shape[:axis], int(rng.integers(1, channels_max + 1)), *shape[axis + 1:])
        kind = rng.random() if parts else 1.0
        if kind < 0.15:
            parts.append(parts[-1])
        elif kind < 0.3:
            parts.append(builder.constant(activations(rng, part), scale, zero_point))
        else:
            parts.append(builder.input(part, scale, zero_point))
    y = builder.concatenation(parts, scale, zero_point, axis=axis)
    return _case(rng, "CONCATENATION", builder, y, {"axis": axis})


def random_softmax(rng: np.random.Generator, *, count_max: int = 400, rows_max: int = 4) -> Case:
    """Make a SOFTMAX; its sum stays in the range that the reference kernel defines."""
    count, rows = int(rng.integers(1, count_max + 1)), int(rng.integers(1, rows_max + 1))
    builder = ModelBuilder()
    x = builder.input((rows, count), draw_scale(rng, 1e-4, 1.0), draw_zero_point(rng))
    beta = float(choose(rng, (1.0, 1.0, 0.5, 2.0, float(np.float32(rng.uniform(0.1, 10))))))
    y = builder.softmax(x, beta=beta)
    return _case(rng, "SOFTMAX", builder, y, {"beta": beta})


def random_reshape(rng: np.random.Generator) -> Case:
    """Make a RESHAPE that flattens."""
    shape = (1, *(int(n) for n in rng.integers(1, 7, 3)))
    builder = ModelBuilder()
    x = builder.input(shape, draw_scale(rng), draw_zero_point(rng))
    y = builder.reshape(x, (1, int(np.prod(shape))))
    return _case(rng, "RESHAPE", builder, y, {})


SIMPLE = MOVEMENT | IMAGES | ELEMENTWISE
"""Generators that return a builder, outputs and attributes."""


def _case_of(operator: str) -> Callable[[np.random.Generator], Case]:
    """Return the generator of an operator of `SIMPLE`."""
    def make(rng: np.random.Generator) -> Case:
        builder, outputs, attributes = SIMPLE[operator](rng)
        last = builder.operators[-1]
        operands = [None if i < 0 else builder.tensors[i] for i in last.inputs]
        inputs = [activations(rng, x.shape) for x in builder.inputs]
        return Case(operator, builder.finish(outputs), inputs, builder, operands, outputs[0],
                    attributes, len(outputs))
    return make


GENERATORS = {
    **{operator: _case_of(operator) for operator in SIMPLE},
    "CONV_2D": random_conv,
    "DEPTHWISE_CONV_2D": random_depthwise,
    "FULLY_CONNECTED": random_fully_connected,
    "AVERAGE_POOL_2D": random_average_pool,
    "MAX_POOL_2D": random_max_pool,
    "MUL": random_mul,
    "CONCATENATION": random_concatenation,
    "SOFTMAX": random_softmax,
    "RESHAPE": random_reshape,
}


def random_network(rng: np.random.Generator, *, size: int = 16, channels_max: int = 24,
                   blocks: int = 3, classes: int = 10) -> Case:
    """Make an image classifier: convolutions with residual additions, pooling and softmax.

    Parameters
    ----------
    rng : Generator
        Source of everything drawn.
    size : int
        Rows and columns of the input image, 8 or more.
    channels_max : int
        Most channels of a feature map.
    blocks : int
        Blocks of depthwise and pointwise convolution after the first.
    classes : int
        Outputs.
    """
    builder = ModelBuilder()
    x = builder.input((1, size, size, 3), 1 / 128, int(choose(rng, (-128, 0, -1))))

    def convolve(x: Tensor, channels: int, kernel: int, stride: int, activation: str,
                 depthwise: bool = False) -> Tensor:
        taps = kernel * kernel * (1 if depthwise else x.shape[3])
        shape = (1, kernel, kernel, channels) if depthwise else (channels, kernel, kernel,
                                                                 x.shape[3])
        scales = (0.01 * rng.uniform(0.5, 1, channels)).astype(np.float32)
        scale = x.scale * 0.01 * 64 * 64 * float(np.sqrt(taps)) / 60
        zero_point = -128 if activation != "NONE" else int(rng.integers(-20, 20))
        bias = np.rint(rng.normal(0, 2000, channels)).astype(np.int32)
        add = builder.depthwise_conv_2d if depthwise else builder.conv_2d
        return add(x, draw_weights(rng, shape), bias, scales, scale, zero_point,
                   stride=(stride, stride), activation=activation)

    y = convolve(x, int(rng.integers(3, channels_max + 1)), 3, 2, "RELU")
    for _ in range(blocks):
        stride = int(rng.integers(1, 3)) if y.shape[1] > 4 else 1
        skip = y
        y = convolve(y, y.shape[3], 3, stride, "RELU", depthwise=True)
        if stride == 1 and rng.random() < 0.7:
            y = convolve(y, skip.shape[3], 1, 1, "NONE")
            y = builder.binary("ADD", skip, y, max(skip.scale, y.scale) * 1.2,
                               int(rng.integers(-20, 20)))
        else:
            y = convolve(y, int(rng.integers(3, channels_max + 1)), 1, 1, "RELU")
    if rng.random() < 0.5 and y.shape[1] >= 4:
        y = builder.pool_2d("MAX_POOL_2D", y, (2, 2), stride=(2, 2))
    y = builder.pool_2d("AVERAGE_POOL_2D", y, y.shape[1:3])
    y = builder.reshape(y, (1, y.shape[3]))
    weights = draw_weights(rng, (classes, y.shape[1]))
    bias = np.rint(rng.normal(0, 1000, classes)).astype(np.int32)
    y = builder.fully_connected(y, weights, bias, 0.01,
                                y.scale * 0.01 * 64 * 64 * float(np.sqrt(y.shape[1])) / 60, 3)
    # A gentle scale, so that the probabilities are not all 0 or 1.
    y = builder.softmax(y, beta=min(1.0, 3 / (60 * y.scale)))
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8)]
    return Case("NETWORK", builder.finish([y]), inputs, builder, [x], y, {})
