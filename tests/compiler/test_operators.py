"""Random models of one operator, and small networks: the program equals TensorFlow Lite Micro."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.random_elementwise import UNARY
from hadron_testing.random_models import GENERATORS, random_network
from hadron_testing.random_movement import MOVEMENT
from hadron_testing.tflite_builder import ModelBuilder

FEW = {*MOVEMENT, *UNARY, "BATCH_MATMUL"}
"""Operators of which a few cases tell enough."""

ALL_CONFIGS = CONFIGS | SMALL_CONFIGS


def check(model: bytes, inputs: list[np.ndarray], config_name: str, outputs: int = 1) -> None:
    """Compile and run; outputs equal the oracle's and the program is sound."""
    expected = oracle.run(model, inputs, outputs=outputs)
    program = compile_model(model, ALL_CONFIGS[config_name])
    got, result = run_program(program, inputs)
    assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
    assert result.unused_tokens == 0
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), wanted.ravel())


@pytest.mark.parametrize("config", ALL_CONFIGS)
@pytest.mark.parametrize("operator", GENERATORS)
def test_random_operators_equal_the_oracle(operator: str, config: str,
                                           rng: np.random.Generator) -> None:
    for _ in range(3 if operator in FEW else 6):
        case = GENERATORS[operator](rng)
        check(case.model, case.inputs, config, case.outputs)


@pytest.mark.parametrize("config", ALL_CONFIGS)
def test_random_networks_equal_the_oracle(config: str, rng: np.random.Generator) -> None:
    for _ in range(3):
        case = random_network(rng, size=int(rng.integers(8, 25)))
        check(case.model, case.inputs, config)


@pytest.mark.slow
@pytest.mark.parametrize("config", ALL_CONFIGS)
@pytest.mark.parametrize("operator", GENERATORS)
def test_many_random_operators_equal_the_oracle(operator: str, config: str,
                                                rng: np.random.Generator) -> None:
    for _ in range(10 if operator in FEW else 60):
        case = GENERATORS[operator](rng)
        check(case.model, case.inputs, config, case.outputs)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("keep_dims", [False, True])
def test_mean_equals_the_oracle(config: str, keep_dims: bool, rng: np.random.Generator) -> None:
    for _ in range(8):
        builder = ModelBuilder()
        shape = (1, *(int(n) for n in rng.integers(1, 13, 2)), int(rng.integers(1, 40)))
        x = builder.input(shape, 0.05, int(rng.integers(-128, 128)))
        y = builder.mean(x, (1, 2), 0.05 * float(rng.uniform(0.1, 2)),
                         int(rng.integers(-128, 128)), keep_dims=keep_dims)
        check(builder.finish([y]), [rng.integers(-128, 128, shape).astype(np.int8)], config)


@pytest.mark.parametrize("config", ALL_CONFIGS)
@pytest.mark.parametrize("consumer", ["none", "conv", "depthwise", "pool", "twice"])
def test_pad_equals_the_oracle(consumer: str, config: str, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 7, 6, 9))
    paddings = [(0, 0), (2, 1), (0, 3), (0, 0)]
    y = layers.builder.pad(layers.inputs[0], paddings)
    if consumer == "conv":
        y = layers.conv(y, 12, (3, 3), stride=(2, 2), padding="VALID")
    elif consumer == "depthwise":
        y = layers.depthwise(y, (3, 3), stride=(2, 2), padding="SAME")
    elif consumer == "pool":
        y = layers.builder.pool_2d("AVERAGE_POOL_2D", y, (2, 2), padding="SAME")
    elif consumer == "twice":
        y = layers.builder.pad(y, paddings)
        y = layers.add(y, layers.conv(y, 9, (3, 3)))
    model = layers.builder.finish([y])
    check(model, [rng.integers(-128, 128, (1, 7, 6, 9)).astype(np.int8)], config)


def test_pad_before_a_convolution_is_free(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 8, 8, 8))
    y = layers.builder.pad(layers.inputs[0], [(0, 0), (1, 1), (1, 1), (0, 0)])
    y = layers.conv(y, 16, (3, 3), padding="VALID")
    program = compile_model(layers.builder.finish([y]), CONFIGS["h64"])
    assert [layer.op for layer in program.layers] == ["CONV_2D"]


@pytest.mark.parametrize("multiplier", [2, 5, 19, 37])
def test_depth_multipliers_beyond_the_columns(multiplier: int, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 6, 7, 5))
    y = layers.depthwise(layers.inputs[0], (3, 2), multiplier)
    model = layers.builder.finish([y])
    x = rng.integers(-128, 128, (1, 6, 7, 5)).astype(np.int8)
    for config in ALL_CONFIGS:
        check(model, [x], config)


def test_grouped_convolution(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 6, 7, 12))
    x = layers.inputs[0]
    y = layers.builder.conv_2d(
        x, rng.integers(-127, 128, (9, 3, 3, 4)).astype(np.int8), None, 0.01, 1.0, 3)
    model = layers.builder.finish([y])
    check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], "h64")


