"""What the compiler refuses, and in which words."""

from collections.abc import Callable

import numpy as np
import pytest

from hadron_compiler import CompileError, UnsupportedError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.tflite_builder import ModelBuilder, Tensor

WEIGHTS = np.ones((4, 3, 3, 2), np.int8)
BIAS = np.zeros(4, np.int32)


def image(builder: ModelBuilder, **options: object) -> Tensor:
    arguments = {"shape": (1, 8, 8, 2), "scale": 0.1, "zero_point": 0, "name": "x"} | options
    return builder.input(arguments.pop("shape"), arguments.pop("scale"),
                         arguments.pop("zero_point"), **arguments)


def message(builder: ModelBuilder, *outputs: Tensor) -> str:
    with pytest.raises(CompileError) as caught:
        compile_model(builder.finish(outputs), CONFIGS["h64"], name="net.tflite")
    return str(caught.value)


def conv(builder: ModelBuilder, x: Tensor, weights: np.ndarray = WEIGHTS,
         weight_scales: object = 0.1, **options: object) -> Tensor:
    arguments = {"bias": BIAS, "scale": 0.5, "zero_point": 0} | options
    return builder.conv_2d(x, weights, arguments.pop("bias"), weight_scales,
                           arguments.pop("scale"), arguments.pop("zero_point"), **arguments)


def test_float_network_is_told_in_one_line() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 8, 8, 2), dtype="float32", name="photo")
    y = builder.tensor((1, 8, 8, 4), dtype="float32", name="map")
    w = builder.constant(WEIGHTS.astype(np.float32), name="kernel")
    builder.operator("CONV_2D", [x, w, None], [y], "Conv2D", strideH=1, strideW=1)
    assert message(builder, y) == (
        "net.tflite: CONV_2D #0: tensor photo is FLOAT32 (and 2 more); Hadron runs INT8: quantize "
        "it first, with hadron quantize")


def test_int16_activations() -> None:
    builder = ModelBuilder()
    x = image(builder, dtype="int16")
    assert message(builder, builder.unary("HARD_SWISH", x, 0.01, 0)).startswith(
        "net.tflite: HARD_SWISH #0: tensor x is INT16 (and 1 more); Hadron runs INT8")


def test_all_problems_are_told_at_once() -> None:
    builder = ModelBuilder()
    x = image(builder)
    y = builder.unary("SIN", x, 1 / 256, -128)
    z = builder.unary("COS", y, 0.1, 0)
    z = builder.unary("SIN", z, 1 / 256, -128)
    u = conv(builder, z, weight_scales=[0.1, 0.2])
    assert message(builder, u) == (
        "net.tflite: 3 problems:\n"
        "  SIN #0, #2: operator not supported\n"
        "  COS #1: operator not supported\n"
        "  CONV_2D #3: weights tensor_4 have 2 scales, must be 1 or 4")


def test_problems_can_be_read_one_by_one() -> None:
    builder = ModelBuilder()
    y = builder.unary("SIN", image(builder), 1 / 256, -128)
    with pytest.raises(UnsupportedError) as caught:
        compile_model(builder.finish([y]), CONFIGS["h64"])
    assert caught.value.problems == ("SIN #0: operator not supported",)


def test_dense_layer_of_another_shape() -> None:
    builder = ModelBuilder()
    x = image(builder, shape=(2, 3, 40))
    weights = builder.constant(np.ones((5, 40), np.int8), 0.1)
    y = builder.tensor((1, 30), 0.1, 0, name="y")
    builder.operator("FULLY_CONNECTED", [x, weights, None], [y], "FullyConnected")
    assert message(builder, y) == ("net.tflite: FULLY_CONNECTED #0: output y has the shape "
                                   "[1, 30], its last size must be 5")


def test_output_that_is_a_constant() -> None:
    builder = ModelBuilder()
    fixed = builder.constant(np.ones((1, 4), np.int8), 0.1, name="fixed")
    assert message(builder, conv(builder, image(builder)), fixed) == (
        "net.tflite: output fixed is a constant, which nothing computes")


