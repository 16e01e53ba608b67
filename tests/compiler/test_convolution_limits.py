"""Convolutions at the edges of what the compiler takes: large kernels, strides, dilations."""

import numpy as np
import pytest

from hadron_compiler import UnsupportedError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder

CONFIGURATIONS = [*CONFIGS.values(), SMALL_CONFIGS["narrow"]]


def check(layers: Layers, y, rng: np.random.Generator) -> None:
    model = layers.builder.finish([y])
    value = rng.integers(-128, 128, layers.inputs[0].shape).astype(np.int8)
    expected, = oracle.run(model, [value], arena=32 << 20)
    for config in CONFIGURATIONS:
        (got,), result = run_program(compile_model(model, config), [value])
        assert result.ok, (config.name, result.error, result.detail)
        assert not result.hazards
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("size", "depth", "channels", "kernel", "options"), [
    ((20, 21), 3, 9, (15, 15), {}),
    ((31, 33), 1, 5, (31, 33), {"padding": "VALID"}),
    ((40, 9), 7, 5, (17, 1), {}),
    ((6, 70), 5, 18, (1, 63), {}),
    ((23, 29), 3, 8, (7, 7), {"stride": (4, 4)}),
    ((40, 41), 4, 8, (3, 5), {"stride": (9, 7)}),
    ((33, 30), 9, 17, (2, 2), {"stride": (16, 11), "padding": "VALID"}),
    ((30, 35), 6, 10, (3, 3), {"dilation": (12, 9)}),
    ((19, 20), 20, 6, (3, 2), {"dilation": (1, 7)}),
    ((24, 24), 4, 4, (5, 5), {"dilation": (2, 3), "padding": "VALID"}),
    ((3, 2), 40, 33, (5, 7), {}),
])
def test_convolutions(size, depth, channels, kernel, options, rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, *size, depth))
    check(layers, layers.conv(layers.inputs[0], channels, kernel, **options), rng)


@pytest.mark.parametrize(("size", "depth", "kernel", "multiplier", "options"), [
    ((20, 21), 19, (7, 7), 1, {}),
    ((20, 21), 3, (13, 11), 1, {}),
    ((40, 5), 20, (25, 1), 1, {}),
    ((5, 40), 20, (1, 25), 2, {}),
    ((23, 29), 18, (5, 5), 1, {"stride": (4, 4)}),
    ((23, 29), 6, (3, 3), 5, {"stride": (5, 5)}),
    ((30, 31), 17, (3, 3), 1, {"dilation": (9, 8)}),
    ((9, 9), 1, (3, 3), 40, {}),
])
def test_depthwise_convolutions(size, depth, kernel, multiplier, options,
                                rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, *size, depth))
    check(layers, layers.depthwise(layers.inputs[0], kernel, multiplier, **options), rng)


@pytest.mark.parametrize(("groups", "depth", "channels"), [
    (2, 3, 4), (5, 4, 3), (12, 1, 2), (3, 17, 20), (4, 16, 16), (7, 8, 8), (5, 16, 6), (2, 9, 40),
    (3, 70, 5)])
@pytest.mark.parametrize(("kernel", "options"), [
    ((3, 3), {}), ((1, 1), {}), ((3, 2), {"stride": (2, 2)}), ((2, 3), {"dilation": (2, 1)})])
def test_grouped_convolutions(groups: int, depth: int, channels: int, kernel, options,
                              rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 7, 6, groups * depth))
    weights = rng.integers(-127, 128, (groups * channels, *kernel, depth)).astype(np.int8)
    y = layers.builder.conv_2d(layers.inputs[0], weights, None, 0.01, 1.0, 3, **options)
    check(layers, y, rng)


def test_groups_take_the_steps_of_their_own_products(rng: np.random.Generator) -> None:
    def cycles(depth: int) -> int:
        layers = Layers(rng, (1, 20, 20, 64))
        weights = rng.integers(-127, 128, (64, 3, 3, depth)).astype(np.int8)
        y = layers.builder.conv_2d(layers.inputs[0], weights, None, 0.01, 1.0, 3)
        program = compile_model(layers.builder.finish([y]), CONFIGS["h256"])
        return sum(layer.cycles for layer in program.layers)

    # Beside loading and filling, a quarter and a half.
    assert cycles(16) < 0.35 * cycles(64)
    assert cycles(32) < 0.6 * cycles(64)


