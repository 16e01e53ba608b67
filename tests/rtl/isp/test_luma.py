"""Luma against its golden model: sizes, strengths, extremes, stalls, latency."""

import numpy as np
import pytest

from hadron_model.isp import luma
from hadron_rtl.isp.luma import Luma
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import LumaSettings
from hadron_testing.isp import run_stage, set_settings

GENTLE = LumaSettings(enable=1, threshold=12, denoise=100, sharpen=40, coring=20)
EXTREME = LumaSettings(enable=1, weights=(31,) * 5, threshold=255, denoise=255, sharpen=255,
                       coring=0, limit=255)


def _frame(rng, size):
    """Return Y of steps and noise from the faint to the strong; random U and V."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    levels = rng.integers(0, 256, (4, 4))
    image = rng.integers(256, size=(height, width, 3))
    noise = rng.normal(0, 1, size) * (1 + rng.integers(20))
    image[..., 0] = (levels[y * 4 // height, x * 4 // width] + noise).clip(0, 255)
    return image.astype(np.int32)


def _run(images, settings, rng, **options):
    dut = Luma(ISP_CONFIGS["isp64"])

    async def setup(ctx):
        set_settings(ctx, dut.settings, settings)
        ctx.set(dut.geometry, {"width": images[0].shape[1], "height": images[0].shape[0]})

    results = run_stage(dut, images, rng=rng, setup=setup, **options)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, luma.run(image, settings))


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (5, 64)])
@pytest.mark.parametrize("settings", [GENTLE, EXTREME], ids=["gentle", "extreme"])
def test_equals_the_model(size, settings, rng):
    _run([_frame(rng, size) for _ in range(2)], settings, rng)


def test_equals_the_model_with_random_settings(rng):
    for _ in range(3):
        settings = LumaSettings(
            enable=1, weights=tuple(rng.integers(32, size=5).tolist()),
            **{name: int(rng.integers(256)) for name in (
                "threshold", "denoise", "sharpen", "coring", "limit")},
            minimum=int(rng.integers(100)), maximum=int(rng.integers(150, 256)))
        _run([_frame(rng, (8, 9))], settings, rng)


def test_equals_the_model_at_the_extremes(rng):
    image = 255 * rng.integers(2, size=(10, 12, 3)).astype(np.int32)
    _run([image], EXTREME, rng)


def test_disabled_passes_pixels_unchanged(rng):
    _run([_frame(rng, (8, 9))], LumaSettings(), rng)


def test_gives_a_pixel_a_cycle_once_it_has_begun(rng):
    gaps = []
    _run([_frame(rng, (8, 40))], GENTLE, rng, gaps=gaps)
    assert gaps == []


@pytest.mark.parametrize(("push", "pull"), [(0.9, 0.3), (0.4, 0.9)])
def test_survives_stalls(push, pull, rng):
    _run([_frame(rng, (8, 16)) for _ in range(2)], GENTLE, rng, push=push, pull=pull)


def test_latency_is_what_it_says():
    """Two lines, two pixels and LATENCY from the first pixel in to the first pixel out."""
    dut = Luma(ISP_CONFIGS["isp64"])
    width = 16
    cycles = []

    async def setup(ctx):
        ctx.set(dut.geometry, {"width": width, "height": 8})
        await ctx.tick().repeat(4)
        ctx.set(dut.i.valid, 1)
        count = 0
        while not ctx.get(dut.o.valid):
            await ctx.tick()
            count += 1
        cycles.append(count)

    with pytest.raises(AssertionError, match="a pixel too many"):
        run_stage(dut, [], rng=np.random.default_rng(0), setup=setup)
    assert cycles == [2 * width + 2 + dut.LATENCY]
