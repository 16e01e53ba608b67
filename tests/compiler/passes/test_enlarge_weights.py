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


def layer(kind: str, rng: np.random.Generator, largest: int, weight_bits: int = 8,
          bias: int = 8) -> bytes:
    """Return a layer whose channels of scales of 1 and more have weights up to `largest`, and a
    bias of `bias`."""
    builder = ModelBuilder()
    builder.weight_bits = weight_bits
    most = (1 << weight_bits - 1) - 1
    depthwise = kind == "DEPTHWISE_CONV_2D"
    image = {"CONV_2D": (1, 5, 5, 1024), "DEPTHWISE_CONV_2D": (1, 9, 9, CHANNELS),
             "FULLY_CONNECTED": (25, 1024)}[kind]
    kernel = {"CONV_2D": (1, 1, 1024), "DEPTHWISE_CONV_2D": (1, 15, 15),
              "FULLY_CONNECTED": (1024,)}[kind]
    weights = rng.integers(most // 2, most + 1, (*kernel, CHANNELS))
    weights[..., ONE_AND_MORE] = rng.integers(-largest, largest + 1,
                                              weights[..., ONE_AND_MORE].shape)
    scales = np.full(CHANNELS, 1e-4)
    scales[ONE_AND_MORE] = rng.uniform(1, 7.9, len(scales[ONE_AND_MORE]))
    x = builder.input(image, 0.1, 4)
    biases = rng.integers(-1000, 1000, CHANNELS)
    biases[ONE_AND_MORE] = bias
    make = {"CONV_2D": builder.conv_2d, "DEPTHWISE_CONV_2D": builder.depthwise_conv_2d,
            "FULLY_CONNECTED": builder.fully_connected}[kind]
    y = make(x, weights if depthwise else np.moveaxis(weights, -1, 0), biases,
             scales * 0.05 / 0.1, 0.05, -7)
    return builder.finish([y])


@pytest.mark.parametrize("largest", [15, 127])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", ["h64", "h256"])
def test_the_bytes_equal_the_oracles(kind: str, config: str, largest: int,
                                     rng: np.random.Generator) -> None:
    """With room in eight bits, and without."""
    model = layer(kind, rng, largest)
    program = compile_model(model, CONFIGS[config])
    shape = program.inputs[0].shape
    # Mostly the zero point, lest all outputs are -128 or 127; and anything.
    others = 0.03 if kind == "DEPTHWISE_CONV_2D" else 0.002
    few = np.where(rng.random(shape) < others, rng.integers(3, 6, shape), 4).astype(np.int8)
    for value in (few, activations(rng, shape)):
        (got,), result = run_program(program, [value])
        assert result.ok
        wanted = oracle.run(model, [value])[0]
        assert value is not few or len(np.unique(wanted)) > 10
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_four_bits_have_room(kind: str, rng: np.random.Generator) -> None:
    program = compile_model(layer(kind, rng, 7, weight_bits=4), CONFIGS["h256"])
    assert program.layers[0].precision == "W8A8"


@pytest.mark.parametrize("kind", KINDS)
def test_sums_without_room_are_refused(kind: str, rng: np.random.Generator) -> None:
    with pytest.raises(CompileError, match="one operator cannot have both"):
        compile_model(layer(kind, rng, 127, bias=1 << 30), CONFIGS["h256"])
