"""Sums of more elements than the weight memory has steps, bit for bit."""

import numpy as np
import pytest

from hadron_compiler import CapacityError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import Tensor

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
    for _ in range(4):
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


def test_refuses_a_window_larger_than_the_weight_memory(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 60, 60, 4))
    model = layers.builder.finish([layers.builder.pool_2d("AVERAGE_POOL_2D", layers.inputs[0],
                                                          (30, 25), stride=(30, 25))])
    with pytest.raises(CapacityError) as caught:
        compile_model(model, CONFIGS["h256"], name="net.tflite")
    assert str(caught.value) == (
        "net.tflite: AVERAGE_POOL_2D #0: a window of 30x25 needs 751 steps of weight memory, "
        "configuration 'h256' has weight_steps=512")
