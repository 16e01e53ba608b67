"""Activations of 16 bits: programs equal TensorFlow Lite Micro, and what is refused."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import CapacityError, CompileError, compile_model
from hadron_model.planes import join_planes, split_planes
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.random_deep import DEEP, gated_network, mixed_network, residual_network
from hadron_testing.random_models import GENERATORS, Case
from hadron_testing.random_shallow import ALL_PRECISIONS
from hadron_testing.tflite_builder import ModelBuilder, Tensor

MOVEMENT = ("SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK", "TRANSPOSE", "PAD",
            "PADV2", "RESIZE_NEAREST_NEIGHBOR", "BROADCAST_TO", "SQUEEZE", "EXPAND_DIMS")
MOVEMENT_OF_INT8 = ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND",
                    "GATHER", "MIRROR_PAD")
"""Operators that TensorFlow Lite Micro has for INT8 only."""
DEEP_CONFIGS = {name: replace(config, deep=True)
                for name, config in (CONFIGS | SMALL_CONFIGS).items()}


def check(model: bytes, inputs: list[np.ndarray], config: NpuConfig) -> list[str]:
    """Compare outputs with the oracle's; return the precisions of the layers."""
    program = compile_model(model, config)
    (output,), result = run_program(program, inputs)
    assert result.ok, (result.detail, [str(hazard) for hazard in result.hazards[:3]])
    (expected,) = oracle.run(model, inputs)
    assert output.dtype == expected.dtype
    np.testing.assert_array_equal(output.ravel(), expected.ravel())
    return [layer.precision for layer in program.layers]


@pytest.mark.parametrize("config", DEEP_CONFIGS.values(), ids=DEEP_CONFIGS)
@pytest.mark.parametrize("operator", DEEP)
def test_random_operators_equal_the_oracle(operator: str, config: NpuConfig,
                                           rng: np.random.Generator) -> None:
    for _ in range(4):
        case = DEEP[operator](rng)
        assert set(check(case.model, case.inputs, config)) == {"W8A16"}


def widen(case: Case) -> tuple[bytes, list[np.ndarray]]:
    """Return a model of INT8 as one of INT16, with its inputs."""
    rng = np.random.default_rng(len(case.model))
    for tensor in case.builder.tensors:
        if tensor.dtype == "int8":
            tensor.dtype, tensor.zero_points = "int16", np.zeros_like(tensor.zero_points)
            if tensor.data is not None:
                tensor.data = rng.integers(-1 << 15, 1 << 15, tensor.shape).astype(np.int16)
    return case.builder.finish(outputs_of(case)), [
        rng.integers(-1 << 15, 1 << 15, x.shape).astype(np.int16) for x in case.builder.inputs]


def outputs_of(case: Case) -> list[Tensor]:
    return [case.builder.tensors[i] for i in case.builder.operators[-1].outputs]


def plane_of(case: Case, inputs: list[np.ndarray], plane: int) -> np.ndarray:
    """Return what a model of INT8 makes of the low or the high bytes; it fills with those of 0."""
    for tensor in case.builder.tensors:
        if tensor.dtype == "int8":
            tensor.zero_points = np.full_like(tensor.zero_points, (-128, 0)[plane])
    return oracle.run(case.builder.finish(outputs_of(case)),
                      [split_planes(values)[plane] for values in inputs])[0]


@pytest.mark.parametrize("operator", [*MOVEMENT, *MOVEMENT_OF_INT8])
def test_bytes_move_in_both_planes(operator: str, rng: np.random.Generator) -> None:
    for _ in range(3):
        case = GENERATORS[operator](rng)
        count = len(outputs_of(case))
        if operator in MOVEMENT_OF_INT8:
            inputs = [rng.integers(-1 << 15, 1 << 15, x.shape).astype(np.int16)
                      for x in case.builder.inputs]
            expected = [join_planes(np.stack([plane_of(case, inputs, i) for i in range(2)]))]
            model, _ = widen(case)
        else:
            model, inputs = widen(case)
            expected = oracle.run(model, inputs, outputs=count)
        try:
            program = compile_model(model, DEEP_CONFIGS["h256"])
        except CapacityError:
            continue
        made, result = run_program(program, inputs)
        assert result.ok
        for array, wanted in zip(made, expected, strict=True):
            np.testing.assert_array_equal(array.ravel(), wanted.ravel())


def test_padding_in_front_of_a_convolution(rng: np.random.Generator) -> None:
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, 6, 5, 7), 0.001, dtype="int16")
    y = builder.pad(x, [(0, 0), (1, 2), (2, 0), (0, 0)])
    y = builder.conv_2d(y, rng.integers(-99, 99, (5, 3, 3, 7)), np.arange(5), 0.01, 0.02, 0,
                        padding="VALID")
    inputs = [rng.integers(-1 << 15, 1 << 15, x.shape).astype(np.int16)]
    assert check(builder.finish([y]), inputs, DEEP_CONFIGS["h64"]) == ["W8A16"]


