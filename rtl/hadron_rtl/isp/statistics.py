"""Statistics: taps on the pipeline, two banks, and a window to read them."""

from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hadron_spec.isp.bayer import COLOURS, PIXEL_BITS
from hadron_spec.isp.statistics import (
    BIN_SHIFT,
    GREY_SHIFT,
    HISTOGRAM_BINS,
    HISTOGRAM_LIMIT,
    LUMA_LIMIT,
    SCALARS,
    STATISTICS_WORDS,
)

from ..postproc.delay import delayed
from .colour import follow_colour
from .histogram import Histogram
from .meters import GreyMeter, RangeMeter, SharpnessMeter
from .pixel_stream import BAYER, RGB, RGB8, Geometry, Pixel, settings_layout
from .zones import Zones

__all__ = ["Statistics"]

_BIN_BITS = (HISTOGRAM_BINS - 1).bit_length()
_ADDRESS_BITS = (STATISTICS_WORDS - 1).bit_length()


@dataclass(frozen=True)
class _Clear:
    """Clearing: whether it goes on, which word, and the bank that is filled."""

    now: Signal
    index: Signal
    bank: Signal


def _tap(shape) -> stream.Signature:
    return stream.Signature(Pixel(shape), always_ready=True)


class Statistics(wiring.Component):
    """Count what passes three points of the pipeline; show the last good frame's numbers.

    Bit-exact with :func:`hadron_model.isp.statistics.run`; the words are those of
    `hadron_spec.isp.statistics`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    bayer, rgb, gamma : In(stream.Signature(Pixel(BAYER, RGB, RGB8), always_ready=True))
        Pixels as they leave shading, demosaic and gamma.
    defects : In(24)
        Pixels that the defect stage replaced; taken with `export`.
    settings : In(settings_layout("statistics"))
        Grid, limits, windows.
    geometry : In(Geometry)
        Size and phase of the frame.
    export, discard : In(1)
        For one cycle, after the last pixel has left: show what was counted; forget it.
    ready : Out(1)
        Pixels of the next frame may come. Low for ``CLEAR_CYCLES`` after export or discard.
    read_address : In(16)
        Word of the window.
    read_data : Out(32)
        Its value, ``READ_LATENCY`` cycles later if the address was steady so long.

    Throughput: one pixel a cycle at each tap.
    Cost (LFE5U): seven DP16KD.
    """

    CLEAR_CYCLES = 2 * HISTOGRAM_BINS
    # A memory that counts is free at least every third cycle.
    READ_LATENCY = 1 + 2 + Histogram.READ_LATENCY + 2

    def __init__(self, config):
        self.config = config
        super().__init__({
            "bayer": In(_tap(BAYER)),
            "rgb": In(_tap(RGB)),
            "gamma": In(_tap(RGB8)),
            "defects": In(24),
            "settings": In(settings_layout("statistics")),
            "geometry": In(Geometry),
            "export": In(1),
            "discard": In(1),
            "ready": Out(1),
            "read_address": In(16),
            "read_data": Out(32),
        })

    def elaborate(self, platform):
        m = Module()
        bank = Signal()
        clears = Signal(init=1)
        clear_index = Signal(range(self.CLEAR_CYCLES))
        m.d.comb += self.ready.eq(~clears)
        with m.If(self.export | self.discard):
            m.d.sync += [clears.eq(1), clear_index.eq(0), bank.eq(bank ^ self.export)]
        with m.Elif(clears):
            m.d.sync += [clear_index.eq(clear_index + 1),
                         clears.eq(clear_index != self.CLEAR_CYCLES - 1)]

        # Memories clear the bank that is to be filled, meters all they have.
        clear = _Clear(clears, clear_index, bank)
        address = Signal(_ADDRESS_BITS, reset_less=True)
        m.d.sync += address.eq(self.read_address)
        bayer, ranges = self._bayer(m, clear, address)
        grey = self._rgb(m, clear)
        luma, sharpness = self._gamma(m, clear, address)
        scalars = [
            *(Cat(ranges.minimum[colour], Const(0, 4), ranges.maximum[colour])
              for colour in range(len(COLOURS))),
            grey.count, *(total[GREY_SHIFT:] for total in grey.sums),
            *sharpness.sums, Mux(self.settings.enable, self.defects, 0),
            *sharpness.brightness,
        ]
        self._read(m, address, [*bayer, luma], scalars)
        return m

    def _bayer(self, m: Module, clear: _Clear, address: Signal):
        """Zones, histograms and ranges of the mosaic's colours."""
        valid = Signal()
        value = Signal(PIXEL_BITS, reset_less=True)
        colour = Signal(2, reset_less=True)
        last = Signal(reset_less=True)
        m.d.sync += [
            valid.eq(self.bayer.valid & self.settings.enable),
            value.eq(self.bayer.payload.data),
            colour.eq(follow_colour(m, self.bayer, self.geometry.phase)),
            last.eq(self.bayer.payload.last),
        ]
        m.submodules.zones = zones = Zones()
        m.submodules.ranges = ranges = RangeMeter()
        m.d.comb += [
            zones.settings.eq(self.settings), zones.geometry.eq(self.geometry),
            zones.begin.eq(self._begin(m, valid, clear, "bayer")), zones.bank.eq(clear.bank),
            zones.clear.eq(clear.now), zones.clear_zone.eq(clear.index),
            zones.last.eq(last), ranges.clear.eq(clear.now),
            zones.read_word.eq(address), zones.read_zone.eq(address[3:]),
        ]
        for meter in (zones, ranges):
            m.d.comb += [meter.valid.eq(valid), meter.value.eq(value), meter.colour.eq(colour)]
        # A memory holds two colours, which never come in adjacent cycles but from line to line,
        # where they differ.
        histograms = []
        for odd in range(2):
            m.submodules[f"colours_{odd}"] = histogram = Histogram(
                bits=HISTOGRAM_LIMIT.bit_length(), depth=4 * HISTOGRAM_BINS)
            m.d.comb += [
                histogram.count.eq(valid & (colour[0] == odd)),
                histogram.address.eq(Cat(value[BIN_SHIFT:], colour[1], clear.bank)),
                histogram.clear.eq(clear.now),
                histogram.clear_address.eq(Cat(clear.index, clear.bank)),
                histogram.read_address.eq(
                    Cat(address[:_BIN_BITS], address[_BIN_BITS + 1], ~clear.bank)),
            ]
            histograms.append(histogram.read_data)
        self._zone_data = zones.read_data
        return histograms, ranges

    def _rgb(self, m: Module, clear: _Clear) -> GreyMeter:
        """Near-grey sums."""
        m.submodules.grey = grey = GreyMeter()
        m.d.comb += [
            grey.valid.eq(self.rgb.valid & self.settings.enable),
            grey.pixel.eq(self.rgb.payload.data),
            grey.settings.eq(self.settings),
            grey.clear.eq(clear.now),
        ]
        return grey

    def _gamma(self, m: Module, clear: _Clear, address: Signal):
        """Histogram and sharpness of luma."""
        red, green, blue = self.gamma.payload.data
        outer = Signal(10, reset_less=True)
        middle = Signal(8, reset_less=True)
        total = Signal(10, reset_less=True)
        m.d.sync += [outer.eq(red + blue + 2), middle.eq(green),
                     total.eq(outer + (middle << 1))]
        brightness = total[2:]
        came, valid = Signal(), Signal()
        m.d.sync += [came.eq(self.gamma.valid & self.settings.enable), valid.eq(came)]
        last = delayed(m, self.gamma.payload.last, 2, name="gamma_last")

        m.submodules.luma = luma = Histogram(bits=LUMA_LIMIT.bit_length(),
                                             depth=2 * HISTOGRAM_BINS)
        m.submodules.sharpness = sharpness = SharpnessMeter()
        odd = Signal()
        with m.If(clear.now):
            m.d.sync += odd.eq(0)
        with m.Elif(valid):
            m.d.sync += odd.eq(~odd)
        m.d.comb += [
            luma.count.eq(valid & ~odd),
            luma.address.eq(Cat(brightness, clear.bank)),
            luma.clear.eq(clear.now),
            luma.clear_address.eq(Cat(clear.index[:_BIN_BITS], clear.bank)),
            luma.read_address.eq(Cat(address[:_BIN_BITS], ~clear.bank)),
            sharpness.valid.eq(valid),
            sharpness.luma.eq(brightness),
            sharpness.last.eq(last),
            sharpness.settings.eq(self.settings),
            sharpness.begin.eq(self._begin(m, valid, clear, "gamma")),
            sharpness.clear.eq(clear.now),
        ]
        return luma.read_data, sharpness

    def _begin(self, m: Module, valid: Signal, clear: _Clear, name: str) -> Signal:
        """Return whether no pixel of the frame has come yet."""
        begin = Signal(init=1, name=f"{name}_begin")
        with m.If(clear.now):
            m.d.sync += begin.eq(1)
        with m.Elif(valid):
            m.d.sync += begin.eq(0)
        return begin

    def _read(self, m: Module, address: Signal, histograms: list[Value],
              scalars: list[Value]) -> None:
        """Hold the numbers of the frame, and find the word that is asked for."""
        shown = [Signal(32, name=f"shown_{i}", reset_less=True) for i in range(len(scalars))]
        with m.If(self.export):
            m.d.sync += Cat(shown).eq(Cat(
                Cat(value, Const(0, 32))[:32] for value in scalars))
        scalar = Signal(32, reset_less=True)
        counted = Signal(32, reset_less=True)
        even, odd, luma = histograms
        # A full choice of a power of two: a tree of multiplexers.
        index = address[:ceil_log2(len(shown))]
        choice = Array([*shown, *[Const(0, 32)] * ((1 << len(index)) - len(shown))])
        m.d.sync += [
            scalar.eq(choice[index]),
            counted.eq(Mux(address[_BIN_BITS + 2], luma, Mux(address[_BIN_BITS], odd, even))),
        ]
        with m.If(address[-1]):
            m.d.sync += self.read_data.eq(self._zone_data)
        with m.Elif(address >= SCALARS):
            m.d.sync += self.read_data.eq(
                Mux(address[len(index):] == SCALARS >> len(index), scalar, 0))
        with m.Else():
            m.d.sync += self.read_data.eq(counted)
