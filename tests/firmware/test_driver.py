"""The C driver, compiled as a user would and run against a register file that behaves like the NPU.

The driver reaches registers through two function pointers; here they lead into `FakeNpu`.
"""

import ctypes
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hadron_spec.commands import COMMAND_ALIGN, COMMAND_BYTES
from hadron_spec.config import CONFIGS, NpuConfig
from hadron_spec.errors import ErrorCode
from hadron_spec.registers import ID, REGISTERS, VERSION, Access, register

WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wswitch-enum",
            "-Werror", "-pedantic")

(OK, RUNNING, NO_DEVICE, VERSION_MISMATCH, ARGUMENT, BUSY, IDLE, TIMEOUT, FAILED,
 ABORTED) = range(10)
FOREVER = 0xFFFF_FFFF
ALL_EVENTS = 7

Read = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32)
Write = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32)


class Bus(ctypes.Structure):
    _fields_ = (("read", Read), ("write", Write), ("context", ctypes.c_void_p))


class Device(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in (
        "version", "lanes", "columns", "requant_lanes", "bus_bytes", "activation_bytes",
        "weight_bytes"))


class Hadron(ctypes.Structure):
    _fields_ = (("bus", Bus), ("device", Device))


class Program(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in (
        "command_base", "command_count", "memory_base", "memory_bytes", "watchdog"))


class Failure(ctypes.Structure):
    _fields_ = (("code", ctypes.c_int), ("command", ctypes.c_uint32))


COUNTERS = [r for r in REGISTERS if r.offset >= register("CYCLES").offset]


