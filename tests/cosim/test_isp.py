"""The whole ISP in compiled simulation: frames in a row, settings in mid-frame, broken frames."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from hadron_cosim.cxxrtl.streams import RAW_LAST, Stream, StreamStalls
from hadron_cosim.isp_simulator import IspSimulator, raw_beats
from hadron_model.isp import pipeline
from hadron_spec.isp.bayer import Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.picture import ScalerSettings
from hadron_spec.isp.registers import ISP_BASE, writes
from hadron_testing.isp_settings import random_settings

pytestmark = pytest.mark.slow  # the simulation is built, once

CONFIG = ISP_CONFIGS["isp64"]
FRAME_OVERHEAD = 176
"""Cycles of a frame besides its pixels and the lines of the windows: all stages' latencies."""

FRAME_GAP = 517
"""Cycles from the end of FRAME_CYCLES to the next frame's first, when it waits: the statistics are
cleared meanwhile."""

RUN, LIVE = 1, 2

ERRORS = ("SHORT_LINES", "LONG_LINES", "SHORT_FRAMES", "LONG_FRAMES", "OVERFLOWS")


@pytest.fixture(scope="module")
def simulator():
    return IspSimulator(CONFIG)


@dataclass(frozen=True)
class Output:
    """A frame as the outputs gave it."""

    picture: np.ndarray
    tensor: bytes
    broken: tuple[bool, bool]


