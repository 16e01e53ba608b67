"""4:4:4 to 4:2:2."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..postproc.delay import delayed
from .pixel_stream import RGB8, Pixel, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["Chroma"]


class Chroma(wiring.Component):
    """Keep U of even columns and V of odd ones, both filtered for the pair of pixels.

    A pixel leaves when the next one of its line has come, the last one of a line at once.
    Bit-exact with :func:`hadron_model.isp.chroma.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i : In(pixel_stream(RGB8))
        Y, U, V.
    o : Out(pixel_stream(RGB8))
        Y; U or V; 0.
    settings : In(settings_layout("chroma"))
        Where the chroma samples lie.

    Latency: ``LATENCY`` cycles from the next pixel of the line, or from a cycle after the last
    pixel. Throughput: one pixel a cycle.
    """

    _PIPELINE = 3
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB8)),
            "o": Out(pixel_stream(RGB8)),
            "settings": In(settings_layout("chroma")),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=RGB8, latency=self._PIPELINE)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))

        held = Signal()
        pixel = Signal(Pixel(RGB8), reset_less=True)
        before = Signal(RGB8, reset_less=True)
        leaves = Signal()
        leftmost = Signal(init=1)
        odd = Signal()
        m.d.comb += [
            leaves.eq(buffer.room & held & (pixel.last | self.i.valid)),
            self.i.ready.eq(buffer.room),
            buffer.take.eq(leaves),
            buffer.i_valid.eq(leaves),
            buffer.i_first.eq(pixel.first),
            buffer.i_last.eq(pixel.last),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [held.eq(1), pixel.eq(self.i.payload)]
        with m.Elif(leaves):
            m.d.sync += held.eq(0)
        with m.If(leaves):
            m.d.sync += [
                before.eq(pixel.data),
                leftmost.eq(pixel.last),
                odd.eq(~odd & ~pixel.last),
            ]

        passing = delayed(m, pixel.data, 2, name="pixel")
        is_odd = delayed(m, odd, 2, name="odd")
        started = Signal()
        filtering = Signal()
        m.d.sync += [started.eq(leaves), filtering.eq(started)]
        u, v = (self._filter(m, channel, pixel, before, leftmost) for channel in (1, 2))
        waiting_v = Signal(8, reset_less=True)
        with m.If(filtering & ~is_odd):
            m.d.sync += waiting_v.eq(v)
        m.d.sync += buffer.i_data.eq(passing)
        with m.If(self.settings.enable):
            m.d.sync += [
                buffer.i_data[1].eq(Mux(is_odd, waiting_v, u)),
                buffer.i_data[2].eq(0),
            ]
        return m

    def _filter(self, m: Module, channel: int, pixel: data.View, before: data.View,
                leftmost: Signal) -> Signal:
        """Return the filtered sample of the pixel that leaves, two cycles later."""
        centre = Signal(8, name=f"centre_{channel}", reset_less=True)
        left = Signal(8, name=f"left_{channel}", reset_less=True)
        right = Signal(8, name=f"right_{channel}", reset_less=True)
        result = Signal(8, name=f"filtered_{channel}", reset_less=True)
        here, earlier, later = pixel.data[channel], before[channel], self.i.payload.data[channel]
        # Between the columns, both sides are the partner; without one, the pixel itself.
        partner = Mux(pixel.last, here, later)
        m.d.sync += [
            centre.eq(here),
            left.eq(Mux(self.settings.centred, partner, Mux(leftmost, later, earlier))),
            right.eq(Mux(self.settings.centred, partner, Mux(pixel.last, earlier, later))),
            result.eq((left + right + (centre << 1) + 2) >> 2),
        ]
        return result
