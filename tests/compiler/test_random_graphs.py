"""Random graphs of all operators: the program equals TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.random_graphs import random_graph

ALL_CONFIGS = CONFIGS | SMALL_CONFIGS
GRAPHS = 40
"""A configuration: 240 in all."""


@pytest.mark.slow
@pytest.mark.parametrize("config", ALL_CONFIGS)
def test_random_graphs_equal_the_oracle(config: str, rng: np.random.Generator) -> None:
    seen: set[str] = set()
    for number in range(GRAPHS):
        model, inputs, outputs, kinds = random_graph(rng)
        expected = oracle.run(model, inputs, outputs=outputs)
        program = compile_model(model, ALL_CONFIGS[config])
        got, result = run_program(program, inputs, check_hazards=number < 8)
        assert result.ok, (number, kinds, result.error, result.detail)
        assert not result.hazards, (number, kinds)
        for array, wanted in zip(got, expected, strict=True):
            np.testing.assert_array_equal(array, wanted, err_msg=f"graph {number}: {kinds}")
        seen.update(kinds)
    assert len(seen) == 19
