"""What Arm's compiler Vela estimates for an Ethos-U55 with everything in on-chip SRAM."""

import csv
import importlib.metadata
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hadron.errors import HadronError

__all__ = ["ACCELERATORS", "vela_estimate", "vela_version"]

ACCELERATORS: Mapping[str, int] = {
    "ethos-u55-64": 64, "ethos-u55-128": 128, "ethos-u55-256": 256,
}
"""Vela's names of the accelerators, with their multiply-accumulates a cycle."""

_DISTRIBUTION = "ethos-u-vela"
_ON_CPU = re.compile(r"^CPU operators = (\d+)", re.MULTILINE)


def vela_version() -> str | None:
    """Return the version of Vela, or None where the extra `bench` is not installed."""
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return None


def vela_estimate(model: Path, accelerator: str) -> dict[str, Any]:
    """Return Vela's total cycles of a model and how many operators it leaves to a CPU, whose
    cycles it does not count.

    Raises
    ------
    HadronError
        When Vela refuses the model.
    """
    with tempfile.TemporaryDirectory(prefix="hadron.vela.") as folder:
        done = subprocess.run(
            [sys.executable, "-m", "ethosu.vela", str(model.resolve()), "--accelerator-config",
             accelerator, "--memory-mode", "Sram_Only", "--output-dir", folder],
            cwd=folder, capture_output=True, text=True, check=False)
        summaries = list(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or not summaries:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise HadronError(f"{model.name}: Vela for {accelerator} fails: {lines[-1].strip()}")
        with summaries[0].open(newline="", encoding="utf-8") as file:
            row = next(csv.DictReader(file))
    on_cpu = _ON_CPU.search(done.stdout)
    return {"cycles": round(float(row["cycles_total"])),
            "cpu_operators": int(on_cpu[1]) if on_cpu else 0}
