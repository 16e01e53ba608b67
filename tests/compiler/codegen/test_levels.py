"""What is known of the values of activations."""

import numpy as np
import pytest

from hadron_compiler.codegen.levels import find_levels
from hadron_compiler.frontend.tflite import import_tflite
from hadron_compiler.passes import run_passes
from hadron_testing.tflite_builder import ModelBuilder, Tensor


def levels_of(builder: ModelBuilder, y: Tensor) -> tuple[int, int]:
    """Return the levels of the network's output."""
    graph = run_passes(import_tflite("net", builder.finish([y])))
    return find_levels(graph)[graph.outputs[0].storage]


def relu6(builder: ModelBuilder, zero_point: int = -10) -> Tensor:
    x = builder.input((1, 4, 4, 8), 0.05, 3)
    return builder.conv_2d(x, np.ones((8, 1, 1, 8), np.int8), np.zeros(8), 0.02, 0.4, zero_point,
                           activation="RELU6")


@pytest.mark.parametrize(("activation", "expected"), [
    ("NONE", (-128, 127)), ("RELU", (-10, 127)), ("RELU6", (-10, 5)), ("RELU_N1_TO_1", (-13, -7))])
def test_fused_activations_bound_them(activation, expected):
    builder = ModelBuilder()
    x = builder.input((1, 4, 4, 8), 0.05, 3)
    y = builder.conv_2d(x, np.ones((8, 1, 1, 8), np.int8), np.zeros(8), 0.02, 0.4, -10,
                        activation=activation)
    assert levels_of(builder, y) == expected


def test_what_picks_or_moves_values_keeps_them():
    builder = ModelBuilder()
    y = builder.pool_2d("MAX_POOL_2D", relu6(builder), (2, 2))
    y = builder.pool_2d("AVERAGE_POOL_2D", y, (2, 2))
    y = builder.pad(y, [(0, 0), (0, 0), (0, 0), (2, 1)])
    assert levels_of(builder, builder.reshape(y, (1, y.shape[1] * y.shape[2], 11))) == (-10, 5)


def test_parts_of_a_tensor_add_theirs():
    builder = ModelBuilder()
    y = relu6(builder)
    z = builder.conv_2d(y, np.ones((8, 1, 1, 8), np.int8), np.zeros(8), 0.02, 0.4, -10,
                        activation="RELU_N1_TO_1")
    assert levels_of(builder, builder.concatenation([y, z], 0.4, -10)) == (-13, 5)


def test_functions_have_those_of_the_inputs_that_occur():
    builder = ModelBuilder()
    y = builder.unary("RELU", relu6(builder), 0.4, -10)
    assert levels_of(builder, y) == (-10, 5)


def test_of_others_nothing_is_known():
    builder = ModelBuilder()
    y = builder.mean(relu6(builder), (1, 2), 0.4, -10)
    assert levels_of(builder, y) == (-128, 127)
