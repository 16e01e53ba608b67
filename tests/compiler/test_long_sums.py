"""Sums of more products than the weight memory holds: a command goes on with that of another."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import CapacityError, compile_model
from hadron_spec.commands import COMMAND_BYTES, Opcode, decode
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import check_program, run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

CONFIGURATIONS = [CONFIGS["h64"], CONFIGS["h256"]]
BOUND = 0.97
"""Share of the memory port's bytes that a layer with nothing but weights to load must use."""


def check(builder: ModelBuilder, y: Tensor, rng: np.random.Generator, configs=CONFIGURATIONS,
          dtype: type = np.int8, distinct: int = 3):
    """Compare with the oracle; return the programs, and the bytes that each reads."""
    model = builder.finish([y])
    levels = np.iinfo(dtype)
    value = rng.integers(levels.min, levels.max + 1, builder.inputs[0].shape).astype(dtype)
    expected, = oracle.run(model, [value], arena=32 << 20)
    assert len(np.unique(expected)) >= distinct
    made = []
    for config in configs:
        program = compile_model(model, config)
        (got,), result = run_program(program, [value])
        assert result.ok, (config.name, result.error, result.detail, result.hazards[:3])
        np.testing.assert_array_equal(got.ravel(), expected.ravel())
        made.append((program, result.bytes_read))
    return made


def continued(program) -> int:
    """Count the commands that go on with a sum."""
    commands = [decode(program.memory[i * COMMAND_BYTES:][:COMMAND_BYTES])
                for i in range(program.command_count)]
    return sum(command.get("continues", 0) for command in commands
               if command["opcode"] == Opcode.MATRIX)


@pytest.mark.parametrize(("inputs", "outputs"), [(8177, 5), (9216, 16), (10003, 5), (25088, 20)])
def test_a_dense_layer_of_many_inputs_takes_what_its_weights_take(inputs, outputs, rng):
    layers = Layers(rng, (1, inputs))
    made = check(layers.builder, layers.dense(layers.inputs[0], outputs), rng)
    for program, size in made:
        assert continued(program) > 0
        # The first piece of the weights is not hidden under anything, and so is the input.
        idle = inputs // program.config.axi_bytes + 200
        assert size / program.config.axi_bytes > BOUND * (program.cycles - idle)


def test_weights_of_the_next_group_come_under_the_work_of_one_that_fits(rng):
    """Of one pixel: no two groups of 301 steps fit the weight memory."""
    layers = Layers(rng, (1, 4800))
    (program, size), = check(layers.builder, layers.dense(layers.inputs[0], 48), rng,
                             [CONFIGS["h256"]])
    assert continued(program) > 0
    assert size / program.config.axi_bytes > BOUND * (program.cycles - 500)


def test_several_rows_bring_the_weights_again(rng):
    layers = Layers(rng, (3, 8500))
    check(layers.builder, layers.dense(layers.inputs[0], 9), rng)


def test_more_inputs_than_the_scratchpad_holds(rng):
    layers = Layers(rng, (2, 40001))
    check(layers.builder, layers.dense(layers.inputs[0], 3), rng, [CONFIGS["h64"]])


def test_a_dense_layer_between_others(rng):
    layers = Layers(rng, (1, 16, 18, 3))
    y = layers.conv(layers.inputs[0], 36, (3, 3))
    y = layers.dense(layers.builder.reshape(y, (1, 16 * 18 * 36)), 24)
    y = layers.dense(y, 7)
    check(layers.builder, y, rng, [*CONFIGURATIONS, SMALL_CONFIGS["square"]])


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_of_four_bits_and_of_minus_128(bits, rng):
    builder = ModelBuilder(weight_bits=bits)
    x = builder.input((1, 8301), 1 / 128, -7)
    weights = rng.integers(-1 << bits - 1, 1 << bits - 1, (6, 8301)).astype(np.int8)
    y = builder.fully_connected(x, weights, np.arange(6, dtype=np.int32),
                                1 / (1 << bits - 1), 0.4, 3)
    check(builder, y, rng)


def test_activations_of_sixteen_bits(rng):
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, 8300), 1 / 32768, dtype="int16")
    y = builder.fully_connected(x, rng.integers(-7, 8, (6, 8300)).astype(np.int8),
                                np.arange(6), 1 / 7, 1 / 400, 0)
    check(builder, y, rng, [replace(config, deep=True) for config in CONFIGURATIONS], np.int16)


@pytest.mark.parametrize(("size", "depth", "channels", "kernel", "options"), [
    ((7, 7), 200, 18, (7, 7), {"padding": "VALID"}),
    ((8, 7), 190, 18, (7, 7), {"padding": "VALID"}),
    ((9, 8), 9, 4, (33, 32), {"stride": (3, 3)}),
    ((3, 2), 9000, 5, (1, 1), {}),
    ((4, 3), 9000, 3, (2, 1), {"padding": "VALID", "stride": (2, 2)}),
    ((21, 40), 24, 5, (19, 20), {"dilation": (1, 2), "padding": "VALID", "stride": (2, 1)}),
])
def test_convolutions_with_more_taps_than_the_weight_memory(size, depth, channels, kernel, options,
                                                            rng):
    layers = Layers(rng, (1, *size, depth))
    y = layers.conv(layers.inputs[0], channels, kernel, **options)
    for program, _ in check(layers.builder, y, rng):
        assert continued(program) > 0


def test_a_product_of_tensors_with_a_long_inner_dimension(rng):
    builder = ModelBuilder()
    x, y = builder.input((2, 2100), 1 / 128, 3), builder.input((2100, 5), 1 / 128, -5)
    z = builder.tensor((2, 5), 2100**0.5 / 128, 2)
    builder.operator("BATCH_MATMUL", [x, y], [z], "BatchMatMul", adjX=False, adjY=False)
    model = builder.finish([z])
    values = [rng.integers(-128, 128, tensor.shape).astype(np.int8) for tensor in (x, y)]
    expected, = oracle.run(model, values, arena=32 << 20)
    for config in CONFIGURATIONS:
        assert continued(check_program(model, config, values, expected)) > 0


def test_a_large_depthwise_window(rng):
    layers = Layers(rng, (1, 25, 24, 5))
    check(layers.builder, layers.depthwise(layers.inputs[0], (25, 23), padding="VALID"), rng)


def test_refuses_a_window_that_the_scratchpad_does_not_hold(rng):
    layers = Layers(rng, (1, 40, 41, 40))
    model = layers.builder.finish([layers.conv(layers.inputs[0], 2, (40, 40), padding="VALID")])
    with pytest.raises(CapacityError) as caught:
        compile_model(model, CONFIGS["h64"], name="net.tflite")
    assert str(caught.value) == (
        "net.tflite: CONV_2D #0: one output needs 64032 bytes of scratchpad, 32768 are free "
        "(configuration 'h64' has act_bytes=32768)")
