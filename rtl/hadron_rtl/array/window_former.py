"""Windows of two channels, formed from rows of pixels: what a group multiplies with DEPTHWISE."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import STRIP_PIXELS, TALL_ROWS, WINDOW_COLUMNS, WINDOW_ROWS

__all__ = ["WindowFormer"]

_WINDOW = data.ArrayLayout(data.ArrayLayout(signed(8), WINDOW_COLUMNS), WINDOW_ROWS)


class WindowFormer(wiring.Component):
    """Keep the last rows of a strip of pixels and show the window that ends at the newest pixel.

    Pixels come row by row from the top of the strip. With a pixel, those above it come out of LUT
    RAM and join it in a window of ``WINDOW_ROWS`` x ``WINDOW_COLUMNS``. The second channel is one
    cycle late, so that both windows can be taken one after the other while pixels keep coming.

    Tall windows are those of channel 0 alone, ``TALL_ROWS`` x ``TALL_COLUMNS``, and take the room
    of both: of the rows, from the top, 2 to 4 are in the first window, and 0 and 1 in the upper two
    rows of the second, each without its left column. Those columns are its third row.

    Members
    -------
    active : In(1)
        Windows are formed; without it they are zero from the next cycle on.
    tall : In(1)
        Windows are tall. Stable while pixels come and windows are taken.
    push : In(1)
        There is a pixel in this cycle.
    pixel : In(range(STRIP_PIXELS))
        Its place in the row.
    x : In(ArrayLayout(signed(8), 2))
        The two channels of the pixel.
    half : In(1)
        Which channel's window to show.
    o : Out(ArrayLayout(ArrayLayout(signed(8), WINDOW_COLUMNS), WINDOW_ROWS))
        Window, top row and left column first: of channel 0 the one that ends at the pixel pushed
        in the cycle before, of channel 1 at the one before that. With `tall` the lanes of
        ``TALL_TAPS``, in the same cycles. Rows above the strip, and columns left of it, are
        undefined.

    Throughput: one pixel, one window a cycle.
    Cost (LFE5U, yosys 0.66): 8 TRELLIS_DPR16X4, 169 LUT4, 289 registers.
    """

    active: In(1)
    tall: In(1)
    push: In(1)
    pixel: In(range(STRIP_PIXELS))
    x: In(data.ArrayLayout(signed(8), 2))
    half: In(1)
    o: Out(_WINDOW)

    def elaborate(self, platform):
        m = Module()
        above = data.ArrayLayout(data.ArrayLayout(signed(8), 2), WINDOW_ROWS - 1)
        m.submodules.rows = rows = memory.Memory(shape=above, depth=STRIP_PIXELS, init=[])
        read = rows.read_port(domain="comb")
        write = rows.write_port()
        m.d.comb += [
            read.addr.eq(self.pixel),
            write.addr.eq(self.pixel),
            write.en.eq(self.push),
        ]
        # The oldest row is on top.
        column = [*read.data, self.x]
        m.d.comb += [kept.eq(newer) for kept, newer in zip(write.data, column[1:], strict=True)]
        with m.If(self.tall):
            # One chain: from the older row of channel 0 on to the newer of channel 1.
            m.d.comb += write.data[-1][1].eq(read.data[0][0])

        late_push = Signal()
        m.d.sync += late_push.eq(self.push)
        windows = []
        for channel in range(2):
            newest = [Signal(signed(8), name=f"newest{channel}_{row}", reset_less=True)
                      for row in range(WINDOW_ROWS)]
            window = Signal(_WINDOW, name=f"window{channel}", reset_less=True)
            domain = m.d.sync if channel else m.d.comb
            domain += [value.eq(pixel[channel])
                       for value, pixel in zip(newest, column, strict=True)]
            with m.If(late_push if channel else self.push):
                for row, value in zip(window, newest, strict=True):
                    m.d.sync += [row[i].eq(row[i + 1]) for i in range(WINDOW_COLUMNS - 1)]
                    m.d.sync += row[WINDOW_COLUMNS - 1].eq(value)
            windows.append(window)

        # What leaves the rows of tall windows on the left, all in the cycle of the second window.
        leaving = [windows[1][0][0], windows[1][1][0]]
        for row in windows[0]:
            late = Signal(signed(8), name=f"leaving{len(leaving)}", reset_less=True)
            m.d.sync += late.eq(row[0])
            leaving.append(late)
        assert len(leaving) == TALL_ROWS == WINDOW_COLUMNS
        with m.If(late_push & self.tall):
            m.d.sync += [kept.eq(left) for kept, left in zip(windows[1][2], leaving, strict=True)]
        with m.If(~self.active):
            m.d.sync += [window.eq(0) for window in windows]
        m.d.comb += self.o.eq(Mux(self.half, windows[1], windows[0]))
        return m
