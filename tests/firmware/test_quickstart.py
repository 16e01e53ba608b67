"""The C code of the quickstart compiles against the driver and a compiled program's header."""

import re
import subprocess
import sys
from pathlib import Path

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS


def test_the_example_compiles(project: Path, tmp_path: Path) -> None:
    page = (project / "docs/quickstart.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    includes = re.findall(r"^#include .*$", example, re.MULTILINE)
    body = re.sub(r"^#include .*$", "", example, flags=re.MULTILINE)
    compile_model(project / "toolchain/hadron/data/digits.tflite", CONFIGS["h64"]).save(tmp_path)
    source = tmp_path / "example.c"
    source.write_text("\n".join([
        *includes, "#define NPU_REGISTERS 0x10000000", "#define REGION 0x20000000u",
        "enum hadron_status example(void);", "enum hadron_status example(void)", "{", body,
        "return HADRON_IDLE;", "}", ""]))
    result = subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-c", "-std=c99", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-variable", "-target", "riscv32-freestanding",
         f"-I{project / 'firmware/include'}", f"-I{tmp_path}", str(source), "-o",
         str(tmp_path / "example.o")], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
