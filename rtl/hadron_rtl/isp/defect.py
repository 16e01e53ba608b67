"""Correction of single defective pixels."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from ..postproc.delay import delayed
from .pixel_stream import BAYER, Geometry, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .window import LineWindow

__all__ = ["Defect"]

_PAIRS = (((0, -2), (0, 2)), ((-2, 0), (2, 0)), ((-2, -2), (2, 2)), ((-2, 2), (2, -2)))
"""Opposite neighbours of one colour, (row, column), in the order of preference."""


class Defect(wiring.Component):
    """Replace pixels that stand out from all eight nearest of their colour.

    Bit-exact with :func:`hadron_model.isp.defect.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("defect"))
        Thresholds.
    geometry : In(Geometry)
        Size of the frame.
    count : Out(24)
        Pixels replaced since the first of the frame; complete when its last has been offered.

    Latency: two lines, two pixels and ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): four lines of block RAM.
    """

    _PIPELINE = 6
    LATENCY = LineWindow.LATENCY + _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("defect")),
            "geometry": In(Geometry),
            "count": Out(24),
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

        # The greater and the less of each pair, and the mean of both.
        greater, less, means, spreads = [], [], [], []
        for index, (one, other) in enumerate(_PAIRS):
            a, b = at(*one), at(*other)
            high = Signal(PIXEL_BITS, name=f"high_{index}", reset_less=True)
            low = Signal(PIXEL_BITS, name=f"low_{index}", reset_less=True)
            total = Signal(PIXEL_BITS + 1, name=f"total_{index}", reset_less=True)
            spread = Signal(PIXEL_BITS, name=f"spread_{index}", reset_less=True)
            m.d.sync += [
                Cat(high, low).eq(Mux(a < b, Cat(b, a), Cat(a, b))),
                total.eq(a + b + 1),
                spread.eq(high - low),
            ]
            greater.append(high)
            less.append(low)
            means.append(total[1:])
            spreads.append(spread)
        highest = self._extreme(m, greater, "highest", lambda a, b: a < b)
        lowest = self._extreme(m, less, "lowest", lambda a, b: b < a)
        best = self._flattest(m, spreads, [delayed(m, mean, 1, name=f"mean_{i}")
                                           for i, mean in enumerate(means)])

        pixel = delayed(m, at(0, 0), 3, name="pixel")
        hot_limit = Signal(PIXEL_BITS + 1, reset_less=True)
        cold_limit = Signal(PIXEL_BITS + 1, reset_less=True)
        stands_out = Signal(reset_less=True)
        pixel_2 = delayed(m, pixel, 1, name="pixel_limit")
        pixel_3 = delayed(m, pixel_2, 1, name="pixel_out")
        m.d.sync += [
            hot_limit.eq(highest + self.settings.hot),
            cold_limit.eq(pixel + self.settings.cold),
            stands_out.eq(self.settings.enable & (
                (pixel_2 > hot_limit) | (cold_limit < delayed(m, lowest, 1, name="lowest")))),
            buffer.i_data.eq(Mux(stands_out, delayed(m, best, 1, name="best"), pixel_3)),
        ]
        self._count(m, window, stands_out)
        return m

    def _extreme(self, m: Module, values: list[Value], name: str, worse) -> Value:
        """Reduce four values in two cycles."""
        level = 0
        while len(values) > 1:
            reduced = []
            for index in range(0, len(values), 2):
                one, other = values[index:index + 2]
                result = Signal(PIXEL_BITS, name=f"{name}_{level}_{index}", reset_less=True)
                m.d.sync += result.eq(Mux(worse(one, other), other, one))
                reduced.append(result)
            values = reduced
            level += 1
        return values[0]

    def _flattest(self, m: Module, spreads: list[Value], means: list[Value]) -> Value:
        """Return the mean of the pair with the least spread, the earlier of equals; two cycles."""
        pairs = list(zip(spreads, means, strict=True))
        level = 0
        while len(pairs) > 1:
            reduced = []
            for index in range(0, len(pairs), 2):
                (spread, mean), (other_spread, other_mean) = pairs[index:index + 2]
                better = Signal(PIXEL_BITS, name=f"spread_{level}_{index}", reset_less=True)
                chosen = Signal(PIXEL_BITS, name=f"chosen_{level}_{index}", reset_less=True)
                m.d.sync += Cat(better, chosen).eq(Mux(
                    other_spread < spread, Cat(other_spread, other_mean), Cat(spread, mean)))
                reduced.append((better, chosen))
            pairs = reduced
            level += 1
        return pairs[0][1]

    def _count(self, m: Module, window: LineWindow, stands_out: Signal) -> None:
        """Count the frame's defects."""
        cycles = self._PIPELINE - 1
        first = delayed(m, window.o.first, cycles, name="first")
        counts = Signal()
        begins = Signal()
        valid = window.o_valid
        for cycle in range(cycles):
            register = Signal(name=f"counted_{cycle + 1}")
            m.d.sync += register.eq(valid)
            valid = register
        m.d.sync += [counts.eq(valid & stands_out), begins.eq(valid & first)]
        with m.If(begins):
            m.d.sync += self.count.eq(counts)
        with m.Else():
            m.d.sync += self.count.eq(self.count + counts)
