"""Activations of four bits: programs equal TensorFlow Lite Micro; what runs so, and how fast."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import Program, compile_model, compiler
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.chains import random_chains
from hadron_testing.large_models import SMALL_CONFIGS
from hadron_testing.measure_shallow import BASELINE, CONFIG, layer_model, steps_of
from hadron_testing.programs import run_program
from hadron_testing.random_shallow import (
    ALL_PRECISIONS,
    force_shallow,
    network_of_three,
    shallow_chain,
    shallow_model,
)
from hadron_testing.tflite_builder import ModelBuilder, Tensor

SHALLOW_CONFIGS = {name: replace(config, shallow=True)
                   for name, config in (CONFIGS | SMALL_CONFIGS).items()}
H256 = SHALLOW_CONFIGS["h256"]


def check(model: bytes, inputs: list[np.ndarray], config: NpuConfig) -> Program:
    """Compare outputs with the oracle's; return the program."""
    program = compile_model(model, config)
    (output,), result = run_program(program, inputs)
    assert result.ok, (result.detail, [str(hazard) for hazard in result.hazards[:3]])
    (expected,) = oracle.run(model, inputs)
    np.testing.assert_array_equal(output.ravel(), expected.ravel())
    return program


def precisions(program: Program) -> list[str]:
    return [layer.precision for layer in program.layers]


@pytest.mark.parametrize("config", SHALLOW_CONFIGS.values(), ids=SHALLOW_CONFIGS)
def test_random_layers_equal_the_oracle(config: NpuConfig, rng: np.random.Generator,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    force_shallow(monkeypatch)
    last = [precisions(check(*shallow_model(rng), config))[-1] for _ in range(12)]
    # Those of one row of results have no second half.
    assert last.count("W4A4") >= 8


@pytest.mark.parametrize("fused", [False, True])
def test_layers_that_follow_on_one_another_in_tiles_and_bands(
        fused: bool, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    force_shallow(monkeypatch)
    if fused:
        monkeypatch.setattr(compiler, "candidates", random_chains(rng, []))
    for config in SHALLOW_CONFIGS.values():
        made = precisions(check(*shallow_chain(rng), config))
        assert made[1:].count("W4A4") >= len(made) - 2


@pytest.mark.parametrize("config", [*SHALLOW_CONFIGS.values(), ALL_PRECISIONS],
                         ids=lambda config: config.name)
def test_a_network_of_three_precisions(config: NpuConfig, rng: np.random.Generator,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = network_of_three(rng)
    assert "W4A4" not in precisions(check(model, inputs, replace(config, shallow=False)))
    force_shallow(monkeypatch)
    assert precisions(check(model, inputs, config)) == ["W8A8", "W4A4", "W4A4", "W4A4", "W4A8"]


def two_convolutions(rng: np.random.Generator, size: tuple[int, int] = (32, 32), depth: int = 64, *,
                     most: int = 7, scale: float = 0.4, activation: str = "RELU6",
                     zero_point: int = -128, padding: str = "SAME"
                     ) -> tuple[bytes, list[np.ndarray]]:
    """Make one that has sixteen levels, unless asked for others, and one of weights `most`."""
    builder = ModelBuilder()
    x = builder.input((1, *size, depth), 0.05, 3)

    def add(y: Tensor, largest: int, kernel: int, *quantization, **options) -> Tensor:
        weights = rng.integers(-largest, largest + 1, (depth, kernel, kernel, depth))
        weights.flat[0] = largest
        return builder.conv_2d(y, weights, rng.integers(-300, 300, depth),
                               rng.uniform(0.01, 0.03, depth), *quantization, **options)

    y = add(x, 127, 1, scale, zero_point, activation=activation)
    model = builder.finish([add(y, most, 3, 2.0, 4, padding=padding)])
    return model, [rng.integers(-128, 128, x.shape).astype(np.int8)]


def test_takes_half_of_the_steps_and_those_of_packing(rng: np.random.Generator) -> None:
    model, _ = two_convolutions(rng)
    plain = compile_model(model, CONFIGS["h256"])
    program = compile_model(model, replace(H256, act_bytes=256 << 10))
    assert precisions(program) == ["W8A8", "W4A4"]
    assert steps_of(program, shallow=1) * 2 == steps_of(plain, shallow=0)
    # Sixteen rows of each half and the one above and below, 32 x 64 bytes, sixteen in two steps.
    assert steps_of(program, shallow=0) == 18 * 32 * 64 // 16 * 2
    assert program.layers[1].cycles < 0.56 * plain.layers[1].cycles


@pytest.mark.parametrize("name", ["h64", "h128", "h256"])
def test_pays_in_tiles_and_bands_as_well(name: str, rng: np.random.Generator) -> None:
    """Input and output fill the scratchpad of h256, and are too large for the others."""
    model, _ = two_convolutions(rng)
    program = compile_model(model, SHALLOW_CONFIGS[name])
    assert precisions(program) == ["W8A8", "W4A4"]
    assert program.layers[1].cycles < 0.6 * compile_model(model, CONFIGS[name]).layers[1].cycles


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, "W4A4"),
    ({"most": 8}, "W8A8"),
    ({"scale": 0.38}, "W4A8"),  # seventeen levels
    ({"activation": "RELU"}, "W4A8"),
    ({"activation": "RELU", "zero_point": 112}, "W4A4"),
    ({"activation": "RELU", "zero_point": 111}, "W4A8"),
    ({"activation": "RELU_N1_TO_1", "zero_point": 0}, "W4A4"),
    ({"size": (3, 9), "padding": "VALID"}, "W4A8"),  # one row of results
])
def test_what_becomes_w4a4(changes: dict[str, object], expected: str, rng: np.random.Generator
                           ) -> None:
    model, inputs = two_convolutions(rng, **({"size": (9, 9), "depth": 32} | changes))
    assert precisions(check(model, inputs, H256))[1] == expected


@pytest.mark.parametrize("row", json.loads(BASELINE.read_text())["layers"],
                         ids=lambda row: f"{row['size']}x{row['kernel']}")
def test_takes_no_more_cycles_than_were_measured(row: dict[str, int]) -> None:
    model, _ = layer_model(row["size"], row["channels"], row["kernel"], row["stride"])
    assert compile_model(model, CONFIG).layers[1].cycles <= 1.01 * row["cycles_4_bits"]


def test_a_layer_that_would_be_slower_keeps_eight_bits(rng: np.random.Generator) -> None:
    """One step a result: two results take two cycles, and packing more."""
    builder = ModelBuilder()
    x = builder.input((1, 8, 8, 16), 0.05, 3)
    y = x
    for scale, activation in ((0.4, "RELU6"), (0.5, "NONE")):
        y = builder.conv_2d(y, rng.integers(-7, 8, (16, 1, 1, 16)), np.zeros(16), 0.02, scale, 0,
                            activation=activation)
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8)]
    assert precisions(check(builder.finish([y]), inputs, H256)) == ["W8A8", "W8A8"]
