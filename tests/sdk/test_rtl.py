"""The first command of the README: the network that ships, on the simulated RTL."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hadron.cli import app

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("memory", ["fast", "sdram"])
def test_digits_on_rtl_equal_the_golden_model(tmp_path: Path, memory: str) -> None:
    path = tmp_path / "run.json"
    result = CliRunner().invoke(app, ["run", "digits", "--on", "rtl", "--config", "h64",
                                      "--memory", memory, "--json", str(path)])
    assert result.exit_code == 0, result.stderr
    report = json.loads(path.read_text())
    assert report["matches_golden"] is True
    assert f"RTL = golden: yes, {report['bytes_compared']:,} bytes" in result.stdout
    assert report["outputs"][0]["top"][0][0]["label"] == "7"
    assert report["cycles"] == report["counters"]["CYCLES"]
    layers = sum(layer["cycles"] for layer in report["layers"])
    assert 0.98 * report["cycles"] <= layers <= report["cycles"] + 4
    if memory == "fast":
        assert report["cycles"] == pytest.approx(report["predicted_cycles"], rel=0.05)
