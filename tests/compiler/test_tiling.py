"""Networks larger than the scratchpad or the weight memory: striped, spilled, still bit-exact."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import LARGE, SMALL_CONFIGS
from hadron_testing.programs import run_program

TILED = {"narrow": SMALL_CONFIGS["narrow"], "square": SMALL_CONFIGS["square"],
         "h256": CONFIGS["h256"]}
SLOW = {"tall": SMALL_CONFIGS["tall"], "h64": CONFIGS["h64"], "h128": CONFIGS["h128"]}


def check(name: str, config_name: str, rng: np.random.Generator) -> None:
    builder, outputs = LARGE[name](rng)
    model = builder.finish(outputs)
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in builder.inputs]
    expected = oracle.run(model, inputs, outputs=len(outputs), arena=32 << 20)
    program = compile_model(model, (TILED | SLOW)[config_name])
    assert program.scratchpad_peak <= program.config.act_bytes
    got, result = run_program(program, inputs)
    assert result.ok, (result.error.name, result.detail, [str(h) for h in result.hazards[:3]])
    assert result.unused_tokens == 0
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), wanted.ravel())


@pytest.mark.parametrize("config", TILED)
@pytest.mark.parametrize("name", LARGE)
def test_large_models_equal_the_oracle(name: str, config: str, rng: np.random.Generator) -> None:
    check(name, config, rng)


@pytest.mark.slow
@pytest.mark.parametrize("config", SLOW)
@pytest.mark.parametrize("name", LARGE)
def test_large_models_on_other_configurations(name: str, config: str,
                                              rng: np.random.Generator) -> None:
    check(name, config, rng)
