"""The stages without a window, each against its golden model."""

from dataclasses import dataclass

import numpy as np
import pytest

from hadron_model.isp import (
    black_level,
    color_matrix,
    color_space,
    gamma,
    linearize,
    shading,
    white_balance,
)
from hadron_rtl.isp.black_level import BlackLevel
from hadron_rtl.isp.color_matrix import ColorMatrix
from hadron_rtl.isp.color_space import ColorSpace
from hadron_rtl.isp.gamma import Gamma
from hadron_rtl.isp.linearize import Linearize
from hadron_rtl.isp.mesh_gain import MeshGain
from hadron_rtl.isp.shading import Shading
from hadron_rtl.isp.white_balance import WhiteBalance
from hadron_spec.isp.bayer import (
    BlackLevelSettings,
    LinearizeSettings,
    Phase,
    ShadingSettings,
    WhiteBalanceSettings,
    mesh_step,
)
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import ColorMatrixSettings, ColorSpaceSettings, GammaSettings
from hadron_spec.isp.registers import TABLES, table_words
from hadron_spec.isp.settings import IspSettings
from hadron_testing.isp import run_stage, set_settings, write_table


def _numbers(rng, high, count):
    return tuple(int(n) for n in rng.integers(high, size=count))


def _black_level(rng, size):
    # Below and above the black level, beyond full scale.
    return BlackLevelSettings(enable=1, offset=_numbers(rng, 2048, 4),
                              scale=_numbers(rng, 1 << 16, 4))


def _white_balance(rng, size):
    return WhiteBalanceSettings(enable=1, gain=_numbers(rng, 1 << 15, 4))


def _linearize(rng, size):
    return LinearizeSettings(enable=1, nodes=_numbers(rng, 4097, 129))


def _shading(rng, size):
    return ShadingSettings(enable=1, use_mesh=1, gain=int(rng.integers(128, 1024)),
                           step_x=mesh_step(size[1], 16), step_y=mesh_step(size[0], 12),
                           mesh=_numbers(rng, 1 << 14, 884))


def _signed(rng, bits, count):
    return tuple(int(n) for n in rng.integers(-1 << bits - 1, 1 << bits - 1, size=count))


def _color_matrix(rng, size):
    return ColorMatrixSettings(enable=1, matrix=_signed(rng, 12, 9), offset=_signed(rng, 13, 3))


def _gamma(rng, size):
    return GammaSettings(enable=1, nodes=_numbers(rng, 4081, 771))


def _color_space(rng, size):
    return ColorSpaceSettings(enable=1, matrix=_signed(rng, 12, 9), offset=_numbers(rng, 256, 3))


@dataclass(frozen=True)
class Stage:
    """A component, its model, settings that use all of it."""

    name: str
    component: type
    model: object
    settings: object
    phased: bool = True
    channels: int = 1
    bits: int = 12

    def image(self, rng, size):
        """Return a random frame; some of it lies at the ends of the range."""
        shape = size if self.channels == 1 else (*size, self.channels)
        image = rng.integers(1 << self.bits, size=shape)
        image[rng.random(shape) < 0.1] = 0
        image[rng.random(shape) < 0.1] = (1 << self.bits) - 1
        return image.astype(np.int32)

    def expected(self, image, settings, phase):
        """Run the model."""
        return self.model(image, settings, *([phase] if self.phased else []))


STAGES = (
    Stage("black_level", BlackLevel, black_level.run, _black_level),
    Stage("linearize", Linearize, linearize.run, _linearize, phased=False),
    Stage("shading", Shading, shading.run, _shading),
    Stage("white_balance", WhiteBalance, white_balance.run, _white_balance),
    Stage("color_matrix", ColorMatrix, color_matrix.run, _color_matrix, phased=False, channels=3),
    Stage("gamma", Gamma, gamma.run, _gamma, phased=False, channels=3),
    Stage("color_space", ColorSpace, color_space.run, _color_space, phased=False, channels=3,
          bits=8),
)


@pytest.fixture(params=STAGES, ids=lambda stage: stage.name)
def stage(request):
    return request.param


def _run(stage, images, settings, phase, rng, **options):
    dut = stage.component(ISP_CONFIGS["isp64"])

    async def setup(ctx):
        set_settings(ctx, dut.settings, settings)
        if stage.phased:
            ctx.set(dut.geometry, {"width": images[0].shape[1], "height": images[0].shape[0],
                                   "phase": phase})
        for table in TABLES:
            if table.stage == stage.name:
                whole = IspSettings(**{stage.name: settings})
                await write_table(ctx, getattr(dut, table.known.name), table_words(table, whole))
        if hasattr(dut, "ready"):
            await ctx.tick().until(dut.ready)

    results = run_stage(dut, images, rng=rng, setup=setup, **options)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, stage.expected(image, settings, phase))


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
def test_equals_the_model_in_every_phase(stage, phase, rng):
    size = (11, 13)
    images = [stage.image(rng, size) for _ in range(3)]
    _run(stage, images, stage.settings(rng, size), phase, rng, push=0.8, pull=0.8)


@pytest.mark.parametrize("size", [(8, 8), (9, 64), (33, 17)])
def test_equals_the_model_at_other_sizes(stage, size, rng):
    images = [stage.image(rng, size)]
    _run(stage, images, stage.settings(rng, size), Phase.GBRG, rng)


def test_disabled_passes_pixels_unchanged(stage, rng):
    settings = stage.settings(rng, (8, 8))
    disabled = type(settings)(**{**vars(settings), "enable": 0})
    images = [stage.image(rng, (8, 8))]
    _run(stage, images, disabled, Phase.RGGB, rng)


def test_takes_and_gives_a_pixel_a_cycle(stage, rng):
    gaps = []
    images = [stage.image(rng, (8, 40))]
    _run(stage, images, stage.settings(rng, (8, 40)), Phase.RGGB, rng, gaps=gaps)
    assert gaps == []


def test_survives_stalls(stage, rng):
    images = [stage.image(rng, (9, 16)) for _ in range(2)]
    _run(stage, images, stage.settings(rng, (9, 16)), Phase.BGGR, rng, push=0.9, pull=0.3)


def test_a_mesh_is_taken_over_in_time_and_only_when_its_bank_swaps(rng):
    dut = Shading(ISP_CONFIGS["isp64"])

    async def setup(ctx):
        port = dut.mesh
        assert ctx.get(dut.ready)
        for address in range(8):
            ctx.set(port.address, address)
            ctx.set(port.write, 1)
            await ctx.tick()
            assert ctx.get(dut.ready)
        ctx.set(port.write, 0)
        ctx.set(port.bank, 1)
        await ctx.tick()
        cycles = 1
        while not ctx.get(dut.ready):
            await ctx.tick()
            cycles += 1
        assert cycles == MeshGain.COPY_CYCLES

    run_stage(dut, [], rng=rng, setup=setup)


def test_latency_is_what_it_says(stage):
    dut = stage.component(ISP_CONFIGS["isp64"])
    cycles = []

    async def setup(ctx):
        async def wait():
            count = 0
            while not ctx.get(dut.o.valid):
                await ctx.tick()
                count += 1
            return count

        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload.first, 1)
        await ctx.tick()
        ctx.set(dut.i.valid, 0)
        cycles.append(1 + await wait())
        ctx.set(dut.o.ready, 1)
        await ctx.tick()

    run_stage(dut, [], rng=np.random.default_rng(0), setup=setup)
    assert cycles == [dut.LATENCY]
