"""Depthwise windows of up to five rows and columns, dilated ones among them, of all that fit."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import check_program

CONFIGURATIONS = [CONFIGS["h64"], CONFIGS["h256"], SMALL_CONFIGS["narrow"]]


def depthwise_commands(program):
    fields = iterate(program.memory[program.command_offset:][:128 * program.command_count])
    return [command for command in fields if command["opcode"] == Opcode.DEPTHWISE]


@pytest.mark.parametrize(("kernel", "options"), [
    ((5, 5), {}), ((5, 5), {"padding": "VALID"}), ((5, 5), {"stride": (2, 2)}),
    ((5, 5), {"stride": (1, 2), "padding": "VALID"}), ((5, 5), {"stride": (2, 1)}),
    ((5, 3), {}), ((3, 5), {"stride": (2, 2)}), ((4, 4), {}), ((2, 5), {"stride": (1, 2)}),
    ((5, 1), {}), ((1, 5), {}), ((3, 3), {"dilation": (2, 2)}),
    ((2, 3), {"dilation": (4, 1), "padding": "VALID"}),
])
@pytest.mark.parametrize(("size", "channels"), [((13, 21), 27), ((5, 6), 40)])
def test_tall_windows_are_exact(size, channels, kernel, options, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, *size, channels))
    model = layers.builder.finish([layers.depthwise(layers.inputs[0], kernel, **options)])
    value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
    expected, = oracle.run(model, [value])
    for config in CONFIGURATIONS:
        program = check_program(model, config, [value], expected)
        assert {command["tall"] for command in depthwise_commands(program)} <= {1}


@pytest.mark.parametrize(("kernel", "options", "tall"), [
    ((5, 5), {}, {1}), ((5, 5), {"stride": (2, 2)}, {1}), ((3, 3), {"dilation": (2, 2)}, {1}),
    ((3, 3), {}, {0}), ((2, 2), {"dilation": (2, 2)}, {0}),
    ((6, 5), {}, set()), ((5, 5), {"stride": (3, 1)}, set()),
    ((3, 3), {"dilation": (1, 3)}, set()),
])
def test_windows_are_formed_by_the_hardware_where_they_fit(kernel, options, tall,
                                                           rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 24, 24, 32))
    model = layers.builder.finish([layers.depthwise(layers.inputs[0], kernel, **options)])
    program = compile_model(model, CONFIGS["h256"])
    assert {command["tall"] for command in depthwise_commands(program)} == tall


def test_a_layer_that_does_not_fit_is_cut_by_channels(rng: np.random.Generator) -> None:
    """Tiles of few rows would read five rows for each, and compute with as many."""
    layers = Layers(rng, (1, 14, 14, 672))
    model = layers.builder.finish([layers.depthwise(layers.inputs[0], (5, 5))])
    value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
    expected, = oracle.run(model, [value], arena=32 << 20)
    layer, = check_program(model, CONFIGS["h256"], [value], expected).layers
    weights = 672 // 8 * 3 * CONFIGS["h256"].step_bytes
    assert layer.bytes_loaded < 1.1 * (value.size + weights)
