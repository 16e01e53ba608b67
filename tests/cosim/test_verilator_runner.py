"""The runner of cocotb tests: results, failures, time limits, what it keeps."""

import os
import re
from pathlib import Path

import pytest

from hadron_cosim.verilator import SimulationError, build_model, run_cocotb
from hadron_testing.axi_copier import to_verilog

BENCHES = Path(__file__).parent / "benches"
TOP = "hadron_npu"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def verilog() -> str:
    return to_verilog(axi_data_width=64)


def _run(verilog: str, work: Path, testcase: str, *, module: str = "runner_cases",
         seed: int = 1, **options) -> str:
    run_cocotb(verilog, module=module, module_path=BENCHES, work=work, seed=seed, top=TOP,
               testcase=testcase, environment={"BENCH_WORD": "word"}, **options)
    return (work / "simulation.log").read_text()


def test_passes_environment_and_seed(verilog, tmp_path):
    logs = [_run(verilog, tmp_path, "passes", seed=seed) for seed in (3, 3, 4)]
    drawn = [re.search(r"drew \d+", log)[0] for log in logs]
    assert drawn[0] == drawn[1] != drawn[2]


def test_failure_is_an_assertion_with_the_reason(verilog, tmp_path):
    with pytest.raises(SimulationError, match="the reason it fails") as failure:
        _run(verilog, tmp_path, "fails")
    assert "runner_cases on hadron_npu (seed 1): 1 failed" in str(failure.value)
    assert isinstance(failure.value, AssertionError)
    assert "PYTEST_CURRENT_TEST" in os.environ


def test_missing_module_fails(verilog, tmp_path):
    with pytest.raises(SimulationError, match="no_such_module"):
        _run(verilog, tmp_path, "passes", module="no_such_module")


def test_stops_what_does_not_end(verilog, tmp_path):
    with pytest.raises(SimulationError, match="no end after 3 s"):
        _run(verilog, tmp_path, "never_ends", timeout=3)


def test_writes_waves_on_request(verilog, tmp_path):
    _run(verilog, tmp_path, "passes", trace=True)
    assert (tmp_path / "dump.vcd").stat().st_size > 10_000


def test_quotes_verilator():
    with pytest.raises(RuntimeError, match=r"verilator failed:[\s\S]*syntax error"):
        build_model("module top(; endmodule\n", top="top")