@pytest.mark.parametrize("name", ["h64", "h256"])
def test_a_network_of_three_precisions(name: str, rng: np.random.Generator) -> None:
    model, inputs = mixed_network(rng)
    assert check(model, inputs, DEEP_CONFIGS[name]) == [
        "W8A8", *["W8A16"] * 5, "W4A8", *["W8A16"] * 2]


def message(builder: ModelBuilder, y, config: NpuConfig = DEEP_CONFIGS["h64"]) -> str:
    with pytest.raises(CompileError) as caught:
        compile_model(builder.finish([y]), config, name="net.tflite")
    return str(caught.value)


def dense(bits: int = 64, weight: int = 9, taps: int = 64, scale: float = 0.1,
          activation: str = "NONE"):
    builder = ModelBuilder(bias_bits=bits)
    x = builder.input((1, taps), 0.001, dtype="int16", name="x")
    weights = np.full((4, taps), weight, np.int8)
    return builder, builder.fully_connected(x, weights, np.zeros(4), 0.01, scale, 0,
                                            activation=activation)


def test_an_instance_without_them_refuses_them() -> None:
    assert message(*dense(), config=CONFIGS["h64"]) == (
        "net.tflite: FULLY_CONNECTED #0: activations of 16 bits; configuration 'h64' has "
        "deep = false")


def test_an_accumulator_that_may_leave_32_bits() -> None:
    assert message(*dense(weight=127, taps=600)) == (
        "net.tflite: FULLY_CONNECTED #0: the accumulator of channel 0 may reach 2496921600, must "
        "be less than 2**31")


@pytest.mark.parametrize("operator", ["RELU", "LOGISTIC", "ABS", "CONCATENATION"])
def test_sums_of_what_is_not_negative_reach_half_as_far(operator: str,
                                                        rng: np.random.Generator) -> None:
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, 1100), 1 / 32768, dtype="int16")
    y = builder.unary("RELU" if operator == "CONCATENATION" else operator, x, 1 / 32768, 0)
    if operator == "CONCATENATION":
        y = builder.concatenation([y, builder.unary("ABS", x, y.scale, 0)], y.scale, 0, axis=1)
    weights = np.where(np.arange(y.shape[1]) % 2, 100, -100) // (y.shape[1] // 1100)
    y = builder.fully_connected(y, np.tile(weights, (3, 1)).astype(np.int8), np.arange(3), 0.01,
                                y.scale * 400, 0)
    inputs = [rng.choice(np.array([-1 << 15, (1 << 15) - 1], np.int16), (1, 1100))]
    inputs[0][:, ::2] //= 2
    assert set(check(builder.finish([y]), inputs, DEEP_CONFIGS["h64"])) == {"W8A16"}


def test_joined_with_what_may_be_negative() -> None:
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, 600), 0.001, dtype="int16")
    y = builder.concatenation([builder.unary("RELU", x, 0.001, 0), x], 0.001, 0, axis=1)
    weights = np.tile(np.where(np.arange(1200) % 2, 100, -100), (3, 1)).astype(np.int8)
    y = builder.fully_connected(y, weights, np.zeros(3), 0.01, 1.0, 0)
    assert message(builder, y) == (
        "net.tflite: FULLY_CONNECTED #2: the accumulator of channel 0 may reach 3932100000, must "
        "be less than 2**31")


@pytest.mark.parametrize("weight", [3, 90])
def test_an_effective_scale_of_one_and_more(weight: int, rng: np.random.Generator) -> None:
    """Weights are 2 to 16 times as large then, and several where they leave eight bits."""
    for scale in (9.9e-6, 6e-6, 1e-6):
        builder, y = dense(scale=scale, weight=weight, taps=16)
        value = rng.integers(-9, 10, (1, 16)).astype(np.int16)
        assert check(builder.finish([y]), [value], DEEP_CONFIGS["h64"]) == ["W8A16"]


def test_an_effective_scale_of_one_and_sums_without_room() -> None:
    assert message(*dense(scale=1e-6, weight=127, taps=250)) == (
        "net.tflite: FULLY_CONNECTED #0: the effective scale of channel 0 is 1 or more; of 16-bit "
        "activations it must be less")


@pytest.mark.parametrize("activation", ["RELU6", "RELU_N1_TO_1"])
def test_bounds_that_are_no_high_bytes(activation: str, rng: np.random.Generator) -> None:
    builder, y = dense(scale=0.001, weight=90, activation=activation)
    inputs = [rng.integers(-1 << 15, 1 << 15, (1, 64)).astype(np.int16)]
    assert check(builder.finish([y]), inputs, DEEP_CONFIGS["h64"]) == ["W8A16"] * 2


