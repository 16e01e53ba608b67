"""Sums of more elements than the weight memory has steps, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.commands import COMMAND_BYTES
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import check_program, run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

KINDS = ("MEAN", "SUM", "AVERAGE_POOL_2D", "MEAN of rows")


def _sum(layers: Layers, kind: str) -> Tensor:
    builder, x = layers.builder, layers.inputs[0]
    images, height, width, channels = x.shape
    if kind == "MEAN":
        return builder.mean(x, (1, 2), x.scale * 0.02, 3)
    if kind == "MEAN of rows":
        rows = builder.reshape(x, (images, height * width, channels))
        return builder.mean(rows, (1,), x.scale * 0.02, 3)
    if kind == "AVERAGE_POOL_2D":
        return builder.pool_2d(kind, x, (height, width))
    y = builder.tensor((images, channels), x.scale * 0.02 * height * width, -5)
    builder.operator(kind, [x, builder.constant(np.array([1, 2], np.int32))], [y], "Reducer")
    return y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"], SMALL_CONFIGS["square"]],
                         ids=lambda config: config.name)
def test_large_sums_equal_the_oracle(config, kind: str, rng: np.random.Generator) -> None:
    for _ in range(2):
        shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(23, 60, 2)),
                 int(rng.integers(1, 40)))
        layers = Layers(rng, shape)
        model = layers.builder.finish([_sum(layers, kind)])
        program = compile_model(model, config)
        middle = int(rng.integers(-120, 121))
        for low, high in ((-128, 128), (middle - 8, middle + 8), (127, 128), (-128, -127)):
            value = rng.integers(low, high, shape).astype(np.int8)
            expected, = oracle.run(model, [value], arena=32 << 20)
            (got,), result = run_program(program, [value])
            assert result.ok, (shape, result.error, result.detail)
            assert not result.hazards, shape
            np.testing.assert_array_equal(got, expected, err_msg=str(shape))


@pytest.mark.parametrize("size", [(7, 7), (32, 32)])
def test_a_mean_loads_one_step_of_weights(size: tuple[int, int], rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, *size, 40))
    model = layers.builder.finish([_sum(layers, "MEAN")])
    for config in (CONFIGS["h64"], CONFIGS["h256"]):
        program = compile_model(model, config)
        value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
        _, result = run_program(program, [value])
        constants = result.bytes_read - value.size - COMMAND_BYTES * program.command_count
        assert constants < 3 * config.step_bytes


def test_a_large_mean_behind_a_convolution_that_does_not_fit(rng: np.random.Generator) -> None:
    """Squeeze and excite: the means of all channels, and then these channels scaled."""
    layers = Layers(rng, (1, 70, 70, 3))
    builder = layers.builder
    x = layers.conv(layers.inputs[0], 24, (3, 3), activation="RELU6")
    pooled = builder.mean(x, (1, 2), x.scale / 2, 3, keep_dims=True)
    gate = builder.unary("LOGISTIC", layers.conv(pooled, 24, (1, 1)), 1 / 256, -128)
    model = builder.finish([builder.binary("MUL", x, gate, x.scale, 0)])
    value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
    expected, = oracle.run(model, [value], arena=32 << 20)
    for config in (CONFIGS["h64"], CONFIGS["h256"]):
        (got,), result = run_program(compile_model(model, config), [value])
        assert result.ok, (result.error, result.detail)
        assert not result.hazards
        np.testing.assert_array_equal(got, expected)


def _spread(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return elements whose averages differ from channel to channel and place to place."""
    value = rng.integers(-40, 41, shape) + rng.integers(-90, 91, shape[-1])
    return (value + 30 * np.sin(np.arange(shape[1]) / 9)[:, None, None]).astype(np.int8)


def _check(model: bytes, value: np.ndarray, config: NpuConfig) -> None:
    expected, = oracle.run(model, [value], arena=32 << 20)
    check_program(model, config, [value], expected)


@pytest.mark.parametrize(("size", "channels", "window", "options"), [
    ((60, 55), 20, (30, 25), {"stride": (10, 7)}),
    ((50, 45), 4, (42, 44), {"stride": (9, 12)}),
    ((3, 700), 5, (2, 600), {"stride": (1, 50)}),
    ((38, 36), 9, (31, 30), {"stride": (3, 2)}),
    ((70, 40), 17, (70, 40), {"padding": "VALID"}),
    ((70, 41), 7, (70, 41), {"padding": "VALID"}),
])
@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"]], ids=lambda c: c.name)
def test_averages_over_large_windows(config: NpuConfig, size, channels, window, options,
                                     rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, *size, channels))
    y = layers.builder.pool_2d("AVERAGE_POOL_2D", layers.inputs[0], window, **options)
    _check(layers.builder.finish([y]), _spread(rng, (1, *size, channels)), config)


def test_averages_of_sixteen_bits_over_large_windows(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input((1, 40, 43, 5), 0.001, dtype="int16")
    y = builder.pool_2d("AVERAGE_POOL_2D", x, (30, 31), stride=(8, 7))
    value = (_spread(rng, x.shape).astype(np.int16) << 8) + rng.integers(256, size=x.shape)
    _check(builder.finish([y]), value.astype(np.int16), replace(CONFIGS["h64"], deep=True))


@pytest.mark.parametrize(("channels", "config"), [
    (1, "h64"), (3, "h64"), (5, "h64"), (33, "h64"), (33, "h256")])
def test_means_of_images_larger_than_the_scratchpad(channels: int, config: str,
                                                    rng: np.random.Generator) -> None:
    """Beyond what two bytes of every window can be added up of by one command, too."""
    shape = (1, 210, 190, channels)
    layers = Layers(rng, shape)
    model = layers.builder.finish([layers.builder.mean(layers.inputs[0], (1, 2), 1 / 128, 3)])
    _check(model, _spread(rng, shape), CONFIGS[config])
