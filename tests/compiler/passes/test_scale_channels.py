"""Factors a channel that the network computes become weights, and change no byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.passes.scale_channels import LEAST_PIXELS
from hadron_compiler.program import Program
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.draws import activations, draw_activation, draw_zero_point
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder

ROUNDS = 3


def makes_weights(program: Program) -> bool:
    return any(layer.name.endswith("(weights 0)") for layer in program.layers)


def product(image: tuple[int, ...], factors: tuple[int, ...], *, zero_points: tuple[int, int],
            activation: str = "NONE", swapped: bool = False) -> bytes:
    builder = ModelBuilder()
    operands = [builder.input(shape, scale, zero_point) for shape, scale, zero_point in zip(
        (image, factors), (0.05, 1 / 256), zero_points, strict=True)]
    y = builder.binary("MUL", *operands[::-1 if swapped else 1], 0.03, 5, activation=activation)
    return builder.finish([y])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("channels", [3, 16, 40])
def test_the_product_equals_the_oracle(config: str, channels: int,
                                       rng: np.random.Generator) -> None:
    for _ in range(ROUNDS):
        rows, columns = (int(n) for n in rng.integers(12, 14, 2))
        image = (int(rng.integers(1, 3)), rows, columns, channels)
        zero_points = [draw_zero_point(rng), int(rng.choice([-128, draw_zero_point(rng)]))]
        model = product(image, (1, 1, 1, channels), zero_points=tuple(zero_points),
                        activation=draw_activation(rng), swapped=bool(rng.integers(2)))
        program = compile_model(model, CONFIGS[config])
        assert makes_weights(program)
        values = [activations(rng, binding.shape) for binding in program.inputs]
        (got,), result = run_program(program, values)
        assert result.ok
        assert not result.hazards
        np.testing.assert_array_equal(got, oracle.run(model, values)[0])


@pytest.mark.parametrize("zero_point", [-128, 0, 127])
def test_every_factor_equals_the_oracle(zero_point: int) -> None:
    model = product((1, 16, 16, 256), (1, 1, 1, 256), zero_points=(zero_point, zero_point))
    values = [np.resize(np.arange(-128, 128), (1, 256, 16, 16)).swapaxes(1, 3).astype(np.int8),
              np.arange(-128, 128).astype(np.int8).reshape(1, 1, 1, 256)]
    (got,), result = run_program(compile_model(model, CONFIGS["h256"]), values)
    assert result.ok
    np.testing.assert_array_equal(got, oracle.run(model, values)[0])


@pytest.mark.parametrize(("image", "factors"), [
    ((1, 1, LEAST_PIXELS - 1, 8), (1, 1, 1, 8)),
    ((1, 16, 16, 8), (1, 16, 1, 8)),
    ((1, 16, 16, 8), (1, 16, 16, 1)),
])
def test_other_products_are_left_alone(image: tuple[int, ...], factors: tuple[int, ...],
                                       rng: np.random.Generator) -> None:
    model = product(image, factors, zero_points=(-3, 4))
    program = compile_model(model, CONFIGS["h64"])
    assert not makes_weights(program)
    values = [activations(rng, binding.shape) for binding in program.inputs]
    (got,), _ = run_program(program, values)
    np.testing.assert_array_equal(got, oracle.run(model, values)[0])
