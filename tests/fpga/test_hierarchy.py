"""What the commands of `keep` do to a netlist."""

import json

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, wiring
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


class Elements(wiring.Component):
    """Registers the elements of an array, bit 1 of which is not bit 0 of element 1."""

    i: In(data.ArrayLayout(unsigned(4), 2))
    o: Out(data.ArrayLayout(unsigned(4), 2))

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.i)
        return m


def test_elements_are_not_named_as_bits(tmp_path):
    text = rtlil.convert(Elements(), name="top", emit_src=False)
    assert r"\o[1]" in text
    (tmp_path / "top.il").write_text(text)
    (tmp_path / "top.ys").write_text("\n".join([
        "read_rtlil top.il", keep("*.nothing"), "proc", "write_json top.json", ""]))
    run_tool("yosys", ["top.ys"], folder=tmp_path, log="yosys.log")
    module = json.loads((tmp_path / "top.json").read_text())["modules"]["top"]
    assert {name for name, net in module["netnames"].items()
            if not net["hide_name"]} >= {"i", "o", "clk", "rst"}
    assert not [name for name in module["netnames"] if name.endswith("]")]
