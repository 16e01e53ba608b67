"""The linter and the type checker find nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("hadron_spec", "hadron_model", "hadron_compiler", "hadron_cosim", "hadron_sensor",
            "hadron")


def _run(project: Path, *arguments: str) -> None:
    result = subprocess.run([sys.executable, "-m", *arguments], cwd=project, text=True,
                            capture_output=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_ruff(project: Path) -> None:
    _run(project, "ruff", "check", ".")


@pytest.mark.slow
def test_mypy_strict(project: Path, tmp_path: Path) -> None:
    packages = [argument for package in PACKAGES for argument in ("-p", package)]
    _run(project, "mypy", "--cache-dir", str(tmp_path), "--strict", *packages)