def test_an_operand_that_is_a_constant(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 5, 6, 7), 0.1, 3)
    other = builder.constant(rng.integers(-128, 128, (1, 5, 6, 7)).astype(np.int8), 0.2, -7)
    model = builder.finish([builder.binary("ADD", x, other, 0.3, 1)])
    check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], "h128")


@pytest.mark.parametrize("shape", [(), (1,), (7,), (1, 1, 1, 7), (1, 5, 1, 1)])
def test_a_constant_is_broadcast(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 5, 6, 7), 0.1, 3)
    other = builder.constant(rng.integers(-128, 128, shape).astype(np.int8), 0.2, -7)
    model = builder.finish([builder.binary("ADD", other, x, 0.3, 1)])
    check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], "h128")


@pytest.mark.parametrize("zero_point", [-128, -1, 0, 127])
@pytest.mark.parametrize("channels", [1, 3, 40])
def test_factors_of_nine_bits(channels: int, zero_point: int, rng: np.random.Generator) -> None:
    """A constant less its zero point is -255 to 255, more than a weight holds."""
    builder = ModelBuilder()
    x = builder.input((2, 5, 6, channels), 0.1, 3)
    values = np.resize(np.asarray([-128, 127, -127, 0], np.int8), channels)
    y = builder.binary("MUL", x, builder.constant(values, 0.01, zero_point), 0.1, 1)
    model = builder.finish([y])
    x = rng.integers(-128, 128, x.shape).astype(np.int8)
    for config in ALL_CONFIGS:
        check(model, [x], config)


def test_a_constant_of_larger_scale_is_subtracted(rng: np.random.Generator) -> None:
    """Shifted, not multiplied: any value may be negated."""
    builder = ModelBuilder()
    x = builder.input((1, 4, 16, 4), 0.1, 3)
    values = np.arange(-128, 128).astype(np.int8).reshape(1, 4, 16, 4)
    for zero_point in (-128, 5, 127):
        y = builder.binary("SUB", x, builder.constant(values, 0.2, zero_point), 0.5, 1)
        check(builder.finish([y]), [rng.integers(-128, 128, x.shape).astype(np.int8)], "h64")
        builder.operators.clear()


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_constant_of_ties_is_subtracted(sign: int, rng: np.random.Generator) -> None:
    """Every other difference, rescaled, is exactly between two numbers."""
    builder = ModelBuilder()
    x = builder.input((1, 4, 8, 4), 1.0, 3)
    values = (sign * np.arange(128)).astype(np.int8).reshape(x.shape)
    y = builder.binary("SUB", x, builder.constant(values, 0.5 + 2**-21, 0), 1.0, 1)
    for _ in range(8):
        check(builder.finish([y]), [rng.integers(-128, 128, x.shape).astype(np.int8)], "h64")


@pytest.mark.parametrize("axis", [-4, -1, 0, 1, 2, 3])
def test_a_concatenation_between_other_operators(axis: int, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 6, 7, 9))
    builder, x = layers.builder, layers.inputs[0]
    pooled = builder.pool_2d("MAX_POOL_2D", x, (1, 1))
    again = builder.reshape(builder.reshape(pooled, (1, 378)), x.shape)
    joined = builder.concatenation([x, again, pooled], x.scale, x.zero_point, axis=axis)
    twice = builder.concatenation([joined, joined], x.scale, x.zero_point, axis=2)
    y = layers.conv(twice, 5, (3, 3), stride=(2, 2))
    model = builder.finish([y, joined, pooled])
    for config in ALL_CONFIGS:
        check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], config, outputs=3)


def test_a_tensor_added_to_itself(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 5, 6, 7), 0.1, 3)
    model = builder.finish([builder.binary("ADD", x, x, 0.3, 1)])
    check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], "h256")


def test_outputs_that_are_inputs_or_aliases(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 4, 4, 8), 0.1, 3)
    flat = builder.reshape(x, (1, 128))
    pooled = builder.pool_2d("MAX_POOL_2D", x, (2, 2))
    again = builder.reshape(pooled, (9, 8))
    model = builder.finish([flat, pooled, again])
    check(model, [rng.integers(-128, 128, x.shape).astype(np.int8)], "h64", outputs=3)


def test_operators_nobody_reads_are_left_out(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 8, 8, 8))
    x = layers.inputs[0]
    layers.conv(x, 16, (3, 3))
    y = layers.builder.pool_2d("MAX_POOL_2D", x, (2, 2))
    program = compile_model(layers.builder.finish([y]), CONFIGS["h64"])
    assert [layer.op for layer in program.layers] == ["MAX_POOL_2D"]




def test_two_softmaxes_of_different_scale_take_turns_in_the_table(
        rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x, z = builder.input((3, 20), 0.1, 3), builder.input((3, 20), 0.01, 3)
    outputs = [builder.softmax(x), builder.softmax(z), builder.softmax(x)]
    values = [rng.integers(-128, 128, (3, 20)).astype(np.int8) for _ in range(2)]
    check(builder.finish(outputs), values, "h64", outputs=3)
