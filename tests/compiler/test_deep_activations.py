"""Activations of 16 bits: programs equal TensorFlow Lite Micro, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import CapacityError, CompileError, compile_model
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.random_deep import DEEP, mixed_network
from hadron_testing.random_models import GENERATORS
from hadron_testing.tflite_builder import ModelBuilder

MOVEMENT = ("SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "UNPACK", "TRANSPOSE",
            "RESIZE_NEAREST_NEIGHBOR", "BROADCAST_TO", "SQUEEZE", "EXPAND_DIMS")
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
        assert check(case.model, case.inputs, config) == ["W8A16"]


@pytest.mark.parametrize("operator", MOVEMENT)
def test_bytes_move_in_both_planes(operator: str, rng: np.random.Generator) -> None:
    for _ in range(3):
        case = GENERATORS[operator](rng)
        for tensor in case.builder.tensors:
            if tensor.dtype == "int8":
                tensor.dtype, tensor.zero_points = "int16", np.zeros_like(tensor.zero_points)
        outputs = [case.builder.tensors[i] for i in case.builder.operators[-1].outputs]
        model = case.builder.finish(outputs)
        inputs = [rng.integers(-1 << 15, 1 << 15, x.shape).astype(np.int16)
                  for x in case.builder.inputs]
        try:
            program = compile_model(model, DEEP_CONFIGS["h256"])
        except CapacityError:
            continue
        made, result = run_program(program, inputs)
        assert result.ok
        expected = oracle.run(model, inputs, outputs=len(outputs))
        for array, wanted in zip(made, expected, strict=True):
            np.testing.assert_array_equal(array, wanted)


def test_padding_in_front_of_a_convolution(rng: np.random.Generator) -> None:
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, 6, 5, 7), 0.001, dtype="int16")
    y = builder.pad(x, [(0, 0), (1, 2), (2, 0), (0, 0)])
    y = builder.conv_2d(y, rng.integers(-99, 99, (5, 3, 3, 7)), np.arange(5), 0.01, 0.02, 0,
                        padding="VALID")
    inputs = [rng.integers(-1 << 15, 1 << 15, x.shape).astype(np.int16)]
    assert check(builder.finish([y]), inputs, DEEP_CONFIGS["h64"]) == ["W8A16"]


def test_padding_of_its_own() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 6, 5, 7), 0.001, dtype="int16")
    assert message(builder, builder.pad(x, [(0, 0), (1, 2), (2, 0), (0, 0)])) == (
        "net.tflite: PAD #0: activations of 16 bits are padded in front of a convolution only")


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


def test_an_effective_scale_of_one() -> None:
    assert message(*dense(scale=1e-6)) == (
        "net.tflite: FULLY_CONNECTED #0: the effective scale of channel 0 is 1 or more; of 16-bit "
        "activations it must be less")


def test_a_bound_that_is_no_high_byte() -> None:
    assert message(*dense(scale=0.001, activation="RELU6")) == (
        "net.tflite: FULLY_CONNECTED #0: fused activation RELU6 ends at 0 and 6000; of 16 bits, "
        "the first must be a multiple of 256, the second one less")


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
    assert message(builder, builder.pool_2d("MAX_POOL_2D", x, (2, 2))).startswith(
        "net.tflite: MAX_POOL_2D #0: tensor x is INT16 (and 1 more); Hadron runs INT8")


def test_the_stream_brings_bytes() -> None:
    builder, y = dense()
    with pytest.raises(CompileError, match="input x has 16 bits, the stream brings 8"):
        compile_model(builder.finish([y]), DEEP_CONFIGS["h64"], stream_input=True)


def test_a_tensor_that_does_not_fit_the_scratchpad() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 64, 64, 16), 0.001, dtype="int16", name="x")
    y = builder.tensor(x.shape, 0.3, 0)
    builder.operator("QUANTIZE", [x], [y])
    assert message(builder, y) == (
        "net.tflite: QUANTIZE #0: tensor x of 16 bits has 131072 bytes and must fit the scratchpad "
        "whole, configuration 'h64' has act_bytes=32768")
