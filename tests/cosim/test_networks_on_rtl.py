"""Networks that nobody here trained, on the RTL of ``h256``: the oracle's bytes."""

from pathlib import Path

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.simulator import NpuSimulator
from hadron_model.executor import Executor
from hadron_spec.config import CONFIGS
from hadron_testing import oracle

CONFIG = CONFIGS["h256"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


def _check(simulator: NpuSimulator, model: bytes, x: np.ndarray, memory_model: str) -> None:
    program = compile_model(model, CONFIG)
    [binding] = program.inputs
    memory = np.zeros(program.region_bytes, np.uint8)
    memory[: len(program.memory)] = np.frombuffer(program.memory, np.uint8)
    memory[binding.offset : binding.offset + binding.size] = x.reshape(-1).view(np.uint8)
    golden = memory.copy()
    result = simulator.run(memory, program.command_offset, program.command_count, 0,
                           program.region_bytes, memory_model=memory_model)
    assert result.status == "done"
    Executor(CONFIG).run(golden, command_base=program.command_offset,
                         command_count=program.command_count, memory_base=0,
                         memory_bytes=program.region_bytes)
    np.testing.assert_array_equal(memory, golden)
    expected = oracle.run(model, [x.reshape(binding.shape)], outputs=len(program.outputs))
    for output, wanted in zip(program.outputs, expected, strict=True):
        found = memory[output.offset : output.offset + output.size].view(np.int8)
        np.testing.assert_array_equal(found, wanted.reshape(-1))


@pytest.mark.parametrize("memory_model", ["fast", "sdram"])
@pytest.mark.parametrize(("name", "data"), [
    ("mlperf_ic_resnet8", "ic_cfu"), ("mlperf_vww_mbv1_025_96", "vww_cfu"),
    ("cfu_mbv2_035_160", "mnv2_cfu"), ("emza_ssd_slim_120x160", None),
    ("tinymaix_mnist_dw", None), ("tinymaix_mnist_resnet", None), ("tinymaix_mnist_valid", None)])
def test_network(simulator, shared: Path, name: str, data: str | None, memory_model: str,
                 rng: np.random.Generator) -> None:
    model = (shared / "models" / f"{name}_int8.tflite").read_bytes()
    if data is not None:
        x = np.load(shared / "inputs" / f"{data}.npz")["x"][0]
    else:
        size = compile_model(model, CONFIG).inputs[0].size
        x = rng.integers(-128, 128, size).astype(np.int8)
    _check(simulator, model, x, memory_model)
