"""The lanes agree: Verilator under cocotb and CXXRTL, in bytes and in cycles."""

from pathlib import Path

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.simulator import COUNTERS, NpuSimulator
from hadron_cosim.verilator import run_cocotb
from hadron_rtl.export import NAME, to_verilog
from hadron_spec.config import NpuConfig
from hadron_testing.programs import GARBAGE
from hadron_testing.random_models import random_network

BENCHES = Path(__file__).parent / "benches"
CONFIG = NpuConfig(name="small", lanes=16, columns=2, dsp_columns=2, act_bytes=32 << 10,
                   weight_steps=256, axi_data_width=64)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


@pytest.fixture(scope="module")
def verilog() -> str:
    return to_verilog(CONFIG)


@pytest.mark.parametrize("testcase", ["fixed_latency", "random_stalls"])
def test_lanes_agree(simulator, verilog, testcase, rng, test_seed, tmp_path):
    model = random_network(rng, size=8, channels_max=8)
    program = compile_model(model.model, CONFIG)
    memory = np.full(program.region_bytes, GARBAGE, np.uint8)
    memory[: len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    for binding, value in zip(program.inputs, model.inputs, strict=True):
        memory[binding.offset : binding.offset + binding.size] = np.frombuffer(
            value.astype(np.int8).tobytes(), np.uint8)
    registers = {"command_base": program.command_offset, "command_count": program.command_count,
                 "memory_base": 0, "memory_bytes": program.region_bytes}
    case, found = tmp_path / "case.npz", tmp_path / "result.npz"
    np.savez(case, memory=memory, max_cycles=50 * program.cycles, **registers)
    run_cocotb(verilog, module="npu_cases", module_path=BENCHES, work=tmp_path, top=NAME,
               seed=test_seed % 2**31, testcase=testcase,
               environment={"BENCH_CASE": str(case), "BENCH_RESULT": str(found)})
    expected = simulator.run(memory, *registers.values(), 50 * program.cycles)
    assert expected.status == "done"
    with np.load(found) as result:
        assert int(result["STATUS"]) == 2
        np.testing.assert_array_equal(result["memory"], memory)
        if testcase == "fixed_latency":
            assert {name: int(result[name]) for name in COUNTERS} == expected.counters
