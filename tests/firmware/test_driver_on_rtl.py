"""The C driver runs the network that ships on the NPU's RTL, as firmware would on a board."""

import ctypes
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hadron_compiler import compile_model
from hadron_compiler.program import Program as CompiledProgram
from hadron_cosim.simulator import NpuSimulator
from hadron_spec.commands import COMMAND_BYTES
from hadron_spec.config import CONFIGS
from hadron_spec.errors import ErrorCode
from hadron_testing import oracle
from hadron_testing.c_driver import CDriver, Program, Status, build_driver

DATA = Path("toolchain/hadron/data")
CONFIG = CONFIGS["h64"]
REGION = 0x1000
"""Where the memory region begins, so that offsets and addresses differ."""
POLL_CYCLES = 64
"""Cycles that pass between two polls of a CPU."""

pytestmark = pytest.mark.slow


class Board:
    """Memory, the simulated NPU, and the C driver connected to it."""

    def __init__(self, library: ctypes.CDLL, simulator: NpuSimulator,
                 compiled: CompiledProgram) -> None:
        self.compiled, self.simulator = compiled, simulator
        self.memory = np.zeros(REGION + compiled.region_bytes, dtype=np.uint8)
        self.memory[REGION : REGION + len(compiled.memory)] = np.frombuffer(
            compiled.memory, dtype=np.uint8)
        simulator.configure(memory=self.memory)
        self.driver = CDriver(library, self._read, simulator.npu.write)

    def _read(self, offset: int) -> int:
        self.simulator.npu.run(POLL_CYCLES, until_irq=False)
        return self.simulator.npu.read(offset)

    def program(self) -> Program:
        return Program(command_base=REGION + self.compiled.command_offset,
                       command_count=self.compiled.command_count, memory_base=REGION,
                       memory_bytes=self.compiled.region_bytes, watchdog=1_000_000)

    def infer(self, image: np.ndarray) -> np.ndarray:
        source, result = self.compiled.inputs[0], self.compiled.outputs[0]
        self.memory[REGION + source.offset :][: source.size] = image.view(np.uint8).ravel()
        assert self.driver.start(1) == Status.OK
        assert self.driver.wait(100_000) == Status.OK
        assert self.driver.interrupt() == 1
        return self.memory[REGION + result.offset :][: result.size].copy().view(np.int8)


@pytest.fixture(scope="module")
def compiled(project: Path) -> CompiledProgram:
    return compile_model(project / DATA / "digits.tflite", CONFIG)


@pytest.fixture(scope="module")
def simulator() -> NpuSimulator:
    return NpuSimulator(CONFIG)


@pytest.fixture(scope="module")
def library(project: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_driver(project, tmp_path_factory.mktemp("driver"))


@pytest.fixture
def board(library, simulator: NpuSimulator, compiled: CompiledProgram) -> Board:
    return Board(library, simulator, compiled)


def test_it_classifies_the_samples_as_the_reference_kernels_do(board: Board, project) -> None:
    assert board.driver.connect() == Status.OK
    assert (board.driver.device.lanes, board.driver.device.columns) == (16, 4)
    assert board.driver.load(ctypes.byref(board.program())) == Status.OK
    content = (project / DATA / "digits.tflite").read_bytes()
    for name in json.loads((project / DATA / "digits/labels.json").read_text()):
        pixels = np.asarray(Image.open(project / DATA / "digits" / name))
        image = (pixels ^ 0x80).view(np.int8)
        [expected] = oracle.run(content, [image.reshape(1, 8, 8, 1)])
        assert board.infer(image).tolist() == expected.ravel().tolist(), name
    counters = board.driver.counters()
    assert 0 < counters.mac_active <= counters.execute_busy <= counters.cycles


def test_a_damaged_command_fails_where_it_is(board: Board) -> None:
    assert board.driver.connect() == Status.OK
    assert board.driver.load(ctypes.byref(board.program())) == Status.OK
    board.memory[REGION + board.compiled.command_offset + 2 * COMMAND_BYTES + 40] ^= 0x10
    assert board.driver.start(7) == Status.OK
    assert board.driver.wait(100_000) == Status.FAILED
    failure = board.driver.failure()
    assert (failure.code, failure.command) == (ErrorCode.CHECKSUM, 2)


def test_abort_stops_a_run_and_the_next_one_is_right(board: Board, rng) -> None:
    assert board.driver.connect() == Status.OK
    assert board.driver.load(ctypes.byref(board.program())) == Status.OK
    image = rng.integers(-128, 128, 64).astype(np.int8)
    expected = board.infer(image)
    for _ in range(5):
        assert board.driver.start(0) == Status.OK
        board.simulator.npu.run(int(rng.integers(1, 500)), until_irq=False)
        assert board.driver.abort(10_000) == Status.OK
        assert board.driver.poll() == Status.ABORTED
        assert board.infer(image).tolist() == expected.tolist()
    board.simulator.check_protocol()
