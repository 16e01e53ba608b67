"""The whole NPU, aborted and broken off by bus errors at random moments, then run again."""

import numpy as np
import pytest

from hadron_compiler import Program, compile_model
from hadron_cosim.memory_model import FAST, BusErrors, Stalls
from hadron_cosim.simulator import NpuSimulator, SimulationResult
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_testing.programs import memory_image, outputs_of, run_program
from hadron_testing.random_models import random_network

CONFIG = CONFIGS["h64"]
ABORT = 2
BUSY, ABORTED = 1, 8
RUNS = 16

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


def _start(simulator: NpuSimulator, program: Program) -> None:
    simulator.start(program.command_offset, program.command_count, 0, program.region_bytes)


def _run(simulator: NpuSimulator, program: Program, memory: np.ndarray) -> SimulationResult:
    """Run a program with no reset before it."""
    simulator.npu.attach(memory)
    _start(simulator, program)
    return simulator.finish(simulator.npu.state.register_write, 20 * program.cycles)


def _check_outputs(program: Program, memory: np.ndarray, expected: list[np.ndarray]) -> None:
    for found, value in zip(outputs_of(program, memory), expected, strict=True):
        np.testing.assert_array_equal(found, value)


def test_abort_leaves_nothing_behind(simulator, rng):
    case = random_network(rng)
    program = compile_model(case.model, CONFIG)
    expected, _ = run_program(program, case.inputs, check_hazards=False)
    for i in range(RUNS):
        stalls = Stalls.everywhere(int(rng.integers(1 << 30))) if i % 2 else None
        memory = memory_image(program, case.inputs)
        simulator.configure("sdram" if i % 4 < 2 else "fast", stalls=stalls, memory=memory)
        _start(simulator, program)
        simulator.npu.run(int(rng.integers(1, program.cycles)), until_irq=False)
        simulator.write_register("CONTROL", ABORT)
        simulator.npu.run(5000)
        assert simulator.read_register("STATUS") & (BUSY | ABORTED) == ABORTED
        simulator.check_protocol()
        memory = memory_image(program, case.inputs)
        assert _run(simulator, program, memory).status == "done"
        _check_outputs(program, memory, expected)


def test_bus_error_leaves_nothing_behind(simulator, rng):
    case = random_network(rng)
    program = compile_model(case.model, CONFIG)
    expected, _ = run_program(program, case.inputs, check_hazards=False)
    # Constants and commands are all read; of the output, the last byte is written last.
    output = program.outputs[0]
    failed = 0
    for i in range(RUNS):
        if i % 4:
            errors, code = BusErrors(read=int(rng.integers(len(program.memory)))), "BUS_READ"
        else:
            errors, code = BusErrors(write=output.offset + output.size - 1), "BUS_WRITE"
        memory = memory_image(program, case.inputs)
        simulator.configure(stalls=Stalls.everywhere(int(rng.integers(1 << 30))), errors=errors,
                            memory=memory)
        result = _run(simulator, program, memory)
        if result.status == "done":
            # The byte was only filling between two constants.
            assert code == "BUS_READ"
            continue
        assert (result.status, result.error_code) == ("error", ErrorCode[code])
        failed += 1
        # The same NPU, not reset, with the memory mended: nothing is outstanding, so none is lost.
        simulator.npu.configure(FAST)
        memory = memory_image(program, case.inputs)
        assert _run(simulator, program, memory).status == "done"
        _check_outputs(program, memory, expected)
    assert failed >= RUNS // 2
