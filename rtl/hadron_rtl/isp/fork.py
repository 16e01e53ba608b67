"""One pixel stream for two receivers."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .pixel_stream import pixel_stream

__all__ = ["Fork"]


class Fork(wiring.Component):
    """Give every pixel to `o`, and to `tap` while it is wanted there.

    Neither receiver waits for the other within a pixel: each takes it when it can, and the next
    comes when both have.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a pixel.

    Members
    -------
    i, o, tap : In, Out, Out(pixel_stream(shape))
        The stream and its copies.
    enable : In(1)
        `tap` wants pixels; stable during a frame.

    Latency: none. Throughput: one pixel a cycle.
    """

    def __init__(self, shape: ShapeLike):
        self.shape = shape
        super().__init__({
            "i": In(pixel_stream(shape)),
            "o": Out(pixel_stream(shape)),
            "tap": Out(pixel_stream(shape)),
            "enable": In(1),
        })

    def elaborate(self, platform):
        m = Module()
        given = Signal()
        tapped = Signal()
        gone, tap_gone = Signal(), Signal()
        m.d.comb += [
            self.o.payload.eq(self.i.payload),
            self.tap.payload.eq(self.i.payload),
            self.o.valid.eq(self.i.valid & ~given),
            self.tap.valid.eq(self.i.valid & ~tapped & self.enable),
            gone.eq(given | self.o.ready),
            tap_gone.eq(tapped | self.tap.ready | ~self.enable),
            self.i.ready.eq(gone & tap_gone),
        ]
        with m.If(self.i.valid):
            m.d.sync += [given.eq(gone & ~tap_gone), tapped.eq(tap_gone & ~gone & self.enable)]
        return m
