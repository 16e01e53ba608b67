"""Sums of the mosaic's colours over a grid of zones."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import COLOURS, PIXEL_BITS
from hadron_spec.isp.picture import ZONES
from hadron_spec.isp.statistics import CLIPPED_LEVELS, CLIPPED_SHIFT, SUM_BITS, SUM_SHIFT

from ..postproc.delay import delayed
from ..vendor.wide_ram import WideRam
from .pixel_stream import SIZE_BITS, Geometry, settings_layout

__all__ = ["GridWalk", "Zones"]

_INDEX_BITS = (ZONES - 1).bit_length()
_COUNT_BITS = 32 - SUM_BITS
_LEVEL_BITS = (len(CLIPPED_LEVELS) - 1).bit_length()


class GridWalk(wiring.Component):
    """Tell in which zone a column, or a line, lies.

    Members
    -------
    origin, size, extent : In(12)
        First column of the grid, columns of a zone, columns of the frame.
    load, go : In(1)
        Begin with column 0; on to the next one.
    inside : Out(1)
        The column belongs to a zone.
    index : Out(4)
        To which.
    closing : Out(1)
        No column of the zone, in the frame, is two further: for the colours of this column the
        zone ends here.
    """

    origin: In(SIZE_BITS)
    size: In(SIZE_BITS)
    extent: In(SIZE_BITS)
    load: In(1)
    go: In(1)
    inside: Out(1)
    index: Out(_INDEX_BITS)
    closing: Out(1)

    def elaborate(self, platform):
        m = Module()
        skipped = Signal(SIZE_BITS, reset_less=True)
        zone_left = Signal(SIZE_BITS, reset_less=True)
        frame_left = Signal(SIZE_BITS, reset_less=True)
        m.d.comb += self.closing.eq(~zone_left[1:].any() | ~frame_left[1:].any())
        with m.If(self.load):
            m.d.sync += [
                skipped.eq(self.origin),
                zone_left.eq(self.size - 1),
                frame_left.eq(self.extent - 1),
                self.inside.eq(self.origin == 0),
                self.index.eq(0),
            ]
        with m.Elif(self.go):
            m.d.sync += frame_left.eq(frame_left - 1)
            with m.If(~self.inside):
                m.d.sync += [skipped.eq(skipped - 1), self.inside.eq(skipped == 1)]
            with m.Elif(zone_left == 0):
                m.d.sync += [
                    zone_left.eq(self.size - 1),
                    self.index.eq(self.index + 1),
                    self.inside.eq(self.index != ZONES - 1),
                ]
            with m.Else():
                m.d.sync += zone_left.eq(zone_left - 1)
        return m


class Zones(wiring.Component):
    """Sum valid samples and count valid and clipped ones, by zone and colour.

    The zones of the row being swept add up in LUT RAM; each goes to block RAM once, when a colour
    has no more samples in it. Words are those of `hadron_spec.isp.statistics`.

    Members
    -------
    valid, value, colour, last : In
        A sample, its colour, whether it ends a line. Two samples of a colour are never adjacent.
    settings : In(settings_layout("statistics"))
        Grid and limits.
    geometry : In(Geometry)
        Size of the frame.
    begin : In(1)
        No sample of the frame has come yet.
    bank : In(1)
        Bank to fill; the other one is read.
    clear : In(1)
        Clear zone `clear_zone`, of that bank.
    clear_zone : In(8)
        Which zone.
    read_zone, read_word : In(8), In(3)
        Word to read.
    read_data : Out(32)
        The word, ``READ_LATENCY`` cycles later.

    Throughput: one sample a cycle.
    Cost (LFE5U): four DP16KD; 64 x 48 bits of LUT RAM.
    """

    READ_LATENCY = WideRam.LATENCY + 1

    valid: In(1)
    value: In(PIXEL_BITS)
    colour: In(2)
    last: In(1)
    settings: In(settings_layout("statistics"))
    geometry: In(Geometry)
    begin: In(1)
    bank: In(1)
    clear: In(1)
    clear_zone: In(2 * _INDEX_BITS)
    read_zone: In(2 * _INDEX_BITS)
    read_word: In(3)
    read_data: Out(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.columns = columns = GridWalk()
        m.submodules.rows = rows = GridWalk()
        line_ends = Signal()
        m.d.comb += [
            line_ends.eq(self.valid & self.last),
            columns.go.eq(self.valid),
            columns.load.eq(line_ends | self.begin & ~self.valid),
            rows.go.eq(line_ends),
            rows.load.eq(self.begin & ~self.valid),
            columns.extent.eq(self.geometry.width),
            rows.extent.eq(self.geometry.height),
        ]
        for axis, walk in enumerate((columns, rows)):
            m.d.comb += [
                walk.origin.eq(self.settings.zone_origin[axis]),
                walk.size.eq(self.settings.zone_size[axis]),
            ]

        counted = Signal()
        value = Signal(PIXEL_BITS, reset_less=True)
        colour = Signal(2, reset_less=True)
        good = Signal(reset_less=True)
        clipped = Signal(reset_less=True)
        closing = Signal(reset_less=True)
        zone = Signal(2 * _INDEX_BITS, reset_less=True)
        m.d.sync += [
            counted.eq(self.valid & columns.inside & rows.inside),
            value.eq(self.value),
            colour.eq(self.colour),
            good.eq((self.value >= self.settings.low) & (self.value <= self.settings.high)),
            clipped.eq(self.value > self.settings.high),
            closing.eq(columns.closing & rows.closing),
            zone.eq(Cat(columns.index, rows.index)),
        ]
        self._store(m, *self._add(m, counted, value, colour, good, clipped, closing, zone))
        return m

    def _add(self, m: Module, counted, value, colour, good, clipped, closing, zone):
        """Add a sample to its zone; return the zone's numbers, and when it is done."""
        sum_bits = SUM_BITS + SUM_SHIFT
        m.submodules.row = row = memory.Memory(
            shape=sum_bits + 2 * _COUNT_BITS, depth=len(COLOURS) * ZONES, init=[])
        read = row.read_port(domain="comb")
        write = row.write_port()
        m.d.comb += read.addr.eq(Cat(zone[:_INDEX_BITS], colour))

        held = Signal(len(read.data), reset_less=True)
        address = Signal.like(read.addr, name="address", reset_less=True)
        counted_2 = Signal()
        sample = Signal(PIXEL_BITS, reset_less=True)
        good_2 = Signal(reset_less=True)
        clipped_2 = Signal(reset_less=True)
        closing_2 = Signal(reset_less=True)
        zone_2 = Signal.like(zone, name="zone_2", reset_less=True)
        m.d.sync += [
            held.eq(read.data), address.eq(read.addr), counted_2.eq(counted),
            sample.eq(Mux(good, value, 0)), good_2.eq(good), clipped_2.eq(clipped),
            closing_2.eq(closing), zone_2.eq(zone),
        ]
        total = Signal(sum_bits)
        goods = Signal(_COUNT_BITS)
        clips = Signal(_COUNT_BITS)
        m.d.comb += [
            total.eq(held[:sum_bits] + sample),
            goods.eq(held[sum_bits:sum_bits + _COUNT_BITS] + good_2),
            clips.eq(held[sum_bits + _COUNT_BITS:] + clipped_2),
            # Written before the next sample of the colour reads.
            write.en.eq(counted_2 | self.clear),
            write.addr.eq(Mux(self.clear, self.clear_zone, address)),
            write.data.eq(Mux(self.clear | closing_2, 0, Cat(total, goods, clips))),
        ]
        done = Signal()
        done_colour = Signal(2, reset_less=True)
        done_zone = Signal.like(zone, name="done_zone", reset_less=True)
        word = Signal(32, reset_less=True)
        done_clips = Signal(_COUNT_BITS, reset_less=True)
        m.d.sync += [
            done.eq(counted_2 & closing_2),
            done_colour.eq(address[_INDEX_BITS:]),
            done_zone.eq(zone_2),
            word.eq(Cat(total[SUM_SHIFT:], goods)),
            done_clips.eq(clips),
        ]
        return done, done_colour, done_zone, word, done_clips

    def _store(self, m: Module, done, colour, zone, word, clips) -> None:
        """Write finished zones, read the other bank's."""
        # Rounded up, so that a single clipped sample shows.
        more = Signal(_COUNT_BITS + 1, reset_less=True)
        above = Signal(len(CLIPPED_LEVELS) - 1, reset_less=True)
        level = Signal(_LEVEL_BITS, reset_less=True)
        stored = Signal(len(word), reset_less=True)
        store = Signal(len(COLOURS))
        address = Signal.like(zone, name="stored_zone", reset_less=True)
        # The level takes three cycles; a zone is done rarely, and nobody waits for it.
        done_2, done_3 = Signal(), Signal()
        m.d.sync += [
            more.eq(clips + (1 << CLIPPED_SHIFT) - 1),
            above.eq(Cat(more[CLIPPED_SHIFT:] > bound for bound in CLIPPED_LEVELS[:-1])),
            level.eq(sum(above)),
            stored.eq(delayed(m, word, 2, name="word")),
            done_2.eq(done), done_3.eq(done_2),
            store.eq(Mux(done_3, Const(1, len(COLOURS)) << delayed(m, colour, 2, name="colour"),
                         0)),
            address.eq(delayed(m, zone, 2, name="zone")),
        ]
        words = []
        for index in range(len(COLOURS)):
            m.submodules[f"zones_{index}"] = zones = WideRam(
                width=len(word) + _LEVEL_BITS, depth=2 * ZONES * ZONES)
            m.d.comb += [
                zones.read_address.eq(Cat(self.read_zone, ~self.bank)),
                zones.write.eq(self.clear | store[index]),
                zones.write_address.eq(
                    Cat(Mux(self.clear, self.clear_zone, address), self.bank)),
                zones.write_data.eq(Mux(self.clear, 0, Cat(stored, level))),
            ]
            words.append(zones.read_data)
        levels = Array(CLIPPED_LEVELS)
        clipped = Signal(32)
        m.d.comb += clipped.eq(Cat(
            Cat(levels[value[len(word):]], Const(0, 8))[:8] for value in words))

        which = Signal(3, reset_less=True)
        which_2 = Signal(3, reset_less=True)
        m.d.sync += [which.eq(self.read_word), which_2.eq(which)]
        with m.Switch(which_2):
            for index, value in enumerate([*words, clipped]):
                with m.Case(index):
                    m.d.sync += self.read_data.eq(value[:32])
            with m.Default():
                m.d.sync += self.read_data.eq(0)
