"""Operators one by one: what is measured, kept, compared and written; the committed counts."""

from typing import Any

import pytest

from hadron.bench.baseline import read_baseline
from hadron_testing.measure_operators import BASELINE, PAGE, growth, main, measure
from hadron_testing.operator_page import operator_page
from hadron_testing.operators import CONFIG, OPERATORS

CONVOLUTION = "CONV_2D 1x1, 16 to 16, stride 2"
PADDED = "PAD before CONV_2D"
POOL = "MAX_POOL_2D 2x2, stride 2"


def result(cycles: int, macs: int = 0) -> dict[str, Any]:
    return {"layers": [["CONV_2D", cycles]], "macs": macs, "steps": 1000, "cycles": cycles,
            "peak": 256, "shares": {"macs": 975, "lanes": 0, "other": 10, "load": 15}}


def test_only_more_cycles_are_growth() -> None:
    baseline = {POOL: result(100)}
    assert growth(baseline, {POOL: result(100)}) == growth(baseline, {POOL: result(99)}) == []
    assert growth(baseline, {POOL: result(1101)}) == [
        f"{POOL}: 1,101 cycles, 100 in the baseline"]
    assert growth({}, {POOL: result(9)}) == [f"{POOL}: not in the baseline"]


def test_page_says_which_targets_are_reached() -> None:
    page = operator_page({CONVOLUTION: result(1000, 230_000), POOL: result(6465)})
    assert (f"| {CONVOLUTION} | 32x32x16 | 230,000 MAC | 1,000 | 1,000 | 230.0 (90%) | 230.4 | "
            "99.8% of it | macs 98% |") in page
    assert f"| {POOL} | 40x40x64 | 102,400 | 1,000 | 6,465 | 15.8 | 16 | 99.0% of it |" in page
    page = operator_page({CONVOLUTION: result(1000, 230_400), POOL: result(6464)})
    assert page.count("| reached |") == 2


def test_page_says_what_should_be_free_and_is_not() -> None:
    page = operator_page({PADDED: {"cycles": 0, "without": 5000}})
    assert f"| {PADDED} | 16x16x32 | 5,000 | 0 | 0 | reached |" in page
    page = operator_page({PADDED: {"cycles": 100, "without": 5000}})
    assert f"| {PADDED} | 16x16x32 | 5,000 | 100 | 0 | 2.0% more |" in page


def test_names_that_are_not_known_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["NO_SUCH"])
    assert "NO_SUCH: no such operator" in capsys.readouterr().err


def test_committed_page_is_made_of_the_committed_counts() -> None:
    baseline = read_baseline(BASELINE)
    assert list(baseline) == list(OPERATORS)
    assert operator_page(baseline) == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name, operator in OPERATORS.items()
                                  if operator.without is None])
def test_what_is_measured_is_the_operator_and_not_its_neighbours(name: str) -> None:
    counted = [op for op, _ in read_baseline(BASELINE)[name]["layers"]]
    assert counted[-1] == name.split()[0].rstrip(",")
    assert len(counted) == 1 or name.split()[0] in ("BATCH_MATMUL", "MAX_POOL_2D", "MUL")


@pytest.mark.slow
def test_no_cycle_count_of_an_operator_has_grown() -> None:
    """CONTRIBUTING.md says how new counts are committed."""
    results = {name: measure(operator) for name, operator in OPERATORS.items()
               if operator.config is CONFIG}
    assert growth(read_baseline(BASELINE), results) == []
