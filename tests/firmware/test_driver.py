"""The C driver, compiled as a user would and run against a register file that behaves like the NPU.

The driver reaches registers through two function pointers; here they lead into `FakeNpu`.
"""

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hadron_spec.commands import COMMAND_ALIGN, COMMAND_BYTES
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_spec.errors import ErrorCode
from hadron_spec.registers import ID, REGISTERS, VERSION, Access, register
from hadron_testing.c_driver import (
    COUNTERS,
    FOREVER,
    CDriver,
    Program,
    Status,
    build_driver,
    compile_driver,
)

ALL_EVENTS = 7


class FakeNpu:
    """A register file with the NPU's behaviour; each poll of STATUS is one unit of time.

    Parameters
    ----------
    config : NpuConfig
        What CONFIG0 and CONFIG1 say.
    run_polls, abort_polls : int
        Reads of STATUS for which a program or an abort stays busy.
    fail : ErrorCode
        How the next program ends.
    """

    def __init__(self, config: NpuConfig, *, run_polls: int = 3, abort_polls: int = 2,
                 fail: ErrorCode = ErrorCode.NONE) -> None:
        self.values = {r.name: r.reset for r in REGISTERS}
        self.values["CONFIG0"] = (config.lanes | config.columns << 8
                                  | config.axi_bytes << 24)
        self.values["CONFIG1"] = config.act_bytes // 1024 | config.weight_steps << 16
        self.run_polls, self.abort_polls, self.fail = run_polls, abort_polls, fail
        self.remaining = 0
        self.ending = "DONE"
        self.writes: list[tuple[str, int]] = []
        self._names = {r.offset: r.name for r in REGISTERS}
        self._access = {r.name: r.access for r in REGISTERS}

    def start(self) -> None:
        self.values["STATUS"] = 1
        self.remaining = self.run_polls
        self.ending = "ERROR" if self.fail else "DONE"

    def read(self, offset: int) -> int:
        name = self._names[offset]
        assert self._access[name] is not Access.WO, f"{name} cannot be read"
        value = self.values[name]
        if name == "STATUS" and value & 1:
            self.remaining -= 1
            if self.remaining <= 0:
                bit = {"DONE": 0, "ERROR": 1, "ABORTED": 2}[self.ending]
                code = self.fail << 8 if self.ending == "ERROR" else 0
                self.values["STATUS"] = 2 << bit | code
                self.values["IRQ_STATUS"] |= 1 << bit
        return value

    def write(self, offset: int, value: int) -> None:
        name = self._names[offset]
        assert self._access[name] is not Access.RO, f"{name} is read-only"
        self.writes.append((name, value))
        if name == "CONTROL":
            if value & 1 and not self.values["STATUS"] & 1:
                self.start()
            if value & 2 and self.values["STATUS"] & 1:
                self.remaining, self.ending = self.abort_polls, "ABORTED"
        elif name == "IRQ_STATUS":
            self.values[name] &= ~value
        else:
            self.values[name] = value


