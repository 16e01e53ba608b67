"""From the results of DEPTHWISE, two pixels of half the channels, to pixels of all channels."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import STRIP_PIXELS
from hadron_spec.config import NpuConfig

from .requantizer import QuantizedResult

__all__ = ["PixelPairs"]


class PixelPairs(wiring.Component):
    """Exchange columns between two results.

    Value ``2 * i + p`` of the first of two results is channel i of pixel p, of the second channel
    ``columns / 2 + i``. Out come pixel 0 and, in the next cycle, pixel 1; of the last pair of a row
    with an odd number of pixels only the first.

    A tall result is two pixels of half the channels, or one. It comes out in the lower half.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    enable : In(1)
        Otherwise results pass as they are. Stable while results come.
    start : In(1)
        A command begins.
    pairs : In(range(STRIP_PIXELS // 2 + 1))
        Pairs of a row, 1 or more. Stable likewise, as is the next.
    odd : In(1)
        The last pair of a row is one pixel.
    tall : In(1)
        Each result is two pixels. Stable likewise, as is the next. No result follows another in the
        next cycle.
    single : In(1)
        With `tall`: one pixel, not two.
    i : In(QuantizedResult(config))
        Results; no back-pressure.
    o : Out(QuantizedResult(config))
        Pixels of all channels; no back-pressure.

    Latency: ``LATENCY`` cycles from a second result to pixel 0, a cycle more from a tall one, and
    of any result when not enabled.
    Throughput: one result a cycle.
    """

    LATENCY = 1

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "enable": In(1),
            "start": In(1),
            "pairs": In(range(STRIP_PIXELS // 2 + 1)),
            "odd": In(1),
            "tall": In(1),
            "single": In(1),
            "i": In(QuantizedResult(config)),
            "o": Out(QuantizedResult(config)),
        })

    def elaborate(self, platform):
        m = Module()
        values = self.i["values"]
        held = Signal.like(values, name="held", reset_less=True)
        later = Signal.like(values, name="later", reset_less=True)
        output = Signal.like(values, name="output", reset_less=True)
        output_valid = Signal()
        is_second = Signal()
        pixel_1 = Signal()
        pair = Signal(self.pairs.shape())
        row_ends = Signal()
        m.d.comb += [
            self.o.valid.eq(output_valid),
            self.o["values"].eq(output),
            row_ends.eq(pair + 1 == self.pairs),
        ]

        def pixel(number):
            return Cat(first[number::2], values_of[number::2])

        first, values_of = list(held), list(values)
        # What is there in the cycle after a tall result counts as the other half of the channels.
        taken = self.i.valid | (self.tall & is_second)
        complete = self.enable & taken & is_second
        m.d.sync += [
            output_valid.eq(Mux(self.enable, complete | pixel_1, self.i.valid)),
            output.as_value().eq(Mux(
                self.enable, Mux(pixel_1, later.as_value(), pixel(0)), values.as_value())),
            pixel_1.eq(complete & ~(row_ends & self.odd) & ~(self.tall & self.single)),
        ]
        with m.If(taken):
            m.d.sync += is_second.eq(~is_second)
            with m.If(is_second):
                m.d.sync += [
                    later.as_value().eq(pixel(1)),
                    pair.eq(Mux(row_ends, 0, pair + 1)),
                ]
            with m.Else():
                m.d.sync += held.eq(values)
        with m.If(self.start):
            m.d.sync += [is_second.eq(0), pair.eq(0)]
        return m
