"""Check what Hadron needs on this machine and say how to install what is missing."""

import importlib.metadata
import os
import platform
import re
import sys
import tempfile
from dataclasses import asdict, dataclass
from typing import Any

from hadron_cosim.cache import cache_root
from hadron_cosim.compiler import CompilerError, find_compiler
from hadron_cosim.cxxrtl import library_is_cached
from hadron_cosim.design import npu_rtlil, rtlil_is_cached
from hadron_spec.config import NpuConfig

__all__ = ["Check", "examine"]

_DISTRIBUTION = "hadron-npu"
_REQUIREMENT = re.compile(r"""\s*([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*['"](\w+))?""")
_EXTRAS = {"fpga": "bitstreams", "isp": "demo, calibration", "raw": "RAW files of cameras",
           "quantize": "networks of real numbers",
           "bench": "Vela's estimates",
           "compare": "comparisons with TensorFlow Lite Micro",
           "dev": "tests and Verilator simulation"}
_MIN_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Parameters
    ----------
    name : str
        What it is.
    ok : bool
        Whether it is there.
    required : bool
        Whether Hadron cannot do without it.
    detail : str
        Version or place, or what it is for.
    remedy : str
        How to get it; empty when it is there.
    """

    name: str
    ok: bool
    required: bool
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the check as `--json` writes it."""
        return asdict(self)


def examine(config: NpuConfig | None = None) -> list[Check]:
    """Look for everything; with `config`, also whether its simulation has been built."""
    checks = [_python(), *_packages(), _compiler(), _cache()]
    if config is not None:
        checks.append(_simulation(config))
    return checks


def _python() -> Check:
    wanted = ".".join(map(str, _MIN_PYTHON))
    ok = sys.version_info >= _MIN_PYTHON
    return Check("Python", ok, True, platform.python_version(),
                 "" if ok else f"install Python {wanted} or later")


def _packages() -> list[Check]:
    """Check the packages that Hadron's own metadata names, so that there is no second list."""
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or []
        checks = [_package(_DISTRIBUTION, None)]
    except importlib.metadata.PackageNotFoundError:
        return [Check(_DISTRIBUTION, False, True, "not installed", "pip install -e .")]
    found: dict[str | None, list[str]] = {extra: [] for extra in (None, *_EXTRAS)}
    for requirement in requirements:
        match = _REQUIREMENT.match(requirement)
        if match is not None and match[1] != _DISTRIBUTION and match[2] in found:
            found[match[2]].append(match[1])
    listed = set()
    for extra, names in found.items():
        # An extra repeats what it takes from another one: tell that once.
        checks += [_package(name, extra) for name in names if name not in listed]
        listed.update(names)
    return checks


def _package(name: str, extra: str | None) -> Check:
    purpose = "" if extra is None else f" ({_EXTRAS[extra]})"
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        target = _DISTRIBUTION if extra is None else f"{_DISTRIBUTION}[{extra}]"
        return Check(name, False, extra is None, f"not installed{purpose}",
                     f"pip install '{target}'")
    return Check(name, True, extra is None, f"{version}{purpose}")


def _compiler() -> Check:
    try:
        compiler = find_compiler()
    except CompilerError as error:
        return Check("C++ compiler", False, True, "not found (RTL simulation)",
                     str(error).partition(": ")[2] or "install g++, or pip install ziglang")
    return Check("C++ compiler", True, True, f"{' '.join(compiler.command)}: {compiler.version}")


def _cache() -> Check:
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=root)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        return Check("cache folder", False, True, f"{root}: {error.strerror}",
                     "set HADRON_CACHE_DIR to a folder that can be written")
    return Check("cache folder", True, True, str(root))


def _simulation(config: NpuConfig) -> Check:
    name = f"simulation of {config.name}"
    try:
        built = rtlil_is_cached(config) and library_is_cached(npu_rtlil(config))
    except CompilerError as error:
        return Check(name, False, False, str(error), "see above")
    return Check(name, built, False, "built" if built else "not built yet",
                 "" if built else "the first `hadron run --on rtl` builds it")
