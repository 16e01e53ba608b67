"""Colour correction in linear RGB."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from .arithmetic import saturate
from .matrix import matrix_latency, matrix_product
from .pixel_stream import RGB, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["ColorMatrix"]

_FRACTION = 10


class ColorMatrix(wiring.Component):
    """Multiply RGB by a matrix, truncate, add offsets, saturate.

    Bit-exact with :func:`hadron_model.isp.color_matrix.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(RGB))
        Linear RGB.
    settings : In(settings_layout("color_matrix"))
        Matrix and offsets.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle. Cost (LFE5U): nine MULT18X18D.
    """

    _PIPELINE = matrix_latency(PIXEL_BITS, soft=False) + 2
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB)),
            "o": Out(pixel_stream(RGB)),
            "settings": In(settings_layout("color_matrix")),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=RGB, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))

        totals = matrix_product(
            m, self.i.payload.data, self.settings, one=1 << _FRACTION, soft=False)
        for channel, total in enumerate(totals):
            known = self.settings.offset[channel]
            offset = Signal(known.shape(), name=f"offset_{channel}", reset_less=True)
            moved = Signal(signed(len(total) - _FRACTION + 1), name=f"moved_{channel}",
                           reset_less=True)
            m.d.sync += [
                offset.eq(Mux(self.settings.enable, known, 0)),
                moved.eq((total >> _FRACTION) + offset),
                buffer.i_data[channel].eq(saturate(moved, PIXEL_BITS)),
            ]
        return m