class Counters(ctypes.Structure):
    _fields_ = tuple((r.name.lower(), ctypes.c_uint32) for r in COUNTERS)


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
        self.values["CONFIG0"] = (config.lanes | config.columns << 8 | config.requant_lanes << 16
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

    def read(self, _context: int | None, offset: int) -> int:
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

    def write(self, _context: int | None, offset: int, value: int) -> None:
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


def _compile(project: Path, output: Path, *options: str) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", *WARNINGS, "-O2", *options,
               f"-I{project / 'firmware/include'}", str(project / "firmware/src/hadron.c"),
               "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def driver(project: Path, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    suffix = "dylib" if platform.system() == "Darwin" else "so"
    path = tmp_path_factory.mktemp("driver") / f"libhadron.{suffix}"
    _compile(project, path, "-shared", "-fPIC", "-nostdlib")
    library = ctypes.CDLL(str(path))
    library.hadron_failure.restype = Failure
    library.hadron_mmio.restype = Bus
    library.hadron_interrupt.restype = ctypes.c_uint32
    library.hadron_status_string.restype = ctypes.c_char_p
    library.hadron_error_string.restype = ctypes.c_char_p
    return library


class Rig:
    """A driver connected to a fake NPU."""

    def __init__(self, library: ctypes.CDLL, fake: FakeNpu) -> None:
        self.library, self.fake, self.npu = library, fake, Hadron()
        self.bus = Bus(Read(fake.read), Write(fake.write), None)

    def __getattr__(self, name: str) -> Callable[..., int]:
        function = getattr(self.library, f"hadron_{name}")
        return lambda *arguments: function(ctypes.byref(self.npu), *arguments)

    def connect(self) -> int:
        return self.library.hadron_init(ctypes.byref(self.npu), ctypes.byref(self.bus))

    def load_program(self, **changes: int) -> int:
        values = {"command_base": 0x1000, "command_count": 9, "memory_base": 0x2000,
                  "memory_bytes": 0x8000, "watchdog": 1000} | changes
        return self.load(ctypes.byref(Program(**values)))


@pytest.fixture
def rig(driver: ctypes.CDLL) -> Iterator[Rig]:
    rig = Rig(driver, FakeNpu(CONFIGS["h64"]))
    assert rig.connect() == OK
    return rig


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_init_reads_what_the_device_is(driver: ctypes.CDLL, config: NpuConfig) -> None:
    rig = Rig(driver, FakeNpu(config))
    assert rig.connect() == OK
    device = rig.npu.device
    assert device.version == register("VERSION").reset
    assert (device.lanes, device.columns, device.requant_lanes) == (
        config.lanes, config.columns, config.requant_lanes)
    assert (device.bus_bytes, device.activation_bytes, device.weight_bytes) == (
        config.axi_bytes, config.act_bytes, config.weight_bytes)


def test_init_refuses_what_is_not_an_npu(driver: ctypes.CDLL) -> None:
    rig = Rig(driver, FakeNpu(CONFIGS["h64"]))
    rig.fake.values["ID"] = ID ^ 1
    assert rig.connect() == NO_DEVICE
    assert rig.fake.writes == []


@pytest.mark.parametrize(("major", "minor", "patch", "status"), [
    (VERSION[0], VERSION[1], VERSION[2] + 1, OK),
    (VERSION[0] + 1, VERSION[1], VERSION[2], VERSION_MISMATCH),
    (VERSION[0], VERSION[1] + 1, VERSION[2], OK if VERSION[0] else VERSION_MISMATCH),
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
    assert rig.connect() == OK
    assert fake.values["STATUS"] == 8
    assert fake.values["IRQ_ENABLE"] == 0
    assert fake.values["IRQ_STATUS"] == 0


def test_a_program_runs_to_done(rig: Rig) -> None:
    assert rig.poll() == IDLE
    assert rig.load_program() == OK
    values = rig.fake.values
    assert (values["COMMAND_BASE"], values["COMMAND_COUNT"]) == (0x1000, 9)
    assert (values["MEMORY_BASE"], values["MEMORY_BYTES"]) == (0x2000, 0x8000)
    assert values["WATCHDOG"] == 1000
    assert rig.start(1) == OK
    assert values["IRQ_ENABLE"] == 1
    assert rig.poll() == RUNNING
    assert rig.wait(FOREVER) == OK
    assert rig.interrupt() == 1
    assert rig.interrupt() == 0
    assert rig.failure().code == ErrorCode.NONE
    assert rig.start(0) == OK
    assert rig.wait(100) == OK


@pytest.mark.parametrize("code", [code for code in ErrorCode if code])
def test_a_failed_program_says_why_and_where(rig: Rig, code: ErrorCode) -> None:
    rig.fake.fail = code
    rig.fake.values["ERROR_COMMAND"] = 7
    assert rig.load_program() == OK
    assert rig.start(ALL_EVENTS) == OK
    assert rig.wait(100) == FAILED
    failure = rig.failure()
    assert (failure.code, failure.command) == (code, 7)
    assert rig.interrupt() == 2


def test_a_new_run_does_not_see_events_of_the_last(rig: Rig) -> None:
    rig.fake.fail = ErrorCode.CHECKSUM
    rig.start(0)
    assert rig.wait(100) == FAILED
    rig.fake.fail = ErrorCode.NONE
    assert rig.start(ALL_EVENTS) == OK
    assert rig.fake.values["IRQ_STATUS"] == 0
    assert rig.wait(100) == OK


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
    assert rig.load_program(**changes) == ARGUMENT
    assert rig.fake.writes == before


def test_load_takes_a_region_up_to_the_end_of_the_address_space(rig: Rig) -> None:
    assert rig.load_program(memory_base=0xFFFF_FF80, memory_bytes=128) == OK
    last = (1 << 32) - 2 * COMMAND_BYTES
    assert rig.load_program(command_base=last, command_count=2) == OK


def test_a_busy_npu_is_neither_loaded_nor_started(rig: Rig) -> None:
    rig.fake.run_polls = 10**9
    assert rig.load_program() == OK
    assert rig.start(0) == OK
    before = list(rig.fake.writes)
    assert rig.load_program() == BUSY
    assert rig.start(0) == BUSY
    assert rig.fake.writes == before


def test_wait_gives_up_after_its_polls_and_abort_ends_the_program(rig: Rig) -> None:
    rig.fake.run_polls = 10**9
    rig.load_program()
    rig.start(ALL_EVENTS)
    assert rig.wait(50) == TIMEOUT
    assert rig.abort(100) == OK
    assert rig.poll() == ABORTED
    assert rig.interrupt() == 4
    rig.fake.run_polls = 3
    assert rig.start(0) == OK
    assert rig.wait(100) == OK


def test_abort_of_an_idle_npu_writes_nothing(rig: Rig) -> None:
    before = list(rig.fake.writes)
    assert rig.abort(1) == OK
    assert rig.fake.writes == before


def test_abort_reports_that_it_did_not_finish(rig: Rig) -> None:
    rig.fake.run_polls = rig.fake.abort_polls = 10**9
    rig.start(0)
    assert rig.abort(10) == TIMEOUT


def test_counters_are_read_from_their_registers(rig: Rig) -> None:
    for index, counter in enumerate(COUNTERS):
        rig.fake.values[counter.name] = 1000 + index
    counters = Counters()
    rig.library.hadron_counters(ctypes.byref(rig.npu), ctypes.byref(counters))
    assert [getattr(counters, name) for name, _ in Counters._fields_] == [
        1000 + index for index in range(len(COUNTERS))]


def test_every_status_and_error_has_its_own_text(driver: ctypes.CDLL) -> None:
    statuses = [driver.hadron_status_string(status) for status in range(10)]
    errors = [driver.hadron_error_string(code) for code in ErrorCode]
    assert len(set(statuses)) == 10
    assert len(set(errors)) == len(ErrorCode)
    assert driver.hadron_status_string(10) == b"unknown status"
    assert driver.hadron_error_string(255) == b"unknown error"


def test_mapped_registers_are_reached_at_their_offsets(driver: ctypes.CDLL) -> None:
    memory = (ctypes.c_uint32 * 1024)()
    bus = driver.hadron_mmio(ctypes.byref(memory))
    bus.write(bus.context, register("WATCHDOG").offset, 0xDEAD_BEEF)
    assert memory[register("WATCHDOG").offset // 4] == 0xDEAD_BEEF
    assert bus.read(bus.context, register("WATCHDOG").offset) == 0xDEAD_BEEF


@pytest.mark.parametrize("target", ["riscv32-freestanding", "thumb-freestanding-eabi"])
def test_driver_compiles_without_a_libc(project: Path, tmp_path: Path, target: str) -> None:
    _compile(project, tmp_path / "hadron.o", "-c", "-ffreestanding", "-target", target)


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