def test_custom_operator() -> None:
    builder = ModelBuilder()
    x = image(builder)
    y = builder.tensor((1, 4), 0.1, 0)
    builder.operator("CUSTOM", [x], [y], custom_code="NMS")
    assert message(builder, y) == "net.tflite: CUSTOM (NMS) #0: operator not supported"


def test_effective_scale_of_128() -> None:
    builder = ModelBuilder()
    y = conv(builder, image(builder, scale=1.0), weight_scales=1.0, scale=1 / 128)
    assert message(builder, y) == (
        "net.tflite: CONV_2D #0: the effective scale of channel 0 is 2**7 or more, must be less "
        "than 128")


def test_an_accumulator_that_may_overflow() -> None:
    builder = ModelBuilder()
    bias = BIAS.copy()
    bias[2] = (1 << 31) - 100
    y = conv(builder, image(builder), bias=bias)
    assert message(builder, y) == (
        f"net.tflite: CONV_2D #0: the accumulator of channel 2 may reach {(1 << 31) - 100 + 18*127}"
        ", must be less than 2**31")


def test_dynamic_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    from hadron_compiler.frontend import tflite

    builder = ModelBuilder()
    model = builder.finish([builder.pool_2d("MAX_POOL_2D", image(builder), (2, 2))])
    read = tflite.read_model

    def dynamic(source: str, data: bytes) -> object:
        raw = read(source, data)
        tensor = raw.tensors[0]
        changed = type(tensor)(**{**vars(tensor), "shape_signature": (1, -1, -1, 2)})
        return type(raw)(**{**vars(raw), "tensors": (changed, *raw.tensors[1:])})

    monkeypatch.setattr(tflite, "read_model", dynamic)
    with pytest.raises(UnsupportedError) as caught:
        compile_model(model, CONFIGS["h64"], name="net.tflite")
    assert str(caught.value) == (
        "net.tflite: MAX_POOL_2D #0: tensor x has the dynamic shape [1, -1, -1, 2]; Hadron needs "
        "fixed shapes")


def _weights_not_constant(builder: ModelBuilder) -> Tensor:
    x = image(builder)
    w = builder.input((4, 3, 3, 2), 0.1, 0, name="w")
    y = builder.tensor((1, 8, 8, 4), 0.1, 0)
    builder.operator("CONV_2D", [x, w, None], [y], "Conv2D", strideH=1, strideW=1)
    return y


def _broadcast(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 2), 0.1, 0, name="y")
    z = builder.input((1, 3, 1, 2), 0.1, 0, name="z")
    builder.operator("ADD", [image(builder), z], [y], "Add")
    return y


def _weight_zero_point(builder: ModelBuilder) -> Tensor:
    x = image(builder)
    w = builder.constant(WEIGHTS, 0.1, 3, name="w")
    y = builder.tensor((1, 8, 8, 4), 0.1, 0)
    builder.operator("CONV_2D", [x, w, None], [y], "Conv2D", strideH=1, strideW=1)
    return y


def _wrong_axis(builder: ModelBuilder) -> Tensor:
    x = image(builder)
    w = builder.constant(WEIGHTS, [0.1] * 4, 0, axis=3, name="w")
    y = builder.tensor((1, 8, 8, 4), 0.1, 0)
    builder.operator("CONV_2D", [x, w, None], [y], "Conv2D", strideH=1, strideW=1)
    return y


def _no_options(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 7, 7, 2), 0.1, 0)
    builder.operator("MAX_POOL_2D", [image(builder)], [y])
    return y


def _activation(builder: ModelBuilder) -> Tensor:
    return conv(builder, image(builder), activation="TANH")


def _softmax_scale(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 2), 0.1, 0, name="y")
    builder.operator("SOFTMAX", [image(builder)], [y], "Softmax", beta=1.0)
    return y


def _softmax_row(builder: ModelBuilder) -> Tensor:
    return builder.softmax(builder.input((1, 5000), 0.1, 0, name="x"))


def _mean_axes(builder: ModelBuilder) -> Tensor:
    return builder.mean(image(builder), (1, 3), 0.1, 0)


