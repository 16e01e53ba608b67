"""Benchmarks: what is measured, kept, compared and written; and the committed cycle counts."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import hadron.session
from hadron.bench.baseline import growth, merged, read_baseline
from hadron.bench.page import benchmark_page
from hadron.bench.vela import ACCELERATORS, vela_estimate, vela_version
from hadron.cli import app
from hadron.errors import HadronError
from hadron.models import BUILT_IN
from hadron_testing.fake_simulator import CYCLES, FakeSimulator

SMALL = ("tinymaix_mnist_valid", "tinymaix_mnist_dw", "tinymaix_mnist_resnet")


def entry(cycles: int, *, config: str = "h256", memory: str = "fast", sha256: str = "a",
          ) -> dict[str, Any]:
    result = {"cycles": cycles, "utilization": 0.5, "read_bytes": 32, "write_bytes": 16}
    return {"sha256": sha256, "macs": 1000, "rtl": {config: {memory: result}}}


def bench(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["bench", *(str(argument) for argument in arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    errors = [line for line in result.stderr.splitlines() if not line.startswith("building")]
    return result.exit_code, result.stdout, "\n".join(errors)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSimulator]:
    class Fake(FakeSimulator):
        pass

    monkeypatch.setattr(hadron.session, "NpuSimulator", Fake)
    return Fake


def test_only_more_cycles_are_growth() -> None:
    baseline = {"net": entry(100)}
    assert growth(baseline, {"net": entry(100)}) == []
    assert growth(baseline, {"net": entry(99)}) == []
    assert growth(baseline, {"net": entry(101)}) == [
        "net on h256, memory fast: 101 cycles, 100 in the baseline"]


def test_what_cannot_be_compared_is_told() -> None:
    baseline = {"net": entry(100)}
    assert growth(baseline, {"net": entry(9, config="h64")}) == [
        "net on h64, memory fast: not in the baseline"]
    assert growth(baseline, {"other": entry(9)}) == [
        "other on h256, memory fast: not in the baseline"]
    assert growth(baseline, {"net": entry(9, sha256="b")}) == ["net: not the model of the baseline"]


def test_results_are_added_to_those_of_other_configurations() -> None:
    both = merged({"net": entry(100) | {"vela": 1}}, {"net": entry(70, config="h64")})
    assert {config: set(memories) for config, memories in both["net"]["rtl"].items()} == {
        "h256": {"fast"}, "h64": {"fast"}}
    assert both["net"]["vela"] == 1
    changed = merged(both, {"net": entry(50, sha256="b")})
    assert set(changed["net"]["rtl"]) == {"h256"}
    assert "vela" not in changed["net"]


def test_page_says_which_targets_are_reached() -> None:
    page = benchmark_page({"a": entry(100), "b": entry(150)}, {"a": {"h256": 100},
                                                               "b": {"h256": 100, "h64": 7}})
    assert "| a | h256 | 100 | 100 (50%) | reached |" in page
    assert "| b | h256 | 100 | 150 (50%) | 1.50 of it |" in page
    assert "| b | h64 | 7 |  | not measured |" in page
    assert "Ethos" not in page


def test_page_says_where_cycles_go_of_what_was_measured_so() -> None:
    measured, older = entry(100), entry(200)
    measured["rtl"]["h256"]["fast"]["shares"] = {
        "macs": 50, "lanes": 25, "other": 10, "load": 15, "store": 0, "command": 0,
        "requantizer": 0}
    page = benchmark_page({"a": measured, "b": older}, {})
    assert "| a | 50.0% | 25.0% | 10.0% | 15.0% | 0.0% | 0.0% | 0.0% |" in page
    assert page.count("| b | ") == 2  # the tables of the two memories
    assert "Where the cycles" not in benchmark_page({"b": older}, {})


def test_page_lists_layers_that_use_less_than_half() -> None:
    measured = entry(100)
    measured["rtl"]["h256"]["fast"]["low_layers"] = [
        {"index": 3, "op": "CONV_2D", "work": "1x8x8x8 to 1x8x8x16, 1x1", "cycles": 1200,
         "utilization": 0.476, "filled": 0.5, "bound": "lanes"}]
    page = benchmark_page({"a": measured, "b": entry(200)}, {})
    assert ("| a | 3 | CONV_2D | 1x8x8x8 to 1x8x8x16, 1x1 | 1,200 | 48% | 50% | lanes |" in page)
    assert "below half" not in benchmark_page({"b": entry(200)}, {})


def test_page_says_how_much_of_the_transfers_is_hidden() -> None:
    measured = entry(100)
    measured["rtl"]["h256"]["fast"] |= {
        "read_bytes": 1200, "write_bytes": 34, "transfer_cycles": 80, "hidden_cycles": 60}
    page = benchmark_page({"a": measured, "b": entry(200)}, {})
    assert "| a | fast | 1,200 | 34 | 80 | 75% |" in page
    assert "Transfers" not in benchmark_page({"b": entry(200)}, {})


def test_measures_keeps_and_compares(fake: type[FakeSimulator], tmp_path: Path) -> None:
    kept, page = tmp_path / "cycles.json", tmp_path / "page.md"
    status, out, err = bench("digits", "--config", "h64", "--memory", "fast", "--no-vela",
                             "--json", kept, "--markdown", page)
    assert (status, err) == (0, "")
    assert f"{CYCLES}" in out
    assert read_baseline(kept)["digits"]["rtl"]["h64"]["fast"]["cycles"] == CYCLES
    assert f"| digits | 91,072 | {CYCLES} (" in page.read_text(encoding="utf-8")
    same = bench("digits", "--config", "h64", "--memory", "fast", "--check", kept)
    assert same[0] == 0
    assert f"no more cycles than in {kept}" in same[1]
    content = json.loads(kept.read_text(encoding="utf-8"))
    content["digits"]["rtl"]["h64"]["fast"]["cycles"] -= 1
    kept.write_text(json.dumps(content), encoding="utf-8")
    status, _, err = bench("digits", "--config", "h64", "--memory", "fast", "--check", kept)
    assert status == 1
    assert err == (f"hadron: error: cycles have grown: digits on h64, memory fast: {CYCLES} "
                   f"cycles, {CYCLES - 1} in the baseline")


def test_results_that_differ_from_the_golden_model_do_not_count(fake: type[FakeSimulator],
                                                               tmp_path: Path) -> None:
    fake.damage = 0
    status, _, err = bench("digits", "--config", "h64", "--memory", "fast", "--no-vela",
                           "--json", tmp_path / "cycles.json")
    assert status == 1
    assert err.startswith("hadron: error: digits on h64: RTL and golden model differ: 1 bytes")
    assert not (tmp_path / "cycles.json").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (["nosuch.tflite"],
     f"nosuch.tflite: no such file, nor a built-in model ({', '.join(BUILT_IN)})"),
    (["digits", "--config", "h65"], "h65: neither a configuration (h64, h128, h256) nor a TOML "
                                    "file"),
    (["digits", "--check", "none.json"], "none.json: No such file or directory"),
])
def test_mistakes_are_told_before_any_work(fake: type[FakeSimulator], arguments: list[str],
                                           message: str) -> None:
    assert bench(*arguments) == (2, "", f"hadron: error: {message}")


def test_files_that_are_no_baselines_are_refused(fake: type[FakeSimulator], tmp_path: Path
                                                 ) -> None:
    for content, reason in (("{", "not JSON"), ("[]", "not a baseline")):
        (tmp_path / "wrong.json").write_text(content, encoding="utf-8")
        assert bench("digits", "--check", tmp_path / "wrong.json") == (
            2, "", f"hadron: error: {tmp_path / 'wrong.json'}: {reason}")


def test_vela_is_asked_for_only_where_it_is(fake: type[FakeSimulator],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hadron.cli.bench.vela_version", lambda: None)
    assert bench("digits", "--vela") == (
        2, "", "hadron: error: --vela needs ethos-u-vela: pip install 'hadron-npu[bench]'")


needs_vela = pytest.mark.skipif(vela_version() is None, reason="the extra bench is not installed")


@needs_vela
def test_vela_estimates_fewer_cycles_for_more_multipliers(project: Path) -> None:
    model = project / "toolchain/hadron/data/digits.tflite"
    cycles = [vela_estimate(model, accelerator)["cycles"] for accelerator in ACCELERATORS]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[-1] > 0


@needs_vela
def test_vela_refuses_what_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"no model")
    with pytest.raises(HadronError, match=r"^x.tflite: Vela for ethos-u55-64 fails: "):
        vela_estimate(tmp_path / "x.tflite", "ethos-u55-64")


def test_committed_page_is_made_of_the_committed_counts(project: Path) -> None:
    baselines = project / "fpga/baselines"
    page = benchmark_page(read_baseline(baselines / "cycles.json"),
                          read_baseline(baselines / "targets.json"))
    assert page == (project / "docs/benchmarks.md").read_text(encoding="utf-8")


def check(project: Path, config: str, *models: object) -> None:
    status, out, err = bench(*models, "--config", config, "--check",
                             project / "fpga/baselines/cycles.json")
    assert (status, err) == (0, ""), err
    assert "no more cycles" in out


@pytest.mark.slow
@pytest.mark.parametrize("config", ["h64", "h256"])
def test_no_cycle_count_of_the_shipped_network_has_grown(project: Path, config: str) -> None:
    """CONTRIBUTING.md says how new counts are committed."""
    check(project, config, "digits")


@pytest.mark.slow
@pytest.mark.parametrize("config", ["h64", "h256"])
def test_no_cycle_count_of_small_networks_has_grown(project: Path, shared: Path, config: str,
                                                    ) -> None:
    check(project, config, *(shared / "models" / f"{name}_int8.tflite" for name in SMALL))
