"""The host bus's way to a block of AXI4-Lite registers."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.stream.axi import Axi4LiteSignature

from .host_bus import HostBus

__all__ = ["AxiLiteManager"]


class AxiLiteManager(wiring.Component):
    """One AXI4-Lite access for each host access.

    Parameters
    ----------
    address_width : int
        Bits of the register space; higher address bits are ignored.

    Members
    -------
    host : In(HostBus())
        The accesses.
    bus : Out(Axi4LiteSignature(...))
        The registers.

    Latency: the subordinate's, plus two cycles.
    """

    def __init__(self, *, address_width: int):
        super().__init__({
            "host": In(HostBus()),
            "bus": Out(Axi4LiteSignature(address_width=address_width)),
        })

    def elaborate(self, platform):
        m = Module()
        bus, request, response = self.bus, self.host.request, self.host.response
        address_sent = Signal()
        data_sent = Signal()
        m.d.comb += [
            bus.awaddr.eq(request.p.address),
            bus.araddr.eq(request.p.address),
            bus.wdata.eq(request.p.data),
            bus.wstrb.eq(0b1111),
        ]
        with m.FSM():
            with m.State("IDLE"):
                with m.If(request.valid & request.p.write):
                    m.next = "WRITE"
                with m.Elif(request.valid):
                    m.next = "READ"
            with m.State("READ"):
                m.d.comb += bus.arvalid.eq(1)
                with m.If(bus.arready):
                    m.next = "READ_DATA"
            with m.State("READ_DATA"):
                m.d.comb += bus.rready.eq(1)
                with m.If(bus.rvalid):
                    m.d.comb += request.ready.eq(1)
                    m.d.sync += [
                        response.p.data.eq(bus.rdata),
                        response.p.error.eq(bus.rresp[1]),
                        response.valid.eq(1),
                    ]
                    m.next = "RESPONSE"
            with m.State("WRITE"):
                m.d.comb += [bus.awvalid.eq(~address_sent), bus.wvalid.eq(~data_sent)]
                m.d.sync += [
                    address_sent.eq(address_sent | bus.awready),
                    data_sent.eq(data_sent | bus.wready),
                ]
                with m.If((address_sent | bus.awready) & (data_sent | bus.wready)):
                    m.d.sync += [address_sent.eq(0), data_sent.eq(0)]
                    m.next = "WRITE_RESPONSE"
            with m.State("WRITE_RESPONSE"):
                m.d.comb += bus.bready.eq(1)
                with m.If(bus.bvalid):
                    m.d.comb += request.ready.eq(1)
                    m.d.sync += [response.p.error.eq(bus.bresp[1]), response.valid.eq(1)]
                    m.next = "RESPONSE"
            with m.State("RESPONSE"), m.If(response.ready):
                m.d.sync += response.valid.eq(0)
                m.next = "IDLE"
        return m
