"""Layers fused at random: the program still equals TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model, compiler
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.chains import inverted_residuals, random_chains
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.programs import run_program
from hadron_testing.random_graphs import random_graph
from hadron_testing.views import random_views

GRAPHS = 30
"""A configuration."""


def check(model: bytes, config: NpuConfig, inputs: list[np.ndarray], outputs: int,
          what: object) -> None:
    """Compare a run, hazards checked, with the oracle's."""
    expected = oracle.run(model, inputs, outputs=outputs, arena=32 << 20)
    got, result = run_program(compile_model(model, config), inputs)
    assert result.ok, (what, result.error, result.detail)
    assert not result.hazards, (what, [str(h) for h in result.hazards[:3]])
    assert result.unused_tokens == 0
    for array, wanted in zip(got, expected, strict=True):
        np.testing.assert_array_equal(array.ravel(), wanted.ravel(), err_msg=str(what))


@pytest.mark.parametrize("config", [CONFIGS["h64"], SMALL_CONFIGS["square"]], ids=lambda c: c.name)
def test_random_graphs_in_random_chains(config, rng, monkeypatch) -> None:
    lengths: list[int] = []
    saved: list[int] = []
    monkeypatch.setattr(compiler, "candidates", random_chains(rng, lengths))
    for number in range(GRAPHS):
        if number == GRAPHS // 2:
            monkeypatch.setattr(compiler, "variants", random_views(rng, saved))
        model, inputs, outputs, kinds = random_graph(rng)
        check(model, config, inputs, outputs, (number, kinds))
    assert len(lengths) > GRAPHS // 2
    assert max(lengths) > 2
    assert sum(saved) > GRAPHS // 4


@pytest.mark.parametrize("forced", [True, False])
@pytest.mark.parametrize("config", [CONFIGS["h64"], SMALL_CONFIGS["narrow"],
                                    SMALL_CONFIGS["square"]], ids=lambda c: c.name)
def test_networks_that_do_not_fit(config, forced, rng, monkeypatch) -> None:
    lengths: list[int] = []
    if forced:
        monkeypatch.setattr(compiler, "candidates", random_chains(rng, lengths))
    fused = 0
    for number in range(3):
        layers, outputs = inverted_residuals(rng)
        model = layers.builder.finish(outputs)
        inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in layers.builder.inputs]
        check(model, config, inputs, len(outputs), number)
        fused += any(layer.chain != layer.index for layer in compile_model(model, config).layers)
    assert fused or config.act_bytes > 32 << 10
