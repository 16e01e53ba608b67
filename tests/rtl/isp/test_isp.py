"""The top in configurations that leave stages and outputs out."""

from dataclasses import replace

import numpy as np
from amaranth.sim import Simulator

from hadron_model.isp import pipeline
from hadron_rtl.isp.isp import Isp
from hadron_spec.isp.bayer import CropSettings, WhiteBalanceSettings
from hadron_spec.isp.config import OPTIONAL_STAGES, IspConfig
from hadron_spec.isp.presets import gamma_settings, scaler_settings, srgb_curve
from hadron_spec.isp.registers import ISP_BASE, TABLES, isp_register, settings_image, table_words
from hadron_spec.isp.settings import default_settings
from hadron_testing.axi_memory import AxiMemory
from hadron_testing.isp import AxiLite


def _run(config, settings, raw, *, port, beats, latency=9):
    """Process one frame; return the data of the beats of a port, or what is in memory."""
    dut = Isp(config)
    memory = AxiMemory(dut.m_axi_tensor, size=4096, latency=latency) if port is None else None
    bus = AxiLite(dut.s_axil, base=ISP_BASE)
    got = []
    width = raw.shape[1]
    reset = settings_image(default_settings(config))

    async def run(ctx):
        for offset, word in settings_image(settings).items():
            if word != reset[offset]:
                await bus.write(ctx, offset, word)
        gamma = next(table for table in TABLES if table.name == "gamma.nodes")
        expected = None
        for address, value in table_words(gamma, settings) if settings.gamma.enable else ():
            if address != expected:
                await bus.write(ctx, isp_register("TABLE_ADDRESS").offset,
                                gamma.number << 16 | address)
            await bus.write(ctx, isp_register("TABLE_DATA").offset, value)
            expected = address + 1
        for i, base in enumerate(BASES):
            await bus.write(ctx, isp_register(f"TENSOR_BASE_{i}").offset, base)
        await bus.write(ctx, isp_register("COMMIT").offset, 1)
        await bus.write(ctx, isp_register("CONTROL").offset, 1)
        stream = dut.s_axis_raw
        for index, pixel in enumerate(raw.ravel().tolist()):
            ctx.set(stream.tdata, pixel)
            ctx.set(stream.tuser, index == 0)
            ctx.set(stream.tlast, index % width == width - 1)
            ctx.set(stream.tvalid, 1)
            await ctx.tick().until(stream.tready)
        ctx.set(stream.tvalid, 0)
        while (await bus.read(ctx, isp_register("IRQ_STATUS").offset))[0] & 1 == 0:
            await ctx.tick()
        if memory is not None:
            # By the time of the interrupt all of it is there.
            got.append(bytes(memory.data))
            status = await bus.read(ctx, isp_register("TENSOR_STATUS").offset)
            assert status == (0b010, 0)
        await ctx.tick().repeat(40)
        assert await bus.read(ctx, isp_register("FRAME_INDEX").offset) == (1, 0)
        assert len(got) == beats

    async def drain(ctx):
        output = getattr(dut, port)
        ctx.set(output.tready, 1)
        while True:
            *_, valid, data = await ctx.tick().sample(output.tvalid, output.tdata)
            if valid:
                got.append(data)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.add_testbench(drain if memory is None else memory.write, background=True)
    simulator.run()
    return got


BASES = (0x300, 0x800)


def test_a_picture_without_any_optional_stage(rng):
    config = IspConfig(name="bare", max_width=16, max_height=16, input_bits=8, tensor=False,
                       omit=OPTIONAL_STAGES)
    settings = replace(
        default_settings(config),
        crop=CropSettings(enable=1, input_width=12, input_height=10, x=1, y=1, width=11, height=9),
        white_balance=WhiteBalanceSettings(enable=1, gain=(5000, 4096, 4096, 6000)))
    raw = rng.integers(256, size=(10, 12))
    got = _run(config, settings, raw, port="m_axis_picture", beats=11 * 9)
    picture = np.array([[value & 255, value >> 8 & 255, value >> 16] for value in got])
    np.testing.assert_array_equal(
        picture.reshape(9, 11, 3), pipeline.run(raw, settings, config)["chroma"])


def test_a_tensor_without_a_picture(rng):
    config = IspConfig(name="tensor", max_width=16, max_height=16, input_bits=10, picture=False,
                       axi_data_width=32, omit=OPTIONAL_STAGES)
    settings = replace(
        default_settings(config),
        gamma=gamma_settings(srgb_curve),
        scaler=scaler_settings(crop=(2, 1, 12, 14), output=(6, 7)))
    raw = rng.integers(1024, size=(16, 16))
    expected = pipeline.run(raw, settings, config)["scaler"].astype(np.int8).tobytes()
    beats = -(-len(expected) // 4)
    got = _run(config, settings, raw, port="m_axis_tensor", beats=beats)
    data = b"".join(value.to_bytes(4, "little") for value in got)
    assert data[:len(expected)] == expected


def test_a_tensor_in_memory_by_the_time_of_the_interrupt(rng):
    config = IspConfig(name="memory", max_width=16, max_height=16, picture=False,
                       axi_data_width=64, omit=OPTIONAL_STAGES, tensor_memory=True)
    settings = replace(
        default_settings(config),
        scaler=scaler_settings(crop=(0, 0, 16, 16), output=(9, 8)))
    raw = rng.integers(4096, size=(16, 16))
    expected = pipeline.run(raw, settings, config)["scaler"].astype(np.int8).tobytes()
    memory, = _run(config, settings, raw, port=None, beats=1, latency=200)
    assert memory[BASES[0]:BASES[0] + len(expected)] == expected
