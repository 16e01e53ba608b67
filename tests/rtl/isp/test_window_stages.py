"""Defect correction, noise reduction and demosaic, each against its golden model."""

from dataclasses import dataclass

import numpy as np
import pytest

from hadron_model.isp import bayer_denoise, defect, demosaic
from hadron_rtl.isp.bayer_denoise import BayerDenoise
from hadron_rtl.isp.defect import Defect
from hadron_rtl.isp.demosaic import Demosaic
from hadron_spec.isp.bayer import BayerDenoiseSettings, DefectSettings, DemosaicSettings, Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_testing.isp import run_stage, set_settings


@dataclass(frozen=True)
class Stage:
    """A component, its model, settings that use all of it, frames that do so, too."""

    name: str
    component: type
    model: object
    settings: object
    channels: tuple[int, ...] = ()


def _defect(image, settings, phase):
    return defect.run(image, settings)


STAGES = (
    Stage("defect", Defect, _defect, DefectSettings(enable=1, hot=100, cold=60)),
    Stage("bayer_denoise", BayerDenoise, bayer_denoise.run,
          BayerDenoiseSettings(enable=1, threshold=tuple(range(5, 1605, 100)))),
    Stage("demosaic", Demosaic, demosaic.run, DemosaicSettings(), channels=(3,)),
)


@pytest.fixture(params=STAGES, ids=lambda stage: stage.name)
def stage(request):
    return request.param


def _frame(rng, size):
    """Return a mosaic of steps and noise from the faint to the strong, with outliers."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    levels = rng.integers(0, 4096, (4, 4)) >> rng.integers(0, 9, (4, 4))
    image = levels[y * 4 // height, x * 4 // width]
    image = image + rng.normal(0, 1, size) * (1 + rng.integers(60))
    outliers = rng.random(size) < 0.05
    return np.where(outliers, rng.integers(4096, size=size), image.clip(0, 4095)).astype(np.int32)


def _run(stage, images, settings, phase, rng, **options):
    dut = stage.component(ISP_CONFIGS["isp64"])

    async def setup(ctx):
        set_settings(ctx, dut.settings, settings)
        ctx.set(dut.geometry, {"width": images[0].shape[1], "height": images[0].shape[0],
                               "phase": phase})

    results = run_stage(dut, images, rng=rng, setup=setup,
                        shapes=[image.shape + stage.channels for image in images], **options)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, stage.model(image, settings, phase))


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
def test_equals_the_model_in_every_phase(stage, phase, rng):
    images = [_frame(rng, (15, 17)) for _ in range(3)]
    _run(stage, images, stage.settings, phase, rng, push=0.8, pull=0.8)


@pytest.mark.parametrize("size", [(8, 8), (9, 64), (33, 11)])
def test_equals_the_model_at_other_sizes(stage, size, rng):
    _run(stage, [_frame(rng, size)], stage.settings, Phase.GBRG, rng)


@pytest.mark.parametrize("extreme", [0, 4095])
def test_equals_the_model_at_the_extremes(stage, extreme, rng):
    image = np.where(rng.random((12, 12)) < 0.5, extreme, rng.integers(4096, size=(12, 12)))
    _run(stage, [image.astype(np.int32)], stage.settings, Phase.GRBG, rng)


def test_disabled_passes_pixels_unchanged(stage, rng):
    disabled = type(stage.settings)(**{**vars(stage.settings), "enable": 0})
    image = _frame(rng, (9, 10))
    _run(stage, [image], disabled, Phase.RGGB, rng)


def test_gives_a_pixel_a_cycle_once_it_has_begun(stage, rng):
    gaps = []
    _run(stage, [_frame(rng, (10, 40))], stage.settings, Phase.RGGB, rng, gaps=gaps)
    assert gaps == []


def test_survives_stalls(stage, rng):
    images = [_frame(rng, (9, 16)) for _ in range(2)]
    _run(stage, images, stage.settings, Phase.BGGR, rng, push=0.9, pull=0.3)


def test_latency_is_what_it_says(stage):
    """Two lines, two pixels and LATENCY from the first pixel in to the first pixel out."""
    dut = stage.component(ISP_CONFIGS["isp64"])
    width = 16
    cycles = []

    async def setup(ctx):
        ctx.set(dut.geometry, {"width": width, "height": 8, "phase": 0})
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


def test_defects_are_counted_frame_by_frame(rng):
    dut = Defect(ISP_CONFIGS["isp64"])
    settings = DefectSettings(enable=1, hot=100, cold=60)
    for size in ((8, 9), (12, 16)):
        image = _frame(rng, size)

        async def setup(ctx, size=size):
            set_settings(ctx, dut.settings, settings)
            ctx.set(dut.geometry, {"width": size[1], "height": size[0], "phase": 0})

        counts = []

        async def read(ctx, counts=counts):
            counts.append(ctx.get(dut.count))

        run_stage(dut, [image], rng=rng, setup=setup, teardown=read)
        expected = int(defect.defects(image, settings).sum())
        assert expected > 0
        assert counts == [expected]
