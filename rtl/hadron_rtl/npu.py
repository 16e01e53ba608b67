"""The NPU: the top of the hardware."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.controller import Controller, TraceSignature
from hadron_rtl.control.registers import ADDRESS_WIDTH
from hadron_rtl.execute import ExecuteUnit
from hadron_rtl.stream.axi import Axi4LiteSignature, Axi4Signature
from hadron_rtl.stream.axi_stream import AxiStreamSignature
from hadron_spec.config import NpuConfig

__all__ = ["Npu"]


class Npu(wiring.Component):
    """Run programs from memory: one START, one interrupt.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
        Control registers (`hadron_spec.registers`): 12-bit address, 32-bit data.
    m_axi : Out(Axi4Signature)
        Memory: commands, weights, activations; `config.axi_data_width` bits, one ID.
    s_axis : In(AxiStreamSignature)
        Input stream, `config.axi_data_width` bits: tensors for LOADs with `stream`, dense, lowest
        byte first; TLAST with the last beat of a tensor, TUSER[0] there: it is broken.
    irq : Out(1)
        Interrupt, level: some enabled bit of IRQ_STATUS is set.
    trace : Out(TraceSignature)
        For simulation; leave open in hardware.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "s_axil": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "m_axi": Out(Axi4Signature(data_width=config.axi_data_width)),
            "s_axis": In(AxiStreamSignature(data_width=config.axi_data_width)),
            "irq": Out(1),
            "trace": Out(TraceSignature()),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = Controller(self.config)
        execute = ExecuteUnit(self.config)
        m.submodules.execute = ResetInserter(controller.execute_reset)(execute)

        wiring.connect(m, wiring.flipped(self.s_axil), controller.s_axil)
        wiring.connect(m, controller.m_axi, wiring.flipped(self.m_axi))
        wiring.connect(m, wiring.flipped(self.s_axis), controller.s_axis)
        wiring.connect(m, controller.trace, wiring.flipped(self.trace))
        wiring.connect(m, controller.execute_command, execute.command)
        wiring.connect(m, controller.write_activations, execute.write_activations)
        wiring.connect(m, controller.write_weights, execute.write_weights)
        wiring.connect(m, controller.write_table, execute.write_table)
        wiring.connect(m, controller.read_request, execute.read_request)
        m.d.comb += [
            self.irq.eq(controller.irq),
            controller.execute_done.eq(execute.done),
            controller.mac_active.eq(execute.mac_active),
            controller.stall_requantizer.eq(execute.stall_requantizer),
            controller.read_data.valid.eq(execute.read_data.valid),
            controller.read_data.data.eq(execute.read_data.data),
        ]
        return m
