"""When DEPTHWISE multiplies: the steps of its rows of pixels, turned into those of the array."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import STRIP_PIXELS, WINDOW_ROWS

__all__ = ["WindowSequencer"]


class WindowSequencer(wiring.Component):
    """Count pixels and rows of a strip; say where windows are complete.

    A pixel completes two neighbouring windows of each channel: with a stride of one every second
    pixel from the fourth on, with a stride of two every fourth from the fifth on. Their products
    take two steps, for two halves of the channels, in the cycle of the pixel and the one after; or,
    when results are wide, two after. The next pixel then comes two cycles after it, too.

    Members
    -------
    pixel_valid : In(1)
        There is a pixel in this cycle.
    row_ends, strip_ends : In(1)
        It is the last of its row; and the row is the last of its strip.
    wide : In(1)
        Steps are two cycles apart, and no pixel follows one that completes windows in the next
        cycle. Stable while pixels come, as are the next two.
    stride_x, stride_y : In(1)
        Strides are two, not one.
    pixel : Out(range(STRIP_PIXELS))
        Place of the pixel in its row.
    multiply : Out(1)
        There is a step in this cycle.
    half : Out(1)
        It is the second.

    Latency: 0 cycles. Throughput: one pixel a cycle.
    """

    pixel_valid: In(1)
    row_ends: In(1)
    strip_ends: In(1)
    wide: In(1)
    stride_x: In(1)
    stride_y: In(1)
    pixel: Out(range(STRIP_PIXELS))
    multiply: Out(1)
    half: Out(1)

    def elaborate(self, platform):
        m = Module()
        above = WINDOW_ROWS - 1
        rows = Signal(range(above + 1))
        odd = Signal()
        full = rows == above
        with m.If(self.pixel_valid):
            m.d.sync += self.pixel.eq(self.pixel + 1)
            with m.If(self.row_ends):
                m.d.sync += [
                    self.pixel.eq(0),
                    rows.eq(Mux(full, above, rows + 1)),
                    odd.eq(full & ~odd),
                ]
                with m.If(self.strip_ends):
                    m.d.sync += [rows.eq(0), odd.eq(0)]
        completes = Mux(self.stride_x,
                        (self.pixel[:2] == 0) & self.pixel[2:].any(),
                        self.pixel[0] & self.pixel[1:].any())
        first = Signal()
        later = Signal()
        m.d.comb += [
            first.eq(self.pixel_valid & full & ~(self.stride_y & odd) & completes),
            self.multiply.eq(first | self.half),
        ]
        m.d.sync += [later.eq(first), self.half.eq(Mux(self.wide, later, first))]
        return m
