"""The whole NPU in RTL against the golden model and TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_compiler import Program, compile_model
from hadron_cosim.memory_model import Stalls
from hadron_cosim.simulator import NpuSimulator, SimulationResult
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing import oracle
from hadron_testing.programs import GARBAGE, run_program
from hadron_testing.random_models import GENERATORS, random_network

SMALL = NpuConfig(name="small", lanes=16, columns=2, dsp_columns=2, act_bytes=32 << 10,
                  weight_steps=256, requant_lanes=1, axi_data_width=64)
WIDE = NpuConfig(name="wide", lanes=32, columns=4, dsp_columns=0, act_bytes=64 << 10,
                 weight_steps=128, requant_lanes=4, axi_data_width=32)
OPERATORS = sorted(GENERATORS)
CASES_OF_AN_OPERATOR = 16

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[CONFIGS["h64"], SMALL, WIDE], ids=lambda c: c.name)
def simulator(request) -> NpuSimulator:
    return NpuSimulator(request.param)


def _run(simulator: NpuSimulator, program: Program, inputs, **options
         ) -> tuple[SimulationResult, list[np.ndarray]]:
    memory = np.full(program.region_bytes, GARBAGE, np.uint8)
    memory[: len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    for binding, value in zip(program.inputs, inputs, strict=True):
        memory[binding.offset : binding.offset + binding.size] = np.frombuffer(
            value.astype(np.int8).tobytes(), np.uint8)
    result = simulator.run(memory, program.command_offset, program.command_count, 0,
                           program.region_bytes, 200 * program.cycles + 10_000, **options)
    return result, [
        memory[binding.offset : binding.offset + binding.size].view(np.int8).reshape(binding.shape)
        for binding in program.outputs]


def _check(simulator: NpuSimulator, case, rng: np.random.Generator) -> None:
    program = compile_model(case.model, simulator.config)
    golden, _ = run_program(program, case.inputs, check_hazards=False)
    reference = oracle.run(case.model, case.inputs, outputs=len(golden))
    stalls = Stalls.everywhere(int(rng.integers(1 << 30)), chance=float(rng.uniform(0, 0.3)))
    for options in ({}, {"memory_model": "sdram"}, {"stalls": stalls}):
        result, outputs = _run(simulator, program, case.inputs, **options)
        assert result.status == "done", (case.operator, case.attributes, result)
        for output, expected, tflm in zip(outputs, golden, reference, strict=True):
            np.testing.assert_array_equal(output, expected)
            np.testing.assert_array_equal(output.reshape(tflm.shape), tflm)


@pytest.mark.parametrize("operator", OPERATORS)
def test_one_operator(simulator, operator, rng):
    for _ in range(CASES_OF_AN_OPERATOR):
        _check(simulator, GENERATORS[operator](rng), rng)


def test_random_network(simulator, rng):
    for _ in range(3):
        _check(simulator, random_network(rng), rng)
