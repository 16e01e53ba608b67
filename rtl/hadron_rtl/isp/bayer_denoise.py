"""Noise reduction on the mosaic: a sigma filter over pixels of one colour."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import DENOISE_LEVELS, PIXEL_BITS

from ..postproc.delay import delayed
from .colour import colour_at
from .pixel_stream import BAYER, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .window import LineWindow

__all__ = ["BayerDenoise"]

_AXES = ((0, -2), (0, 2), (-2, 0), (2, 0))
_DIAGONALS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
_BITS = PIXEL_BITS + 1


class BayerDenoise(wiring.Component):
    """Average every pixel with those of eight neighbours that differ by noise only.

    Bit-exact with :func:`hadron_model.isp.bayer_denoise.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("bayer_denoise"))
        Thresholds.
    geometry : In(Geometry)
        Size of the frame and phase of the mosaic.

    Latency: two lines, two pixels and ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): four lines of block RAM.
    """

    _PIPELINE = 8
    LATENCY = LineWindow.LATENCY + _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("bayer_denoise")),
            "geometry": In(Geometry),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = LineWindow(
            shape=BAYER, rows=5, columns=5, max_width=self.config.max_width)
        m.submodules.buffer = buffer = ResultBuffer(
            shape=BAYER, latency=self._PIPELINE, ahead=LineWindow.LATENCY)
        wiring.connect(m, wiring.flipped(self.i), window.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += window.geometry.eq(self.geometry)
        buffer.follow(m, window)

        def at(row: int, column: int) -> Value:
            return window.o.pixels[2 + row][2 + column]

        colour = colour_at(window.o.odd_column, window.o.odd_row, self.geometry.phase)
        green = colour[0] ^ colour[1]
        values = [at(*offset) for offset in _AXES]
        # The nearest diagonal neighbours of the same colour.
        values += [Mux(green, at(y, x), at(2 * y, 2 * x)) for y, x in _DIAGONALS]
        threshold = self._threshold(m, at(0, 0))
        centre = delayed(m, at(0, 0), 1, name="centre")

        kept = []
        for index, value in enumerate(values):
            neighbour = Signal(PIXEL_BITS, name=f"neighbour_{index}", reset_less=True)
            difference = Signal(signed(_BITS), name=f"difference_{index}", reset_less=True)
            size = Signal(PIXEL_BITS, name=f"size_{index}", reset_less=True)
            noise = Signal(name=f"noise_{index}", reset_less=True)
            m.d.sync += [
                neighbour.eq(value),
                difference.eq(neighbour - centre),
                size.eq(Mux(difference[-1], -difference, difference)),
                noise.eq(size <= threshold),
            ]
            # Two cycles beside `size` and `noise`.
            late = delayed(m, difference, 2, name=f"difference_{index}")
            kept.append(Mux(noise, late, Const(0, signed(_BITS))))
        width = _BITS
        level = 0
        while len(kept) > 1:
            width += 1
            sums = []
            for index in range(0, len(kept), 2):
                total = Signal(signed(width), name=f"sum_{level}_{index}", reset_less=True)
                m.d.sync += total.eq(kept[index] + kept[index + 1])
                sums.append(total)
            kept = sums
            level += 1
        mean = Signal(signed(_BITS))
        m.d.comb += mean.eq((kept[0] + 4) >> 3)
        m.d.sync += buffer.i_data.eq(delayed(m, centre, self._PIPELINE - 2, name="centre") + mean)
        return m

    def _threshold(self, m: Module, pixel: Value) -> Signal:
        """Look the threshold up by the pixel's level, in step with the differences' sizes."""
        index = Signal(range(DENOISE_LEVELS), reset_less=True)
        level = Signal(range(DENOISE_LEVELS))
        # Half octaves: the place of the highest bit from bit 4 on, and the bit below it.
        for place in range(4, PIXEL_BITS):
            with m.If(pixel[place]):
                m.d.comb += level.eq(Cat(pixel[place - 1], Const(place - 4, 3)))
        threshold = Signal(PIXEL_BITS, reset_less=True)
        result = Signal(PIXEL_BITS, reset_less=True)
        m.d.sync += [
            index.eq(level),
            # Disabled: only what is equal counts.
            threshold.eq(Mux(self.settings.enable, self.settings.threshold[index], 0)),
            result.eq(threshold),
        ]
        return result
