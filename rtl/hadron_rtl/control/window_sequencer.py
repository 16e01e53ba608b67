"""When DEPTHWISE multiplies: the steps of its rows of pixels, turned into those of the array."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import STRIP_PIXELS, TALL_ROWS, WINDOW_ROWS

__all__ = ["WindowSequencer"]


class WindowSequencer(wiring.Component):
    """Count pixels and rows of a strip; say where windows are complete.

    A pixel completes two neighbouring windows of each channel: with a stride of one every second
    pixel from the fourth on, with a stride of two every fourth from the fifth on. Their products
    take two steps, for two halves of the channels, in the cycle of the pixel and the one after; or,
    when results are wide, two after. The next pixel then comes two cycles after it, too.

    Tall windows are complete from the fifth row on: with a stride of one two with every second
    pixel from the sixth on, with a stride of two one with every second from the fifth on. The two
    steps are halves of their products.

    Members
    -------
    pixel_valid : In(1)
        There is a pixel in this cycle.
    row_ends, strip_ends : In(1)
        It is the last of its row; and the row is the last of its strip.
    wide : In(1)
        Steps are two cycles apart, and no pixel follows one that completes windows in the next
        cycle. Stable while pixels come, as are the next three. Not with `tall`.
    tall : In(1)
        Windows are tall.
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
    tall: In(1)
    stride_x: In(1)
    stride_y: In(1)
    pixel: Out(range(STRIP_PIXELS))
    multiply: Out(1)
    half: Out(1)

    def elaborate(self, platform):
        m = Module()
        # Powers of two, at which the rows stay.
        assert (WINDOW_ROWS - 1, TALL_ROWS - 1) == (2, 4)
        rows = Signal(range(TALL_ROWS))
        odd = Signal()
        full = Mux(self.tall, rows[2], rows[1])
        with m.If(self.pixel_valid):
            m.d.sync += self.pixel.eq(self.pixel + 1)
            with m.If(self.row_ends):
                m.d.sync += [
                    self.pixel.eq(0),
                    rows.eq(rows + ~full),
                    odd.eq(full & ~odd),
                ]
                with m.If(self.strip_ends):
                    m.d.sync += [rows.eq(0), odd.eq(0)]
        # Whether the next pixel completes windows, from registers; the first of a row does not.
        following = Signal.like(self.pixel)
        completes = Signal()
        m.d.comb += following.eq(self.pixel + 1)
        reaches = Mux(
            self.tall, (following[0] ^ self.stride_x) & following[2:].any(),
            Mux(self.stride_x, (following[:2] == 0) & following[2:].any(),
                following[0] & following[1:].any()))
        with m.If(self.pixel_valid):
            m.d.sync += completes.eq(reaches & full & ~(self.stride_y & odd) & ~self.row_ends)
        first = Signal()
        later = Signal()
        m.d.comb += [
            first.eq(self.pixel_valid & completes),
            self.multiply.eq(first | self.half),
        ]
        m.d.sync += [later.eq(first), self.half.eq(Mux(self.wide, later, first))]
        return m
