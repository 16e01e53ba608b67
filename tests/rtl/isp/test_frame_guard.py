"""FrameGuard: whole frames out, whatever comes in; each fault counted once; the next is clean."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.isp.frame_guard import FrameErrors, FrameGuard

WIDTH, HEIGHT = 9, 8
NAMES = tuple(FrameErrors.as_shape().members)


def _frame(rng):
    return rng.integers(1, 1024, (HEIGHT, WIDTH))


def _pixels(frame):
    """Return the (data, first, last) of a whole frame."""
    return [(int(frame[y, x]), x == 0 and y == 0, x == WIDTH - 1)
            for y in range(HEIGHT) for x in range(WIDTH)]


def _run(rng, sent, frames, *, run=1, live=0, push=0.8, pull=0.8, gap=40):
    """Send sequences of pixels; return frames (pixels, broken) and the counts of the errors."""
    dut = FrameGuard(input_bits=10)
    out, verdicts, counts, sending = [], [], dict.fromkeys(NAMES, 0), [True]

    async def feed(ctx):
        ctx.set(dut.width, WIDTH)
        ctx.set(dut.height, HEIGHT)
        ctx.set(dut.run, run)
        ctx.set(dut.live, live)
        await ctx.tick()
        for pixels in sent:
            for data, first, last in pixels:
                while rng.random() > push:
                    await ctx.tick()
                ctx.set(dut.i.payload, {"data": data, "first": first, "last": last})
                ctx.set(dut.i.valid, 1)
                if live:
                    await ctx.tick()
                else:
                    await ctx.tick().until(dut.i.ready)
                ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(1 + gap)
        sending.clear()

    async def drain(ctx):
        held = None
        pixels = []
        while sending or len(out) < frames:
            ready = rng.random() < pull
            ctx.set(dut.o.ready, ready)
            *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if held is not None:
                assert valid
                assert payload.as_bits() == held
            held = payload.as_bits() if valid and not ready else None
            if valid and ready:
                index = len(pixels)
                assert payload.first == (index == 0)
                assert payload.last == (index % WIDTH == WIDTH - 1)
                pixels.append(payload.data)
            if len(pixels) == WIDTH * HEIGHT:
                await ctx.tick()
                assert ctx.get(dut.complete)
                verdicts.append(ctx.get(dut.broken))
                out.append(np.array(pixels).reshape(HEIGHT, WIDTH))
                pixels = []

    async def gate(ctx):
        # The pipeline takes a while between frames.
        while sending or len(out) < frames:
            ctx.set(dut.open, 1)
            *_, began = await ctx.tick().sample(dut.began)
            if began:
                ctx.set(dut.open, 0)
                done = len(out)
                while len(out) == done:
                    await ctx.tick()
                await ctx.tick().repeat(5)

    async def count(ctx):
        while True:
            *_, errors = await ctx.tick().sample(dut.errors)
            for name in NAMES:
                counts[name] += errors[name]

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.add_testbench(gate)
    simulator.add_testbench(count, background=True)
    simulator.run()
    return out, verdicts, {name: n for name, n in counts.items() if n}


def _check_good(frame, expected):
    np.testing.assert_array_equal(frame, expected << 2)


def test_passes_good_frames_left_aligned(rng):
    frames = [_frame(rng) for _ in range(3)]
    out, broken, errors = _run(rng, map(_pixels, frames), 3)
    for frame, expected in zip(out, frames, strict=True):
        _check_good(frame, expected)
    assert broken == [0, 0, 0]
    assert errors == {}


def _short_line(pixels):
    # The fourth line ends two pixels early; the sensor goes on to the frame's end.
    pixels[3 * WIDTH + 6] = (*pixels[3 * WIDTH + 6][:2], True)
    return pixels[:3 * WIDTH + 7] + pixels[4 * WIDTH:]


def _long_line(pixels):
    pixels[4 * WIDTH - 1] = (*pixels[4 * WIDTH - 1][:2], False)
    return [*pixels[:4 * WIDTH], (5, False, True), *pixels[4 * WIDTH:]]


def _last_line_long(pixels):
    pixels[-1] = (*pixels[-1][:2], False)
    return [*pixels, (5, False, True)]


def _short_frame(pixels):
    return pixels[:5 * WIDTH]


def _cut_in_a_line(pixels):
    return pixels[:5 * WIDTH + 3]


@pytest.mark.parametrize(("damage", "error"), [
    (_short_line, "short_line"), (_long_line, "long_line"), (_last_line_long, "long_line"),
    (_short_frame, "short_frame"), (_cut_in_a_line, "short_frame")])
@pytest.mark.parametrize("gap", [0, 60])
def test_a_broken_frame_is_filled_up_and_the_next_is_clean(damage, error, gap, rng):
    good, bad, after = (_frame(rng) for _ in range(3))
    sent = [_pixels(good), damage(_pixels(bad)), _pixels(after), _pixels(good)]
    out, broken, errors = _run(rng, sent, 4, gap=gap)
    _check_good(out[0], good)
    assert broken == [0, 1, 0, 0]
    _check_good(out[2], after)
    _check_good(out[3], good)
    assert errors == {error: 1}


def test_lines_too_many_are_dropped_and_counted_once(rng):
    frames = [_frame(rng) for _ in range(2)]
    sent = [_pixels(frames[0]) + [(7, False, x == WIDTH - 1) for _ in range(2)
                                  for x in range(WIDTH)], _pixels(frames[1])]
    out, broken, errors = _run(rng, sent, 2)
    _check_good(out[0], frames[0])
    _check_good(out[1], frames[1])
    assert broken == [0, 0]
    assert errors == {"long_frame": 1}


def test_what_comes_before_the_first_frame_is_dropped(rng):
    frame = _frame(rng)
    out, broken, errors = _run(rng, [_pixels(_frame(rng))[13:], _pixels(frame)], 1)
    _check_good(out[0], frame)
    assert broken == [0]
    assert errors == {}


def test_takes_nothing_while_it_does_not_run(rng):
    out, _, errors = _run(rng, [_pixels(_frame(rng))], 0, run=0)
    assert out == []
    assert errors == {}


def test_a_live_source_is_never_held_up_and_its_losses_break_the_frame(rng):
    frames = [_frame(rng) for _ in range(2)]
    # The pipeline takes every second pixel only.
    out, broken, errors = _run(rng, map(_pixels, frames), 2, live=1, push=1, pull=0.5, gap=300)
    assert broken == [1, 1]
    assert errors == {"overflow": 2}
    assert len(out) == 2


def test_a_live_source_in_time_is_passed(rng):
    frames = [_frame(rng) for _ in range(2)]
    out, broken, errors = _run(rng, map(_pixels, frames), 2, live=1, push=0.7, pull=1)
    _check_good(out[0], frames[0])
    _check_good(out[1], frames[1])
    assert broken == [0, 0]
    assert errors == {}


def test_a_live_frame_that_comes_too_early_is_lost_whole(rng):
    frames = [_frame(rng) for _ in range(3)]
    # The second begins while the first is filled up; the third is in time.
    first = _short_frame(_pixels(frames[0]))
    out, broken, errors = _run(rng, [first + _pixels(frames[1]), _pixels(frames[2])], 2, live=1,
                               push=1, pull=1, gap=100)
    assert broken == [1, 0]
    _check_good(out[1], frames[2])
    assert errors == {"short_frame": 1, "overflow": 1}


def test_refuses_other_depths():
    with pytest.raises(ValueError, match=r"^input_bits=14, must be 8 to 12$"):
        FrameGuard(input_bits=14)
