"""The 3A algorithms compile for a target without a libc, link alone and count exactly."""

from pathlib import Path

import pytest

from hadron_testing.c_3a import SOURCES, compile_3a


@pytest.mark.parametrize("target", ["riscv32-freestanding", "thumb-freestanding-eabi"])
@pytest.mark.parametrize("source", SOURCES)
def test_compiles_without_a_libc(project: Path, tmp_path: Path, source: str, target: str) -> None:
    compile_3a(project, tmp_path / "3a.o", "-c", "-ffreestanding", "-target", target,
               sources=(source,))


def test_needs_no_floats_and_no_64_bit_division(project: Path, tmp_path: Path) -> None:
    # On a core without floats both are calls of the compiler's library; so are its symbols here.
    routines = (b"__divdi3", b"__udivdi3", b"__muldf3", b"__mulsf3", b"__adddf3", b"__addsf3",
                b"__floatsisf", b"__floatsidf")
    probe = tmp_path / "probe.c"
    probe.write_text("unsigned long long f(unsigned long long a, unsigned long long b) "
                     "{ return a / b; }\n")
    options = ("-c", "-ffreestanding", "-target", "riscv32-freestanding", "-mcpu=generic_rv32+m")
    for source in (*SOURCES, str(probe)):
        compile_3a(project, tmp_path / "3a.o", *options, sources=(source,))
        called = {name for name in routines if name in (tmp_path / "3a.o").read_bytes()}
        assert called == ({b"__udivdi3"} if source == str(probe) else set())
