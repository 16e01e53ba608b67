"""Statistics against their golden model: every word of every frame, read through the window."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_model.isp import statistics
from hadron_model.isp.image import colours
from hadron_rtl.isp.statistics import Statistics
from hadron_spec.isp.bayer import Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import StatisticsSettings
from hadron_spec.isp.statistics import LUMA_HISTOGRAM, SCALARS, STATISTICS_WORDS, ZONES_BEGIN
from hadron_testing.isp import set_settings, stalls

SMALL = StatisticsSettings(
    enable=1, zone_size=(4, 2), low=200, high=3000, grey_tolerance=20, grey_low=300,
    grey_high=3800, windows=(0, 0, 64, 64, 5, 2, 4, 3, 7, 1, 12, 100), sharpness_threshold=100)


class Frame:
    """What the taps see, and what becomes of it."""

    def __init__(self, rng, size, *, dark=False, good=True):
        height, width = size
        self.bayer = rng.integers(64 if dark else 4096, size=size).astype(np.int32)
        self.rgb = rng.integers(4096, size=(height, width, 3)).astype(np.int32)
        # Some are grey.
        grey = rng.random(size) < 0.3
        self.rgb[grey] = self.rgb[grey][:, :1]
        self.gamma = rng.integers(256, size=(height, width, 3)).astype(np.int32)
        self.defects = int(rng.integers(1000))
        self.good = good

    def words(self, settings, phase):
        return statistics.run(self.bayer, self.rgb, self.gamma, settings, phase=phase,
                              defects=self.defects).words()


class Bench:
    """Feeds the three taps side by side, ends frames and reads words."""

    def __init__(self, settings, phase, rng, density=1.0):
        self.dut = Statistics(ISP_CONFIGS["isp64"])
        self.settings = settings
        self.phase = phase
        self.rng = rng
        self.density = density

    async def _feed(self, ctx, frame):
        """Pixels reach the later taps some cycles later."""
        dut = self.dut
        height, width = frame.bayer.shape
        flows = [stalls(self.rng, self.density) for _ in range(3)]
        taps = [(dut.bayer, frame.bayer, 0), (dut.rgb, frame.rgb, 30), (dut.gamma, frame.gamma, 40)]
        position = [0] * 3
        cycle = 0
        while min(position) < height * width:
            for index, (port, image, delay) in enumerate(taps):
                n = position[index]
                goes = cycle >= delay and n < height * width and next(flows[index])
                ctx.set(port.valid, goes)
                if goes:
                    y, x = divmod(n, width)
                    ctx.set(port.payload.data, image[y, x].tolist())
                    ctx.set(port.payload.first, n == 0)
                    ctx.set(port.payload.last, x == width - 1)
                    position[index] += 1
            await ctx.tick()
            cycle += 1
        for port, _, _ in taps:
            ctx.set(port.valid, 0)
        ctx.set(dut.defects, frame.defects)
        await ctx.tick().repeat(12)

    async def _end(self, ctx, frame):
        dut = self.dut
        end = dut.export if frame.good else dut.discard
        ctx.set(end, 1)
        await ctx.tick()
        ctx.set(end, 0)
        cycles = 0
        while not ctx.get(dut.ready):
            await ctx.tick()
            cycles += 1
        assert cycles == dut.CLEAR_CYCLES

    async def read(self, ctx, address):
        ctx.set(self.dut.read_address, address)
        await ctx.tick().repeat(self.dut.READ_LATENCY)
        return ctx.get(self.dut.read_data)

    def run(self, frames, check):
        """Pass frames; after each, `check(ctx, bench, frame)` is awaited."""
        async def bench(ctx):
            set_settings(ctx, self.dut.settings, self.settings)
            height, width = frames[0].bayer.shape
            ctx.set(self.dut.geometry, {"width": width, "height": height, "phase": self.phase})
            while not ctx.get(self.dut.ready):
                await ctx.tick()
            await ctx.tick().repeat(4)
            for frame in frames:
                await self._feed(ctx, frame)
                await self._end(ctx, frame)
                await check(ctx, self, frame)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()


def _some_words(rng, count=300):
    """All scalars, some of the rest."""
    return [*range(SCALARS, SCALARS + 20),
            *rng.choice(STATISTICS_WORDS, count, replace=False).tolist()]


async def _check_some(ctx, bench, frame):
    wanted = frame.words(bench.settings, bench.phase)
    for address in _some_words(bench.rng):
        assert await bench.read(ctx, address) == wanted[address], hex(address)


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
def test_equals_the_model_in_every_phase(phase, rng):
    bench = Bench(SMALL, phase, rng, density=0.8)
    bench.run([Frame(rng, (11, 13)) for _ in range(2)], _check_some)


@pytest.mark.parametrize(("size", "fields"), [
    ((8, 8), {"zone_size": (2, 2), "zone_origin": (2, 4)}),
    ((9, 63), {"zone_size": (2, 4), "zone_origin": (4, 0)}),
    ((14, 40), {"zone_size": (6, 8)}),
])
def test_equals_the_model_at_other_sizes_and_grids(size, fields, rng):
    bench = Bench(replace(SMALL, **fields), Phase.GBRG, rng)
    bench.run([Frame(rng, size) for _ in range(2)], _check_some)


def test_every_word_of_a_frame(rng):
    async def check(ctx, bench, frame):
        wanted = frame.words(bench.settings, bench.phase)
        found = [await bench.read(ctx, address) for address in range(STATISTICS_WORDS)]
        np.testing.assert_array_equal(found, wanted)

    Bench(SMALL, Phase.GRBG, rng).run([Frame(rng, (17, 19))], check)


def test_a_broken_frame_leaves_the_last_good_one_in_the_window(rng):
    shown = []

    async def check(ctx, bench, frame):
        if frame.good:
            shown[:] = [frame]
        await _check_some(ctx, bench, shown[0])

    frames = [Frame(rng, (9, 11), good=good) for good in (True, False, True)]
    Bench(SMALL, Phase.RGGB, rng, density=0.9).run(frames, check)


def test_counts_equal_samples_however_close(rng):
    """A dark frame falls into four bins."""
    bench = Bench(replace(SMALL, low=0), Phase.BGGR, rng)
    bench.run([Frame(rng, (16, 33), dark=True)], _check_some)


def test_disabled_counts_nothing(rng):
    bench = Bench(StatisticsSettings(), Phase.RGGB, rng)
    bench.run([Frame(rng, (8, 9))], _check_some)


def test_the_window_reads_while_the_next_frame_is_counted(rng):
    """With all taps busy every cycle, words arrive within READ_LATENCY all the same."""
    first, second = Frame(rng, (8, 33)), Frame(rng, (16, 33))
    bench = Bench(SMALL, Phase.RGGB, rng)
    dut = bench.dut
    state = []

    async def feed(ctx):
        set_settings(ctx, dut.settings, SMALL)
        for frame in (first, second):
            ctx.set(dut.geometry, {"width": 33, "height": len(frame.bayer)})
            while not ctx.get(dut.ready):
                await ctx.tick()
            await ctx.tick().repeat(4)
            if frame is second:
                state.append("counting")
            await bench._feed(ctx, frame)
            if frame is first:
                await bench._end(ctx, frame)
        state.append("counted")

    async def read(ctx):
        while not state:
            await ctx.tick()
        wanted = first.words(SMALL, Phase.RGGB)
        count = 0
        while "counted" not in state:
            address = int(rng.choice([*range(0, SCALARS + 12), *range(ZONES_BEGIN, 0x840)]))
            assert await bench.read(ctx, address) == wanted[address], hex(address)
            count += address < LUMA_HISTOGRAM
        assert count > 10

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed)
    simulator.add_testbench(read)
    simulator.run()


def test_clipped_samples_of_large_zones_are_told_by_level(rng):
    frames = []
    for parts in ((0.02, 0.1, 0.25, 0.6), (0.0, 0.04, 0.4, 1.0)):
        frame = Frame(rng, (48, 60))
        colour = np.broadcast_to(colours((48, 60), Phase.RGGB), (48, 60))
        clipped = rng.random((48, 60)) < np.array(parts)[colour]
        frame.bayer = np.where(clipped, 4095, frame.bayer >> 2)
        frames.append(frame)

    async def check(ctx, bench, frame):
        wanted = frame.words(bench.settings, bench.phase)
        for address in range(ZONES_BEGIN, ZONES_BEGIN + 8):
            assert await bench.read(ctx, address) == wanted[address], hex(address)
        levels = {int(wanted[ZONES_BEGIN + 4]) >> 8 * c & 0xFF for c in range(4)}
        assert len(levels) == 4

    Bench(replace(SMALL, zone_size=(60, 48)), Phase.RGGB, rng).run(frames, check)
