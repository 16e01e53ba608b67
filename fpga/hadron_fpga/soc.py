"""The smallest system around the NPU: on-chip memory behind its port, a serial line to a host."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from hadron_rtl.npu import Npu
from hadron_spec import link
from hadron_spec.config import NpuConfig
from hadron_spec.registers import REGISTER_SPACE_BYTES

from .axi_lite_manager import AxiLiteManager
from .on_chip_memory import OnChipMemory
from .serial_bridge import SerialBridge
from .uart import UartReceiver, UartTransmitter

__all__ = ["Soc"]


class Soc(wiring.Component):
    """NPU, memory and serial bridge in one clock domain.

    Parameters
    ----------
    config : NpuConfig
        The NPU.
    clock_hz : float
        Frequency of the clock, for the serial line.
    memory_bytes : int
        Memory behind the NPU's port; limits as in :class:`OnChipMemory`.
    baud : int
        Bits a second of the serial line.

    Members
    -------
    rx : In(1)
        Serial line from the host, not synchronised.
    tx : Out(1)
        Serial line to the host.
    irq : Out(1)
        The NPU's interrupt.
    """

    def __init__(self, *, config: NpuConfig, clock_hz: float, memory_bytes: int,
                 baud: int = link.BAUD):
        self.config = config
        self.clock_hz = clock_hz
        self.memory_bytes = memory_bytes
        self.baud = baud
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "irq": Out(1)})

    def elaborate(self, platform):
        m = Module()
        divisor = round(self.clock_hz / self.baud)
        m.submodules.npu = npu = Npu(self.config)
        m.submodules.memory = memory = OnChipMemory(
            size=self.memory_bytes, data_width=self.config.axi_data_width)
        m.submodules.receiver = receiver = UartReceiver(divisor=divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(divisor=divisor)
        m.submodules.bridge = bridge = SerialBridge(timeout=int(link.TIMEOUT_S * self.clock_hz))
        m.submodules.registers = registers = AxiLiteManager(
            address_width=(REGISTER_SPACE_BYTES - 1).bit_length())

        m.submodules.rx_sync = FFSynchronizer(self.rx, receiver.rx, init=1)
        wiring.connect(m, npu.m_axi, memory.axi)
        wiring.connect(m, registers.bus, npu.s_axil)
        wiring.connect(m, receiver.o, bridge.i)
        wiring.connect(m, bridge.o, transmitter.i)
        m.d.comb += [self.tx.eq(transmitter.tx), self.irq.eq(npu.irq)]

        # Two subordinates on the host bus, told apart by the top address bit.
        request, response = bridge.bus.request, bridge.bus.response
        to_registers = Signal()
        m.d.comb += to_registers.eq(request.p.address >= link.REGISTERS_ADDRESS)
        for target, selected in ((registers.host, to_registers), (memory.host, ~to_registers)):
            m.d.comb += [
                target.request.valid.eq(request.valid & selected),
                target.request.p.eq(request.p),
                target.response.ready.eq(response.ready),
            ]
            with m.If(selected):
                m.d.comb += request.ready.eq(target.request.ready)
            with m.If(target.response.valid):
                m.d.comb += [response.valid.eq(1), response.p.eq(target.response.p)]
        return m
