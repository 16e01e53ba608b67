"""What the commands of `keep` do to a netlist."""

import json

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_fpga.hierarchy import JOIN, keep
from hadron_fpga.tools import run_tool
from hadron_rtl.vendor.own_register import own_register

READERS = 3


class Reader(wiring.Component):
    """Reads a value through a register of its own."""

    i: In(1)
    x: In(1)
    o: Out(1)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.x & own_register(m, self.i, name="own"))
        return m


class Readers(wiring.Component):
    """`READERS` that read one value."""

    i: In(1)
    x: In(READERS)
    o: Out(READERS)

    def elaborate(self, platform):
        m = Module()
        value = Signal()
        m.d.sync += value.eq(self.i)
        for number in range(READERS):
            m.submodules[f"reader{number}"] = reader = Reader()
            m.d.comb += [reader.i.eq(value), reader.x.eq(self.x[number]),
                         self.o[number].eq(reader.o)]
        return m


@pytest.mark.parametrize("apart", ["*.reader?", "*.nothing"])
def test_registers_that_are_alike_stay_apart(tmp_path, apart):
    text = rtlil.convert(Readers(), name="top", emit_src=False)
    (tmp_path / "top.il").write_text(text)
    (tmp_path / "top.ys").write_text("\n".join([
        "read_rtlil top.il", keep(apart), "synth_ecp5 -top top", JOIN, "write_json top.json", ""]))
    run_tool("yosys", ["top.ys"], folder=tmp_path, log="yosys.log")
    cells = json.loads((tmp_path / "top.json").read_text())["modules"]["top"]["cells"].values()
    assert sum(cell["type"] == "TRELLIS_FF" for cell in cells) == 1 + READERS
