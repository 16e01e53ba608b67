"""Chroma against its golden model: odd and even widths, both sitings, stalls, latency."""

import numpy as np
import pytest

from hadron_model.isp import chroma
from hadron_rtl.isp.chroma import Chroma
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import ChromaSettings
from hadron_testing.isp import run_stage, set_settings


def _run(images, settings, rng, **options):
    dut = Chroma(ISP_CONFIGS["isp64"])

    async def setup(ctx):
        set_settings(ctx, dut.settings, settings)

    results = run_stage(dut, images, rng=rng, setup=setup, **options)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, chroma.run(image, settings))


def _image(rng, size):
    return rng.integers(256, size=(*size, 3)).astype(np.int32)


@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize("size", [(8, 8), (8, 9), (3, 11), (1, 64)])
def test_equals_the_model(size, centred, rng):
    _run([_image(rng, size) for _ in range(3)], ChromaSettings(enable=1, centred=centred), rng)


@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize(("push", "pull"), [(0.3, 0.9), (0.9, 0.3), (0.5, 0.5)])
def test_survives_stalls(push, pull, centred, rng):
    images = [_image(rng, (5, 9)) for _ in range(2)]
    _run(images, ChromaSettings(enable=1, centred=centred), rng, push=push, pull=pull)


def test_disabled_passes_pixels_unchanged(rng):
    _run([_image(rng, (4, 9))], ChromaSettings(centred=1), rng, push=0.7, pull=0.7)


def test_takes_and_gives_a_pixel_a_cycle(rng):
    gaps = []
    _run([_image(rng, (6, 13)) for _ in range(2)], ChromaSettings(enable=1), rng, gaps=gaps)
    assert gaps == []


def test_latency_is_what_it_says():
    dut = Chroma(ISP_CONFIGS["isp64"])
    cycles = []

    async def setup(ctx):
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.i.payload.first, 1)
        for last in (0, 1):
            ctx.set(dut.i.payload.last, last)
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            ctx.set(dut.i.payload.first, 0)
        count = 1
        while not ctx.get(dut.o.valid):
            await ctx.tick()
            count += 1
        cycles.append(count)
        await ctx.tick()
        cycles.append(ctx.get(dut.o.valid))
        await ctx.tick()

    run_stage(dut, [], rng=np.random.default_rng(0), setup=setup)
    assert cycles == [dut.LATENCY, 1]
