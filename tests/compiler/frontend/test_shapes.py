"""Networks of which a file leaves the shapes open, as converters do for batches of any size."""

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.networks import network
from hadron_testing.open_shapes import opened
from hadron_testing.random_graphs import random_graph
from hadron_testing.tflite_builder import ModelBuilder


def all_sizes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (-1,) * len(shape)


def first_size(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (-1, *shape[1:])


def assert_same_program(model: bytes, other: bytes) -> None:
    programs = [compile_model(data, CONFIGS["h64"]) for data in (model, other)]
    assert programs[0].memory == programs[1].memory


@pytest.mark.parametrize("name", ["ds_cnn", "mobilenet_v3_small", "shufflenet_v2", "unet"])
@pytest.mark.parametrize("unknown", [all_sizes, first_size])
def test_open_shapes_of_networks_are_found(name: str, unknown, rng: np.random.Generator) -> None:
    model = network(name, rng, (32, 32))
    assert_same_program(model, opened(model, unknown))


@pytest.mark.parametrize("turn", range(12))
def test_open_shapes_of_random_graphs_are_found(turn: int, rng: np.random.Generator) -> None:
    model = random_graph(rng)[0]
    assert_same_program(model, opened(model, all_sizes))


def test_a_shape_that_does_not_follow_is_refused() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 12), 0.1, 3)
    out = builder.tensor((3, 4), 0.1, 3)
    builder.operator("RESHAPE", [x], [out], "Reshape", newShape=[])
    with pytest.raises(CompileError, match=r"RESHAPE #0: tensor tensor_1 has the dynamic shape "
                                           r"\[-1, -1\]; Hadron needs fixed shapes"):
        compile_model(opened(builder.finish([out]), all_sizes), CONFIGS["h64"])
