"""Larger weights at smaller scales, where a wide operator has scales of 1 and more: the same bytes.
"""

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.draws import activations
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
CHANNELS = 20
ONE_AND_MORE = slice(3, None, 4)
"""Channels of scales of 1 and more; the others have large sums at a small scale."""


def layer(kind: str, rng: np.random.Generator, largest: int, weight_bits: int = 8) -> bytes:
    """Return a layer whose channels of scales of 1 and more have weights up to `largest`."""
    builder = ModelBuilder()
    builder.weight_bits = weight_bits
    most = (1 << weight_bits - 1) - 1
    depthwise = kind == "DEPTHWISE_CONV_2D"
    image = {"CONV_2D": (1, 3, 3, 1024), "DEPTHWISE_CONV_2D": (1, 20, 20, CHANNELS),
             "FULLY_CONNECTED": (2, 1024)}[kind]
    kernel = {"CONV_2D": (1, 1, 1024), "DEPTHWISE_CONV_2D": (1, 15, 15),
              "FULLY_CONNECTED": (1024,)}[kind]
    weights = rng.integers(most // 2, most + 1, (*kernel, CHANNELS))
    weights[..., ONE_AND_MORE] = rng.integers(-largest, largest + 1,
                                              weights[..., ONE_AND_MORE].shape)
    scales = np.full(CHANNELS, 1e-4)
    scales[ONE_AND_MORE] = rng.uniform(1, 7.9, len(scales[ONE_AND_MORE]))
    x = builder.input(image, 0.1, 4)
    bias = rng.integers(-1000, 1000, CHANNELS)
    make = {"CONV_2D": builder.conv_2d, "DEPTHWISE_CONV_2D": builder.depthwise_conv_2d,
            "FULLY_CONNECTED": builder.fully_connected}[kind]
    y = make(x, weights if depthwise else np.moveaxis(weights, -1, 0), bias,
             scales * 0.05 / 0.1, 0.05, -7)
    return builder.finish([y])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", ["h64", "h256"])
def test_the_bytes_equal_the_oracles(kind: str, config: str, rng: np.random.Generator) -> None:
    model = layer(kind, rng, 15)
    program = compile_model(model, CONFIGS[config])
    values = [activations(rng, binding.shape) for binding in program.inputs]
    (got,), result = run_program(program, values)
    assert result.ok
    wanted = oracle.run(model, values)[0]
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_four_bits_have_room(kind: str, rng: np.random.Generator) -> None:
    program = compile_model(layer(kind, rng, 7, weight_bits=4), CONFIGS["h256"])
    assert program.layers[0].precision == "W8A8"


@pytest.mark.parametrize("kind", KINDS)
def test_weights_without_room_are_refused(kind: str, rng: np.random.Generator) -> None:
    with pytest.raises(CompileError, match="one operator cannot have both"):
        compile_model(layer(kind, rng, 127), CONFIGS["h256"])
