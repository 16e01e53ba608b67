"""The whole NPU in RTL against the golden model and TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model, compiler
from hadron_compiler.errors import CapacityError
from hadron_cosim.memory_model import Stalls
from hadron_cosim.simulator import NpuSimulator
from hadron_model.executor import Executor
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.chains import inverted_residuals, random_chains
from hadron_testing.large_models import Layers
from hadron_testing.programs import memory_image, outputs_of
from hadron_testing.random_deep import DEEP, mixed_network, residual_network
from hadron_testing.random_elementwise import UNARY
from hadron_testing.random_graphs import random_graph
from hadron_testing.random_models import GENERATORS, SIMPLE, random_network
from hadron_testing.random_movement import MOVEMENT
from hadron_testing.random_shallow import (
    ALL_PRECISIONS,
    force_shallow,
    network_of_three,
    shallow_chain,
    shallow_model,
)
from hadron_testing.views import random_views

WIDE = NpuConfig(name="wide", lanes=32, columns=4, dsp_columns=0, act_bytes=64 << 10,
                 weight_steps=256, axi_data_width=32)
OPERATORS = sorted(GENERATORS)
CASES_OF_AN_OPERATOR = 16
RANDOM_GRAPHS = 70
"""A configuration: 210 in all."""
RANDOM_GRAPHS_IN_CHAINS = 12
"""A configuration."""
CASES = {**dict.fromkeys(SIMPLE, 5), **dict.fromkeys((*MOVEMENT, *UNARY, "BATCH_MATMUL"), 3)}
"""Operators of which fewer tell enough."""

OF_ALL_PRECISIONS = pytest.mark.parametrize("simulator", [ALL_PRECISIONS], ids=lambda c: c.name,
                                            indirect=True)
"""On the instance that has activations of 16 and of four bits."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[CONFIGS["h64"], ALL_PRECISIONS, WIDE], ids=lambda c: c.name)
def simulator(request) -> NpuSimulator:
    return NpuSimulator(request.param)


def _check(simulator: NpuSimulator, case, rng: np.random.Generator) -> None:
    """Compare all memory with the golden model's, and the outputs with the oracle's."""
    program = compile_model(case.model, simulator.config)
    golden = memory_image(program, case.inputs)
    assert Executor(simulator.config).run(
        golden, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes).ok
    stalls = Stalls.everywhere(int(rng.integers(1 << 30)), chance=float(rng.uniform(0, 0.3)))
    for options in ({}, {"memory_model": "sdram"}, {"stalls": stalls}):
        memory = memory_image(program, case.inputs)
        result = simulator.run(memory, program.command_offset, program.command_count, 0,
                               program.region_bytes, 200 * program.cycles + 10_000, **options)
        assert result.status == "done", (case.operator, case.attributes, result)
        np.testing.assert_array_equal(memory, golden)
    outputs = outputs_of(program, golden)
    reference = oracle.run(case.model, case.inputs, outputs=len(outputs))
    for output, expected in zip(outputs, reference, strict=True):
        np.testing.assert_array_equal(output.reshape(expected.shape), expected)


@pytest.mark.parametrize("operator", OPERATORS)
def test_one_operator(simulator, operator, rng):
    for _ in range(CASES.get(operator, CASES_OF_AN_OPERATOR)):
        _check(simulator, GENERATORS[operator](rng), rng)


@OF_ALL_PRECISIONS
@pytest.mark.parametrize("operator", DEEP)
def test_one_operator_of_16_bits(simulator, operator, rng):
    for _ in range(3):
        case = DEEP[operator](rng)
        _check_on_rtl(simulator, case.model, case.inputs, rng)


@OF_ALL_PRECISIONS
def test_a_network_of_three_precisions(simulator, rng):
    _check_on_rtl(simulator, *mixed_network(rng), rng)


@OF_ALL_PRECISIONS
@pytest.mark.parametrize("size", [10, 32])
def test_a_residual_network_of_16_bits_that_fits_or_not(simulator, size, rng):
    _check_on_rtl(simulator, *residual_network(rng, size), rng)


@OF_ALL_PRECISIONS
def test_layers_of_4_bits(simulator, rng, monkeypatch):
    force_shallow(monkeypatch)
    for _ in range(12):
        _check_on_rtl(simulator, *shallow_model(rng), rng)


