"""The control path on Verilator, under cocotb, with random stalls on every AXI channel."""

from pathlib import Path

import pytest

from hadron_cosim.verilator import run_cocotb
from hadron_rtl.control.controller import Controller
from hadron_rtl.export import to_verilog
from hadron_spec.config import CONFIGS

BENCHES = Path(__file__).parent / "benches"


@pytest.mark.parametrize("cases", ["controller_cases", "stream_cases"])
@pytest.mark.parametrize("name", ["h64", pytest.param("h128", marks=pytest.mark.slow)])
def test_controller(name, cases, tmp_path, test_seed):
    """Every case of `benches/*_cases.py`, on a 64-bit and on a 128-bit bus."""
    verilog = to_verilog(Controller(CONFIGS[name]), name="controller")
    run_cocotb(verilog, module=cases, module_path=BENCHES, work=tmp_path,
               seed=test_seed % 2**31, top="controller", environment={"BENCH_CONFIG": name})
