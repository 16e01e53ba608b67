"""The tensor into memory, where a network reads it: two buffers, one frame each."""

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..stream.axi import Axi4Signature, Burst
from ..stream.axi_stream import AxiStreamSignature
from ..stream.reserved_fifo import ReservedFifo

__all__ = ["TensorWriter"]

_ROOM = 32


class TensorWriter(wiring.Component):
    """Write every frame's tensor to the buffer that the last good one is not in.

    The last beat of a frame is taken only when memory has acknowledged all of them: whoever sees
    the frame leave the ISP finds it in memory. A broken frame, or one that memory answered with an
    error, does not become the last good one, and the next frame is written over it.

    Parameters
    ----------
    data_width : int
        Bits of a beat: 32, 64 or 128.

    Members
    -------
    i : In(AxiStreamSignature)
        Tensors; TUSER of the last beat: the frame is broken.
    base : In(ArrayLayout(32, 2))
        Byte addresses of the buffers, multiples of 256; sampled with a frame's first beat.
        A buffer is as large as the tensor, rounded up to whole beats.
    m_axi : Out(Axi4Signature)
        Memory; only written: whole beats, bursts of up to 16 that cross no 4 KiB boundary.
    buffer : Out(1)
        Buffer of the last good frame.
    valid : Out(1)
        There is one.
    error : Out(1)
        Memory has answered a write with an error since the reset.

    Throughput: 16 beats in 18 cycles at best.
    """

    BURST_BEATS = 16

    def __init__(self, *, data_width: int):
        self.data_width = data_width
        super().__init__({
            "i": In(AxiStreamSignature(data_width=data_width)),
            "base": In(data.ArrayLayout(32, 2)),
            "m_axi": Out(Axi4Signature(data_width=data_width)),
            "buffer": Out(1, init=1),
            "valid": Out(1),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        axi = self.m_axi
        m.submodules.queue = queue = ReservedFifo(shape=self.data_width, depth=_ROOM)
        count = Signal(range(_ROOM + 1))
        complete = Signal()
        pushes, pops, finishes = Signal(), Signal(), Signal()
        m.d.comb += [
            # The last beat goes in, but is acknowledged at the very end.
            pushes.eq(self.i.tvalid & ~complete & (count != _ROOM)),
            self.i.tready.eq(Mux(self.i.tlast, finishes, pushes)),
            queue.i.valid.eq(pushes),
            queue.i.payload.eq(self.i.tdata),
            pops.eq(axi.wvalid & axi.wready),
        ]
        m.d.sync += count.eq(count + pushes - pops)
        with m.If(pushes & self.i.tlast):
            m.d.sync += complete.eq(1)

        address = Signal(32, reset_less=True)
        begun = Signal()
        with m.If(pushes & ~begun):
            m.d.sync += [begun.eq(1), address.eq(self.base[~self.buffer])]
        beats = Signal(range(self.BURST_BEATS + 1), reset_less=True)
        outstanding = Signal(range(_ROOM))
        failed = Signal()
        m.d.comb += [
            axi.awaddr.eq(address),
            axi.awlen.eq(beats - 1),
            axi.awsize.eq((self.data_width // 8).bit_length() - 1),
            axi.awburst.eq(Burst.INCR),
            axi.wdata.eq(queue.o.payload),
            axi.wstrb.eq(Const(-1, self.data_width // 8)),
            axi.wlast.eq(beats == 1),
            axi.bready.eq(1),
        ]
        m.d.sync += outstanding.eq(
            outstanding + (axi.awvalid & axi.awready) - (axi.bvalid & axi.bready))
        with m.If(axi.bvalid & axi.bresp[1]):
            m.d.sync += [failed.eq(1), self.error.eq(1)]

        with m.FSM():
            with m.State("GATHER"):
                m.d.sync += beats.eq(Mux(count > self.BURST_BEATS, self.BURST_BEATS, count))
                with m.If((count >= self.BURST_BEATS) | (complete & (count != 0))):
                    m.next = "ADDRESS"
                with m.Elif(complete & (outstanding == 0)):
                    m.d.comb += finishes.eq(1)
                    m.d.sync += [complete.eq(0), begun.eq(0), failed.eq(0)]
                    with m.If(~self.i.tuser & ~failed):
                        m.d.sync += [self.buffer.eq(~self.buffer), self.valid.eq(1)]
            with m.State("ADDRESS"):
                m.d.comb += axi.awvalid.eq(outstanding != _ROOM - 1)
                with m.If(axi.awvalid & axi.awready):
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += [
                    axi.wvalid.eq(queue.o.valid),
                    queue.o.ready.eq(axi.wready),
                ]
                with m.If(pops):
                    m.d.sync += beats.eq(beats - 1)
                    with m.If(axi.wlast):
                        m.d.sync += address.eq(
                            address + self.BURST_BEATS * self.data_width // 8)
                        m.next = "GATHER"
        return m
