"""Frames of the serial link become accesses of the host bus; see `hadron_spec.link`."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec import link

from .host_bus import HostBus

__all__ = ["SerialBridge"]


class SerialBridge(wiring.Component):
    """The board's end of the serial link.

    Parameters
    ----------
    timeout : int
        Cycles of silence after which a frame that is not complete is dropped.

    Members
    -------
    i : In(stream.Signature(8))
        Bytes from the host.
    o : Out(stream.Signature(8))
        Bytes to the host.
    bus : Out(HostBus())
        The accesses.

    Throughput: the serial line's; a word takes four bytes and a few cycles.
    """

    def __init__(self, *, timeout: int):
        if timeout < 1:
            raise ValueError(f"timeout={timeout}, must be at least 1 cycle")
        self.timeout = timeout
        super().__init__({
            "i": In(stream.Signature(8)),
            "o": Out(stream.Signature(8)),
            "bus": Out(HostBus()),
        })

    def elaborate(self, platform):
        m = Module()
        request, response = self.bus.request, self.bus.response
        opcode = Signal(8)
        address = Signal(32)
        left = Signal(16)
        # Set wherever nothing waits in it, so that little decides whether.
        word = Signal(32)
        byte = Signal(3)
        failed = Signal()
        silence = Signal(range(self.timeout + 1))
        in_frame = Signal()

        m.d.comb += [
            request.p.address.eq(address),
            request.p.write.eq(opcode == link.WRITE),
            request.p.data.eq(word),
        ]
        none_left = Signal()
        # Address (4 bytes) and count (2) are one shift register, filled from the top.
        header = Signal(48)

        with m.FSM():
            with m.State("OPCODE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [byte.eq(0), failed.eq(0), word.eq(link.UNKNOWN)]
                with m.If(self.i.valid):
                    m.d.sync += opcode.eq(self.i.payload)
                    with m.If((self.i.payload == link.READ) | (self.i.payload == link.WRITE)):
                        m.next = "HEADER"
                    with m.Else():
                        m.next = "STATUS"
            with m.State("HEADER"):
                m.d.comb += [self.i.ready.eq(1), in_frame.eq(1)]
                with m.If(self.i.valid):
                    m.d.sync += [header.eq(header[8:] | (self.i.payload << 40)), byte.eq(byte + 1)]
                    with m.If(byte == 5):
                        m.next = "COUNT"
                        m.d.sync += [
                            # the last byte is still on its way into `header`
                            address.eq(header[8:40]),
                            left.eq(header[40:] | (self.i.payload << 8)),
                        ]
                with m.Elif(silence == 0):
                    m.next = "OPCODE"
            with m.State("COUNT"):
                m.d.sync += none_left.eq(left == 0)
                m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += [byte.eq(0), word.eq(Mux(failed, link.ERROR, link.OK))]
                with m.If(none_left):
                    m.next = "STATUS"
                with m.Elif(opcode == link.WRITE):
                    m.next = "RECEIVE"
                with m.Else():
                    m.next = "REQUEST"
            with m.State("RECEIVE"):
                m.d.comb += [self.i.ready.eq(1), in_frame.eq(1)]
                with m.If(self.i.valid):
                    m.d.sync += [word.eq(word[8:] | (self.i.payload << 24)), byte.eq(byte + 1)]
                    with m.If(byte == 3):
                        m.next = "REQUEST"
                with m.Elif(silence == 0):
                    m.next = "OPCODE"
            with m.State("REQUEST"):
                m.d.comb += request.valid.eq(1)
                with m.If(request.ready):
                    m.next = "RESPONSE"
            with m.State("RESPONSE"):
                m.d.comb += response.ready.eq(1)
                m.d.sync += word.eq(response.p.data)
                with m.If(response.valid):
                    m.d.sync += [
                        address.eq(address + 4),
                        left.eq(left - 1),
                        failed.eq(failed | response.p.error),
                        byte.eq(0),
                    ]
                    m.next = "COUNT"
                    with m.If(opcode == link.READ):
                        m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(word[:8])]
                with m.If(self.o.ready):
                    m.d.sync += [word.eq(word[8:]), byte.eq(byte + 1)]
                    with m.If(byte == 3):
                        m.next = "COUNT"
            with m.State("STATUS"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(word[:8])]
                with m.If(self.o.ready):
                    m.next = "OPCODE"

        with m.If(~in_frame | self.i.valid):
            m.d.sync += silence.eq(self.timeout)
        with m.Else():
            m.d.sync += silence.eq(silence - 1)
        return m