def test_a_depthwise_bias_of_32_bits() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4, 4, 2), 0.001, dtype="int16")
    y = builder.depthwise_conv_2d(x, np.ones((1, 3, 3, 2)), np.zeros(2), 0.01, 0.1, 0)
    assert message(builder, y) == (
        "net.tflite: DEPTHWISE_CONV_2D #0: 16-bit activations need a bias of INT64")


def test_a_zero_point() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4), 0.001, 3, dtype="int16", name="x")
    assert "tensor x has zero point 3, must be 0 for 16 bits" in message(
        builder, builder.reshape(x, (4, 1)))


def test_other_operators_are_for_int8() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 8, 8, 2), 0.1, dtype="int16", name="x")
    assert message(builder, builder.softmax(x)).startswith(
        "net.tflite: SOFTMAX #0: tensor x is INT16; Hadron runs INT8")


def test_the_stream_brings_bytes() -> None:
    builder, y = dense()
    with pytest.raises(CompileError, match="input x has 16 bits, the stream brings 8"):
        compile_model(builder.finish([y]), DEEP_CONFIGS["h64"], stream_input=True)


@pytest.mark.parametrize(("make", "name", "size"), [
    (residual_network, "h64", 12), (residual_network, "h64", 40), (residual_network, "small", 32),
    (gated_network, "h256", 8), (gated_network, "small", 16)])
def test_networks_that_fit_the_scratchpad_or_not(
        make: Callable[[np.random.Generator, int], tuple[bytes, list[np.ndarray]]], name: str,
        size: int, rng: np.random.Generator) -> None:
    model, inputs = make(rng, size)
    config = (DEEP_CONFIGS | {"small": ALL_PRECISIONS})[name]
    assert set(check(model, inputs, config)) == {"W8A16"}


def test_a_sum_of_scales_too_far_apart() -> None:
    builder = ModelBuilder()
    a, b = (builder.input((1, 4), scale, dtype="int16") for scale in (1.0, 0.00001))
    assert message(builder, builder.binary("ADD", a, b, 1.0, 0)) == (
        "net.tflite: ADD #0: the scale of one input is 2**17 times less than the other's; of 16 "
        "bits, at most 2**15 times is supported")


def test_a_product_of_large_scale() -> None:
    builder = ModelBuilder()
    a, b = (builder.input((1, 4), 0.1, dtype="int16") for _ in range(2))
    assert message(builder, builder.binary("MUL", a, b, 0.01, 0)) == (
        "net.tflite: MUL #0: the effective scale of channel 0 is 1 or more; of 16-bit activations "
        "it must be less")


def test_a_negative_slope() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4), 0.1, dtype="int16")
    assert message(builder, builder.unary("LEAKY_RELU", x, 0.1, 0, "LeakyRelu", alpha=-0.5)) == (
        "net.tflite: LEAKY_RELU #0: slope -0.5 is negative; of 16 bits it must not be")


def test_a_function_of_another_output_scale() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4), 0.001, dtype="int16")
    assert message(builder, builder.unary("TANH", x, 0.001, 0)) == (
        "net.tflite: TANH #0: output scale 0.0010000000474974513, must be 1/32768")


def test_a_transposed_convolution_with_a_bias_of_32_bits() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 2, 2, 3), 0.001, dtype="int16")
    y = builder.tensor((1, 4, 4, 2), 0.01, dtype="int16")
    shape = builder.constant(np.array(y.shape, np.int32))
    weights = builder.constant(np.ones((2, 2, 2, 3), np.int8), 0.1)
    bias = builder.constant(np.zeros(2, np.int32), 0.0001)
    builder.operator("TRANSPOSE_CONV", [shape, weights, x, bias], [y], "TransposeConv", strideH=2,
                     strideW=2)
    assert message(builder, y) == (
        "net.tflite: TRANSPOSE_CONV #0: 16-bit activations need a bias of INT64")


@pytest.mark.parametrize("operator", ["ADD", "MUL", "MAXIMUM"])
def test_operands_of_8_and_16_bits(operator: str) -> None:
    builder = ModelBuilder()
    a, b = builder.input((1, 4), 0.1, dtype="int16"), builder.input((1, 4), 0.1, name="b")
    y = builder.tensor((1, 4), 0.1, 0, dtype="int16", name="y")
    options = {"ADD": "Add", "MUL": "Mul", "MAXIMUM": "MaximumMinimum"}[operator]
    builder.operator(operator, [a, b], [y], options)
    assert message(builder, y) == (
        f"net.tflite: {operator} #0: input b is INT8, output y is INT16")
