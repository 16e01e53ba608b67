"""Scaler against its golden model: both modes, ratios, crops, channels, beats, stalls."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_model.isp import scaler
from hadron_rtl.isp.scaler import Scaler
from hadron_spec.isp.config import IspConfig
from hadron_spec.isp.picture import ScalerMode, ScalerSettings
from hadron_spec.isp.presets import scaler_settings
from hadron_testing.isp import feed_pixels, set_settings, stalls

MODES = (ScalerMode.BOX, ScalerMode.BILINEAR)


def _config(bits=128):
    return IspConfig(name="test", max_width=64, max_height=64, axi_data_width=bits)


def _beats(tensor, bits):
    """Return the beats of a tensor as integers."""
    raw = tensor.astype(np.int8).tobytes()
    size = bits // 8
    return [int.from_bytes(raw[i:i + size], "little") for i in range(0, len(raw), size)]


def _run(frames, rng, *, bits=128, push=1.0, pull=1.0):
    """Pass (image, settings) pairs and compare the tensors; return cycles of all input."""
    dut = Scaler(_config(bits))
    expected = [tensor for image, settings in frames
                if (tensor := scaler.run(image, settings)) is not None]
    wanted = [_beats(tensor, bits) for tensor in expected]
    cycles = []
    clock = [0]
    fed = []

    async def feed(ctx):
        for image, settings in frames:
            set_settings(ctx, dut.settings, settings)
            ctx.set(dut.geometry, {"width": image.shape[1], "height": image.shape[0]})
            await ctx.tick().repeat(4)
            begin = clock[0]
            await feed_pixels(ctx, dut.i, [image], rng=rng, density=push)
            cycles.append(clock[0] - begin)
            # The top changes settings when all is empty.
            await ctx.tick().repeat(150)
        fed.append(True)

    async def count(ctx):
        async for _ in ctx.tick():
            clock[0] += 1

    async def drain(ctx):
        flow = stalls(rng, pull)
        for beats in wanted:
            for index, beat in enumerate(beats):
                while True:
                    ready = next(flow)
                    ctx.set(dut.o.ready, ready)
                    *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
                    if valid and ready:
                        break
                assert payload.data == beat, f"beat {index} of {len(beats)}"
                assert payload.last == (index == len(beats) - 1)
        ctx.set(dut.o.ready, 1)
        while not fed:
            *_, valid = await ctx.tick().sample(dut.o.valid)
            assert not valid, "a beat too many"

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(count, background=True)
    simulator.add_testbench(feed)
    simulator.add_testbench(drain)
    simulator.run()
    return cycles


def _image(rng, size):
    image = rng.integers(256, size=(*size, 3))
    image[rng.random(image.shape) < 0.2] = 255
    return image.astype(np.int32)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("size", "crop", "output"), [
    ((8, 8), (0, 0, 8, 8), (8, 8)),
    ((9, 11), (0, 0, 11, 9), (10, 7)),
    ((17, 23), (3, 2, 19, 14), (7, 5)),
    ((13, 40), (1, 0, 39, 13), (5, 13)),
    ((8, 30), (0, 1, 30, 7), (30, 2)),
    ((9, 50), (5, 3, 40, 6), (1, 1)),
])
def test_equals_the_model(mode, size, crop, output, rng):
    settings = scaler_settings(crop=crop, output=output, mode=mode)
    _run([(_image(rng, size), settings) for _ in range(2)], rng)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("push", "pull"), [(0.9, 0.2), (0.4, 0.9), (0.6, 0.6)])
def test_survives_stalls(mode, push, pull, rng):
    settings = scaler_settings(crop=(0, 0, 12, 8), output=(11, 8), mode=mode)
    _run([(_image(rng, (8, 12)), settings) for _ in range(2)], rng, push=push, pull=pull)


@pytest.mark.parametrize("bits", [32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("columns", [4, 5, 7])
def test_packs_every_length_into_beats(bits, channels, columns, rng):
    settings = scaler_settings(crop=(0, 0, 8, 3), output=(columns, 3), channels=channels)
    _run([(_image(rng, (3, 8)), settings)] * 2, rng, bits=bits, pull=0.8)


def test_settings_may_change_from_frame_to_frame(rng):
    frames = [
        (_image(rng, (16, 20)), scaler_settings(crop=(2, 2, 16, 12), output=(9, 7))),
        (_image(rng, (8, 9)), ScalerSettings()),
        (_image(rng, (12, 30)), scaler_settings(crop=(0, 0, 30, 12), output=(3, 5), channels=1,
                                                mode=ScalerMode.BILINEAR)),
    ]
    _run(frames, rng)


def test_quantization_saturates(rng):
    image = _image(rng, (10, 10))
    for scale, zero_point, mean in ((1 / 500, 0, 0.0), (1 / 255, -128, 0.3), (1 / 255, 100, 0.0)):
        settings = scaler_settings(crop=(0, 0, 10, 10), output=(8, 8), scale=scale,
                                   zero_point=zero_point, mean=(mean,) * 3)
        _run([(image, settings)], rng)


def test_shifts_that_are_too_small_saturate(rng):
    good = scaler_settings(crop=(0, 0, 16, 16), output=(4, 4))
    for shift in ((3, 15), (15, 0), (0, 0)):
        settings = ScalerSettings(**{**vars(good), "shift": shift})
        _run([(_image(rng, (16, 16)), settings)], rng)


@pytest.mark.parametrize("output", [(64, 9), (20, 5)])
def test_takes_a_pixel_a_cycle(output, rng):
    cycles, = _run([(_image(rng, (9, 64)), scaler_settings(crop=(0, 0, 64, 9), output=output))],
                   rng)
    assert cycles == 9 * 64


def test_latency_is_what_it_says():
    """From the pixel that completes the last output pixel of a beat."""
    dut = Scaler(_config(32))
    settings = scaler_settings(crop=(0, 0, 8, 8), output=(8, 8), channels=1)
    cycles = []

    async def bench(ctx):
        set_settings(ctx, dut.settings, settings)
        ctx.set(dut.geometry, {"width": 8, "height": 8})
        await ctx.tick().repeat(4)
        ctx.set(dut.i.valid, 1)
        await ctx.tick().repeat(4)
        ctx.set(dut.i.valid, 0)
        count = 0
        while not ctx.get(dut.o.valid):
            await ctx.tick()
            count += 1
        cycles.append(1 + count)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert cycles == [dut.LATENCY]