def _output_size(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 9, 8, 2), 0.1, 0, name="y")
    builder.operator("MAX_POOL_2D", [image(builder)], [y], "Pool2D", strideH=1, strideW=1,
                     filterHeight=2, filterWidth=2)
    return y


def _unquantized(builder: ModelBuilder) -> Tensor:
    return builder.pool_2d("MAX_POOL_2D", builder.input((1, 8, 8, 2), name="x"), (2, 2))


def _rank(builder: ModelBuilder) -> Tensor:
    x = builder.input((8, 8, 2), 0.1, 0, name="x")
    y = builder.tensor((7, 7, 2), 0.1, 0)
    builder.operator("MAX_POOL_2D", [x], [y], "Pool2D", strideH=1, strideW=1, filterHeight=2,
                     filterWidth=2)
    return y


def _pool_requantizes(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 2), 0.3, 0, name="y")
    builder.operator("AVERAGE_POOL_2D", [image(builder)], [y], "Pool2D", strideH=1, strideW=1,
                     filterHeight=2, filterWidth=2)
    return y


def _add_scale(builder: ModelBuilder) -> Tensor:
    x = image(builder)
    return builder.binary("ADD", x, x, 1e-8, 0)


def _constant(builder: ModelBuilder, *values: int, shape: tuple[int, ...] = (), scale: float = 0.1,
              zero_point: int = 0) -> Tensor:
    return builder.constant(np.array(values, np.int8).reshape(shape), scale, zero_point, name="k")


def _product_scale(builder: ModelBuilder) -> Tensor:
    return builder.binary("MUL", image(builder, scale=1.0), image(builder, scale=1.0, name="z"),
                          1 / 128, 0)


def _prelu_slope(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 2), 0.1, 0)
    builder.operator("PRELU", [image(builder), _constant(builder, *[1] * 3, shape=(3,))], [y])
    return y


def _mul_scale(builder: ModelBuilder) -> Tensor:
    return builder.binary("MUL", image(builder, scale=1.0), _constant(builder, 5, scale=1.0),
                          1 / 128, 0)


def _sub_shape(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 1), 0.1, 0, name="y")
    builder.operator("SUB", [image(builder), _constant(builder, *[1] * 8, shape=(1, 8, 1))], [y],
                     "Sub")
    return y


def _matrices(builder: ModelBuilder) -> Tensor:
    a, b = (builder.input((4, 5), 0.1, 0, name=name) for name in "ab")
    y = builder.tensor((4, 4), 0.1, 0)
    builder.operator("BATCH_MATMUL", [a, b], [y], "BatchMatMul")
    return y


def _logistic_scale(builder: ModelBuilder) -> Tensor:
    return builder.unary("LOGISTIC", image(builder), 1 / 128, 0)


def _unary_shape(builder: ModelBuilder) -> Tensor:
    y = builder.tensor((1, 8, 8, 1), 0.1, 0, name="y")
    builder.operator("RELU", [image(builder)], [y])
    return y


def _maximum_rescales(builder: ModelBuilder) -> Tensor:
    x, z = image(builder), image(builder, scale=0.2, name="z")
    y = builder.tensor((1, 8, 8, 2), 0.1, 0, name="y")
    builder.operator("MAXIMUM", [x, z], [y], "MaximumMinimum")
    return y


def _join(builder: ModelBuilder, shape: tuple[int, ...] = (1, 8, 8, 3), scale: float = 0.1,
          output: tuple[int, ...] = (1, 8, 8, 5), axis: int = 3, activation: int = 0) -> Tensor:
    z = builder.input(shape, scale, 0, name="z")
    y = builder.tensor(output, 0.1, 0, name="y")
    builder.operator("CONCATENATION", [image(builder), z], [y], "Concatenation", axis=axis,
                     fusedActivationFunction=activation)
    return y


def _join_rescales(builder: ModelBuilder) -> Tensor:
    return _join(builder, scale=0.2)


def _join_axis(builder: ModelBuilder) -> Tensor:
    return _join(builder, axis=4)


def _join_rank(builder: ModelBuilder) -> Tensor:
    return _join(builder, (8, 8, 3))


