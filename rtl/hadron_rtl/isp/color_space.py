"""RGB to YUV."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .arithmetic import saturate
from .matrix import matrix_latency, matrix_product
from .pixel_stream import RGB8, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["ColorSpace"]

_FRACTION = 10


class ColorSpace(wiring.Component):
    """Multiply RGB by a matrix, round ties away from zero, add offsets, saturate.

    Bit-exact with :func:`hadron_model.isp.color_space.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(RGB8))
        RGB after gamma; YUV.
    settings : In(settings_layout("color_space"))
        Matrix and offsets.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle. Cost (LFE5U): no multipliers; those
    of the device are dear, and eight bits cheap.
    """

    _PIPELINE = matrix_latency(8, soft=True) + 3
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB8)),
            "o": Out(pixel_stream(RGB8)),
            "settings": In(settings_layout("color_space")),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=RGB8, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))

        half = 1 << (_FRACTION - 1)
        totals = matrix_product(
            m, self.i.payload.data, self.settings, one=1 << _FRACTION, soft=True)
        for channel, total in enumerate(totals):
            known = self.settings.offset[channel]
            offset = Signal(known.shape(), name=f"offset_{channel}", reset_less=True)
            rounded = Signal(signed(len(total) + 1 - _FRACTION), name=f"rounded_{channel}",
                             reset_less=True)
            moved = Signal(signed(len(rounded) + 1), name=f"moved_{channel}", reset_less=True)
            m.d.sync += [
                offset.eq(Mux(self.settings.enable, known, 0)),
                # What is negative gets a half less one, so that its ties round down.
                rounded.eq((total + Mux(total < 0, half - 1, half)) >> _FRACTION),
                moved.eq(rounded + offset),
                buffer.i_data[channel].eq(saturate(moved, 8)),
            ]
        return m
