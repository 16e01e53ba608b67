"""Line buffers and a sliding window with reflected borders."""

from amaranth.hdl import Cat, Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..postproc.delay import delayed
from ..vendor.wide_ram import WideRam
from .pixel_stream import SIZE_BITS, Geometry, pixel_stream

__all__ = ["LineWindow", "Window"]


class Window(data.StructLayout):
    """A neighbourhood and where its centre lies.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a pixel.
    rows, columns : int
        Size of the neighbourhood.

    Members
    -------
    pixels : ArrayLayout(ArrayLayout(shape, columns), rows)
        ``pixels[row][column]``.
    first, last : 1
        Marks of the centre's pixel.
    odd_column, odd_row : 1
        Lowest bits of the centre's coordinates.
    """

    def __init__(self, shape: ShapeLike, rows: int, columns: int):
        super().__init__({
            "pixels": data.ArrayLayout(data.ArrayLayout(shape, columns), rows),
            "first": 1, "last": 1, "odd_column": 1, "odd_row": 1,
        })


class LineWindow(wiring.Component):
    """Turn a frame into the neighbourhoods of its pixels, in raster order.

    Beyond the borders the frame is reflected about its edge pixels (reflect-101), which keeps the
    colours of a mosaic. After a frame's last pixel the window goes on by itself until it has given
    all neighbourhoods; then it takes the next frame.

    Like everything after it the window never stops halfway: a step begins only with `advance`,
    and its neighbourhood comes ``LATENCY`` cycles later. `room` and `take` of the `ResultBuffer`
    at the end of the stage belong to `advance` and `take` here (with ``ahead=LATENCY``).

    Parameters
    ----------
    shape : ShapeLike
        Shape of a pixel.
    rows, columns : int
        Size of the neighbourhood, odd, 3 or more; frames have that many lines and columns or more,
        and at least 8 columns, for the memory's sake.
    max_width : int
        Most columns of a frame.

    Members
    -------
    i : In(pixel_stream(shape))
        Frames; the marks are ignored, the geometry rules.
    geometry : In(Geometry)
        Size of the frame, from 4 cycles before its first pixel on.
    advance : In(1)
        A step may begin.
    take : Out(1)
        A step begins that gives a neighbourhood.
    o_valid : Out(1)
        There is a neighbourhood.
    o : Out(Window(shape, rows, columns))
        The neighbourhood, for one cycle.

    Latency: ``LATENCY`` cycles from a step to its neighbourhood; a pixel's neighbourhood is
    complete ``rows // 2`` lines and ``columns // 2`` pixels after it. Throughput: one a cycle;
    a frame takes ``(height + rows // 2) * width + columns // 2`` steps.
    Cost (LFE5U): (rows - 1) * width of a pixel bits in block RAM, 9 bits of 2048 columns each.

    Raises
    ------
    ValueError
        When `rows` or `columns` is even or below 3.
    """

    LATENCY = 4
    _RAM = WideRam.LATENCY

    def __init__(self, *, shape: ShapeLike, rows: int, columns: int, max_width: int):
        for name, value in (("rows", rows), ("columns", columns)):
            if value < 3 or value % 2 == 0:
                raise ValueError(f"{name}={value}, must be odd and at least 3")
        self.shape = shape
        self.rows = rows
        self.columns = columns
        self.max_width = max_width
        self.bits = Shape.cast(shape).width
        super().__init__({
            "i": In(pixel_stream(shape)),
            "geometry": In(Geometry),
            "advance": In(1),
            "take": Out(1),
            "o_valid": Out(1),
            "o": Out(Window(shape, rows, columns)),
        })

    def elaborate(self, platform):
        m = Module()
        step = Signal()
        column = Signal(range(self.max_width))
        top = Signal(self.rows // 2, reset_less=True)
        bottom = Signal(self.rows // 2, reset_less=True)
        left = Signal(self.columns // 2, reset_less=True)
        right = Signal(self.columns // 2, reset_less=True)
        self._walk(m, step, column, top, bottom)
        self._centre(m, left, right)
        newest = self._lines(m, step, column, top, bottom)
        self._slide(m, step, newest, left, right)
        return m

    def _walk(self, m: Module, step: Signal, column: Signal, top: Signal, bottom: Signal) -> None:
        """Walk over the frame, `rows // 2` lines and `columns // 2` pixels beyond its end."""
        reach = self.rows // 2
        consume = Signal(init=1)
        tail = Signal()
        live = Signal()
        columns_left = Signal(SIZE_BITS, reset_less=True)
        lines_left = Signal(SIZE_BITS, reset_less=True)
        begun = Signal()
        above = Signal(range(2 * reach + 1))
        below = Signal(range(reach + 1))
        end = Signal()
        last_line = Signal()
        m.d.comb += [
            step.eq(self.advance & (self.i.valid | ~consume)),
            self.i.ready.eq(self.advance & consume),
            self.take.eq(step & live),
        ]
        # Counters reload while nothing has begun, so that they follow the geometry.
        with m.If(~begun):
            m.d.sync += [
                columns_left.eq(self.geometry.width - 2),
                lines_left.eq(self.geometry.height - 1),
                end.eq(0),
                last_line.eq(0),
            ]
        with m.If(step):
            m.d.sync += [
                begun.eq(1),
                column.eq(column + 1),
                columns_left.eq(columns_left - 1),
                end.eq(columns_left == 0),
            ]
            with m.If((above == reach) & (column == self.columns // 2 - 1)):
                m.d.sync += live.eq(1)
            with m.If(end):
                m.d.sync += [
                    column.eq(0),
                    columns_left.eq(self.geometry.width - 2),
                    lines_left.eq(lines_left - 1),
                    last_line.eq(lines_left == 1),
                ]
                with m.If(above != 2 * reach):
                    m.d.sync += above.eq(above + 1)
                with m.If(last_line):
                    m.d.sync += consume.eq(0)
                with m.If(~consume):
                    m.d.sync += [below.eq(below + 1), tail.eq(below == reach - 1)]
            with m.If(tail & (column == self.columns // 2 - 1)):
                m.d.sync += [
                    begun.eq(0), consume.eq(1), tail.eq(0), live.eq(0),
                    column.eq(0), above.eq(0), below.eq(0),
                    columns_left.eq(self.geometry.width - 2),
                    lines_left.eq(self.geometry.height - 1),
                ]
        m.d.comb += [
            # Bit k: the centre is row k; bit k: row height - 1 - k.
            top.eq(Cat(above == reach + k for k in range(reach))),
            bottom.eq(Cat(~consume & (below == reach - 1 - k) for k in range(reach))),
        ]

    def _centre(self, m: Module, left: Signal, right: Signal) -> None:
        """Follow the centre's coordinates, in step with what `take` begins."""
        reach = self.columns // 2
        x = Signal(range(reach + 1))
        x_odd = Signal()
        y_odd = Signal()
        x_left = Signal(SIZE_BITS, reset_less=True)
        lines_left = Signal(SIZE_BITS, reset_less=True)
        first = Signal(init=1)
        with m.If(first):
            m.d.sync += [
                x_left.eq(self.geometry.width - 1),
                lines_left.eq(self.geometry.height - 1),
            ]
        last = Signal()
        m.d.comb += last.eq(x_left == 0)
        with m.If(self.take):
            m.d.sync += [x_left.eq(x_left - 1), x_odd.eq(~x_odd), first.eq(0)]
            with m.If(x != reach):
                m.d.sync += x.eq(x + 1)
            with m.If(last):
                m.d.sync += [
                    x.eq(0), x_odd.eq(0), x_left.eq(self.geometry.width - 1),
                    y_odd.eq(~y_odd), lines_left.eq(lines_left - 1),
                ]
                with m.If(lines_left == 0):
                    m.d.sync += [
                        first.eq(1), y_odd.eq(0), lines_left.eq(self.geometry.height - 1)]

        valid = self.take
        for cycle in range(self.LATENCY):
            register = Signal(name=f"valid_{cycle + 1}")
            m.d.sync += register.eq(valid)
            valid = register
        flags = Signal(2 * reach, reset_less=True)
        m.d.sync += flags.eq(Cat(*(x == k for k in range(reach)),
                                 *(x_left == k for k in range(reach))))
        m.d.comb += [
            self.o_valid.eq(valid),
            Cat(left, right).eq(delayed(m, flags, self.LATENCY - 2, name="flags")),
        ]
        marks = Signal(4, reset_less=True)
        m.d.sync += marks.eq(Cat(first, last, x_odd, y_odd))
        m.d.comb += Cat(self.o.first, self.o.last, self.o.odd_column, self.o.odd_row).eq(
            delayed(m, marks, self.LATENCY - 1, name="marks"))

    def _lines(self, m: Module, step: Signal, column: Signal, top: Signal,
               bottom: Signal) -> list[Value]:
        """Return the column of pixels of a step, reflected vertically, `_RAM` cycles later."""
        m.submodules.lines = lines = WideRam(
            width=(self.rows - 1) * self.bits, depth=self.max_width)
        pixel = delayed(m, Value.cast(self.i.payload.data), self._RAM, name="pixel")
        stored = Signal(lines.width)
        written = Signal()
        m.d.comb += [lines.read_address.eq(column), stored.eq(lines.read_data)]
        # Written a cycle after it is known: 8 columns or more keep reading and writing apart.
        m.d.sync += [
            written.eq(delayed(m, step, self._RAM, name="step")),
            lines.write_data.eq(Cat(pixel, stored)),
        ]
        m.d.comb += [
            lines.write.eq(written),
            lines.write_address.eq(delayed(m, column, self._RAM + 1, name="column")),
        ]
        # taps[0] is the line below the centre by rows // 2; taps[-1] the one above by as much.
        taps = [pixel, *(stored.word_select(k, self.bits) for k in range(self.rows - 1))]
        return _reflect(taps, above=delayed(m, top, self._RAM, name="top"),
                        below=delayed(m, bottom, self._RAM, name="bottom"))

    def _slide(self, m: Module, step: Signal, newest: list[Value], left: Signal,
               right: Signal) -> None:
        """Shift columns through the window and reflect it horizontally."""
        moves = delayed(m, step, self._RAM, name="move")
        for row, pixel in enumerate(reversed(newest)):
            taps = [Signal(self.bits, name=f"tap_{row}_{k}", reset_less=True)
                    for k in range(self.columns)]
            with m.If(moves):
                m.d.sync += [tap.eq(source)
                             for tap, source in zip(taps, [pixel, *taps], strict=False)]
            reflected = _reflect(taps, above=left, below=right)
            m.d.sync += [Value.cast(self.o.pixels[row][column]).eq(value)
                         for column, value in enumerate(reversed(reflected))]


def _reflect(taps: list[Value], *, above: Value, below: Value) -> list[Value]:
    """Reflect taps about an edge among them; ``taps[reach]`` is the centre, later ones earlier.

    Bit k of `above`: the edge lies k before the centre; bit k of `below`: k after it.
    """
    reach = len(taps) // 2
    reflected = list(taps)
    for distance in range(1, reach + 1):
        for k in range(distance):
            source = distance - 2 * k
            reflected[reach + distance] = Mux(
                above[k], taps[reach - source], reflected[reach + distance])
            reflected[reach - distance] = Mux(
                below[k], taps[reach + source], reflected[reach - distance])
    return reflected