def _join_shape(builder: ModelBuilder) -> Tensor:
    return _join(builder, (1, 8, 7, 3))


def _join_output(builder: ModelBuilder) -> Tensor:
    return _join(builder, output=(1, 8, 8, 6))


def _join_activation(builder: ModelBuilder) -> Tensor:
    return _join(builder, activation=1)


@pytest.mark.parametrize(("make", "expected"), [
    (_weights_not_constant, "CONV_2D #0: tensor w is not a constant"),
    (_broadcast, "ADD #0: x of the shape [1, 8, 8, 2] and z of the shape [1, 3, 1, 2] do not "
                 "broadcast"),
    (_matrices, "BATCH_MATMUL #0: a of the shape [4, 5] and b of the shape [4, 5] do not multiply"),
    (_logistic_scale, "LOGISTIC #0: output scale 0.0078125 and zero point 0, must be "
                      "1/256 and -128"),
    (_unary_shape, "RELU #0: output y has the shape [1, 8, 8, 1], must be [1, 8, 8, 2]"),
    (_maximum_rescales, "MAXIMUM #0: quantization of input z and output y differ"),
    (_weight_zero_point, "CONV_2D #0: weights w have a zero point other than 0"),
    (_wrong_axis, "CONV_2D #0: weights w are quantized along axis 3, must be 0"),
    (_no_options, "MAX_POOL_2D #0: the operator has no options"),
    (_activation, "CONV_2D #0: fused activation TANH is not supported; NONE, RELU, RELU6 and "
                  "RELU_N1_TO_1 are"),
    (_softmax_scale, "SOFTMAX #0: output y has scale 0.10000000149011612 and zero point 0, must be "
                     "1/256 and -128"),
    (_softmax_row, "SOFTMAX #0: a row has 5000 elements, at most 4095 are supported"),
    (_mean_axes, "MEAN #0: axes [1, 3] of the shape [1, 8, 8, 2] are not supported; neighbours "
                 "are"),
    (_output_size, "MAX_POOL_2D #0: output y has the shape [1, 9, 8, 2], the window makes "
                   "[1, 8, 8] of it"),
    (_unquantized, "MAX_POOL_2D #0: tensor x has no quantization: scale and zero point are "
                   "missing"),
    (_rank, "MAX_POOL_2D #0: tensor x has the shape [8, 8, 2]; 4 dimensions are supported"),
    (_pool_requantizes, "AVERAGE_POOL_2D #0: quantization of input x and output y differ"),
    (_add_scale, "ADD #0: output scale 9.99999993922529e-09 is too small for inputs of scale "
                 "0.10000000149011612 and 0.10000000149011612"),
    (_product_scale, "MUL #0: the effective scale of channel 0 is 2**7 or more, must be less than "
                     "128"),
    (_prelu_slope, "PRELU #0: slope k of the shape [3] does not repeat to that of input x, "
                   "[1, 8, 8, 2]"),
    (_mul_scale, "MUL #0: the effective scale of channel 0 is 2**7 or more, must be less than 128"),
    (_sub_shape, "SUB #0: output y has the shape [1, 8, 8, 1], must be [1, 8, 8, 2]"),
    (_join_rescales, "CONCATENATION #0: quantization of input z and output y differ"),
    (_join_axis, "CONCATENATION #0: axis 4 is not one of the 4 of output y"),
    (_join_rank, "CONCATENATION #0: input z has the shape [8, 8, 3], must have 4 dimensions"),
    (_join_shape, "CONCATENATION #0: input z has the shape [1, 8, 7, 3]; all must be alike but for "
                  "axis 3"),
    (_join_output, "CONCATENATION #0: output y has the shape [1, 8, 8, 6], must be [1, 8, 8, 5]"),
    (_join_activation, "CONCATENATION #0: a fused activation is not supported"),
])
def test_refusal_names_operator_tensor_and_limit(make: Callable[[ModelBuilder], Tensor],
                                                 expected: str) -> None:
    builder = ModelBuilder()
    output = make(builder)
    text = message(builder, output)
    assert expected in [line.removeprefix("net.tflite: ").strip() for line in text.splitlines()]
