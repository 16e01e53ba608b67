"""Random graphs of all operators: the program equals TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model, compiler
from hadron_compiler.errors import CapacityError
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.random_graphs import random_graph
from hadron_testing.views import random_views

ALL_CONFIGS = CONFIGS | SMALL_CONFIGS
GRAPHS = 40
"""A configuration: 240 in all."""


@pytest.mark.slow
@pytest.mark.parametrize("config", ALL_CONFIGS)
def test_random_graphs_equal_the_oracle(config: str, rng: np.random.Generator,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()
    saved: list[int] = []
    number = too_large = 0
    while number < GRAPHS:
        if number == GRAPHS // 4:
            # Before, as the compiler chooses; from here on, views wherever there can be any.
            monkeypatch.setattr(compiler, "variants", random_views(rng, saved))
        model, inputs, outputs, kinds = random_graph(rng)
        try:
            program = compile_model(model, ALL_CONFIGS[config])
        except CapacityError:
            too_large += 1  # a window of more steps than a small weight memory has
            assert too_large < GRAPHS // 5
            continue
        number += 1
        expected = oracle.run(model, inputs, outputs=outputs)
        got, result = run_program(program, inputs, check_hazards=number % 5 == 0)
        assert result.ok, (number, kinds, result.error, result.detail)
        assert not result.hazards, (number, kinds)
        for array, wanted in zip(got, expected, strict=True):
            np.testing.assert_array_equal(array, wanted, err_msg=f"graph {number}: {kinds}")
        seen.update(kinds)
    assert len(seen) == 22
    assert sum(saved) > GRAPHS