@OF_ALL_PRECISIONS
@pytest.mark.parametrize("fused", [False, True])
def test_chains_of_4_bits(simulator, fused, rng, monkeypatch):
    force_shallow(monkeypatch)
    if fused:
        monkeypatch.setattr(compiler, "candidates", random_chains(rng, []))
    _check_on_rtl(simulator, *shallow_chain(rng), rng)


@OF_ALL_PRECISIONS
def test_a_network_of_8_and_4_bits(simulator, rng):
    _check_on_rtl(simulator, *network_of_three(rng), rng)


def _check_on_rtl(simulator, model: bytes, inputs, rng: np.random.Generator) -> None:
    """Compare all memory with the golden model's, with stalls and without."""
    program = compile_model(model, simulator.config)
    golden = memory_image(program, inputs)
    assert Executor(simulator.config).run(
        golden, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes).ok
    for stalls in (None, Stalls.everywhere(int(rng.integers(1 << 30)), chance=0.2)):
        memory = memory_image(program, inputs)
        result = simulator.run(memory, program.command_offset, program.command_count, 0,
                               program.region_bytes, 200 * program.cycles + 10_000, stalls=stalls)
        assert result.status == "done", result
        np.testing.assert_array_equal(memory, golden)
    np.testing.assert_array_equal(outputs_of(program, golden)[0].ravel(),
                                  oracle.run(model, inputs)[0].ravel())


def test_a_mean_of_more_taps_than_weight_steps(simulator, rng):
    layers = Layers(rng, (1, 23, 25, 19))
    x = layers.inputs[0]
    model = layers.builder.finish([layers.builder.mean(x, (1, 2), x.scale * 0.03, 5)])
    _check_on_rtl(simulator, model, [rng.integers(-128, 128, x.shape).astype(np.int8)], rng)


def test_random_network(simulator, rng):
    for _ in range(3):
        _check(simulator, random_network(rng), rng)


@pytest.mark.parametrize("fused", [False, True])
def test_random_graphs(simulator, fused, rng, monkeypatch):
    if fused:
        monkeypatch.setattr(compiler, "candidates", random_chains(rng, []))
    saved: list[int] = []
    monkeypatch.setattr(compiler, "variants", random_views(rng, saved))
    left = RANDOM_GRAPHS_IN_CHAINS if fused else RANDOM_GRAPHS
    too_large = 0
    while left:
        model, inputs, outputs, kinds = random_graph(rng)
        try:
            program = compile_model(model, simulator.config)
        except CapacityError:
            too_large += 1  # a window of more steps than a small weight memory has
            assert too_large < RANDOM_GRAPHS // 10
            continue
        left -= 1
        golden = memory_image(program, inputs)
        memory = golden.copy()
        assert Executor(simulator.config).run(
            golden, command_base=program.command_offset, command_count=program.command_count,
            memory_base=0, memory_bytes=program.region_bytes).ok
        stalls = Stalls.everywhere(int(rng.integers(1 << 30)), chance=float(rng.uniform(0, 0.2)))
        result = simulator.run(memory, program.command_offset, program.command_count, 0,
                               program.region_bytes, 200 * program.cycles + 10_000, stalls=stalls)
        assert result.status == "done", (kinds, result)
        np.testing.assert_array_equal(memory, golden, err_msg=str(kinds))
        reference = oracle.run(model, inputs, outputs=outputs)
        for output, expected in zip(outputs_of(program, golden), reference, strict=True):
            np.testing.assert_array_equal(output, expected, err_msg=str(kinds))
    assert sum(saved) > (RANDOM_GRAPHS_IN_CHAINS if fused else RANDOM_GRAPHS) // 2


@pytest.mark.parametrize("forced", [False, True])
def test_chains_that_stream(simulator, forced, rng, monkeypatch):
    if forced:
        monkeypatch.setattr(compiler, "candidates", random_chains(rng, []))
    layers, outputs = inverted_residuals(rng)
    model = layers.builder.finish(outputs)
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in layers.builder.inputs]
    program = compile_model(model, simulator.config)
    golden = memory_image(program, inputs)
    assert Executor(simulator.config).run(
        golden, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes).ok
    memory = memory_image(program, inputs)
    result = simulator.run(memory, program.command_offset, program.command_count, 0,
                           program.region_bytes, 20 * program.cycles,
                           memory_model="fast" if forced else "sdram")
    assert result.status == "done", result
    np.testing.assert_array_equal(memory, golden)
