"""From a sensor's pixels to a network's answer: an ISP and an NPU, no frame store in between."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.controller import TraceSignature
from hadron_rtl.isp.isp import Isp
from hadron_rtl.isp.registers import ADDRESS_WIDTH
from hadron_rtl.npu import Npu
from hadron_rtl.stream.axi import Axi4LiteSignature, Axi4Signature
from hadron_rtl.stream.axi_stream import AxiStreamSignature
from hadron_rtl.stream.register_decoder import RegisterDecoder
from hadron_spec.vision import VisionConfig

__all__ = ["Vision"]


class Vision(wiring.Component):
    """An ISP whose tensor streams into an NPU.

    The picture leaves as it does of an ISP alone; the tensor goes to the LOADs with `stream` of the
    NPU's program. STREAM.DROP says whether the ISP, and the sensor, wait for a program.

    Parameters
    ----------
    config : VisionConfig
        The instance.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
        Registers: the NPU's from 0x0000, the ISP's from 0x1000 on; 13-bit address.
    s_axis_raw : In(AxiStreamSignature)
        As the ISP's.
    m_axis_picture : Out(AxiStreamSignature)
        As the ISP's; present if it has one.
    m_axi : Out(Axi4Signature)
        The NPU's memory.
    irq, irq_isp : Out(1)
        Interrupts of NPU and ISP.
    trace : Out(TraceSignature)
        For simulation; leave open in hardware.
    """

    def __init__(self, config: VisionConfig):
        self.config = config
        self._isp = Isp(config.isp)
        raw = self._isp.s_axis_raw.signature
        ports = {
            "s_axil": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "s_axis_raw": In(AxiStreamSignature(data_width=raw.data_width)),
            "m_axi": Out(Axi4Signature(data_width=config.npu.axi_data_width)),
            "irq": Out(1),
            "irq_isp": Out(1),
            "trace": Out(TraceSignature()),
        }
        if config.isp.picture:
            ports["m_axis_picture"] = Out(AxiStreamSignature(data_width=24, user_width=2))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.decoder = decoder = RegisterDecoder(address_width=ADDRESS_WIDTH)
        m.submodules.isp = isp = self._isp
        m.submodules.npu = npu = Npu(self.config.npu)
        wiring.connect(m, wiring.flipped(self.s_axil), decoder.bus)
        wiring.connect(m, decoder.low, npu.s_axil)
        wiring.connect(m, decoder.high, isp.s_axil)
        wiring.connect(m, wiring.flipped(self.s_axis_raw), isp.s_axis_raw)
        wiring.connect(m, isp.m_axis_tensor, npu.s_axis)
        wiring.connect(m, npu.m_axi, wiring.flipped(self.m_axi))
        wiring.connect(m, npu.trace, wiring.flipped(self.trace))
        if self.config.isp.picture:
            wiring.connect(m, isp.m_axis_picture, wiring.flipped(self.m_axis_picture))
        m.d.comb += [self.irq.eq(npu.irq), self.irq_isp.eq(isp.irq)]
        return m
