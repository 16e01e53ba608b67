"""AXI4-Lite turned into one request at a time.

Source: Arm IHI 0022, B1.1 (AXI4-Lite), A3.3 (dependencies between the channels).
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import Axi4LiteSignature, Response

__all__ = ["RegisterBus"]


class RegisterBus(wiring.Component):
    """Subordinate on AXI4-Lite for registers that take their time.

    Write address and write data may come in any order. Reads and writes take turns where both wait.

    Parameters
    ----------
    address_width : int
        Bits of a byte address; the two lowest are ignored.

    Members
    -------
    bus : In(Axi4LiteSignature)
        The manager.
    request : Out(1)
        There is a request, until `done`.
    writes : Out(1)
        It is a write.
    address : Out(address_width - 2)
        Word it is for.
    data, strobe : Out(32), Out(4)
        What to write, which of its bytes.
    done : In(1)
        The request is carried out; at the earliest a cycle after it came.
    answer, error : In(32), In(1)
        What was read; whether to answer SLVERR. Sampled with `done`.
    """

    def __init__(self, *, address_width: int):
        self.address_width = address_width
        super().__init__({
            "bus": In(Axi4LiteSignature(address_width=address_width)),
            "request": Out(1),
            "writes": Out(1),
            "address": Out(address_width - 2),
            "data": Out(32),
            "strobe": Out(4),
            "done": In(1),
            "answer": In(32),
            "error": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        bus = self.bus
        write_address = Signal(self.address_width - 2, reset_less=True)
        has_address = Signal()
        has_data = Signal()
        m.d.comb += [bus.awready.eq(~has_address), bus.wready.eq(~has_data)]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [has_address.eq(1), write_address.eq(bus.awaddr[2:])]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [has_data.eq(1), self.data.eq(bus.wdata), self.strobe.eq(bus.wstrb)]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        response = Response.OKAY | (self.error << 1)
        with m.FSM():
            with m.State("IDLE"):
                # `writes` is what was done last: the other kind goes first.
                can_write = has_address & has_data & ~bus.bvalid
                can_read = bus.arvalid & ~bus.rvalid
                with m.If(can_write & ~(self.writes & can_read)):
                    m.d.sync += [
                        self.request.eq(1), self.writes.eq(1), self.address.eq(write_address)]
                    m.next = "REQUEST"
                with m.Elif(can_read):
                    m.d.comb += bus.arready.eq(1)
                    m.d.sync += [
                        self.request.eq(1), self.writes.eq(0), self.address.eq(bus.araddr[2:])]
                    m.next = "REQUEST"
            with m.State("REQUEST"), m.If(self.done):
                m.d.sync += self.request.eq(0)
                with m.If(self.writes):
                    m.d.sync += [
                        has_address.eq(0), has_data.eq(0),
                        bus.bvalid.eq(1), bus.bresp.eq(response),
                    ]
                with m.Else():
                    m.d.sync += [
                        bus.rvalid.eq(1), bus.rdata.eq(self.answer), bus.rresp.eq(response)]
                m.next = "IDLE"
        return m
