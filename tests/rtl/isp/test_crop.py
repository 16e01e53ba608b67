"""Crop and test patterns against their golden model."""

import numpy as np
import pytest

from hadron_model.isp import crop
from hadron_rtl.isp.crop import Crop
from hadron_spec.isp.bayer import CropSettings, Pattern, Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_testing.isp import run_stage, set_settings


def _run(rng, settings, *, frames=2, **options):
    dut = Crop(ISP_CONFIGS["isp64"])
    size = (settings.input_height, settings.input_width)
    images = [rng.integers(4096, size=size).astype(np.int32) for _ in range(frames)]
    expected = [crop.run(image, settings) for image in images]

    async def setup(ctx):
        set_settings(ctx, dut.settings, settings)

    results = run_stage(dut, images, rng=rng, setup=setup,
                        shapes=[image.shape for image in expected], **options)
    for result, image in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, image)


@pytest.mark.parametrize(("x", "y", "width", "height"), [
    (0, 0, 20, 12), (3, 2, 8, 8), (12, 4, 8, 8), (0, 0, 8, 8), (5, 0, 13, 12), (0, 3, 20, 9)])
def test_lets_the_part_through(x, y, width, height, rng):
    settings = CropSettings(enable=1, input_width=20, input_height=12, x=x, y=y, width=width,
                            height=height)
    _run(rng, settings, push=0.8, pull=0.7)


def test_disabled_lets_everything_through(rng):
    _run(rng, CropSettings(input_width=21, input_height=9, x=4, y=4, width=8, height=8))


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
@pytest.mark.parametrize("pattern", list(Pattern)[1:], ids=lambda pattern: pattern.name)
def test_patterns_replace_the_pixels(pattern, phase, rng):
    settings = CropSettings(enable=1, input_width=31, input_height=13, x=2, y=1, width=27,
                            height=11, pattern=pattern, phase=phase)
    _run(rng, settings, push=0.8, pull=0.8)


@pytest.mark.parametrize("width", [8, 9, 15, 64])
def test_bars_share_any_width(width, rng):
    _run(rng, CropSettings(input_width=width, input_height=8, pattern=Pattern.BARS))


def test_takes_and_gives_a_pixel_a_cycle(rng):
    gaps = []
    _run(rng, CropSettings(input_width=32, input_height=8), frames=1, gaps=gaps)
    assert gaps == []
