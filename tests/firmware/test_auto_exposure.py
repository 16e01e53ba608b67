"""Auto exposure on a simulated camera: it arrives, in how many frames, and does not swing."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from hadron_sensor import Sensor
from hadron_testing.c_3a import Ae, AeSettings, Exposure, zone_statistics
from hadron_testing.camera import Camera, patches

STOP = 1024
SENSOR = Sensor(full_well=8000, read_noise=5, black=(64,) * 4, sensitivity=(0.6, 1.0, 0.7))
SETTINGS = {"target": 740, "tolerance": 100, "speed": 8, "minimum_lines": 2,
            "maximum_lines": 1000, "maximum_gain": 16 * 256, "gain_step": 16,
            "flicker_lines": 0, "delay": 2}
START = (100, 256, 256)


class Loop:
    """Camera and auto exposure, frame by frame.

    `errors` are those of each frame in stops; after it, `asked` is the exposure that the loop is at
    and `totals` that of time and gains together.
    """

    def __init__(self, library: ctypes.CDLL, camera: Camera, start: Exposure,
                 **changes: int) -> None:
        self.library, self.camera, self.ae = library, camera, Ae()
        settings = AeSettings(**SETTINGS | changes)
        assert library.hadron_ae_init(
            ctypes.byref(self.ae), ctypes.byref(settings), ctypes.byref(start)) == 0
        self.errors: list[float] = []
        self.totals: list[float] = []
        self.asked: list[float] = []
        self.exposures: list[Exposure] = []

    def run(self, frames: int) -> None:
        for _ in range(frames):
            statistics = self.camera.shoot()
            exposure = self.library.hadron_ae_step(ctypes.byref(self.ae),
                                                   ctypes.byref(statistics))
            self.camera.set_exposure(exposure)
            self.errors.append(self.ae.error / STOP)
            self.totals.append(exposure.total)
            self.asked.append(2 ** (self.ae.exposure / STOP - 16))
            self.exposures.append(exposure)

    def frames_to_arrive(self, since: int, within: float = 0.25) -> int:
        """Return after how many frames the error stays below `within` stops to the end."""
        off = [i for i, error in enumerate(self.errors[since:]) if abs(error) > within]
        return off[-1] + 1 if off else 0


@pytest.fixture
def make_loop(algorithms: ctypes.CDLL, rng) -> Callable[..., Loop]:
    def make(*, light: float = 1.0, start: tuple[int, int, int] = START, delay: int = 2,
             scene=None, **changes: int) -> Loop:
        exposure = Exposure(*start)
        camera = Camera(SENSOR, patches(rng) if scene is None else scene, exposure, light=light,
                        delay=delay)
        return Loop(algorithms, camera, exposure, delay=delay, **changes)

    return make


def swings(values: list[float], least: float = 1.02) -> int:
    """Count turns of direction of more than `least`."""
    turns, direction = 0, 0
    last = values[0]
    for value in values[1:]:
        if max(value, last) / min(value, last) > least:
            now = 1 if value > last else -1
            turns += direction == -now
            direction, last = now, value
    return turns


@pytest.mark.parametrize("delay", [1, 2, 3, 4])
@pytest.mark.parametrize("factor", [0.02, 0.2, 5, 30])
def test_a_step_in_light_is_followed_without_swinging(make_loop, delay: int,
                                                      factor: float) -> None:
    loop = make_loop(light=2.0, delay=delay)
    loop.run(20)
    assert loop.ae.settled
    loop.camera.light *= factor
    loop.run(40)
    arrived = loop.frames_to_arrive(20)
    assert 0 < arrived <= 8 + 2 * delay
    assert loop.ae.settled
    assert swings(loop.totals[20:]) == 0
    assert len(set(loop.totals[-20:])) == 1, "it moves although it has arrived"


def test_the_first_frame_may_be_black_or_white(make_loop) -> None:
    for light, start in ((0.1, (2, 256, 256)), (100.0, (1000, 256, 256))):
        loop = make_loop(light=light, start=start)
        loop.run(40)
        assert loop.frames_to_arrive(0) <= 16
        assert swings(loop.totals) == 0


def test_flicker_of_a_lamp_within_the_tolerance_moves_nothing(make_loop, rng) -> None:
    loop = make_loop()
    loop.run(20)
    for _ in range(40):
        loop.camera.light = 1.0 + rng.uniform(-0.05, 0.05)
        loop.run(1)
    assert len(set(loop.totals[20:])) == 1


def test_time_comes_before_gain_and_no_more_than_there_is(make_loop) -> None:
    bright, dim, dark = (make_loop(light=light) for light in (10.0, 0.2, 0.001))
    for loop in (bright, dim, dark):
        loop.run(30)
    assert bright.exposures[-1].gain < 272
    assert bright.exposures[-1].lines < 1000
    assert dim.exposures[-1].lines == 1000
    assert 256 < dim.exposures[-1].gain < 16 * 256
    assert dark.exposures[-1].lines == 1000
    assert dark.exposures[-1].gain == pytest.approx(16 * 256, rel=0.05)
    assert dark.exposures[-1].digital_gain == pytest.approx(256, abs=1)
    assert swings(dark.totals) == 0


def test_under_flickering_light_the_time_is_whole_half_waves(make_loop) -> None:
    loop = make_loop(light=0.7, flicker_lines=120)
    loop.run(30)
    exposure = loop.exposures[-1]
    assert exposure.lines >= 120
    assert exposure.lines % 120 == 0
    assert loop.frames_to_arrive(0) <= 12
    short = make_loop(light=60.0, flicker_lines=120)
    short.run(30)
    assert short.exposures[-1].lines < 120


def test_digital_gain_makes_up_for_whole_lines_and_steps_of_gain(make_loop) -> None:
    loop = make_loop(light=100.0, gain_step=128)
    loop.run(20)
    assert loop.exposures[-1].lines < 10
    for asked, exposure in zip(loop.asked, loop.exposures, strict=True):
        assert exposure.gain % 128 == 0
        assert exposure.total == pytest.approx(asked, rel=0.006)
    assert abs(loop.errors[-1]) <= SETTINGS["tolerance"] / STOP


def test_the_middle_counts_more_than_the_border(algorithms: ctypes.CDLL) -> None:
    def mean(rows: slice) -> int:
        sums = np.full((16, 16, 4), 100 * 10)
        sums[rows, rows] = 2000 * 10
        counts = np.full((16, 16, 4), 10)
        statistics = zone_statistics(sums, counts, np.zeros((16, 16), np.int64))
        return algorithms.hadron_ae_mean(ctypes.byref(statistics))

    assert mean(slice(0, 0)) == 100
    assert mean(slice(0, 16)) == 2000
    assert mean(slice(4, 12)) - 100 > 1.8 * (mean(slice(0, 8)) - 100)
    assert mean(slice(6, 10)) - 100 > 7 * (mean(slice(0, 4)) - 100)


def test_empty_and_clipped_zones_do_not_break_the_mean(algorithms: ctypes.CDLL) -> None:
    nothing = np.zeros((16, 16, 4), np.int64)
    empty = zone_statistics(nothing, nothing, np.zeros((16, 16), np.int64))
    assert algorithms.hadron_ae_mean(ctypes.byref(empty)) == 0
    for pixels in (1, 8100, (1 << 24) - 1):
        white = zone_statistics(nothing, nothing, np.full((16, 16), pixels))
        assert algorithms.hadron_ae_mean(ctypes.byref(white)) == 4095
        counts = nothing + pixels // 4
        grey = zone_statistics(counts * 255, counts, np.zeros((16, 16), np.int64))
        assert algorithms.hadron_ae_mean(ctypes.byref(grey)) == (255 if pixels > 3 else 0)


@pytest.mark.parametrize("changes", [
    {"target": 0}, {"target": 4096}, {"speed": 0}, {"speed": 17}, {"minimum_lines": 0},
    {"maximum_lines": 1}, {"maximum_lines": 65536}, {"maximum_gain": 255},
    {"maximum_gain": 32769}, {"gain_step": 0}, {"gain_step": 257}, {"tolerance": 4097},
    {"delay": 0}, {"delay": 5}, {"flicker_lines": 65536},
])
def test_settings_out_of_range_are_refused(algorithms: ctypes.CDLL, changes) -> None:
    ae, settings, start = Ae(), AeSettings(**SETTINGS | changes), Exposure(*START)
    assert algorithms.hadron_ae_init(ctypes.byref(ae), ctypes.byref(settings),
                                     ctypes.byref(start)) == -1
