"""The first stage: test pattern and crop."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import (
    BARS,
    BARS_LEVEL,
    NOISE_FEEDBACK,
    NOISE_SEED,
    NOISE_STEPS,
    PIXEL_BITS,
    Pattern,
)

from ..stream.skid import SkidBuffer
from .colour import follow_colour
from .pixel_stream import BAYER, SIZE_BITS, Pixel, pixel_stream, settings_layout

__all__ = ["Crop", "TestPattern"]

_NOISE_BITS = 16


def _noise_masks() -> list[int]:
    """Return for each bit of the noise's next state the bits of its state that it is the sum of."""
    masks = [1 << bit for bit in range(_NOISE_BITS)]
    for _ in range(NOISE_STEPS):
        shifted = [*masks[1:], 0]
        masks = [mask ^ masks[0] * (NOISE_FEEDBACK >> bit & 1)
                 for bit, mask in enumerate(shifted)]
    return masks


class TestPattern(wiring.Component):
    """What replaces the pixels of a frame, one after the other.

    Bit-exact with :func:`hadron_model.isp.crop.test_pattern`.

    Members
    -------
    settings : In(settings_layout("crop"))
        Which pattern; size and phase of the input.
    payload, valid, ready : In
        The stream whose pixels are replaced.
    data : Out(12)
        What the pixel offered becomes.
    """

    def __init__(self):
        super().__init__({
            "settings": In(settings_layout("crop")),
            "payload": In(Pixel(BAYER)),
            "valid": In(1),
            "ready": In(1),
            "data": Out(PIXEL_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        first, last = self.payload.first, self.payload.last
        colour = follow_colour(m, self, self.settings.phase)
        ramp_row = Signal(PIXEL_BITS)
        ramp = Signal(PIXEL_BITS)
        noise = Signal(_NOISE_BITS, init=NOISE_SEED)
        bar = Signal(3)
        # Eight times the column minus the input's width times the bar.
        within = Signal(SIZE_BITS + 1)

        ramp_now = Mux(first, 0, ramp)
        ramp_row_now = Mux(first, 0, ramp_row)
        noise_now = Signal(_NOISE_BITS)
        m.d.comb += noise_now.eq(Mux(first, NOISE_SEED, noise))
        bar_now = Mux(first, 0, bar)
        within_now = Signal(SIZE_BITS + 1)
        m.d.comb += within_now.eq(Mux(first, 0, within) + 8)
        with m.If(self.valid & self.ready):
            m.d.sync += [
                noise.eq(Cat((noise_now & mask).xor() for mask in _noise_masks())),
                ramp.eq(ramp_now + 4),
                bar.eq(bar_now),
                within.eq(within_now),
            ]
            with m.If(first):
                m.d.sync += ramp_row.eq(0)
            with m.If(within_now >= self.settings.input_width):
                m.d.sync += [
                    bar.eq(bar_now + 1), within.eq(within_now - self.settings.input_width)]
            with m.If(last):
                m.d.sync += [
                    bar.eq(0), within.eq(0),
                    ramp.eq(ramp_row_now + 4), ramp_row.eq(ramp_row_now + 4),
                ]
        # A bit a colour of the mosaic, R, GR, GB, B, from those of the bar, red, green, blue.
        lit = Array(Const(bits >> 2 & 1 | (bits >> 1 & 1) * 0b0110 | (bits & 1) << 3, 4)
                    for bits in BARS)
        with m.Switch(self.settings.pattern):
            with m.Case(Pattern.BARS):
                m.d.comb += self.data.eq(
                    Mux(lit[bar_now].bit_select(colour, 1), BARS_LEVEL, 0))
            with m.Case(Pattern.RAMP):
                m.d.comb += self.data.eq(ramp_now)
            with m.Case(Pattern.NOISE):
                m.d.comb += self.data.eq(noise_now)
            with m.Default():
                m.d.comb += self.data.eq(self.payload.data)
        return m


class Crop(wiring.Component):
    """Replace the sensor's pixels by a test pattern, if wanted, and let the part in use through.

    Bit-exact with :func:`hadron_model.isp.crop.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i : In(pixel_stream(BAYER))
        Frames of `settings.input_width` by `settings.input_height`.
    o : Out(pixel_stream(BAYER))
        Frames of `settings.width` by `settings.height`; disabled, of the input's size.
    settings : In(settings_layout("crop"))
        Part and pattern.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    """

    LATENCY = 2 + SkidBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("crop")),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.pattern = pattern = TestPattern()
        m.submodules.skid = skid = SkidBuffer(Pixel(BAYER))
        wiring.connect(m, skid.o, wiring.flipped(self.o))

        # Two registers, for the pattern and for the crop; they move together.
        moves = Signal()
        replaced = Signal(Pixel(BAYER), reset_less=True)
        replaced_valid = Signal()
        output = Signal(Pixel(BAYER), reset_less=True)
        output_valid = Signal()
        m.d.comb += [
            moves.eq(~output_valid | skid.i.ready),
            self.i.ready.eq(moves),
            pattern.settings.eq(self.settings),
            pattern.payload.eq(self.i.payload),
            pattern.valid.eq(self.i.valid),
            pattern.ready.eq(self.i.ready),
            skid.i.valid.eq(output_valid),
            skid.i.payload.eq(output),
        ]
        keep, first, last = self._inside(m, replaced, moves & replaced_valid)
        with m.If(moves):
            m.d.sync += [
                replaced_valid.eq(self.i.valid),
                replaced.eq(self.i.payload),
                replaced.data.eq(pattern.data),
                output_valid.eq(replaced_valid & (keep | ~self.settings.enable)),
                output.eq(replaced),
            ]
            with m.If(self.settings.enable):
                m.d.sync += [output.first.eq(first), output.last.eq(last)]
        return m

    def _inside(self, m: Module, pixel, step):
        """Tell whether the pixel is inside, the first of the part, the last of its line."""
        # Counted down: columns and lines before the part, then those that are left of it.
        flags = []
        begins = {"column": pixel.first, "line": pixel.first}
        sizes = {"column": (self.settings.x, self.settings.width),
                 "line": (self.settings.y, self.settings.height)}
        for name, (before, size) in sizes.items():
            skip = Signal(SIZE_BITS, name=f"{name}s_before")
            left = Signal(SIZE_BITS, name=f"{name}s_left")
            skip_now = Signal(SIZE_BITS, name=f"{name}s_before_now")
            left_now = Signal(SIZE_BITS, name=f"{name}s_left_now")
            m.d.comb += [
                skip_now.eq(Mux(begins[name], before, skip)),
                left_now.eq(Mux(begins[name], size, left)),
            ]
            advance = step if name == "column" else step & pixel.last
            inside = (skip_now == 0) & (left_now != 0)
            with m.If(begins[name] & step):
                m.d.sync += [skip.eq(before), left.eq(size)]
            with m.If(advance):
                m.d.sync += [
                    skip.eq(skip_now - (skip_now != 0)),
                    left.eq(left_now - inside),
                ]
            if name == "column":
                with m.If(step & pixel.last):
                    m.d.sync += [skip.eq(before), left.eq(size)]
            flags.append((inside, left_now == size, left_now == 1))
        (column_inside, column_first, column_last), (line_inside, line_first, _) = flags
        return (column_inside & line_inside, column_first & line_first, column_last)
