"""What statistics know of a whole frame: ranges of the colours, near-grey sums, sharpness."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import COLOURS, PIXEL_BITS

from ..postproc.delay import delayed
from .pixel_stream import RGB, SIZE_BITS, settings_layout
from .soft_product import soft_product, soft_product_latency

__all__ = ["GreyMeter", "RangeMeter", "SharpnessMeter"]

_TOLERANCE_BITS = 6
_SUM_BITS = PIXEL_BITS + 2 * SIZE_BITS


class RangeMeter(wiring.Component):
    """Least and greatest sample of each colour.

    Members
    -------
    valid, value, colour : In
        A sample.
    clear : In(1)
        Forget all.
    minimum, maximum : Out(ArrayLayout(12, 4))
        Of the samples since, two cycles ago and before.
    """

    valid: In(1)
    value: In(PIXEL_BITS)
    colour: In(2)
    clear: In(1)
    minimum: Out(data.ArrayLayout(PIXEL_BITS, len(COLOURS)))
    maximum: Out(data.ArrayLayout(PIXEL_BITS, len(COLOURS)))

    def elaborate(self, platform):
        m = Module()
        for index in range(len(COLOURS)):
            # A colour comes every second cycle at most: its comparison may take one.
            valid = Signal(name=f"valid_{index}")
            value = Signal(PIXEL_BITS, name=f"value_{index}", reset_less=True)
            minimum, maximum = self.minimum[index], self.maximum[index]
            m.d.sync += valid.eq(self.valid & (self.colour == index))
            with m.If(self.valid):
                m.d.sync += value.eq(self.value)
            with m.If(self.clear):
                m.d.sync += [minimum.eq((1 << PIXEL_BITS) - 1), maximum.eq(0)]
            with m.Elif(valid):
                with m.If(value < minimum):
                    m.d.sync += minimum.eq(value)
                with m.If(value > maximum):
                    m.d.sync += maximum.eq(value)
        return m


class GreyMeter(wiring.Component):
    """Count and sums of the pixels whose red and blue are close to green.

    Members
    -------
    valid, pixel : In
        Linear RGB.
    settings : In(settings_layout("statistics"))
        Tolerance and limits.
    clear : In(1)
        Forget all; only while the last pixel is ``LATENCY`` cycles ago.
    count : Out(24)
        Pixels.
    sums : Out(ArrayLayout(36, 3))
        Of R, G, B.

    Latency: ``LATENCY`` cycles.
    """

    _PRODUCT = soft_product_latency(_TOLERANCE_BITS)
    LATENCY = 1 + _PRODUCT + 2

    valid: In(1)
    pixel: In(RGB)
    settings: In(settings_layout("statistics"))
    clear: In(1)
    count: Out(2 * SIZE_BITS)
    sums: Out(data.ArrayLayout(_SUM_BITS, 3))

    def elaborate(self, platform):
        m = Module()
        red, green, blue = (Signal(PIXEL_BITS, name=f"held_{name}", reset_less=True)
                            for name in ("red", "green", "blue"))
        m.d.sync += Cat(red, green, blue).eq(self.pixel)
        tolerance = soft_product(m, green, self.settings.grey_tolerance, name="tolerance")
        near = []
        for name, other in (("red", red), ("blue", blue)):
            difference = Signal(signed(PIXEL_BITS + 1), name=f"difference_{name}", reset_less=True)
            size = Signal(PIXEL_BITS, name=f"size_{name}", reset_less=True)
            m.d.sync += [
                difference.eq(other - green),
                size.eq(Mux(difference[-1], -difference, difference)),
            ]
            size = delayed(m, size, self._PRODUCT - 2, name=f"size_{name}")
            near.append(size <= tolerance[_TOLERANCE_BITS:])
        bright = Signal(reset_less=True)
        m.d.sync += bright.eq((green >= self.settings.grey_low)
                              & (green <= self.settings.grey_high))
        grey = Signal(reset_less=True)
        m.d.sync += grey.eq(
            near[0] & near[1] & delayed(m, bright, self._PRODUCT - 1, name="bright"))

        valid = self.valid
        for cycle in range(2 + self._PRODUCT):
            register = Signal(name=f"valid_{cycle + 1}")
            m.d.sync += register.eq(valid)
            valid = register
        values = [delayed(m, channel, 1 + self._PRODUCT, name=f"summed_{index}")
                  for index, channel in enumerate((red, green, blue))]
        with m.If(self.clear):
            m.d.sync += [self.count.eq(0), self.sums.as_value().eq(0)]
        with m.Elif(valid & grey):
            m.d.sync += self.count.eq(self.count + 1)
            m.d.sync += [total.eq(total + value)
                         for total, value in zip(self.sums, values, strict=True)]
        return m


class SharpnessMeter(wiring.Component):
    """Sums of luma and of its second differences, two pixels apart along lines, in three windows.

    Members
    -------
    valid, luma, last : In
        Luma of a pixel, whether it ends a line.
    settings : In(settings_layout("statistics"))
        Windows and threshold.
    begin : In(1)
        No pixel of the frame has come yet.
    clear : In(1)
        Forget all; only while the last pixel is ``LATENCY`` cycles ago.
    sums, brightness : Out(ArrayLayout(32, 3))
        Of differences and of luma, one a window.

    Latency: ``LATENCY`` cycles.
    """

    LATENCY = 4

    valid: In(1)
    luma: In(8)
    last: In(1)
    settings: In(settings_layout("statistics"))
    begin: In(1)
    clear: In(1)
    sums: Out(data.ArrayLayout(32, 3))
    brightness: Out(data.ArrayLayout(32, 3))

    def elaborate(self, platform):
        m = Module()
        # The difference belongs to the pixel before the last.
        x = Signal(SIZE_BITS, reset_less=True)
        y = Signal(SIZE_BITS, reset_less=True)
        earlier = [Signal(8, name=f"luma_{k}", reset_less=True) for k in range(1, 5)]
        with m.If(self.valid):
            m.d.sync += [x.eq(Mux(self.last, 0, x + 1)), y.eq(y + self.last),
                         Cat(earlier).eq(Cat(self.luma, *earlier[:-1]))]
        with m.Elif(self.begin):
            m.d.sync += [x.eq(0), y.eq(0)]

        valid = Signal()
        valid_2 = Signal()
        valid_3 = Signal()
        second = Signal(signed(11), reset_less=True)
        size = Signal(10, reset_less=True)
        counted = Signal(10, reset_less=True)
        m.d.sync += [
            valid.eq(self.valid & (x >= 4)),
            valid_2.eq(valid),
            valid_3.eq(valid_2),
            second.eq((self.luma + earlier[3]) - (earlier[1] << 1)),
            size.eq(Mux(second[-1], -second, second)),
            counted.eq(Mux(size >= self.settings.sharpness_threshold, size, 0)),
        ]
        middle = delayed(m, earlier[1], 3, name="middle")
        for index in range(3):
            left, top, width, height = (
                self.settings.windows[4 * index + field] for field in range(4))
            bounds = [Signal(SIZE_BITS + 2, name=f"bound_{index}_{edge}", reset_less=True)
                      for edge in range(4)]
            sides = Signal(4, name=f"sides_{index}", reset_less=True)
            within = Signal(name=f"within_{index}", reset_less=True)
            m.d.sync += [
                # Two columns later.
                bounds[0].eq(left + 2), bounds[1].eq(left + width + 2),
                bounds[2].eq(top), bounds[3].eq(top + height),
                sides.eq(Cat(x >= bounds[0], x < bounds[1], y >= bounds[2], y < bounds[3])),
                within.eq(sides.all()),
            ]
            total, brightness = self.sums[index], self.brightness[index]
            counts = valid_3 & delayed(m, within, 1, name=f"within_{index}")
            with m.If(self.clear):
                m.d.sync += [total.eq(0), brightness.eq(0)]
            with m.Elif(counts):
                m.d.sync += [total.eq(total + counted), brightness.eq(brightness + middle)]
        return m
