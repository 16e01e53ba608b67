"""Exported hardware has the port names that cocotb, Verilator and integrators expect."""

import re

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.controller import TraceSignature
from hadron_rtl.control.registers import ControlRegisters
from hadron_rtl.export import flat_ports, to_rtlil, to_verilog
from hadron_rtl.isp.isp import Isp
from hadron_rtl.npu import Npu
from hadron_rtl.vision import Vision
from hadron_spec.config import CONFIGS
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig
from hadron_spec.vision import VisionConfig


class _Inverter(wiring.Component):
    i: In(4)
    trace: Out(TraceSignature())

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.trace.load.busy.eq(~self.i[0])
        m.d.comb += self.trace.load.layer.eq(self.i)
        return m


def test_npu_has_flat_conventional_ports():
    ports = flat_ports(Npu(CONFIGS["h64"]))
    widths = {name: len(value) for name, (value, _) in ports.items()}
    assert widths["s_axil_awaddr"] == 12
    assert widths["m_axi_rdata"] == 64
    assert widths["m_axi_wstrb"] == 8
    assert widths["irq"] == 1
    for unit in ("load", "execute", "store"):
        assert widths[f"trace_{unit}_busy"] == 1
        assert widths[f"trace_{unit}_layer"] == 16
    assert widths["trace_execute_done"] == 1
    assert not [name for name in ports if "__" in name]


def test_isp_has_flat_conventional_ports():
    ports = flat_ports(Isp(ISP_CONFIGS["isp1920"]))
    assert {name: len(value) for name, (value, _) in ports.items()
            if not name.startswith("s_axil")} == {
        "s_axis_raw_tdata": 16, "s_axis_raw_tuser": 1, "s_axis_raw_tlast": 1,
        "s_axis_raw_tvalid": 1, "s_axis_raw_tready": 1,
        "m_axis_picture_tdata": 24, "m_axis_picture_tuser": 2, "m_axis_picture_tlast": 1,
        "m_axis_picture_tvalid": 1, "m_axis_picture_tready": 1,
        "m_axis_tensor_tdata": 128, "m_axis_tensor_tuser": 1, "m_axis_tensor_tlast": 1,
        "m_axis_tensor_tvalid": 1, "m_axis_tensor_tready": 1,
        "irq": 1,
    }


def test_both_have_the_ports_of_either_but_the_tensors():
    config = VisionConfig.join(CONFIGS["h64"], ISP_CONFIGS["isp640"])
    both, isp, npu = (set(flat_ports(part)) for part in (
        Vision(config), Isp(config.isp), Npu(config.npu)))
    assert both == {name for name in isp | npu
                    if not name.startswith(("m_axis_tensor", "s_axis_t"))} | {"irq_isp"}
    assert len(flat_ports(Vision(config))["s_axil_awaddr"][0]) == 13


def test_an_isp_has_the_outputs_of_its_configuration():
    config = IspConfig(name="tensor", max_width=64, max_height=64, input_bits=8, picture=False,
                       axi_data_width=32)
    widths = {name: len(value) for name, (value, _) in flat_ports(Isp(config)).items()}
    assert widths["s_axis_raw_tdata"] == 8
    assert widths["m_axis_tensor_tdata"] == 32
    assert not [name for name in widths if name.startswith("m_axis_picture")]


def test_verilog_declares_clock_reset_and_ports():
    verilog = to_verilog(_Inverter(), name="inverter")
    header = re.search(r"^module inverter\((.*?)\);", verilog, re.M | re.S)
    names = {name.strip() for name in header.group(1).split(",")}
    assert names == {"clk", "rst", "i", "trace_load_busy", "trace_load_layer",
                     "trace_execute_busy", "trace_execute_layer", "trace_store_busy",
                     "trace_store_layer", "trace_execute_done", "trace_mac_active",
                     "trace_stall_requantizer"}
    assert "always @(posedge clk)" in verilog


def test_output_is_the_same_each_time_and_names_no_file():
    config = CONFIGS["h64"]
    once, again = (to_rtlil(ControlRegisters(config)) for _ in range(2))
    assert once == again
    assert to_verilog(ControlRegisters(config)) == to_verilog(ControlRegisters(config))
    assert ".py" not in once
    assert ".py" not in to_verilog(ControlRegisters(config))