def _outputs(simulator, settings):
    """Return all frames that came out; `settings` says their sizes, frame by frame."""
    simulator.check_protocol()
    beats, tensor = simulator.isp.beats(Stream.PICTURE), simulator.isp.beats(Stream.TENSOR_OUT)
    ends = np.flatnonzero(tensor["last"]) + 1
    frames = []
    begin = 0
    for i, known in enumerate(settings):
        width, height = known.crop.used_width, known.crop.used_height
        part = beats[begin:begin + width * height]
        begin += width * height
        assert len(part) == width * height, f"frame {i} has {len(part)} pixels"
        np.testing.assert_array_equal(np.flatnonzero(part["user"] & 1), [0])
        np.testing.assert_array_equal(np.flatnonzero(part["last"]),
                                      np.arange(width - 1, width * height, width))
        bytes_ = tensor[ends[i - 1] if i else 0:ends[i]]
        data = bytes_["bytes"][:, :CONFIG.axi_data_width // 8].tobytes()
        frames.append(Output(picture=part["bytes"][:, :3].reshape(height, width, 3), tensor=data,
                             broken=(bool(part["user"][-1] & 2), bool(bytes_["user"][-1] & 1))))
    assert begin == len(beats)
    assert len(ends) == len(settings)
    return frames


def _check(output, raw, settings):
    expected = pipeline.run(raw, settings, CONFIG)
    np.testing.assert_array_equal(output.picture, expected["chroma"])
    tensor = expected["scaler"].astype(np.int8).tobytes()
    assert output.tensor[:len(tensor)] == tensor
    # Padding to a whole beat.
    assert len(output.tensor) - len(tensor) < CONFIG.axi_data_width // 8
    assert not any(output.tensor[len(tensor):])
    assert output.broken == (False, False)


def _statistics(raw, settings):
    return pipeline.statistics(pipeline.run(raw, settings, CONFIG), settings).words()


def _frames(rng, size, count):
    return [rng.integers(4096, size=size) for _ in range(count)]


def _finish(simulator, *, patience=200_000):
    """Run until all pixels are taken and the pipeline is empty."""
    while simulator.isp.state.left and patience > 0:
        patience -= simulator.isp.run(5000, until_taken=True)
    simulator.isp.run(100)
    while simulator.read_register("STATUS") & 1 and patience > 0:
        patience -= simulator.isp.run(100)
    assert patience > 0, f"{simulator.isp.state.left} pixels were not taken"


def _begin(simulator, settings, stalls=None):
    simulator.reset(stalls)
    simulator.isp.clear()
    simulator.commit(settings)
    simulator.write_register("CONTROL", 1)


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
@pytest.mark.parametrize("size", [(8, 8), (9, 13), (31, 64), (48, 33)])
def test_frames_in_a_row_are_the_models_in_every_phase(simulator, size, phase, rng, test_seed):
    for stalls in (None, StreamStalls(seed=test_seed, raw=0.2, picture=0.3, tensor_out=0.3,
                                      longest=9)):
        settings = random_settings(rng, size=size, phase=phase)
        frames = _frames(rng, size, 4)
        _begin(simulator, settings, stalls)
        for frame in frames:
            simulator.isp.feed_raw(raw_beats(frame))
        _finish(simulator)
        outputs = _outputs(simulator, [settings] * len(frames))
        for output, frame in zip(outputs, frames, strict=True):
            _check(output, frame, settings)
        np.testing.assert_array_equal(
            simulator.read_statistics(), _statistics(frames[-1], settings))
        assert simulator.read_register("FRAME_INDEX") == len(frames)


def test_settings_written_in_mid_frame_change_whole_frames_only(simulator, rng, test_seed):
    size = (24, 40)
    known = random_settings(rng, size=size, phase=Phase.GRBG)
    used = []
    frames = _frames(rng, size, 24)
    _begin(simulator, known, StreamStalls(seed=test_seed, raw=0.05, picture=0.05, longest=5))
    for frame in frames:
        simulator.isp.feed_raw(raw_beats(frame))
    changes = {1: known}
    while simulator.isp.state.left > 2 * size[0] * size[1]:
        # Crop and phase change, too; tables in part of the cases.
        known = random_settings(rng, size=size, phase=int(rng.integers(4)))
        words = list(writes(known, tables=True))
        for offset, word in words:
            simulator.isp.write(ISP_BASE + offset, word)
            if rng.random() < 0.01:
                simulator.isp.run(int(rng.integers(1, 400)))
        simulator.write_register("COMMIT", 1)
        while simulator.read_register("STATUS") & 2:
            simulator.isp.run(int(rng.integers(1, 50)))
        changes[simulator.read_register("COMMIT_INDEX")] = known
    _finish(simulator)
    assert len(changes) >= 3
    for number in range(1, len(frames) + 1):
        used.append(changes.get(number, used[-1] if used else None))
    for output, frame, settings in zip(_outputs(simulator, used), frames, used, strict=True):
        _check(output, frame, settings)


def _short_line(beats, rng):
    y = int(rng.integers(1, len(beats)))
    x = int(rng.integers(beats.shape[1] - 1))
    beats[y, x] |= RAW_LAST
    return np.concatenate([beats[:y].ravel(), beats[y, :x + 1], beats[y + 1:].ravel()])


def _long_line(beats, rng):
    y = int(rng.integers(len(beats)))
    beats[y, -1] &= ~np.uint32(RAW_LAST)
    extra = np.array([1, 2, 3 | RAW_LAST], np.uint32)
    return np.concatenate([beats[:y + 1].ravel(), extra, beats[y + 1:].ravel()])


def _short_frame(beats, rng):
    return beats.ravel()[:int(rng.integers(1, beats.size))]


FAULTS = {"SHORT_LINES": _short_line, "LONG_LINES": _long_line, "SHORT_FRAMES": _short_frame}


@pytest.mark.parametrize("stalled", [False, True])
def test_broken_frames_are_dropped_whole_and_the_next_is_clean(simulator, stalled, rng, test_seed):
    size = (20, 24)
    settings = random_settings(rng, size=size, phase=Phase.BGGR)
    kinds = [None, *rng.permutation([None, *FAULTS, *FAULTS]).tolist(), None]
    frames = _frames(rng, size, len(kinds))
    _begin(simulator, settings,
           StreamStalls(seed=test_seed, raw=0.1, picture=0.2, longest=7) if stalled else None)
    simulator.write_register("IRQ_STATUS", 0xF)
    for frame, kind in zip(frames, kinds, strict=True):
        beats = raw_beats(frame)
        simulator.isp.feed_raw(FAULTS[kind](beats, rng) if kind else beats.ravel())
    _finish(simulator)
    for output, frame, kind in zip(
            _outputs(simulator, [settings] * len(kinds)), frames, kinds, strict=True):
        if kind is None:
            _check(output, frame, settings)
        else:
            assert output.broken == (True, True), kind
    # The statistics are those of the last good frame, untouched by broken ones in between.
    np.testing.assert_array_equal(simulator.read_statistics(), _statistics(frames[-1], settings))
    assert {name: simulator.read_register(name) for name in ERRORS} == {
        name: kinds.count(name) for name in ERRORS}
    assert simulator.read_register("FRAME_INDEX") == kinds.count(None)
    assert simulator.read_register("STATISTICS_INDEX") == kinds.count(None)
    assert simulator.read_register("IRQ_STATUS") & 0b101 == 0b101


def test_a_broken_frame_leaves_the_statistics_of_the_one_before(simulator, rng):
    size = (20, 24)
    settings = random_settings(rng, size=size, phase=Phase.GRBG)
    good, broken = _frames(rng, size, 2)
    _begin(simulator, settings)
    simulator.isp.feed_raw(raw_beats(good))
    simulator.isp.feed_raw(_short_line(raw_beats(broken), rng))
    _finish(simulator)
    np.testing.assert_array_equal(simulator.read_statistics(), _statistics(good, settings))
    assert simulator.read_register("STATISTICS_INDEX") == 1


def test_lines_too_many_are_counted_and_the_frame_is_good(simulator, rng):
    size = (12, 16)
    settings = random_settings(rng, size=size, phase=Phase.RGGB)
    frames = _frames(rng, size, 2)
    _begin(simulator, settings)
    simulator.isp.feed_raw(raw_beats(frames[0]))
    simulator.isp.feed_raw(raw_beats(frames[0])[1:4])
    simulator.isp.feed_raw(raw_beats(frames[1]))
    _finish(simulator)
    for output, frame in zip(_outputs(simulator, [settings] * 2), frames, strict=True):
        _check(output, frame, settings)
    assert simulator.read_register("LONG_FRAMES") == 1


def test_a_live_frame_that_overflows_is_counted_and_dropped_whole(simulator, rng, test_seed):
    size = (20, 24)
    settings = random_settings(rng, size=size, phase=Phase.RGGB, cropped=False)
    frames = _frames(rng, size, 3)
    _begin(simulator, settings)
    simulator.write_register("CONTROL", RUN | LIVE)
    for number, frame in enumerate(frames):
        # A camera does not wait for whoever takes the picture.
        held_up = StreamStalls(seed=test_seed, raw=0, picture=0.5, longest=20)
        simulator.isp.configure_streams(held_up if number == 1 else None)
        simulator.isp.run(2 * FRAME_GAP)  # blanking, in which commit and statistics settle
        simulator.isp.feed_raw(raw_beats(frame))
        _finish(simulator)
    first, second, third = _outputs(simulator, [settings] * 3)
    _check(first, frames[0], settings)
    assert second.broken == (True, True)
    _check(third, frames[2], settings)
    assert {name: simulator.read_register(name) for name in ERRORS} == {
        **dict.fromkeys(ERRORS, 0), "OVERFLOWS": 1}
    assert simulator.read_register("FRAME_INDEX") == 2
    np.testing.assert_array_equal(simulator.read_statistics(), _statistics(frames[2], settings))


def test_nothing_comes_out_until_it_runs(simulator, rng):
    size = (12, 16)
    settings = random_settings(rng, size=size, phase=Phase.RGGB)
    frames = _frames(rng, size, 2)
    _begin(simulator, settings)
    simulator.write_register("CONTROL", 0)
    simulator.isp.feed_raw(raw_beats(frames[0]))
    _finish(simulator)
    assert len(simulator.isp.beats(Stream.PICTURE)) == 0
    simulator.write_register("CONTROL", 1)
    simulator.isp.feed_raw(raw_beats(frames[1]))
    _finish(simulator)
    output, = _outputs(simulator, [settings])
    _check(output, frames[1], settings)


@pytest.mark.parametrize("size", [(16, 24), (40, 64)])
def test_a_frame_takes_its_pixels_eight_lines_and_the_latencies(simulator, size, rng):
    """Eight lines: two for each of four windows. The rest does not depend on the size."""
    settings = replace(random_settings(rng, size=size, phase=Phase.GBRG, cropped=False),
                       scaler=ScalerSettings())
    frames = _frames(rng, size, 2)
    _begin(simulator, settings)
    for frame in frames:
        simulator.isp.feed_raw(raw_beats(frame))
    _finish(simulator)
    height, width = size
    cycles = simulator.read_register("FRAME_CYCLES")
    assert cycles == height * width + 8 * width + FRAME_OVERHEAD
    beats = simulator.isp.beats(Stream.PICTURE)
    taken = beats["cycle"].astype(int).reshape(2, -1)
    # A pixel a clock from the first to the last.
    assert np.all(np.diff(taken, axis=1) == 1)
    # Nothing between frames but the control's settling.
    assert taken[1, 0] - taken[0, 0] == cycles + FRAME_GAP
