"""Demosaicing: red, green and blue of every pixel."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from ..postproc.delay import delayed
from .arithmetic import saturate
from .colour import colour_at
from .pixel_stream import BAYER, RGB, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .window import LineWindow

__all__ = ["Demosaic"]

_FRACTION = 4


class Demosaic(wiring.Component):
    """Malvar-He-Cutler interpolation; truncates as Infinite-ISP does.

    Bit-exact with :func:`hadron_model.isp.demosaic.run`.

    Source: H. S. Malvar, L. He, R. Cutler, "High-quality linear interpolation for demosaicing of
    Bayer-patterned color images", ICASSP 2004, figure 2.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i : In(pixel_stream(BAYER))
        Mosaic.
    o : Out(pixel_stream(RGB))
        Red, green, blue.
    settings : In(settings_layout("demosaic"))
        Whether to.
    geometry : In(Geometry)
        Size of the frame and phase of the mosaic.

    Latency: two lines, two pixels and ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): four lines of block RAM, no multiplier.
    """

    _PIPELINE = 7
    LATENCY = LineWindow.LATENCY + _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(RGB)),
            "settings": In(settings_layout("demosaic")),
            "geometry": In(Geometry),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = LineWindow(
            shape=BAYER, rows=5, columns=5, max_width=self.config.max_width)
        m.submodules.buffer = buffer = ResultBuffer(
            shape=RGB, latency=self._PIPELINE, ahead=LineWindow.LATENCY)
        wiring.connect(m, wiring.flipped(self.i), window.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        m.d.comb += window.geometry.eq(self.geometry)
        buffer.follow(m, window)

        cross, opposite, in_row, in_column = self._interpolate(m, window.o.pixels)
        itself = delayed(m, window.o.pixels[2][2], self._PIPELINE - 1, name="itself")
        colour = delayed(
            m, colour_at(window.o.odd_column, window.o.odd_row, self.geometry.phase),
            self._PIPELINE - 1, name="colour")
        red, green, blue = Signal(PIXEL_BITS), Signal(PIXEL_BITS), Signal(PIXEL_BITS)
        m.d.comb += green.eq(itself)
        with m.Switch(colour):
            with m.Case(0):
                m.d.comb += [red.eq(itself), green.eq(cross), blue.eq(opposite)]
            with m.Case(1):
                m.d.comb += [red.eq(in_row), blue.eq(in_column)]
            with m.Case(2):
                m.d.comb += [red.eq(in_column), blue.eq(in_row)]
            with m.Case(3):
                m.d.comb += [red.eq(opposite), green.eq(cross), blue.eq(itself)]
        for channel, value in zip(buffer.i_data, (red, green, blue), strict=True):
            m.d.sync += channel.eq(Mux(self.settings.enable, value, itself))
        return m

    def _interpolate(self, m: Module, pixels) -> list[Signal]:
        """Return the four interpolations, in sixteenths rounded down, six cycles later.

        Green at red and blue; red at blue and blue at red; the colour beside a green pixel in its
        row; the one in its column.
        """
        def register(name: str, value: Value, bits: int, cycle: int) -> Signal:
            result = Signal(bits, name=f"{name}_{cycle}", reset_less=True)
            m.d.sync += result.eq(value)
            return result

        def at(row: int, column: int) -> Value:
            return pixels[2 + row][2 + column]

        def shifted(value: Value, bits: int) -> Value:
            return Cat(Const(0, bits), value)

        # Cycle 1: pairs, 13 bits.
        beside = register("beside", at(0, -1) + at(0, 1), 13, 1)
        above = register("above", at(-1, 0) + at(1, 0), 13, 1)
        beside_2 = register("beside_2", at(0, -2) + at(0, 2), 13, 1)
        above_2 = register("above_2", at(-2, 0) + at(2, 0), 13, 1)
        upper = register("upper", at(-1, -1) + at(-1, 1), 13, 1)
        lower = register("lower", at(1, -1) + at(1, 1), 13, 1)
        centre = register("centre", at(0, 0), PIXEL_BITS, 1)
        # Cycle 2: fours, 14 bits; multiples of the centre.
        near = register("near", beside + above, 14, 2)
        far = register("far", beside_2 + above_2, 14, 2)
        corners = register("corners", upper + lower, 14, 2)
        three = register("three", centre + shifted(centre, 1), 14, 2)
        five = register("five", centre + shifted(centre, 2), 15, 2)
        beside, above, beside_2, above_2, centre = (
            register(name, value, len(value), 2) for name, value in (
                ("beside", beside), ("above", above), ("beside_2", beside_2),
                ("above_2", above_2), ("centre", centre)))
        # Cycle 3: what is added and what is taken away.
        cross_plus = register("cross_plus", shifted(centre, 1) + near, 15, 3)
        opposite_plus = register("opposite_plus", three + corners, 15, 3)
        opposite_minus = register("opposite_minus", far + shifted(far, 1), 16, 3)
        row_plus = register("row_plus", five + shifted(beside, 2), 16, 3)
        column_plus = register("column_plus", five + shifted(above, 2), 16, 3)
        row_minus = register("row_minus", beside_2 + corners, 15, 3)
        column_minus = register("column_minus", above_2 + corners, 15, 3)
        far = register("far", far, 14, 3)
        beside_2 = register("beside_2", beside_2, 13, 3)
        above_2 = register("above_2", above_2, 13, 3)
        # Cycles 4 and 5: the difference, and for the last two what is left over.
        cross = register("cross", shifted(cross_plus, 2) - shifted(far, 1), signed(19), 4)
        opposite = register(
            "opposite", shifted(opposite_plus, 2) - opposite_minus, signed(19), 4)
        in_row = register("in_row", row_plus - row_minus, signed(18), 4)
        in_column = register("in_column", column_plus - column_minus, signed(18), 4)
        beside_2 = register("beside_2", beside_2, 13, 4)
        above_2 = register("above_2", above_2, 13, 4)
        sums = [
            register("cross", cross, signed(19), 5),
            register("opposite", opposite, signed(19), 5),
            register("in_row", (in_row << 1) + above_2, signed(20), 5),
            register("in_column", (in_column << 1) + beside_2, signed(20), 5),
        ]
        # Cycle 6.
        return [register(f"interpolated_{index}", saturate(total >> _FRACTION, PIXEL_BITS),
                         PIXEL_BITS, 6) for index, total in enumerate(sums)]
