"""Joint noise reduction and sharpening of luma."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from ..postproc.delay import delayed
from ..vendor.wide_ram import WideRam
from .luma_filter import LumaFilter
from .pixel_stream import RGB8, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .window import LineWindow

__all__ = ["Luma"]


class Luma(wiring.Component):
    """Filter Y in 5x5 neighbourhoods; U and V wait for it in block RAM.

    Bit-exact with :func:`hadron_model.isp.luma.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(RGB8))
        Y, U, V.
    settings : In(settings_layout("luma"))
        Kernel, strengths, limits.
    geometry : In(Geometry)
        Size of the frame.

    Latency: two lines, two pixels and ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): four lines of Y and two of U and V in block RAM.
    """

    _PIPELINE = LumaFilter.LATENCY + 1
    LATENCY = LineWindow.LATENCY + _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB8)),
            "o": Out(pixel_stream(RGB8)),
            "settings": In(settings_layout("luma")),
            "geometry": In(Geometry),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = LineWindow(
            shape=8, rows=5, columns=5, max_width=self.config.max_width)
        m.submodules.filter = luma_filter = LumaFilter()
        m.submodules.buffer = buffer = ResultBuffer(
            shape=RGB8, latency=self._PIPELINE, ahead=LineWindow.LATENCY)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += [
            window.i.valid.eq(self.i.valid),
            window.i.payload.data.eq(self.i.payload.data[0]),
            window.i.payload.first.eq(self.i.payload.first),
            window.i.payload.last.eq(self.i.payload.last),
            self.i.ready.eq(window.i.ready),
            window.geometry.eq(self.geometry),
            luma_filter.i.eq(window.o.pixels),
            luma_filter.settings.eq(self.settings),
        ]
        buffer.follow(m, window)
        original = delayed(m, window.o.pixels[2][2], LumaFilter.LATENCY, name="original")
        m.d.sync += [
            buffer.i_data[0].eq(Mux(self.settings.enable, luma_filter.o, original)),
            Cat(buffer.i_data[1], buffer.i_data[2]).eq(self._chroma(m, window)),
        ]
        return m

    def _chroma(self, m: Module, window: LineWindow):
        """Queue U and V; return those of the pixel that the filter gives."""
        # From its entry to here a pixel waits for two lines, two pixels and the pipelines.
        inside = 2 * self.config.max_width + 2 + LineWindow.LATENCY + LumaFilter.LATENCY + 2
        m.submodules.chroma = chroma = WideRam(width=16, depth=1 << ceil_log2(inside))
        leaves = window.o_valid
        for cycle in range(LumaFilter.LATENCY - WideRam.LATENCY):
            register = Signal(name=f"leaves_{cycle + 1}")
            m.d.sync += register.eq(leaves)
            leaves = register
        m.d.comb += [
            chroma.write.eq(self.i.valid & self.i.ready),
            chroma.write_data.eq(Cat(self.i.payload.data[1], self.i.payload.data[2])),
        ]
        m.d.sync += [
            chroma.write_address.eq(chroma.write_address + chroma.write),
            chroma.read_address.eq(chroma.read_address + leaves),
        ]
        return chroma.read_data
