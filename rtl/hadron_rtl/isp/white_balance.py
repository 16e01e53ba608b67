"""White balance: a gain for each colour of the mosaic."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from .arithmetic import PRODUCT_LATENCY, product, saturate
from .colour import follow_colour
from .pixel_stream import BAYER, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["WhiteBalance"]

_FRACTION = 12


class WhiteBalance(wiring.Component):
    """Multiply each colour by its gain; truncate, as Infinite-ISP does, and saturate.

    Bit-exact with :func:`hadron_model.isp.white_balance.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("white_balance"))
        Gains.
    geometry : In(Geometry)
        Phase of the mosaic.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    """

    _PIPELINE = 3 + PRODUCT_LATENCY
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("white_balance")),
            "geometry": In(Geometry),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=BAYER, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))

        pixel = Signal(PIXEL_BITS, reset_less=True)
        pixel_2 = Signal(PIXEL_BITS, reset_less=True)
        colour = Signal(2, reset_less=True)
        gain = Signal(unsigned(16), reset_less=True)
        m.d.sync += [
            pixel.eq(self.i.payload.data),
            colour.eq(follow_colour(m, self.i, self.geometry.phase)),
            pixel_2.eq(pixel),
            gain.eq(Mux(self.settings.enable, self.settings.gain[colour], 1 << _FRACTION)),
        ]
        balanced = product(m, pixel_2, gain, name="balanced")
        m.d.sync += buffer.i_data.eq(saturate(balanced[_FRACTION:-1], PIXEL_BITS))
        return m
