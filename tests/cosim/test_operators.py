"""The whole NPU on random models of one operator: RTL = golden model = TensorFlow Lite Micro."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.memory_model import Stalls
from hadron_cosim.simulator import NpuSimulator
from hadron_model.executor import Executor
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_testing import oracle
from hadron_testing.programs import memory_image, outputs_of
from hadron_testing.random_models import GENERATORS, random_network

CONFIG = CONFIGS["h64"]
CASES = 64
"""Models of each operator, and as many small networks."""


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


def run_everywhere(simulator: NpuSimulator, case, stalls: Stalls | None) -> None:
    """Compare all memory with the golden model's, and the outputs with the oracle's."""
    program = compile_model(case.model, CONFIG)
    golden = memory_image(program, case.inputs)
    result = Executor(CONFIG).run(
        golden, command_base=program.command_offset, command_count=program.command_count,
        memory_base=0, memory_bytes=program.region_bytes)
    assert result.ok
    memory = memory_image(program, case.inputs)
    run = simulator.run(memory, program.command_offset, program.command_count, 0,
                        program.region_bytes, 50 * program.cycles + 10_000, stalls=stalls)
    assert (run.status, run.error_code) == ("done", ErrorCode.NONE)
    np.testing.assert_array_equal(memory, golden)
    for found, expected in zip(outputs_of(program, memory),
                               oracle.run(case.model, case.inputs), strict=True):
        np.testing.assert_array_equal(found.ravel(), expected.ravel())


@pytest.mark.parametrize("operator", [*GENERATORS, "network"])
def test_random_models(simulator, rng, operator):
    generate = random_network if operator == "network" else GENERATORS[operator]
    for i in range(CASES):
        stalls = Stalls.everywhere(int(rng.integers(1 << 30))) if i % 2 else None
        run_everywhere(simulator, generate(rng), stalls)


def test_stalls_do_not_change_a_byte(simulator, rng):
    case = random_network(rng)
    program = compile_model(case.model, CONFIG)
    images = []
    for seed in (None, 1, 2, 3):
        memory = memory_image(program, case.inputs)
        run = simulator.run(memory, program.command_offset, program.command_count, 0,
                            program.region_bytes, 100 * program.cycles,
                            stalls=None if seed is None else Stalls.everywhere(seed))
        assert run.status == "done"
        images.append(memory)
    for image in images[1:]:
        np.testing.assert_array_equal(image, images[0])


def test_a_corrupt_command_stream_ends_in_an_error(simulator, rng):
    case = random_network(rng)
    program = compile_model(case.model, CONFIG)
    for _ in range(24):
        memory = memory_image(program, case.inputs)
        command = int(rng.integers(program.command_count))
        bit = int(rng.integers(128 * 8))
        memory[program.command_offset + 128 * command + bit // 8] ^= 1 << bit % 8
        run = simulator.run(memory, program.command_offset, program.command_count, 0,
                            program.region_bytes, 100 * program.cycles)
        assert (run.status, run.error_code, run.error_command) == (
            "error", ErrorCode.CHECKSUM, command)
