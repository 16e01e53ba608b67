"""Picture to the network's input: crop, downscale, quantize, pack."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.picture import SCALER_FRACTION, TENSOR_WIDTH

from ..postproc.delay import delayed
from ..stream.skid import SkidBuffer
from ..vendor.wide_ram import WideRam
from .arithmetic import PRODUCT_LATENCY, product, saturate
from .pixel_stream import RGB8, Geometry, Pixel, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .scaler_walk import ScalerWalk
from .soft_product import soft_product, soft_product_latency
from .tensor_packer import TensorBeat, TensorPacker

__all__ = ["Scaler"]

_WEIGHT_BITS = SCALER_FRACTION + 1
_LINE_BITS = 12
"""Bits of a sum over columns, shifted."""
_AREA_BITS = 17
"""Bits of a sum over both, shifted."""

# Cycles from a pixel to what is made of it.
_WEIGHTS = ScalerWalk.LATENCY
_COLUMN_SUM = _WEIGHTS + soft_product_latency(8) + 1
_LINE = _COLUMN_SUM + 2
_LINE_PRODUCT = _LINE + soft_product_latency(_WEIGHT_BITS)
_LINE_SUM = _LINE_PRODUCT + 1
_AREA = _LINE_SUM + 2
_QUANTIZED = _AREA + PRODUCT_LATENCY + 2


class Scaler(wiring.Component):
    """Add up weighted pixels along lines, then lines in a memory of sums, and quantize.

    Bit-exact with :func:`hadron_model.isp.scaler.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i : In(pixel_stream(RGB8))
        Picture. Disabled, it is thrown away.
    settings : In(settings_layout("scaler"))
        Part of the picture, size of the tensor, quantization.
    geometry : In(Geometry)
        Size of the frame.
    o : Out(stream.Signature(TensorBeat(config.axi_data_width)))
        The tensor: INT8, rows of pixels of channels without gaps.

    Latency: ``LATENCY`` cycles from the pixel that completes the last output pixel of a beat to
    the beat. Throughput: one pixel a cycle.
    Cost (LFE5U): one line of sums in block RAM, three multipliers.
    """

    LATENCY = SkidBuffer.LATENCY + _QUANTIZED + ResultBuffer.LATENCY + TensorPacker.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB8)),
            "settings": In(settings_layout("scaler")),
            "geometry": In(Geometry),
            "o": Out(stream.Signature(TensorBeat(config.axi_data_width))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(
            shape=RGB8, latency=_QUANTIZED, late=True)
        m.submodules.packer = packer = TensorPacker(bits=self.config.axi_data_width)
        m.submodules.across = across = ScalerWalk()
        m.submodules.down = down = ScalerWalk()
        wiring.connect(m, buffer.o, packer.i)
        wiring.connect(m, packer.o, wiring.flipped(self.o))
        m.d.comb += packer.single.eq(self.settings.channels == 1)

        # Much is decided from a pixel's marks at once: they come from a register nearby.
        m.submodules.entry = entry = SkidBuffer(Pixel(RGB8))
        wiring.connect(m, wiring.flipped(self.i), entry.i)
        pixel = entry.o.payload
        taken = Signal()
        counts = Signal()
        completes = Signal()
        line_begins = self._walk(m, across, down, taken, pixel.last)
        m.d.comb += [
            entry.o.ready.eq(buffer.room),
            taken.eq(entry.o.valid & buffer.room),
            counts.eq(taken & self.settings.enable & across.inside & down.inside),
            completes.eq(counts & across.completes),
            buffer.i_valid.eq(completes & down.completes),
            buffer.i_first.eq(0),
            buffer.i_last.eq(across.final & down.final),
        ]
        m.d.sync += buffer.take.eq(buffer.i_valid)
        lines = self._columns(m, across, counts, pixel.data)
        valid = completes
        for cycle in range(_LINE):
            register = Signal(name=f"completes_{cycle + 1}")
            m.d.sync += register.eq(valid)
            valid = register
        begins = line_begins
        for cycle in range(_LINE - 1):
            register = Signal(name=f"line_begins_{cycle + 1}")
            m.d.sync += register.eq(begins)
            begins = register
        areas = self._lines(m, down, lines, valid, begins)
        self._quantize(m, areas, buffer)
        return m

    def _walk(self, m: Module, across: ScalerWalk, down: ScalerWalk, taken: Signal,
              last: Value) -> Value:
        """Lead both walks through the frame; tell which pixel is the first of its line."""
        begun = Signal()
        line_begun = Signal()
        lines_left = Signal(len(self.geometry.height), reset_less=True)
        line_ends = Signal()
        m.d.comb += [
            line_ends.eq(taken & last),
            across.go.eq(taken),
            across.load.eq(line_ends | ~begun & ~taken),
            down.go.eq(line_ends),
            # While nothing has begun both follow the settings.
            down.load.eq(~begun & ~taken),
        ]
        for axis, walk in enumerate((across, down)):
            m.d.comb += [
                walk.step.eq(self.settings.step[axis]),
                walk.bilinear.eq(self.settings.mode),
                walk.skip.eq(self.settings.crop[axis]),
                walk.count.eq(self.settings.output[axis]),
            ]
        with m.If(~begun):
            m.d.sync += lines_left.eq(self.geometry.height - 1)
        with m.If(taken):
            m.d.sync += [begun.eq(1), line_begun.eq(1)]
        with m.If(line_ends):
            m.d.sync += [line_begun.eq(0), lines_left.eq(lines_left - 1)]
            with m.If(lines_left == 0):
                m.d.sync += begun.eq(0)
        return taken & ~line_begun

    def _columns(self, m: Module, across: ScalerWalk, counts: Signal,
                 pixels: data.View) -> list[Signal]:
        """Return the shifted sums of pixels of a line, ``_LINE`` cycles after the last of them."""
        at_product = _COLUMN_SUM - 1
        first = delayed(m, across.first, at_product, name="column_first")
        completes = delayed(m, across.completes, at_product, name="column_completes")
        counts = delayed(m, counts, at_product, name="column_counts")
        lines = []
        for channel in range(3):
            pixel = delayed(m, pixels[channel], _WEIGHTS, name=f"pixel_{channel}")
            ending = soft_product(m, across.ending, pixel, name=f"ending_{channel}")
            beginning = soft_product(m, across.beginning, pixel, name=f"beginning_{channel}")
            held = Signal(24, name=f"column_held_{channel}", reset_less=True)
            total = Signal(24, name=f"column_total_{channel}")
            result = Signal(24, name=f"column_sum_{channel}", reset_less=True)
            m.d.comb += total.eq(Mux(first, 0, held) + ending)
            m.d.sync += result.eq(total)
            with m.If(counts):
                m.d.sync += held.eq(Mux(completes, beginning, total))
            lines.append(_shift(m, result, self.settings.shift[0], _LINE_BITS,
                                f"column_{channel}"))
        return lines

    def _lines(self, m: Module, down: ScalerWalk, lines: list[Signal], valid: Signal,
               begins: Signal) -> list[Signal]:
        """Return the shifted sums over lines, ``_AREA - _LINE`` cycles later.

        `begins` comes a cycle before the first pixel of a line could be `valid`; by then the walk
        is at its line.
        """
        ending = Signal.like(down.ending, name="line_ending", reset_less=True)
        beginning = Signal.like(down.beginning, name="line_beginning", reset_less=True)
        first = Signal(reset_less=True)
        completes = Signal(reset_less=True)
        column = Signal(range(TENSOR_WIDTH), reset_less=True)
        with m.If(begins):
            m.d.sync += [
                ending.eq(down.ending),
                beginning.eq(down.beginning),
                first.eq(down.first),
                completes.eq(down.completes),
                column.eq(0),
            ]
        with m.Elif(valid):
            m.d.sync += column.eq(column + 1)

        # The widest sum: a scale of 255 and a weight of rounding, times 12 bits.
        sum_bits = _LINE_BITS + 16
        m.submodules.sums = sums = WideRam(width=3 * sum_bits, depth=TENSOR_WIDTH)
        at_product = _LINE_PRODUCT - _LINE
        written = valid
        for cycle in range(at_product + 2):
            register = Signal(name=f"sum_valid_{cycle + 1}")
            m.d.sync += register.eq(written)
            written = register
        m.d.comb += [
            sums.read_address.eq(delayed(m, column, at_product - WideRam.LATENCY, name="reads")),
            sums.write_address.eq(delayed(m, column, at_product + 2, name="writes")),
            sums.write.eq(written),
        ]
        first = delayed(m, first, at_product, name="line_first")
        completes = delayed(m, completes, at_product + 1, name="line_completes")
        areas = []
        stored = []
        for channel, line in enumerate(lines):
            ends = soft_product(m, line, ending, name=f"line_ending_{channel}")
            starts = soft_product(m, line, beginning, name=f"line_beginning_{channel}")
            total = Signal(sum_bits, name=f"line_total_{channel}", reset_less=True)
            kept = Signal(sum_bits, name=f"line_kept_{channel}", reset_less=True)
            held = sums.read_data.word_select(channel, sum_bits)
            m.d.sync += [
                total.eq(Mux(first, 0, held) + ends),
                kept.eq(Mux(completes, delayed(m, starts, 1, name=f"starts_{channel}"), total)),
            ]
            stored.append(kept)
            areas.append(_shift(m, total, self.settings.shift[1], _AREA_BITS, f"line_{channel}"))
        m.d.comb += sums.write_data.eq(Cat(stored))
        return areas

    def _quantize(self, m: Module, areas: list[Signal], buffer: ResultBuffer) -> None:
        """Scale, add the offset, round half up, saturate to INT8."""
        for channel, area in enumerate(areas):
            multiplier = Signal(17, name=f"multiplier_{channel}", reset_less=True)
            offset = Signal(signed(18), name=f"offset_{channel}", reset_less=True)
            m.d.sync += [
                multiplier.eq(self.settings.multiplier[channel]),
                # Half an output, too.
                offset.eq(self.settings.offset[channel] + (1 << 7)),
            ]
            scaled = product(m, area, multiplier, name=f"scaled_{channel}")
            total = Signal(signed(len(scaled) + 1), name=f"quantized_{channel}", reset_less=True)
            m.d.sync += [
                total.eq(scaled + (offset << 16)),
                # Moved to 0..255, saturated and moved back.
                buffer.i_data[channel].eq(saturate((total >> 24) + 128, 8) ^ 0x80),
            ]


def _shift(m: Module, value: Signal, shift: Value, bits: int, name: str) -> Signal:
    """Return ``value >> shift``, saturated to `bits` bits, two cycles later."""
    coarse = Signal(len(value), name=f"{name}_coarse", reset_less=True)
    result = Signal(bits, name=f"{name}_shifted", reset_less=True)
    fine = Signal(len(value), name=f"{name}_fine")
    m.d.sync += coarse.eq(value >> (shift[2:] << 2))
    m.d.comb += fine.eq(coarse >> shift[:2])
    m.d.sync += result.eq(saturate(fine, bits))
    return result
