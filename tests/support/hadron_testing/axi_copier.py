"""A block with the NPU's ports that copies memory: what simulation lanes are tested with.

It builds in seconds. START copies COMMAND_COUNT x 128 bytes from COMMAND_BASE to MEMORY_BASE and
adds one to every byte; it keeps several bursts outstanding. A number in WATCHDOG makes it break one
rule of the AXI protocol, to show that the checks of a lane can fail.
"""

import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.fifo import SyncFIFOBuffered

from hadron_cosim.yosys import rtlil_to_verilog
from hadron_spec.registers import register

__all__ = ["BUGS", "AxiCopier", "to_rtlil", "to_verilog"]

BUGS = {name: number for number, name in enumerate(
    ("wlast", "unstable", "drop_valid", "early_irq", "size"), start=1)}
"""WLAST a beat early; change WDATA while it waits; take ARVALID back; interrupt with the last
response outstanding; ask for beats narrower than the bus: numbers for WATCHDOG."""

_BEATS = 8


class AxiCopier(Elaboratable):
    """Copy blocks of 128 bytes through an AXI4 master port.

    Parameters
    ----------
    axi_data_width : int
        Width of the memory port, bits: 32, 64 or 128.
    """

    def __init__(self, *, axi_data_width: int = 64) -> None:
        self.width = axi_data_width
        port = {
            "s_axil_awaddr": 12, "s_axil_awprot": 3, "s_axil_awvalid": 1, "s_axil_awready": 1,
            "s_axil_wdata": 32, "s_axil_wstrb": 4, "s_axil_wvalid": 1, "s_axil_wready": 1,
            "s_axil_bresp": 2, "s_axil_bvalid": 1, "s_axil_bready": 1,
            "s_axil_araddr": 12, "s_axil_arprot": 3, "s_axil_arvalid": 1, "s_axil_arready": 1,
            "s_axil_rdata": 32, "s_axil_rresp": 2, "s_axil_rvalid": 1, "s_axil_rready": 1,
            "m_axi_araddr": 32, "m_axi_arlen": 8, "m_axi_arsize": 3, "m_axi_arburst": 2,
            "m_axi_arvalid": 1, "m_axi_arready": 1,
            "m_axi_rdata": self.width, "m_axi_rresp": 2, "m_axi_rlast": 1, "m_axi_rvalid": 1,
            "m_axi_rready": 1,
            "m_axi_awaddr": 32, "m_axi_awlen": 8, "m_axi_awsize": 3, "m_axi_awburst": 2,
            "m_axi_awvalid": 1, "m_axi_awready": 1,
            "m_axi_wdata": self.width, "m_axi_wstrb": self.width // 8, "m_axi_wlast": 1,
            "m_axi_wvalid": 1, "m_axi_wready": 1,
            "m_axi_bresp": 2, "m_axi_bvalid": 1, "m_axi_bready": 1,
            "irq": 1,
            "trace_load_busy": 1, "trace_load_layer": 16,
            "trace_execute_busy": 1, "trace_execute_layer": 16,
            "trace_store_busy": 1, "trace_store_layer": 16,
            "trace_mac_active": 1, "trace_stall_requantizer": 1,
        }
        self.ports = [Signal(width, name=name) for name, width in port.items()]
        for signal in self.ports:
            setattr(self, signal.name, signal)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        size = self.width // 8
        burst_bytes = _BEATS * size
        beats_log2 = (burst_bytes // 128).bit_length() - 1  # 128 bytes are a whole burst or more

        registers = {name: Signal(32, name=name.lower()) for name in (
            "IRQ_ENABLE", "COMMAND_BASE", "COMMAND_COUNT", "MEMORY_BASE", "MEMORY_BYTES",
            "WATCHDOG")}
        def has(bug: str) -> Value:
            return registers["WATCHDOG"] == BUGS[bug]

        busy, done, error, event = Signal(), Signal(), Signal(), Signal(2)
        cycles, read_beats, write_beats = Signal(32), Signal(32), Signal(32)

        # Registers: write when address and data are there; read one cycle later.
        start = Signal()
        take = self.s_axil_awvalid & self.s_axil_wvalid & ~self.s_axil_bvalid
        m.d.comb += [self.s_axil_awready.eq(take), self.s_axil_wready.eq(take)]
        with m.If(self.s_axil_bvalid & self.s_axil_bready):
            m.d.sync += self.s_axil_bvalid.eq(0)
        with m.If(take):
            m.d.sync += self.s_axil_bvalid.eq(1)
            with m.Switch(self.s_axil_awaddr):
                for name, value in registers.items():
                    with m.Case(register(name).offset):
                        m.d.sync += value.eq(self.s_axil_wdata)
                with m.Case(register("CONTROL").offset):
                    m.d.comb += start.eq(self.s_axil_wdata[0] & ~busy)
                with m.Case(register("IRQ_STATUS").offset):
                    m.d.sync += event.eq(event & ~self.s_axil_wdata[:2])
        m.d.comb += self.s_axil_arready.eq(~self.s_axil_rvalid)
        with m.If(self.s_axil_rvalid & self.s_axil_rready):
            m.d.sync += self.s_axil_rvalid.eq(0)
        with m.If(self.s_axil_arvalid & self.s_axil_arready):
            m.d.sync += [self.s_axil_rvalid.eq(1), self.s_axil_rdata.eq(0)]
            readable = {
                **registers, "STATUS": Cat(busy, done, error), "IRQ_STATUS": event,
                "CYCLES": cycles, "READ_BEATS": read_beats, "WRITE_BEATS": write_beats,
                "ID": register("ID").reset,
            }
            with m.Switch(self.s_axil_araddr):
                for name, value in readable.items():
                    with m.Case(register(name).offset):
                        m.d.sync += self.s_axil_rdata.eq(value)
        m.d.comb += self.irq.eq((event & registers["IRQ_ENABLE"][:2]).any())

        # Read bursts are issued as long as the FIFO has room for what was asked for.
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=self.width, depth=4 * _BEATS)
        asked, room = Signal(32), Signal(range(4 * _BEATS + 1), init=4 * _BEATS)
        sent, answered, total = Signal(32), Signal(32), Signal(32)
        waited = Signal()
        m.d.comb += [
            total.eq(registers["COMMAND_COUNT"] << 7 >> (burst_bytes.bit_length() - 1)
                     if beats_log2 <= 0 else registers["COMMAND_COUNT"]),
            self.m_axi_araddr.eq(registers["COMMAND_BASE"] + asked * burst_bytes),
            self.m_axi_arlen.eq(_BEATS - 1),
            self.m_axi_arsize.eq((size.bit_length() - 1) - has("size")),
            self.m_axi_arburst.eq(1),
            self.m_axi_arvalid.eq(busy & (asked != total) & (room >= _BEATS)
                                  & ~(waited & has("drop_valid"))),
            self.m_axi_rready.eq(1),
            fifo.w_en.eq(self.m_axi_rvalid),
            fifo.w_data.eq(self.m_axi_rdata),
        ]
        m.d.sync += waited.eq(self.m_axi_arvalid & ~self.m_axi_arready)
        ask = self.m_axi_arvalid & self.m_axi_arready
        with m.If(ask):
            m.d.sync += asked.eq(asked + 1)
        m.d.sync += room.eq(room - Mux(ask, _BEATS, 0) + (fifo.r_en & fifo.r_rdy))

        # Writes: the address of a burst goes with its first beat or before.
        addressed, beat = Signal(32), Signal(range(_BEATS))
        flicker = Signal()
        m.d.sync += flicker.eq(~flicker)
        plus_one = Cat((byte + 1)[:8] for byte in [fifo.r_data.word_select(i, 8)
                                                   for i in range(size)])
        m.d.comb += [
            self.m_axi_awaddr.eq(registers["MEMORY_BASE"] + addressed * burst_bytes),
            self.m_axi_awlen.eq(_BEATS - 1),
            self.m_axi_awsize.eq(size.bit_length() - 1),
            self.m_axi_awburst.eq(1),
            self.m_axi_awvalid.eq(busy & (addressed != total) & (addressed <= sent)),
            self.m_axi_wvalid.eq(fifo.r_rdy & (addressed > sent)),
            self.m_axi_wdata.eq(plus_one ^ (flicker & has("unstable"))),
            self.m_axi_wstrb.eq(~0),
            self.m_axi_wlast.eq(beat == _BEATS - 1 - has("wlast")),
            fifo.r_en.eq(self.m_axi_wvalid & self.m_axi_wready),
            self.m_axi_bready.eq(1),
        ]
        with m.If(self.m_axi_awvalid & self.m_axi_awready):
            m.d.sync += addressed.eq(addressed + 1)
        with m.If(self.m_axi_wvalid & self.m_axi_wready):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == _BEATS - 1):
                m.d.sync += sent.eq(sent + 1)
        with m.If(self.m_axi_bvalid):
            m.d.sync += answered.eq(answered + 1)
        with m.If((self.m_axi_rvalid & self.m_axi_rresp.any())
                  | (self.m_axi_bvalid & self.m_axi_bresp.any())):
            m.d.sync += error.eq(1)

        # Control.
        with m.If(busy):
            m.d.sync += [
                cycles.eq(cycles + 1),
                read_beats.eq(read_beats + self.m_axi_rvalid),
                write_beats.eq(write_beats + (self.m_axi_wvalid & self.m_axi_wready)),
            ]
            with m.If(Mux(has("early_irq"), sent, answered) == total):
                m.d.sync += [busy.eq(0), done.eq(~error), event.eq(Cat(~error, error))]
        with m.If(start):
            m.d.sync += [busy.eq(1), done.eq(0), error.eq(0)]
            m.d.sync += [value.eq(0) for value in (asked, sent, answered, addressed, cycles,
                                                   read_beats, write_beats)]
        m.d.comb += [
            self.trace_load_busy.eq(busy & (asked != total)),
            self.trace_load_layer.eq(3),
            self.trace_store_busy.eq(busy & (sent != total)),
            self.trace_store_layer.eq(asked >> 2),
        ]
        return m


def to_rtlil(**options) -> str:
    """Elaborate an :class:`AxiCopier` to RTLIL with the NPU's top name."""
    design = AxiCopier(**options)
    return rtlil.convert(design, name="hadron_npu", ports=design.ports, emit_src=False)


def to_verilog(**options) -> str:
    """Elaborate an :class:`AxiCopier` to Verilog with the NPU's top name."""
    with tempfile.TemporaryDirectory() as folder:
        return rtlil_to_verilog(to_rtlil(**options), Path(folder))
