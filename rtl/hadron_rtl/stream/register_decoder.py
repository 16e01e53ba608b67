"""One AXI4-Lite bus for two blocks of registers.

Source: Arm IHI 0022, A3.3 (dependencies between the channels), B1.1 (AXI4-Lite).
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import Axi4LiteSignature

__all__ = ["RegisterDecoder"]


class RegisterDecoder(wiring.Component):
    """Hand each transfer to the block that the highest address bit names.

    One read and one write at a time; a write's data wait until its address has been taken.

    Parameters
    ----------
    address_width : int
        Bits of a byte address, 2 to 64.

    Members
    -------
    bus : In(Axi4LiteSignature(address_width=address_width))
        From the host.
    low : Out(Axi4LiteSignature(address_width=address_width - 1))
        The lower half of the addresses.
    high : Out(Axi4LiteSignature(address_width=address_width))
        The upper half; the address keeps its highest bit.
    """

    def __init__(self, *, address_width: int):
        if not 2 <= address_width <= 64:
            raise ValueError(f"address_width={address_width!r}, must be 2 to 64")
        self.address_width = address_width
        super().__init__({
            "bus": In(Axi4LiteSignature(address_width=address_width)),
            "low": Out(Axi4LiteSignature(address_width=address_width - 1)),
            "high": Out(Axi4LiteSignature(address_width=address_width)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        for block in (self.low, self.high):
            m.d.comb += [
                block.araddr.eq(bus.araddr), block.arprot.eq(bus.arprot),
                block.awaddr.eq(bus.awaddr), block.awprot.eq(bus.awprot),
                block.wdata.eq(bus.wdata), block.wstrb.eq(bus.wstrb),
            ]

        reading, read_high = Signal(), Signal(reset_less=True)
        self._address(m, "ar", bus.arvalid & ~reading, reading, read_high)
        for block, selected in ((self.low, ~read_high), (self.high, read_high)):
            m.d.comb += block.rready.eq(bus.rready & reading & selected)
        m.d.comb += [
            bus.rvalid.eq(reading & Mux(read_high, self.high.rvalid, self.low.rvalid)),
            bus.rdata.eq(Mux(read_high, self.high.rdata, self.low.rdata)),
            bus.rresp.eq(Mux(read_high, self.high.rresp, self.low.rresp)),
        ]
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += reading.eq(0)

        writing, write_high, has_data = Signal(), Signal(reset_less=True), Signal()
        self._address(m, "aw", bus.awvalid & ~writing, writing, write_high)
        for block, selected in ((self.low, ~write_high), (self.high, write_high)):
            m.d.comb += [
                block.wvalid.eq(bus.wvalid & writing & ~has_data & selected),
                block.bready.eq(bus.bready & writing & selected),
            ]
        m.d.comb += [
            bus.wready.eq(writing & ~has_data
                          & Mux(write_high, self.high.wready, self.low.wready)),
            bus.bvalid.eq(writing & Mux(write_high, self.high.bvalid, self.low.bvalid)),
            bus.bresp.eq(Mux(write_high, self.high.bresp, self.low.bresp)),
        ]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += has_data.eq(1)
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += [writing.eq(0), has_data.eq(0)]
        return m

    def _address(self, m: Module, channel: str, offered: Signal, busy: Signal,
                 high: Signal) -> None:
        """Offer an address to its block; when it has been taken, remember which."""
        is_high = getattr(self.bus, channel + "addr")[-1]
        ready = Signal(name=channel + "_taken")
        for block, selected in ((self.low, ~is_high), (self.high, is_high)):
            m.d.comb += getattr(block, channel + "valid").eq(offered & selected)
            with m.If(selected):
                m.d.comb += ready.eq(getattr(block, channel + "ready"))
        m.d.comb += getattr(self.bus, channel + "ready").eq(ready & ~busy)
        with m.If(offered & ready):
            m.d.sync += [busy.eq(1), high.eq(is_high)]
