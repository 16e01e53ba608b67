"""Weights of four bits: what becomes W4A8, what it saves, and that no result changes."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import Program, UnsupportedError, compile_model
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

H64 = CONFIGS["h64"]
OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def layer(builder: ModelBuilder, operator: str, x: Tensor, rng: np.random.Generator,
          least: int = -8, most: int = 7) -> Tensor:
    """Add an operator of 64 channels whose weights are `least` to `most`."""
    depth = x.shape[-1]
    shape = {"CONV_2D": (64, 3, 3, depth), "DEPTHWISE_CONV_2D": (1, 3, 3, depth),
             "FULLY_CONNECTED": (64, depth)}[operator]
    add = getattr(builder, operator.lower())
    # TensorFlow Lite Micro takes one scale of INT4 weights of FULLY_CONNECTED.
    scales = 0.02 if operator == "FULLY_CONNECTED" else rng.uniform(0.01, 0.03, 64)
    bias = rng.integers(-500, 500, 64)
    return add(x, rng.integers(least, most + 1, shape), bias, scales, 0.7, 3)


def one_layer(operator: str, bits: int, rng: np.random.Generator, least: int = -8, most: int = 7
              ) -> tuple[bytes, list[np.ndarray]]:
    builder = ModelBuilder(weight_bits=bits)
    x = builder.input((1, 6, 7, 64), 0.05, 3)
    model = builder.finish([layer(builder, operator, x, rng, least, most)])
    return model, [rng.integers(-128, 128, x.shape).astype(np.int8)]


def outputs(program: Program, inputs: list[np.ndarray]) -> np.ndarray:
    made, result = run_program(program, inputs)
    assert result.ok, (result.detail, [str(hazard) for hazard in result.hazards[:3]])
    return made[0]


@pytest.mark.parametrize("config", (CONFIGS | SMALL_CONFIGS).values(), ids=lambda c: c.name)
@pytest.mark.parametrize("operator", OPERATORS)
def test_int4_weights_take_half_of_the_bytes(operator: str, config: NpuConfig,
                                             rng: np.random.Generator) -> None:
    model, inputs = one_layer(operator, 4, rng)
    program = compile_model(model, config)
    bytes_only = compile_model(model, replace(config, nibbles=False))
    assert [layer.precision for layer in program.layers] == ["W4A8"]
    assert [layer.precision for layer in bytes_only.layers] == ["W8A8"]
    saved = bytes_only.layers[0].bytes_loaded - program.layers[0].bytes_loaded
    weights = 64 * 64 * (9 if operator == "CONV_2D" else 1)
    assert saved >= weights // 2 if operator != "DEPTHWISE_CONV_2D" else saved > 0
    expected = oracle.run(model, inputs)[0].ravel()
    np.testing.assert_array_equal(outputs(program, inputs).ravel(), expected)
    np.testing.assert_array_equal(outputs(bytes_only, inputs).ravel(), expected)


def test_int8_weights_that_have_four_bits_are_found(rng: np.random.Generator) -> None:
    model, inputs = one_layer("CONV_2D", 8, rng)
    program = compile_model(model, H64)
    assert program.layers[0].precision == "W4A8"
    np.testing.assert_array_equal(outputs(program, inputs), oracle.run(model, inputs)[0])


@pytest.mark.parametrize(("least", "most"), [(-9, 7), (-8, 8)])
def test_int8_weights_beyond_four_bits_stay_bytes(least: int, most: int,
                                                  rng: np.random.Generator) -> None:
    model, _ = one_layer("CONV_2D", 8, rng, least, most)
    assert compile_model(model, H64).layers[0].precision == "W8A8"


def test_a_few_int8_weights_stay_bytes(rng: np.random.Generator) -> None:
    model, _ = one_layer("DEPTHWISE_CONV_2D", 8, rng)
    assert compile_model(model, H64).layers[0].precision == "W8A8"


def test_layers_of_both_kinds_in_one_network(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 8, 8, 64), 0.05, 3)
    y = layer(builder, "CONV_2D", x, rng, -127, 127)
    builder.weight_bits = 4
    y = layer(builder, "DEPTHWISE_CONV_2D", y, rng)
    builder.weight_bits = 8
    y = layer(builder, "DEPTHWISE_CONV_2D", y, rng, -127, 127)
    y = builder.pool_2d("AVERAGE_POOL_2D", y, (8, 8))
    y = builder.reshape(y, (1, 64))
    builder.weight_bits = 4
    y = layer(builder, "FULLY_CONNECTED", y, rng)
    model = builder.finish([y])
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8)]
    for config in CONFIGS.values():
        program = compile_model(model, config)
        assert [layer.precision for layer in program.layers] == [
            "W8A8", "W4A8", "W8A8", "W8A8", "W4A8"]
        np.testing.assert_array_equal(outputs(program, inputs), oracle.run(model, inputs)[0])


def test_int4_is_for_weights_of_three_operators(rng: np.random.Generator) -> None:
    builder = ModelBuilder(weight_bits=4)
    x = builder.input((1, 4, 4, 8), 0.05, 3)
    weights = builder.tensor((4, 3, 3, 8), 0.1, dtype="int4", name="kernel",
                             data=rng.integers(-8, 8, (4, 3, 3, 8)).astype(np.int8))
    y = builder.tensor((1, 8, 8, 4), 0.1)
    size = builder.constant(np.array(y.shape, np.int32))
    builder.operator("TRANSPOSE_CONV", [size, weights, x], [y], "TransposeConv", strideH=2,
                     strideW=2)
    with pytest.raises(UnsupportedError, match="tensor kernel is INT4"):
        compile_model(builder.finish([y]), H64)


def test_a_damaged_int4_buffer_is_told(rng: np.random.Generator) -> None:
    builder = ModelBuilder(weight_bits=4)
    x = builder.input((1, 64), 0.05, 3)
    y = builder.fully_connected(x, np.ones((3, 64)), np.zeros(3), 0.1, 0.7, 3)
    builder.tensors[1].data = np.ones((3, 60), np.int8)
    with pytest.raises(ValueError, match="180 elements, its shape is"):
        compile_model(builder.finish([y]), H64)
