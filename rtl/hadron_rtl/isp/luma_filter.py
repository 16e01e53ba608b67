"""The arithmetic of joint noise reduction and sharpening, for one neighbourhood a cycle."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.picture import LUMA_RINGS

from ..postproc.delay import delayed
from .pixel_stream import settings_layout
from .soft_product import soft_product, soft_product_latency

__all__ = ["LumaFilter"]

_RINGS = tuple(
    tuple((row, column) for row in range(5) for column in range(5)
          if tuple(sorted((abs(row - 2), abs(column - 2)))) == ring)
    for ring in LUMA_RINGS)
"""Neighbours of each ring, (row, column)."""

_DIFFERENCE = signed(9)
_RING_LEVELS = 3
_WEIGHT_BITS = 5
_DROPPED = 4
"""Weighted sums lose as many of their 8 fraction bits."""


class LumaFilter(wiring.Component):
    """Smooth and sharpen the middle of a 5x5 neighbourhood; it never stalls.

    Bit-exact with :func:`hadron_model.isp.luma.run`.

    Members
    -------
    i : In(ArrayLayout(ArrayLayout(8, 5), 5))
        Luma, ``[row][column]``.
    settings : In(settings_layout("luma"))
        Stable while neighbourhoods pass.
    o : Out(8)
        Filtered luma, ``LATENCY`` cycles later, from a register.

    Latency: ``LATENCY`` cycles. Throughput: one neighbourhood a cycle.
    """

    # Ring sums, products, sums of five products, rounding.
    _WEIGHTED = _RING_LEVELS + soft_product_latency(_WEIGHT_BITS) + 3 + 1
    # Before the weights: pulling differences; after them: coring detail.
    _NONLINEAR = 3
    LATENCY = 1 + _NONLINEAR + _WEIGHTED + soft_product_latency(8) + 1 + 4

    def __init__(self):
        super().__init__({
            "i": In(data.ArrayLayout(data.ArrayLayout(8, 5), 5)),
            "settings": In(settings_layout("luma")),
            "o": Out(8),
        })

    def elaborate(self, platform):
        m = Module()
        centre = self.i[2][2]
        rings = []
        for number, ring in enumerate(_RINGS):
            differences = []
            for index, (row, column) in enumerate(ring):
                difference = Signal(_DIFFERENCE, name=f"difference_{number}_{index}",
                                    reset_less=True)
                m.d.sync += difference.eq(self.i[row][column] - centre)
                differences.append(difference)
            rings.append(differences)

        double = Signal(9, reset_less=True)
        m.d.sync += double.eq(self.settings.threshold << 1)
        pulled = [[self._pull(m, value, double, f"{number}_{index}")
                   for index, value in enumerate(ring)] for number, ring in enumerate(rings)]
        smooth = self._weighted(m, pulled, "smooth", sign=1)
        detail = self._weighted(m, rings, "detail", sign=-1)
        change = self._scale(m, smooth, self.settings.denoise, 11, "change")
        cored = self._core(m, detail)
        boost = self._scale(m, cored, self.settings.sharpen, 9, "boost")
        self._combine(m, delayed(m, centre, self.LATENCY - 4, name="centre"), change, boost)
        return m

    def _pull(self, m: Module, difference: Signal, double: Value, name: str) -> Signal:
        """Return the difference, less of it beyond the threshold, ``_NONLINEAR`` cycles later."""
        size = Signal(8, name=f"size_{name}", reset_less=True)
        within = Signal(name=f"within_{name}", reset_less=True)
        rest = Signal(signed(10), name=f"rest_{name}", reset_less=True)
        kept = Signal(8, name=f"kept_{name}")
        result = Signal(_DIFFERENCE, name=f"pulled_{name}", reset_less=True)
        negative = delayed(m, difference[-1], 2, name=f"negative_{name}")
        m.d.comb += kept.eq(Mux(within, delayed(m, size, 1, name=f"size_{name}"),
                                Mux(rest[-1], 0, rest[:8])))
        m.d.sync += [
            size.eq(Mux(difference[-1], -difference, difference)),
            within.eq(size <= self.settings.threshold),
            rest.eq(double - size),
            result.eq(Mux(negative, -kept, kept)),
        ]
        return result

    def _weighted(self, m: Module, rings: list[list[Signal]], name: str, *, sign: int) -> Signal:
        """Return the weighted sum in 1/16, rounded half up, ``_WEIGHTED`` cycles later."""
        products = []
        for number, ring in enumerate(rings):
            total, levels = _total(m, ring, f"{name}_{number}")
            total = delayed(m, total, _RING_LEVELS - levels, name=f"{name}_{number}")
            products.append(soft_product(m, total, self.settings.weights[number],
                                         name=f"{name}_weighted_{number}"))
        total, _ = _total(m, products, name)
        half = Const(1 << (_DROPPED - 1))
        # 24 neighbours x 31 x 255 take 18 bits and a sign.
        rounded = Signal(signed(19 - _DROPPED), name=f"{name}_rounded", reset_less=True)
        m.d.sync += rounded.eq((half + total if sign > 0 else half - total) >> _DROPPED)
        return rounded

    def _core(self, m: Module, detail: Signal) -> Signal:
        """Move detail towards zero by the coring, ``_NONLINEAR`` cycles later."""
        size = Signal(len(detail), name="detail_size", reset_less=True)
        rest = Signal(signed(len(detail) + 1), name="detail_rest", reset_less=True)
        result = Signal(detail.shape(), name="detail_cored", reset_less=True)
        negative = delayed(m, detail[-1], 2, name="detail_negative")
        kept = Mux(rest[-1], 0, rest[:-1])
        m.d.sync += [
            size.eq(Mux(detail[-1], -detail, detail)),
            rest.eq(size - self.settings.coring),
            result.eq(Mux(negative, -kept, kept)),
        ]
        return result

    def _scale(self, m: Module, value: Signal, factor: Value, shift: int, name: str) -> Signal:
        """Return the product, rounded half up, a cycle after that of `soft_product`."""
        scaled = soft_product(m, value, factor, name=name)
        rounded = Signal(signed(len(scaled) + 1 - shift), name=f"{name}_rounded", reset_less=True)
        m.d.sync += rounded.eq((scaled + (1 << (shift - 1))) >> shift)
        return rounded

    def _combine(self, m: Module, centre: Value, change: Signal, boost: Signal) -> None:
        """Limit the boost, add up, clamp; four cycles. `centre` and the others are in step."""
        limit = self.settings.limit
        limited = Signal(_DIFFERENCE, reset_less=True)
        smoothed = Signal(signed(len(change) + 1), reset_less=True)
        total = Signal(signed(len(smoothed) + 1), reset_less=True)
        least = Signal(signed(9), reset_less=True)
        raised = Signal(signed(len(smoothed) + 1), reset_less=True)
        m.d.sync += [
            limited.eq(Mux(boost > limit, limit, Mux(boost < least, least, boost))),
            least.eq(-limit),
            smoothed.eq(centre + change),
            total.eq(smoothed + limited),
            raised.eq(Mux(total < self.settings.minimum, self.settings.minimum, total)),
            self.o.eq(Mux(raised > self.settings.maximum, self.settings.maximum, raised)),
        ]


def _total(m: Module, values: list[Signal], name: str) -> tuple[Signal, int]:
    """Return the sum of signed values in a tree with registers, and its levels."""
    levels = 0
    while len(values) > 1:
        sums = []
        for i in range(0, len(values), 2):
            width = max(len(value) for value in values[i:i + 2]) + len(values[i:i + 2]) - 1
            total = Signal(signed(width), name=f"{name}_sum_{levels}_{i}", reset_less=True)
            m.d.sync += total.eq(sum(values[i + 1:i + 2], start=values[i]))
            sums.append(total)
        values = sums
        levels += 1
    return values[0], levels
