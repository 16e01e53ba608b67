"""WindowFormer against windows cut out of the pixels."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.array.window_former import WindowFormer
from hadron_spec.commands import (
    STRIP_PIXELS,
    TALL_COLUMNS,
    TALL_ROWS,
    TALL_TAPS,
    WINDOW_COLUMNS,
    WINDOW_ROWS,
)


def simulate(dut, testbench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_shows_the_windows_of_both_channels_one_after_the_other(rng):
    dut = WindowFormer()
    rows, width = 6, int(rng.integers(WINDOW_COLUMNS, STRIP_PIXELS + 1))
    pixels = rng.integers(-128, 128, (rows, width, 2))

    def window(channel, row, right):
        part = pixels[row - WINDOW_ROWS + 1:row + 1, right - WINDOW_COLUMNS + 1:right + 1, channel]
        return part.tolist()

    async def testbench(ctx):
        ctx.set(dut.active, 1)
        # What was kept of an earlier strip must not matter.
        for row in range(-2, rows):
            for right in range(width):
                while rng.random() < 0.3:
                    ctx.set(dut.push, 0)
                    ctx.set(dut.x, rng.integers(-128, 128, 2).tolist())
                    await ctx.tick()
                ctx.set(dut.push, 1)
                ctx.set(dut.pixel, right)
                ctx.set(dut.x, pixels[row, right].tolist())
                await ctx.tick()
                ctx.set(dut.push, 0)
                if row < WINDOW_ROWS - 1 or right < WINDOW_COLUMNS - 1:
                    continue
                ctx.set(dut.half, 0)
                assert [list(line) for line in ctx.get(dut.o)] == window(0, row, right)
                await ctx.tick()
                ctx.set(dut.half, 1)
                assert [list(line) for line in ctx.get(dut.o)] == window(1, row, right)

    simulate(dut, testbench)


def test_the_second_channel_is_shown_while_the_next_pixel_comes(rng):
    """A pixel a cycle: of channel 1 the window that ends at the pixel before."""
    dut = WindowFormer()
    pixels = rng.integers(-128, 128, (WINDOW_ROWS, STRIP_PIXELS, 2))

    async def testbench(ctx):
        ctx.set(dut.active, 1)
        ctx.set(dut.push, 1)
        ctx.set(dut.half, 1)
        for row in range(WINDOW_ROWS):
            for right in range(STRIP_PIXELS):
                ctx.set(dut.pixel, right)
                ctx.set(dut.x, pixels[row, right].tolist())
                await ctx.tick()
                last = right - 1
                if row == WINDOW_ROWS - 1 and last >= WINDOW_COLUMNS - 1:
                    wanted = pixels[:, last - WINDOW_COLUMNS + 1:last + 1, 1].tolist()
                    assert [list(line) for line in ctx.get(dut.o)] == wanted

    simulate(dut, testbench)


@pytest.mark.parametrize("tall", [0, 1])
def test_shows_nothing_when_not_active(rng, tall):
    dut = WindowFormer()

    async def testbench(ctx):
        ctx.set(dut.push, 1)
        ctx.set(dut.tall, tall)
        for active in (1, 0):
            ctx.set(dut.active, active)
            for cycle in range((TALL_ROWS + 1) * STRIP_PIXELS):
                ctx.set(dut.pixel, cycle % STRIP_PIXELS)
                ctx.set(dut.x, rng.integers(1, 128, 2).tolist())
                await ctx.tick()
                shown = []
                for half in range(2):
                    ctx.set(dut.half, half)
                    shown.append(any(any(line) for line in ctx.get(dut.o)))
                assert active or not any(shown)
            assert all(shown) == active

    simulate(dut, testbench)


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_shows_both_halves_of_a_tall_window_one_after_the_other(rng, gaps):
    """Without gaps, the second while the next pixel comes."""
    dut = WindowFormer()
    rows, width = 7, int(rng.integers(TALL_COLUMNS, STRIP_PIXELS + 1))
    pixels = rng.integers(-128, 128, (rows, width))
    seen = {}

    def shown(ctx):
        return [value for line in ctx.get(dut.o) for value in line]

    async def testbench(ctx):
        ctx.set(dut.active, 1)
        ctx.set(dut.tall, 1)
        now = before = None
        # What was kept of an earlier strip must not matter.
        for row in range(-2, rows):
            for right in [*range(width), *[None] * (row == rows - 1)]:
                while right is None or rng.random() < gaps:
                    ctx.set(dut.push, 0)
                    ctx.set(dut.x, rng.integers(-128, 128, 2).tolist())
                    ctx.set(dut.half, 0)
                    seen[now, 0] = shown(ctx)
                    ctx.set(dut.half, 1)
                    seen[before, 1] = shown(ctx)
                    await ctx.tick()
                    before, now = now, None
                    if right is None and before is None:
                        break
                if right is None:
                    break
                ctx.set(dut.half, 0)
                seen[now, 0] = shown(ctx)
                ctx.set(dut.half, 1)
                seen[before, 1] = shown(ctx)
                ctx.set(dut.push, 1)
                ctx.set(dut.pixel, right)
                ctx.set(dut.x, [int(pixels[row, right]), int(rng.integers(-128, 128))])
                await ctx.tick()
                before, now = now, (row, right)

    simulate(dut, testbench)
    for row in range(TALL_ROWS - 1, rows):
        for right in range(TALL_COLUMNS - 1, width):
            window = pixels[row - TALL_ROWS + 1:row + 1, right - TALL_COLUMNS + 1:right + 1]
            for half, taps in enumerate(TALL_TAPS):
                assert seen[(row, right), half] == [window[tap] for tap in taps]
