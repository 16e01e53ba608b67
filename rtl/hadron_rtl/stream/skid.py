"""A register on both directions of a stream's handshake."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["SkidBuffer"]


class SkidBuffer(wiring.Component):
    """Cut every combinational path of a stream: two places, all outputs from registers.

    Parameters
    ----------
    shape : ShapeLike
        Shape of the payload.

    Members
    -------
    i : In(stream.Signature(shape))
        What comes in.
    o : Out(stream.Signature(shape))
        The same, later.

    Latency: ``LATENCY`` cycles. Throughput: one item a cycle.
    """

    LATENCY = 1

    def __init__(self, shape: ShapeLike):
        self.shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        payload = Signal(self.shape, reset_less=True)
        skid = Signal(self.shape, reset_less=True)
        valid = Signal()
        skid_valid = Signal()
        m.d.comb += [
            self.i.ready.eq(~skid_valid),
            self.o.valid.eq(valid),
            self.o.payload.eq(payload),
        ]
        with m.If(~skid_valid):
            m.d.sync += skid.eq(self.i.payload)
        with m.If(self.o.ready | ~valid):
            m.d.sync += payload.eq(Mux(skid_valid, skid, self.i.payload))
        # One LUT each, without an enable that `ready` would have to pass first.
        offered = skid_valid | self.i.valid
        m.d.sync += [
            valid.eq(offered | (valid & ~self.o.ready)),
            skid_valid.eq(offered & valid & ~self.o.ready),
        ]
        return m
