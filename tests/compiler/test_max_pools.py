"""MAX_POOL_2D of large windows, over rows and then over columns, bit for bit."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS, Layers
from hadron_testing.programs import check_program


@pytest.mark.parametrize("config", [CONFIGS["h64"], SMALL_CONFIGS["square"]],
                         ids=lambda config: config.name)
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("window", "stride"), [
    ((3, 3), (1, 1)), ((5, 5), (1, 1)), ((13, 13), (1, 1)), ((7, 4), (2, 1)), ((2, 9), (1, 3))])
def test_pools_in_two_steps_equal_the_oracle(config, padding, window, stride, rng) -> None:
    shape = (int(rng.integers(1, 3)), *(int(n) for n in rng.integers(20, 28, 2)),
             int(rng.integers(1, 40)))
    layers = Layers(rng, shape)
    pooled = layers.builder.pool_2d("MAX_POOL_2D", layers.inputs[0], window, stride=stride,
                                    padding=padding, activation="RELU")
    model = layers.builder.finish([pooled])
    value = rng.integers(-128, 128, shape).astype(np.int8)
    expected, = oracle.run(model, [value])
    program = check_program(model, config, [value], expected)
    assert [layer.op for layer in program.layers] == ["MAX_POOL_2D"] * 2


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 2), (2, 1)])
def test_a_pool_stays_one_that_two_steps_would_not_make_faster(size, stride, rng) -> None:
    layers = Layers(rng, (1, 24, 24, 16))
    pooled = layers.builder.pool_2d("MAX_POOL_2D", layers.inputs[0], (size, size),
                                    stride=(stride, stride))
    program = compile_model(layers.builder.finish([pooled]), CONFIGS["h64"])
    assert len(program.layers) == 1


def test_five_by_five_takes_less_than_half_the_cycles(rng) -> None:
    """Spatial pyramids pool like this."""
    layers = Layers(rng, (1, 20, 20, 128))
    pooled = layers.builder.pool_2d("MAX_POOL_2D", layers.inputs[0], (5, 5))
    program = compile_model(layers.builder.finish([pooled]), CONFIGS["h64"])
    one_step = 20 * 20 * 128 // CONFIGS["h64"].columns * 25
    assert sum(layer.cycles for layer in program.layers) < one_step / 2
