"""Random models of one operator with activations of 16 bits, and chains of mixed precision."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hadron_testing.draws import choose
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["DEEP", "DEEP_ON_HOST", "DeepCase", "classifier", "gated_network", "mixed_network",
           "residual_network"]

@dataclass
class DeepCase:
    """A model of one operator, inputs for it, and what it was made from."""

    operator: str
    model: bytes
    inputs: list[np.ndarray]
    operands: list[Tensor]
    output: Tensor
    attributes: dict[str, object]


def _case(rng: np.random.Generator, operator: str, builder: ModelBuilder, y: Tensor,
          attributes: dict[str, object]) -> DeepCase:
    operands = [builder.tensors[i] for i in builder.operators[-1].inputs
                if i != -1]
    inputs = [value for x in builder.inputs for value in _inputs(rng, x)]
    return DeepCase(operator, builder.finish([y]), inputs, operands, y, attributes)


def _inputs(rng: np.random.Generator, x: Tensor) -> list[np.ndarray]:
    ends = np.iinfo(x.dtype)
    if rng.random() < 0.2:
        return [rng.choice(np.array([ends.min, ends.max], x.dtype), x.shape)]
    return [rng.integers(ends.min, ends.max + 1, x.shape).astype(x.dtype)]


def _weights(rng: np.random.Generator, shape: tuple[int, ...], taps: int) -> np.ndarray:
    """Draw weights with which no accumulator leaves 32 bits."""
    most = min(127, (1 << 15) // taps)
    return rng.integers(-most, most + 1, shape).astype(np.int8)


def _scales(rng: np.random.Generator, channels: int) -> np.ndarray:
    return (0.01 * rng.uniform(0.5, 1, channels)).astype(np.float32)


def _output_scale(rng: np.random.Generator, x: Tensor, taps: int) -> float:
    """Return a scale at which outputs spread, saturate now and then, or take a few values."""
    return x.scale * 0.01 * 40 * float(np.sqrt(taps) * rng.choice([0.2, 1.0, 900.0]))


def _bias(rng: np.random.Generator, channels: int) -> np.ndarray:
    return rng.integers(-1 << 20, 1 << 20, channels)


def _optional_bias(rng: np.random.Generator, channels: int) -> np.ndarray | None:
    return _bias(rng, channels) if rng.random() < 0.7 else None


def _convolution(rng: np.random.Generator, depthwise: bool) -> DeepCase:
    # TensorFlow Lite Micro's depthwise convolution reads biases of 64 bits, without asking whether
    # there are any.
    builder = ModelBuilder(bias_bits=64 if depthwise else choose(rng, (32, 64)))
    kernel = tuple(int(n) for n in rng.integers(1, 4, 2))
    depth = int(choose(rng, (1, 3, 16, int(rng.integers(1, 40)))))
    x = builder.input((1, *(int(n) for n in rng.integers(3, 9, 2)), depth), 0.001, dtype="int16")
    options = {"stride": tuple(int(n) for n in rng.integers(1, 3, 2)),
               "padding": choose(rng, ("SAME", "VALID")),
               "activation": choose(rng, ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"))}
    if depthwise:
        channels, taps = depth * int(rng.integers(1, 3)), kernel[0] * kernel[1]
        y = builder.depthwise_conv_2d(
            x, _weights(rng, (1, *kernel, channels), taps), _bias(rng, channels),
            _scales(rng, channels), _output_scale(rng, x, taps), 0, **options)
    else:
        channels, taps = int(rng.integers(1, 25)), kernel[0] * kernel[1] * depth
        y = builder.conv_2d(
            x, _weights(rng, (channels, *kernel, depth), taps), _optional_bias(rng, channels),
            _scales(rng, channels), _output_scale(rng, x, taps), 0, **options)
    return _case(rng, "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", builder, y, options)


def _fully_connected(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder(bias_bits=choose(rng, (32, 64)))
    taps, channels = int(rng.integers(1, 200)), int(rng.integers(1, 40))
    x = builder.input((1, taps), 0.001, dtype="int16")
    y = builder.fully_connected(x, _weights(rng, (channels, taps), taps),
                                _optional_bias(rng, channels), 0.01, _output_scale(rng, x, taps), 0)
    return _case(rng, "FULLY_CONNECTED", builder, y, {})


def _quantize(rng: np.random.Generator, given: str, made: str) -> DeepCase:
    builder = ModelBuilder()
    shape = (1, 3, 5, int(rng.integers(1, 40)))
    scales = {"int8": 0.05, "int16": 0.05 / 256}
    x = builder.input(shape, scales[given], int(rng.integers(-128, 128)) if given == "int8" else 0,
                      dtype=given)
    y = quantize(builder, x, scales[made] * float(rng.uniform(0.3, 3)),
                 int(rng.integers(-128, 128)) if made == "int8" else 0, made)
    return _case(rng, "QUANTIZE", builder, y, {})


def _average_pool(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder()
    size = tuple(int(n) for n in rng.integers(1, 6, 2))
    x = builder.input((1, *(int(n) for n in rng.integers(5, 9, 2)), int(rng.integers(1, 40))),
                      0.001, dtype="int16")
    attributes = {"stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
                  "padding": choose(rng, ("SAME", "VALID")),
                  "activation": choose(rng, ("NONE", "RELU"))}
    y = builder.pool_2d("AVERAGE_POOL_2D", x, size, **attributes)
    return _case(rng, "AVERAGE_POOL_2D", builder, y, {"size": size, **attributes})


def _binary(rng: np.random.Generator, operator: str) -> DeepCase:
    builder = ModelBuilder()
    shape = (1, *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 40)))
    scale = 0.001
    other = scale * (1 if rng.random() < 0.3 else float(10 ** rng.uniform(-3, 1)))

    def second(shape: tuple[int, ...], scale: float) -> Tensor:
        if rng.random() < 0.7:
            return builder.input(shape, scale, dtype="int16")
        shape = shape if rng.random() < 0.5 else (shape[-1],) if rng.random() < 0.5 else ()
        return builder.constant(rng.integers(-1 << 15, 1 << 15, shape).astype(np.int16), scale)

    if operator in ("MAXIMUM", "MINIMUM"):
        a, b = builder.input(shape, scale, dtype="int16"), second(shape, scale)
        y = builder.tensor(shape, scale, 0, dtype="int16")
        builder.operator(operator, [a, b], [y], "MaximumMinimum")
        return _case(rng, operator, builder, y, {})
    few = (1, 1, 1, shape[3])
    shapes = (shape, few if rng.random() < 0.2 else shape)
    first, last = rng.permutation([scale, other])
    operands = [builder.input(shapes[0], first, dtype="int16"), second(shapes[1], last)]
    a, b = operands if rng.random() < 0.7 else operands[::-1]
    options = {"activation": choose(rng, ("NONE", "RELU"))}
    made = (scale * other * float(2.0 ** rng.uniform(8, 17)) if operator == "MUL"
            else max(scale, other) * float(rng.uniform(0.5, 2.5)))
    y = builder.binary(operator, a, b, made, 0, **options)
    return _case(rng, operator, builder, y, options)


def _softmax(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder()
    x = builder.input((1, 3, int(rng.integers(1, 60))), float(10 ** rng.uniform(-5, -2)),
                      dtype="int16")
    y = builder.tensor(x.shape, 1 / 32768, 0, dtype="int16")
    beta = float(choose(rng, (1.0, 0.5, 1.3)))
    builder.operator("SOFTMAX", [x], [y], "Softmax", beta=beta)
    return _case(rng, "SOFTMAX", builder, y, {"beta": beta})


def _relu(rng: np.random.Generator, operator: str) -> DeepCase:
    builder = ModelBuilder()
    scale = float(rng.uniform(1e-4, 1e-3))
    x = builder.input((1, 3, 5, int(rng.integers(1, 40))), scale, dtype="int16")
    # TensorFlow Lite Micro's RELU6 does not rescale.
    y = builder.unary(operator, x, scale * float(rng.uniform(0.5, 2)) if operator == "RELU"
                      else scale, 0)
    return _case(rng, operator, builder, y, {})


def _function(rng: np.random.Generator, operator: str) -> DeepCase:
    builder = ModelBuilder()
    scale = float(2.0 ** rng.uniform(-17, -9))
    if rng.random() < 0.2:
        scale = float(choose(rng, (2.0**-12, 2.0**-11)))
    x = builder.input((1, 3, int(rng.integers(1, 9)), int(rng.integers(1, 40))), scale,
                      dtype="int16")
    if operator in ("LOGISTIC", "TANH"):
        return _case(rng, operator, builder, builder.unary(operator, x, 1 / 32768, 0), {})
    made = scale * float(choose(rng, (1.0, rng.uniform(0.2, 3))))
    if operator == "ABS":
        return _case(rng, operator, builder, builder.unary(operator, x, made, 0), {})
    alpha = float(np.float32(choose(rng, (0.0, 0.5, rng.uniform(0, 1.5)))))
    y = builder.unary(operator, x, made, 0, "LeakyRelu", alpha=alpha)
    return _case(rng, operator, builder, y, {"alpha": alpha})


def _transpose_conv(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder(bias_bits=64)
    kernel, stride = (tuple(int(n) for n in rng.integers(1, most, 2)) for most in (5, 4))
    depth, channels = (int(rng.integers(1, 25)) for _ in range(2))
    padding = choose(rng, ("SAME", "VALID"))
    x = builder.input((1, *(int(n) for n in rng.integers(1, 7, 2)), depth), 0.001, dtype="int16")
    size = tuple(n * s - int(rng.integers(s)) if padding == "SAME" else (n - 1) * s + k
                 for n, s, k in zip(x.shape[1:3], stride, kernel, strict=True))
    taps = kernel[0] * kernel[1] * depth
    scales = _scales(rng, channels)
    shape = (1, *size, channels)
    y = builder.tensor(shape, _output_scale(rng, x, taps), 0, dtype="int16")
    activation = choose(rng, ("NONE", "RELU"))
    builder.operator("TRANSPOSE_CONV", [
        builder.constant(np.asarray(shape, np.int32)),
        builder.constant(_weights(rng, (channels, *kernel, depth), taps), scales), x,
        builder.constant(_bias(rng, channels), np.float32(x.scale) * scales)], [y],
        "TransposeConv", version=3, padding=0 if padding == "SAME" else 1, strideH=stride[0],
        strideW=stride[1], fusedActivationFunction=("NONE", "RELU").index(activation))
    return _case(rng, "TRANSPOSE_CONV", builder, y, {
        "size": size, "stride": stride, "padding": padding, "activation": activation})


def _pad(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder()
    x = builder.input((1, *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 40))),
                      0.001, dtype="int16")
    edges = [(0, 0), *(tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2)), (0, 0)]
    return _case(rng, "PAD", builder, builder.pad(x, edges), {"paddings": edges})


def _concatenation(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder()
    axis = int(rng.integers(1, 4))
    shape = [1, *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 40))]
    parts = []
    for _ in range(int(rng.integers(2, 4))):
        shape[axis] = int(rng.integers(1, 30))
        parts.append(builder.input(shape, 0.001, dtype="int16"))
    y = builder.concatenation(parts, 0.001, 0, axis=axis)
    return _case(rng, "CONCATENATION", builder, y, {"axis": axis})


def _mean(rng: np.random.Generator, operator: str) -> DeepCase:
    builder = ModelBuilder()
    x = builder.input((1, *(int(n) for n in rng.integers(1, 9, 2)), int(rng.integers(1, 40))),
                      0.001, dtype="int16")
    scale = 0.001 * float(rng.uniform(1, 3))
    if operator == "MEAN":
        y = builder.mean(x, (1, 2), scale, 0, keep_dims=bool(rng.random() < 0.5))
    else:
        y = builder.tensor((1, x.shape[3]), scale * 8, 0, dtype="int16")
        builder.operator("SUM", [x, builder.constant(np.array([1, 2], np.int32))], [y], "Reducer")
    return _case(rng, operator, builder, y, {})


def _max_pool(rng: np.random.Generator) -> DeepCase:
    builder = ModelBuilder()
    size = tuple(int(n) for n in rng.integers(1, 4, 2))
    x = builder.input((1, *(int(n) for n in rng.integers(5, 9, 2)), int(rng.integers(1, 40))),
                      0.001, dtype="int16")
    attributes = {"stride": tuple(int(n) for n in rng.integers(1, 4, 2)),
                  "padding": choose(rng, ("SAME", "VALID")),
                  "activation": choose(rng, ("NONE", "RELU", "RELU6"))}
    y = builder.pool_2d("MAX_POOL_2D", x, size, **attributes)
    return _case(rng, "MAX_POOL_2D", builder, y, {"size": size, **attributes})


def quantize(builder: ModelBuilder, x: Tensor, scale: float, zero_point: int, dtype: str
             ) -> Tensor:
    """Add QUANTIZE."""
    y = builder.tensor(x.shape, scale, zero_point, dtype=dtype)
    builder.operator("QUANTIZE", [x], [y])
    return y


DEEP: dict[str, Callable[[np.random.Generator], DeepCase]] = {
    "CONV_2D": lambda rng: _convolution(rng, False),
    "DEPTHWISE_CONV_2D": lambda rng: _convolution(rng, True),
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _average_pool,
    "ADD": lambda rng: _binary(rng, "ADD"),
    "SUB": lambda rng: _binary(rng, "SUB"),
    "MUL": lambda rng: _binary(rng, "MUL"),
    "MAXIMUM": lambda rng: _binary(rng, "MAXIMUM"),
    "MINIMUM": lambda rng: _binary(rng, "MINIMUM"),
    "PAD": _pad,
    "CONCATENATION": _concatenation,
    "MEAN": lambda rng: _mean(rng, "MEAN"),
    "SUM": lambda rng: _mean(rng, "SUM"),
    "MAX_POOL_2D": _max_pool,
    "RELU": lambda rng: _relu(rng, "RELU"),
    "RELU6": lambda rng: _relu(rng, "RELU6"),
    "LEAKY_RELU": lambda rng: _function(rng, "LEAKY_RELU"),
    "ABS": lambda rng: _function(rng, "ABS"),
    "LOGISTIC": lambda rng: _function(rng, "LOGISTIC"),
    "TANH": lambda rng: _function(rng, "TANH"),
    "TRANSPOSE_CONV": _transpose_conv,
    "QUANTIZE to INT8": lambda rng: _quantize(rng, "int16", "int8"),
    "QUANTIZE to INT16": lambda rng: _quantize(rng, "int8", "int16"),
    "QUANTIZE of INT16": lambda rng: _quantize(rng, "int16", "int16"),
}
"""Generators by what they make."""

DEEP_ON_HOST: dict[str, Callable[[np.random.Generator], DeepCase]] = {"SOFTMAX": _softmax}
"""The same of what is left to the host."""


def mixed_network(rng: np.random.Generator) -> tuple[bytes, list[np.ndarray]]:
    """Make a network of INT8, INT16 and INT4: W8A8, W8A16, W4A8 layers, requantized between."""
    builder = ModelBuilder(bias_bits=32)
    x = builder.input((1, 8, 8, 16), 0.05, 3)
    taps = 9 * 16
    y = builder.conv_2d(x, rng.integers(-127, 128, (16, 3, 3, 16)), rng.integers(-999, 999, 16),
                        _scales(rng, 16), 0.05, 5)
    y = quantize(builder, y, 0.05 / 200, 0, "int16")
    builder.bias_bits = 64
    for _ in range(2):
        y = builder.conv_2d(y, _weights(rng, (16, 3, 3, 16), taps), _bias(rng, 16),
                            _scales(rng, 16), _output_scale(rng, y, taps), 0)
    y = builder.depthwise_conv_2d(y, _weights(rng, (1, 3, 3, 16), 9), _bias(rng, 16),
                                  _scales(rng, 16), y.scale * 0.01 * 300, 0, activation="RELU")
    y = quantize(builder, y, y.scale * 256, -128, "int8")
    builder.bias_bits, builder.weight_bits = 32, 4
    y = builder.conv_2d(y, rng.integers(-8, 8, (12, 1, 1, 16)), rng.integers(-99, 99, 12),
                        _scales(rng, 12), y.scale * 0.5, 0)
    y = builder.reshape(quantize(builder, y, y.scale / 256, 0, "int16"), (1, 8 * 8 * 12))
    builder.bias_bits, builder.weight_bits = 64, 8
    y = builder.fully_connected(y, _weights(rng, (10, 768), 768), _bias(rng, 10), 0.01,
                                y.scale * 0.01 * 900, 0)
    return builder.finish([y]), _inputs(rng, x)


def residual_network(rng: np.random.Generator, size: int, channels: int = 16
                     ) -> tuple[bytes, list[np.ndarray]]:
    """Make a network of INT16 with what residual and detection networks have: sums, maxima, means,
    padding of its own, parts joined."""
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, size, size, 3), 0.001, dtype="int16")

    def convolution(x: Tensor, count: int, kernel: int = 3, **options: object) -> Tensor:
        taps = kernel * kernel * x.shape[3]
        return builder.conv_2d(x, _weights(rng, (count, kernel, kernel, x.shape[3]), taps),
                               _bias(rng, count), _scales(rng, count), _output_scale(rng, x, taps),
                               0, **options)

    x = convolution(x, channels, activation="RELU")
    y = convolution(convolution(x, channels, activation="RELU"), channels)
    x = builder.binary("ADD", x, y, max(x.scale, y.scale) * 1.3, 0, activation="RELU")
    pooled = builder.pool_2d("MAX_POOL_2D", x, (2, 2), stride=(2, 2))
    y = builder.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    y = builder.depthwise_conv_2d(y, _weights(rng, (1, 3, 3, channels), 9), _bias(rng, channels),
                                  _scales(rng, channels), x.scale, 0, stride=(2, 2),
                                  padding="VALID")
    y = quantize(builder, y, pooled.scale, 0, "int16")
    x = builder.concatenation([pooled, y], pooled.scale, 0)
    x = convolution(x, 24, kernel=1)
    x = builder.binary("SUB", x, builder.pool_2d("AVERAGE_POOL_2D", x, (3, 3), padding="SAME"),
                       x.scale, 0)
    x = builder.mean(x, (1, 2), x.scale, 0)
    y = builder.fully_connected(x, _weights(rng, (10, 24), 24), _bias(rng, 10), 0.01,
                                x.scale, 0)
    return builder.finish([y]), _inputs(rng, builder.inputs[0])


def gated_network(rng: np.random.Generator, size: int, channels: int = 16
                  ) -> tuple[bytes, list[np.ndarray]]:
    """Make a network of INT16 with what networks of gates have: HARD_SWISH as converters write it,
    squeeze and excitation, SiLU, LEAKY_RELU, TANH, and a decoder that grows images."""
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, size, size, 3), 1 / 4096, dtype="int16")

    def constant(value: float) -> Tensor:
        return builder.constant(np.array(32767, np.int16), value / 32767)

    def convolution(x: Tensor, count: int, scale: float, **options: object) -> Tensor:
        taps = 9 * x.shape[3]
        return builder.conv_2d(x, _weights(rng, (count, 3, 3, x.shape[3]), taps),
                               _bias(rng, count), _scales(rng, count), scale, 0, **options)

    x = convolution(x, channels, 1 / 2048, stride=(2, 2))
    y = builder.binary("ADD", x, constant(3), 1.5 * x.scale, 0, activation="RELU6")
    y = builder.binary("MUL", y, constant(1 / 6), 1 / 32768, 0)
    x = builder.binary("MUL", x, y, x.scale, 0)
    gate = builder.mean(x, (1, 2), x.scale, 0, keep_dims=True)
    for count, activation in ((8, "RELU"), (channels, "NONE")):
        weights = _weights(rng, (count, 1, 1, gate.shape[3]), gate.shape[3])
        gate = builder.conv_2d(gate, weights, _bias(rng, count), _scales(rng, count), 1 / 4096, 0,
                               activation=activation)
    x = builder.binary("MUL", x, builder.unary("LOGISTIC", gate, 1 / 32768, 0), x.scale, 0)
    x = builder.binary("MUL", x, builder.unary("LOGISTIC", x, 1 / 32768, 0), x.scale, 0)
    x = builder.unary("LEAKY_RELU", convolution(x, channels, 1 / 3000), 1 / 3500, 0, "LeakyRelu",
                      alpha=0.2)
    parts = builder.split(x, channels // 4)
    x = builder.concatenation(parts[::-1], x.scale, 0)
    y = builder.tensor((1, size, size, 4), 1 / 3000, 0, dtype="int16")
    scales = _scales(rng, 4)
    builder.operator("TRANSPOSE_CONV", [
        builder.constant(np.array(y.shape, np.int32)),
        builder.constant(_weights(rng, (4, 2, 2, channels), 4 * channels), scales), x,
        builder.constant(_bias(rng, 4), np.float32(x.scale) * scales)], [y], "TransposeConv",
        version=3, padding=0, strideH=2, strideW=2)
    y = builder.unary("TANH", y, 1 / 32768, 0)
    return builder.finish([y]), _inputs(rng, builder.inputs[0])


def classifier(rng: np.random.Generator, last: str) -> tuple[bytes, np.ndarray]:
    """Make a network of INT16 of real numbers, as a converter does: QUANTIZE in front of it,
    SOFTMAX at its end and, if that is the `last`, DEQUANTIZE behind."""
    builder = ModelBuilder(bias_bits=64)
    given = builder.input((1, 8, 8, 3), dtype="float32", name="photo")
    x = builder.tensor(given.shape, 1 / 32768, 0, dtype="int16")
    builder.operator("QUANTIZE", [given], [x], "Quantize")
    x = builder.conv_2d(x, _weights(rng, (10, 3, 3, 3), 27), _bias(rng, 10), _scales(rng, 10),
                        6 / 32767, 0, activation="RELU6")
    x = builder.mean(x, (1, 2), x.scale, 0)
    x = builder.fully_connected(x, _weights(rng, (5, 10), 10), _bias(rng, 5), 0.01,
                                _output_scale(rng, x, 10), 0)
    y = builder.tensor(x.shape, 1 / 32768, 0, dtype="int16", name="probabilities")
    builder.operator("SOFTMAX", [x], [y], "Softmax", beta=1.0)
    if last == "DEQUANTIZE":
        scores = builder.tensor(y.shape, dtype="float32", name="scores")
        builder.operator("DEQUANTIZE", [y], [scores], "Dequantize")
        y = scores
    return builder.finish([y]), rng.uniform(-1.1, 1.1, given.shape).astype(np.float32)