def _with_minus_128(rng: np.random.Generator, *shape: int) -> np.ndarray:
    weights = rng.integers(-128, 128, shape).astype(np.int8)
    weights.ravel()[::5] = -128
    return weights


@pytest.mark.parametrize(("kernel", "options"), [
    ((1, 1), {}), ((3, 3), {}), ((3, 2), {"stride": (2, 2)}), ((3, 1), {"dilation": (3, 1)}),
    ((2, 5), {"padding": "VALID"}), ((2, 3), {"dilation": (2, 2)})])
def test_weights_of_minus_128(kernel, options, rng: np.random.Generator) -> None:
    """One less than the array takes: the row is read twice."""
    for depth, channels in ((5, 3), (16, 20), (33, 7)):
        layers = Layers(rng, (1, 6, 7, depth))
        builder, x = layers.builder, layers.inputs[0]
        bias = np.zeros(channels, np.int32)
        y = builder.conv_2d(x, _with_minus_128(rng, channels, *kernel, depth), bias, 0.01, 1.0, 3,
                            **options)
        check(layers, y, rng)
        layers = Layers(rng, (1, 6, 7, depth))
        builder, x = layers.builder, layers.inputs[0]
        bias = np.zeros(depth, np.int32)
        y = builder.depthwise_conv_2d(x, _with_minus_128(rng, 1, *kernel, depth), bias, 0.01, 1.0,
                                      3, **options)
        check(layers, y, rng)


def test_a_matrix_with_minus_128(rng: np.random.Generator) -> None:
    layers = Layers(rng, (3, 70))
    y = layers.builder.fully_connected(layers.inputs[0], _with_minus_128(rng, 19, 70),
                                       np.zeros(19, np.int32), 0.01, 1.0, 3)
    check(layers, y, rng)


@pytest.mark.parametrize(("before", "after"), [((1, 0), (0, 1)), ((0, 2), (3, 0)),
                                               ((5, 5), (0, 0))])
def test_asymmetric_padding(before: tuple[int, int], after: tuple[int, int],
                            rng: np.random.Generator) -> None:
    """As exporters write it: PAD, then a convolution without padding."""
    layers = Layers(rng, (1, 12, 11, 5))
    y = layers.builder.pad(layers.inputs[0], [(0, 0), (before[0], after[0]),
                                              (before[1], after[1]), (0, 0)])
    y = layers.conv(y, 9, (3, 4), stride=(2, 1), padding="VALID")
    program = compile_model(layers.builder.finish([y]), CONFIGS["h256"])
    assert [layer.op for layer in program.layers] == ["CONV_2D"]
    check(layers, y, rng)


def _bilinear(size: tuple[int, int], **options: bool) -> bytes:
    builder = ModelBuilder()
    x = builder.input((1, 10, 10, 4), 0.1, 0, name="x")
    y = builder.tensor((1, *size, 4), 0.1, 0, name="y")
    builder.operator("RESIZE_BILINEAR", [x, builder.constant(np.array(size, np.int32))], [y],
                     "ResizeBilinear", **options)
    return builder.finish([y])


def test_refuses_a_resize_of_two_kinds() -> None:
    model = _bilinear((20, 20), halfPixelCenters=True, alignCorners=True)
    with pytest.raises(UnsupportedError) as caught:
        compile_model(model, CONFIGS["h256"], name="net.tflite")
    assert str(caught.value) == ("net.tflite: RESIZE_BILINEAR #0: aligned corners and half-pixel "
                                 "centres exclude one another")


def test_a_channel_without_scale_has_any_bias(rng: np.random.Generator) -> None:
    """Converters leave the largest bias to channels that training has switched off."""
    layers = Layers(rng, (1, 6, 7, 5))
    x = layers.inputs[0]
    weights = rng.integers(-127, 128, (9, 3, 3, 5)).astype(np.int8)
    scales = rng.uniform(0.002, 0.01, 9).astype(np.float32)
    bias = rng.integers(-500, 500, 9).astype(np.int32)
    scales[[2, 7]] = 1e-13
    bias[[2, 7]] = (1 << 31) - 1, -(1 << 31)
    check(layers, layers.builder.conv_2d(x, weights, bias, scales, x.scale, 3), rng)
