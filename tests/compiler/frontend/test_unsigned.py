"""Networks of UINT8: the outputs of the same network of INT8, 128 higher."""

import numpy as np
import pytest

from hadron.session import Session
from hadron_compiler import HostEdge, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

Rng = np.random.Generator


def _lower(values: np.ndarray) -> np.ndarray:
    return (values.astype(np.int16) - 128).astype(np.int8)


def _raise(builder: ModelBuilder) -> None:
    """Make all quantized tensors UINT8, with the same real numbers."""
    for tensor in builder.tensors:
        if tensor.dtype == "int8":
            tensor.dtype, tensor.zero_points = "uint8", tensor.zero_points + 128
            if tensor.data is not None:
                tensor.data = (tensor.data.astype(np.int16) + 128).astype(np.uint8)


def _network(rng: Rng) -> tuple[ModelBuilder, Tensor]:
    layers = Layers(rng, (1, 12, 12, 6))
    builder = layers.builder
    x = layers.conv(layers.inputs[0], 10, (3, 3), stride=(2, 2))
    y = layers.depthwise(x, (3, 3))
    x = builder.binary("ADD", x, y, 0.05, 4)
    factor = builder.constant(rng.integers(-128, 128, (10,)).astype(np.int8), 0.01, -3)
    x = builder.binary("MUL", x, factor, 0.04, -7)
    x = builder.concatenation([x, builder.pad(builder.pool_2d("MAX_POOL_2D", x, (2, 2)),
                                              [(0, 0), (0, 1), (1, 0), (0, 0)])], 0.04, -7)
    x = builder.fully_connected(builder.reshape(x, (1, 720)),
                                rng.integers(-127, 128, (5, 720)).astype(np.int8),
                                rng.integers(-999, 999, 5).astype(np.int32), 0.01, 0.1, 20)
    return builder, builder.softmax(x)


@pytest.mark.parametrize("config", ["h64", "h256"])
def test_a_network(config: str, rng: Rng) -> None:
    builder, y = _network(rng)
    value = rng.integers(0, 256, (1, 12, 12, 6)).astype(np.uint8)
    expected, = oracle.run(builder.finish([y]), [_lower(value)])
    _raise(builder)
    program = compile_model(builder.finish([y]), CONFIGS[config])
    assert program.host == (
        HostEdge("QUANTIZE", "input", 0, program.inputs[0].name, "uint8", 864),
        HostEdge("QUANTIZE", "output", 0, program.outputs[0].name, "uint8", 5))
    for given in (value, _lower(value)):
        finished = Session(program).run(given).finished()
        assert finished.dtype == np.uint8
        np.testing.assert_array_equal(_lower(finished), expected)


def _weights(builder: ModelBuilder, zero_point: int, channels: int, kind: str,
             rng: Rng) -> tuple[Tensor, np.ndarray]:
    """Add UINT8 weights; return them, and those of INT8 of a dense convolution over three times the
    input that make the same sums."""
    shape = (1, 3, 3, channels) if kind == "DEPTHWISE_CONV_2D" else (7, 3, 3, channels)
    data = rng.integers(0, 256, shape).astype(np.uint8)
    data.ravel()[:4] = 0, 255, 0, 255
    rest = data.astype(np.int64) - zero_point
    if kind == "DEPTHWISE_CONV_2D":
        rest = np.stack([np.where(np.arange(channels) == channel, rest[0], 0)
                         for channel in range(channels)])
    shares = []
    for _ in range(3):
        shares.append(np.clip(rest, -127, 127))
        rest = rest - shares[-1]
    assert not rest.any()
    return (builder.constant(data, 0.01, zero_point),
            np.concatenate(shares, axis=3).astype(np.int8))


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize("zero_point", [0, 1, 100, 128, 255])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("channels", [5, 20])
def test_weights_of_any_zero_point(kind: str, zero_point: int, dilation: int, channels: int,
                                   rng: Rng) -> None:
    """A difference of nine bits counts as two or three weights."""
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": dilation}
    builder = ModelBuilder()
    x = builder.input((1, 9, 8, channels), 0.05, 131, dtype="uint8")
    weights, dense = _weights(builder, zero_point, channels, kind, rng)
    bias = rng.integers(-5000, 5000, len(dense)).astype(np.int32)
    y = builder.tensor((1, 9, 8, len(dense)), 0.9, 140, dtype="uint8")
    more = {"depthMultiplier": 1} if kind == "DEPTHWISE_CONV_2D" else {}
    name = "DepthwiseConv2D" if more else "Conv2D"
    builder.operator(kind, [x, weights, builder.constant(bias, 0.0005)], [y], name, **options,
                     **more)
    model = builder.finish([y])

    same = ModelBuilder()
    x = same.input((1, 9, 8, channels), 0.05, 3)
    tripled = same.concatenation([x, x, x], 0.05, 3)
    z = same.conv_2d(tripled, dense, bias, 0.01, 0.9, 12, dilation=(1, dilation))
    value = rng.integers(-128, 128, x.shape).astype(np.int8)
    expected, = oracle.run(same.finish([z]), [value])
    for config in ("h64", "h256"):
        (got,), result = run_program(compile_model(model, CONFIGS[config]), [value])
        assert result.ok
        assert not result.hazards
        np.testing.assert_array_equal(got, expected)


def test_a_matrix_of_int8_with_a_zero_point(rng: Rng) -> None:
    """Which TensorFlow Lite Micro takes in FULLY_CONNECTED."""
    for zero_point in (-128, 5, 127):
        builder = ModelBuilder()
        x = builder.input((3, 70), 0.05, 4)
        weights = builder.constant(rng.integers(-128, 128, (19, 70)).astype(np.int8), 0.01,
                                   zero_point)
        bias = builder.constant(rng.integers(-999, 999, 19).astype(np.int32), 0.0005)
        y = builder.tensor((3, 19), 0.7, 3)
        builder.operator("FULLY_CONNECTED", [x, weights, bias], [y], "FullyConnected", version=4)
        model = builder.finish([y])
        value = rng.integers(-128, 128, x.shape).astype(np.int8)
        expected, = oracle.run(model, [value])
        (got,), _ = run_program(compile_model(model, CONFIGS["h128"]), [value])
        np.testing.assert_array_equal(got, expected)
