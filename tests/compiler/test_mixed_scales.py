"""Depthwise channels with wide accumulators beside others with scales of 1 and more.

One command cannot have both: in strips, the channels are cut between them.
"""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder

WIDE, LARGE = "wide", "large"


def model_of(channels: int, kinds: dict[int, str], rng: np.random.Generator, *, kernel: int = 3,
             stride: int = 1) -> tuple[bytes, tuple[int, ...]]:
    """Make a depthwise convolution some of whose channels are as `kinds` says."""
    builder = ModelBuilder()
    shape = (1, 9, 11, channels)
    x = builder.input(shape, 1 / 32, -5)
    weights = rng.integers(-20, 21, (1, kernel, kernel, channels))
    scales = rng.uniform(0.01, 0.03, channels)
    bias = rng.integers(-500, 500, channels)
    for channel, kind in kinds.items():
        if kind == WIDE:
            bias[channel], scales[channel] = rng.choice([-1, 1]) * (1 << 20), 1e-4
            weights[..., channel] = rng.integers(-127, 128, (1, kernel, kernel))
        else:
            weights[..., channel] = rng.integers(-3, 4, (1, kernel, kernel))
            scales[channel] = rng.uniform(2, 40)
    y = builder.depthwise_conv_2d(x, weights.astype(np.int8), bias, scales, 1 / 16, 3,
                                  stride=(stride, stride))
    return builder.finish([y]), shape


@pytest.mark.parametrize(("channels", "kinds", "options"), [
    (40, {3: WIDE, 20: LARGE, 39: WIDE}, {}),
    (40, {3: WIDE, 4: LARGE, 9: WIDE, 21: LARGE, 30: WIDE}, {}),
    (16, {0: LARGE, 1: WIDE, 2: LARGE, 15: WIDE}, {}),
    (5, {1: WIDE, 3: LARGE}, {}),
    (35, {2: WIDE, 7: LARGE, 33: LARGE, 34: WIDE}, {"kernel": 5}),
    (35, {2: WIDE, 7: LARGE, 33: LARGE, 34: WIDE}, {"stride": 2}),
])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_they_equal_the_oracle(config, channels, kinds, options,
                               rng: np.random.Generator) -> None:
    model, shape = model_of(channels, kinds, rng, **options)
    program = compile_model(model, config)
    value = rng.integers(-128, 128, shape).astype(np.int8)
    expected, = oracle.run(model, [value])
    (got,), result = run_program(program, [value])
    assert result.ok, (result.error, result.detail)
    assert not result.hazards
    np.testing.assert_array_equal(got, expected)


def test_only_blocks_that_have_both_take_longer(rng: np.random.Generator) -> None:
    """Everything stays in strips: any other way takes ten times as long."""
    kinds = {70: WIDE, 72: LARGE, 200: WIDE, 300: LARGE}
    mixed = compile_model(model_of(320, kinds, rng)[0], CONFIGS["h256"])
    plain = compile_model(model_of(320, {}, rng)[0], CONFIGS["h256"])
    assert mixed.cycles < 1.4 * plain.cycles
