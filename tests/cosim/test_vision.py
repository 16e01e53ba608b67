"""An ISP with an NPU behind it: frames in a row, settings in mid-frame, broken frames."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_cosim.cxxrtl.streams import RAW_LAST, Stream, StreamStalls
from hadron_cosim.isp_simulator import raw_beats
from hadron_cosim.memory_model import Stalls
from hadron_cosim.vision_simulator import VisionSimulator
from hadron_model.executor import Executor
from hadron_model.isp import pipeline
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode
from hadron_spec.isp.bayer import Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import ScalerMode, ScalerSource
from hadron_spec.isp.presets import scaler_settings
from hadron_spec.isp.registers import ISP_ID
from hadron_spec.registers import ID
from hadron_spec.vision import VisionConfig
from hadron_testing.isp_settings import random_settings
from hadron_testing.large_models import Layers
from hadron_testing.programs import memory_image, streamed

NPU = NpuConfig(name="small", lanes=16, columns=2, dsp_columns=2, act_bytes=32 << 10,
                weight_steps=512, axi_data_width=64)
CONFIG = VisionConfig(npu=NPU, isp=replace(ISP_CONFIGS["isp64"], axi_data_width=64))
SIDE = 20
SIZE = (48, 56)
"""Rows and columns of a frame."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulator() -> VisionSimulator:
    return VisionSimulator(CONFIG)


@pytest.fixture
def program(rng):
    layers = Layers(rng, (1, SIDE, SIDE, 3))
    x = layers.conv(layers.inputs[0], 8, (3, 3), stride=(2, 2))
    model = layers.builder.finish([layers.conv(x, 4, (3, 3))])
    return compile_model(model, NPU, stream_input=True)


def _settings(rng, phase):
    """Random settings whose tensor is what the network takes."""
    return replace(
        random_settings(rng, size=SIZE, phase=phase, cropped=False),
        scaler=scaler_settings(crop=(2, 1, 50, 44), output=(SIDE, SIDE), channels=3,
                               source=int(rng.choice([ScalerSource.RGB, ScalerSource.YUV])),
                               mode=int(rng.choice([ScalerMode.BOX, ScalerMode.BILINEAR]))))


def _registers(program) -> tuple[int, int, int, int]:
    return program.command_offset, program.command_count, 0, program.region_bytes


def _golden(program, tensor) -> np.ndarray:
    inputs = [tensor[None].astype(np.int8)]
    memory = memory_image(program, inputs)
    base, count, region, size = _registers(program)
    assert Executor(NPU).run(memory, command_base=base, command_count=count, memory_base=region,
                             memory_bytes=size, stream=streamed(program, inputs)).ok
    return memory


def _begin(simulator, program, settings) -> np.ndarray:
    """Reset both, start the ISP with its settings; return the NPU's memory, without an input."""
    memory = memory_image(program, [np.zeros(program.inputs[0].shape)])
    simulator.configure(memory)
    simulator.device.clear()
    simulator.isp.commit(settings)
    simulator.isp.write_register("CONTROL", 1)
    return memory


def _check(frame, raw, settings, program, memory) -> None:
    """Compare picture, statistics and everything the network left in memory."""
    stages = pipeline.run(raw, settings, CONFIG.isp)
    np.testing.assert_array_equal(frame.picture, stages["chroma"])
    np.testing.assert_array_equal(
        frame.statistics, pipeline.statistics(stages, settings).words())
    assert frame.program.status == "done", frame.program
    np.testing.assert_array_equal(memory, _golden(program, stages["scaler"]))