@pytest.fixture(scope="module")
def driver(project: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return build_driver(project, tmp_path_factory.mktemp("driver"))


class Rig(CDriver):
    """A driver connected to a fake NPU."""

    def __init__(self, library: ctypes.CDLL, fake: FakeNpu) -> None:
        super().__init__(library, fake.read, fake.write)
        self.fake = fake

    def load_program(self, **changes: int) -> int:
        values = {"command_base": 0x1000, "command_count": 9, "memory_base": 0x2000,
                  "memory_bytes": 0x8000, "watchdog": 1000} | changes
        return self.load(ctypes.byref(Program(**values)))


@pytest.fixture
def rig(driver: ctypes.CDLL) -> Iterator[Rig]:
    rig = Rig(driver, FakeNpu(CONFIGS["h64"]))
    assert rig.connect() == Status.OK
    return rig


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_init_reads_what_the_device_is(driver: ctypes.CDLL, config: NpuConfig) -> None:
    rig = Rig(driver, FakeNpu(config))
    assert rig.connect() == Status.OK
    device = rig.device
    assert device.version == register("VERSION").reset
    assert (device.lanes, device.columns) == (
        config.lanes, config.columns)
    assert (device.bus_bytes, device.activation_bytes, device.weight_bytes) == (
        config.axi_bytes, config.act_bytes, config.weight_bytes)


def test_init_refuses_what_is_not_an_npu(driver: ctypes.CDLL) -> None:
    rig = Rig(driver, FakeNpu(CONFIGS["h64"]))
    rig.fake.values["ID"] = ID ^ 1
    assert rig.connect() == Status.NO_DEVICE
    assert rig.fake.writes == []


@pytest.mark.parametrize(("major", "minor", "patch", "status"), [
    (VERSION[0], VERSION[1], VERSION[2] + 1, Status.OK),
    (VERSION[0] + 1, VERSION[1], VERSION[2], Status.VERSION),
    (VERSION[0], VERSION[1] + 1, VERSION[2], Status.Status.OK if VERSION[0] else Status.VERSION),
])
def test_init_compares_versions(driver, major: int, minor: int, patch: int, status: int) -> None:
    rig = Rig(driver, FakeNpu(CONFIGS["h64"]))
    rig.fake.values["VERSION"] = major << 16 | minor << 8 | patch
    assert rig.connect() == status


def test_init_stops_a_running_program_and_masks_the_interrupt(driver: ctypes.CDLL) -> None:
    fake = FakeNpu(CONFIGS["h64"], run_polls=10**9)
    fake.values["IRQ_ENABLE"] = ALL_EVENTS
    fake.start()
    rig = Rig(driver, fake)
    assert rig.connect() == Status.OK
    assert fake.values["STATUS"] == 8
    assert fake.values["IRQ_ENABLE"] == 0
    assert fake.values["IRQ_STATUS"] == 0


def test_a_program_runs_to_done(rig: Rig) -> None:
    assert rig.poll() == Status.IDLE
    assert rig.load_program() == Status.OK
    values = rig.fake.values
    assert (values["COMMAND_BASE"], values["COMMAND_COUNT"]) == (0x1000, 9)
    assert (values["MEMORY_BASE"], values["MEMORY_BYTES"]) == (0x2000, 0x8000)
    assert values["WATCHDOG"] == 1000
    assert rig.start(1) == Status.OK
    assert values["IRQ_ENABLE"] == 1
    assert rig.poll() == Status.RUNNING
    assert rig.wait(FOREVER) == Status.OK
    assert rig.interrupt() == 1
    assert rig.interrupt() == 0
    assert rig.failure().code == ErrorCode.NONE
    assert rig.start(0) == Status.OK
    assert rig.wait(100) == Status.OK


@pytest.mark.parametrize("code", [code for code in ErrorCode if code])
def test_a_failed_program_says_why_and_where(rig: Rig, code: ErrorCode) -> None:
    rig.fake.fail = code
    rig.fake.values["ERROR_COMMAND"] = 7
    assert rig.load_program() == Status.OK
    assert rig.start(ALL_EVENTS) == Status.OK
    assert rig.wait(100) == Status.FAILED
    failure = rig.failure()
    assert (failure.code, failure.command) == (code, 7)
    assert rig.interrupt() == 2


def test_a_new_run_does_not_see_events_of_the_last(rig: Rig) -> None:
    rig.fake.fail = ErrorCode.CHECKSUM
    rig.start(0)
    assert rig.wait(100) == Status.FAILED
    rig.fake.fail = ErrorCode.NONE
    assert rig.start(ALL_EVENTS) == Status.OK
    assert rig.fake.values["IRQ_STATUS"] == 0
    assert rig.wait(100) == Status.OK


@pytest.mark.parametrize("changes", [
    {"command_base": COMMAND_ALIGN // 2},
    {"memory_base": 4},
    {"command_count": 0},
    {"memory_bytes": 0},
    {"command_count": 1 << 26},
    {"command_base": 0xFFFF_FF80, "command_count": 2},
    {"memory_base": 0xFFFF_FF80, "memory_bytes": 129},
])
def test_load_refuses_a_bad_program(rig: Rig, changes: dict[str, int]) -> None:
    before = list(rig.fake.writes)
    assert rig.load_program(**changes) == Status.ARGUMENT
    assert rig.fake.writes == before


def test_load_takes_a_region_up_to_the_end_of_the_address_space(rig: Rig) -> None:
    assert rig.load_program(memory_base=0xFFFF_FF80, memory_bytes=128) == Status.OK
    last = (1 << 32) - 2 * COMMAND_BYTES
    assert rig.load_program(command_base=last, command_count=2) == Status.OK


def test_a_busy_npu_is_neither_loaded_nor_started(rig: Rig) -> None:
    rig.fake.run_polls = 10**9
    assert rig.load_program() == Status.OK
    assert rig.start(0) == Status.OK
    before = list(rig.fake.writes)
    assert rig.load_program() == Status.BUSY
    assert rig.start(0) == Status.BUSY
    assert rig.fake.writes == before


def test_wait_gives_up_after_its_polls_and_abort_ends_the_program(rig: Rig) -> None:
    rig.fake.run_polls = 10**9
    rig.load_program()
    rig.start(ALL_EVENTS)
    assert rig.wait(50) == Status.TIMEOUT
    assert rig.abort(100) == Status.OK
    assert rig.poll() == Status.ABORTED
    assert rig.interrupt() == 4
    rig.fake.run_polls = 3
    assert rig.start(0) == Status.OK
    assert rig.wait(100) == Status.OK


def test_abort_of_an_idle_npu_writes_nothing(rig: Rig) -> None:
    before = list(rig.fake.writes)
    assert rig.abort(1) == Status.OK
    assert rig.fake.writes == before


def test_abort_reports_that_it_did_not_finish(rig: Rig) -> None:
    rig.fake.run_polls = rig.fake.abort_polls = 10**9
    rig.start(0)
    assert rig.abort(10) == Status.TIMEOUT


def test_counters_are_read_from_their_registers(rig: Rig) -> None:
    for index, name in enumerate(COUNTERS):
        rig.fake.values[name] = 1000 + index
    counters = rig.counters()
    assert [getattr(counters, name.lower()) for name in COUNTERS] == [
        1000 + index for index in range(len(COUNTERS))]


def test_every_status_and_error_has_its_own_text(driver: ctypes.CDLL) -> None:
    statuses = [driver.hadron_status_string(status) for status in Status]
    errors = [driver.hadron_error_string(code) for code in ErrorCode]
    assert len(set(statuses)) == len(Status)
    assert len(set(errors)) == len(ErrorCode)
    assert driver.hadron_status_string(len(Status)) == b"unknown status"
    assert driver.hadron_error_string(255) == b"unknown error"


def test_mapped_registers_are_reached_at_their_offsets(driver: ctypes.CDLL) -> None:
    memory = (ctypes.c_uint32 * 1024)()
    bus = driver.hadron_mmio(ctypes.byref(memory))
    bus.write(bus.context, register("WATCHDOG").offset, 0xDEAD_BEEF)
    assert memory[register("WATCHDOG").offset // 4] == 0xDEAD_BEEF
    assert bus.read(bus.context, register("WATCHDOG").offset) == 0xDEAD_BEEF


@pytest.mark.parametrize("target", ["riscv32-freestanding", "thumb-freestanding-eabi"])
def test_driver_compiles_without_a_libc(project: Path, tmp_path: Path, target: str) -> None:
    compile_driver(project, tmp_path / "hadron.o", "-c", "-ffreestanding", "-target", target)


def test_header_compiles_as_cpp(project: Path, tmp_path: Path) -> None:
    source = tmp_path / "include.cpp"
    source.write_text('#include "hadron.h"\nint ready() { return HADRON_OK; }\n')
    # `cc`, not `c++`, and no libc: zig would build its C++ library first, for minutes.
    result = subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-c", "-Wall", "-Wextra", "-Werror",
         "-target", "riscv32-freestanding", f"-I{project / 'firmware/include'}", str(source),
         "-o", str(tmp_path / "include.o")],
        capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
