"""Black level subtraction and linear scale."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from .arithmetic import PRODUCT_LATENCY, product, saturate
from .colour import follow_colour
from .pixel_stream import BAYER, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["BlackLevel"]

_FRACTION = 14


class BlackLevel(wiring.Component):
    """Subtract each colour's black level and stretch what is left; round half up, saturate.

    Bit-exact with :func:`hadron_model.isp.black_level.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("black_level"))
        Offsets and factors.
    geometry : In(Geometry)
        Phase of the mosaic.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    """

    _PIPELINE = 4 + PRODUCT_LATENCY
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("black_level")),
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
        offset = Signal(PIXEL_BITS, reset_less=True)
        scale = Signal(unsigned(16), reset_less=True)
        scale_2 = Signal(unsigned(16), reset_less=True)
        above = Signal(signed(PIXEL_BITS + 1), reset_less=True)
        enable = self.settings.enable
        m.d.sync += [
            pixel.eq(self.i.payload.data),
            colour.eq(follow_colour(m, self.i, self.geometry.phase)),
            pixel_2.eq(pixel),
            # Disabled: nothing subtracted, times one.
            offset.eq(Mux(enable, self.settings.offset[colour], 0)),
            scale.eq(Mux(enable, self.settings.scale[colour], 1 << _FRACTION)),
            above.eq(pixel_2 - offset),
            scale_2.eq(scale),
        ]
        scaled = product(m, above, scale_2, name="scaled")
        half = 1 << (_FRACTION - 1)
        rounded = Signal(signed(len(scaled) - _FRACTION + 1))
        m.d.comb += rounded.eq((scaled + half) >> _FRACTION)
        m.d.sync += buffer.i_data.eq(saturate(rounded, PIXEL_BITS))
        return m