@pytest.mark.parametrize("stalled", [False, True])
def test_every_frame_of_a_row_is_the_models_whatever_settings_change(simulator, program, stalled,
                                                                     rng, test_seed):
    """Each frame has settings of its own, written while the one before is under way."""
    memory = memory_image(program, [np.zeros(program.inputs[0].shape)])
    seen = []
    stalls = {}
    if stalled:
        stalls = {"stalls": Stalls.everywhere(test_seed % 2**31, chance=0.1),
                  "stream_stalls": StreamStalls(seed=test_seed, raw=0.05, picture=0.1)}
    simulator.configure(memory, **stalls)
    settings = [_settings(rng, phase) for phase in (*Phase, Phase.GBRG)]
    raws = [rng.integers(4096, size=SIZE) for _ in settings]
    frames = simulator.run(raws, settings, _registers(program),
                           on_answer=lambda: seen.append(memory.copy()))
    for frame, raw, known, left in zip(frames, raws, settings, seen, strict=True):
        _check(frame, raw, known, program, left)
    answered = [frame.answered_at for frame in frames]
    assert answered == sorted(answered)
    for frame in frames:
        counters = frame.program.counters
        assert counters["STREAM_WAIT"] > 0
        if not stalled:
            # Beside waiting for the frame, a program takes as long as predicted.
            assert counters["CYCLES"] - counters["STREAM_WAIT"] < 1.05 * program.cycles


def test_a_broken_frame_is_an_error_and_the_next_is_whole(simulator, program, rng):
    settings = _settings(rng, Phase.RGGB)
    memory = _begin(simulator, program, settings)
    device, host, isp = simulator.device, simulator.host, simulator.isp
    for broken in (False, True, False):
        raw = rng.integers(4096, size=SIZE)
        beats = raw_beats(raw)
        if broken:
            beats[30, 20] |= RAW_LAST
            beats = np.concatenate([beats[:30].ravel(), beats[30, :21], beats[31:].ravel()])
        host.start(*_registers(program))
        device.feed_raw(beats)
        result = host.finish(device.state.register_write, 1_000_000)
        if broken:
            assert (result.status, result.error_code) == ("error", ErrorCode.STREAM_BROKEN)
        else:
            assert result.status == "done"
            tensor = pipeline.run(raw, settings, CONFIG.isp)["scaler"]
            np.testing.assert_array_equal(memory, _golden(program, tensor))
    device.run(20_000, until_irq=False)
    assert isp.read_register("FRAME_INDEX") == 2
    assert isp.read_register("SHORT_LINES") == 1


def test_live_frames_without_a_program_are_dropped_and_the_picture_goes_on(simulator, program, rng):
    """A camera cannot wait: with STREAM.DROP no frame is held up, the next one answers."""
    settings = _settings(rng, Phase.GRBG)
    memory = _begin(simulator, program, settings)
    device, host, isp = simulator.device, simulator.host, simulator.isp
    host.write_register("STREAM", 1)
    raws = [rng.integers(4096, size=SIZE) for _ in range(3)]
    for raw in raws[:2]:
        device.feed_raw(raw_beats(raw))
    device.run(40_000, until_irq=False)
    assert isp.read_register("FRAME_INDEX") == 2
    assert host.read_register("STREAM_DROPPED") == 2
    host.start(*_registers(program))
    device.feed_raw(raw_beats(raws[2]))
    assert host.finish(device.state.register_write, 1_000_000).status == "done"
    tensor = pipeline.run(raws[2], settings, CONFIG.isp)["scaler"]
    np.testing.assert_array_equal(memory, _golden(program, tensor))
    device.run(20_000, until_irq=False)
    pictures = device.beats(Stream.PICTURE)["bytes"][:, :3].reshape(3, *SIZE, 3)
    for picture, raw in zip(pictures, raws, strict=True):
        np.testing.assert_array_equal(picture, pipeline.run(raw, settings, CONFIG.isp)["chroma"])


def test_both_blocks_answer_at_their_addresses(simulator):
    simulator.configure(np.zeros(4096, np.uint8))
    assert simulator.host.read_register("ID") == ID
    assert simulator.isp.read_register("ID") == ISP_ID
    simulator.host.write_register("MEMORY_BASE", 0x1234_5680)
    simulator.isp.write_register("STATISTICS_ADDRESS", 0x123)
    assert simulator.host.read_register("MEMORY_BASE") == 0x1234_5680
    assert simulator.isp.read_register("STATISTICS_ADDRESS") == 0x123
