"""Auto focus on a simulated lens: it finds the sharpest position and stays there."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from hadron_sensor import Sensor
from hadron_testing.c_3a import Af, AfSettings, Exposure, Statistics
from hadron_testing.camera import Camera, patches

FOCUSED = 3
SETTINGS = {"first": 0, "last": 200, "step": 20, "fine": 5, "window": 1, "settle": 1,
            "restart": 40}
SENSOR = Sensor(full_well=8000, read_noise=5, black=(64,) * 4)


class Loop:
    """Camera and auto focus; `positions` holds where the lens was told to go after each frame."""

    def __init__(self, library: ctypes.CDLL, camera: Camera, **changes: int) -> None:
        self.library, self.camera, self.af = library, camera, Af()
        settings = AfSettings(**SETTINGS | changes)
        assert library.hadron_af_init(ctypes.byref(self.af), ctypes.byref(settings)) == 0
        camera.position = self.af.position
        self.positions: list[int] = []

    def run(self, frames: int) -> None:
        for _ in range(frames):
            statistics = self.camera.shoot()
            self.camera.set_exposure(Exposure(500, 256, 256))
            self.camera.position = self.library.hadron_af_step(
                ctypes.byref(self.af), ctypes.byref(statistics))
            self.positions.append(self.camera.position)


@pytest.fixture
def make_loop(algorithms: ctypes.CDLL, rng) -> Callable[..., Loop]:
    def make(focus: int, **changes: int) -> Loop:
        camera = Camera(SENSOR, patches(rng, size=48), Exposure(500, 256, 256), focus=focus)
        return Loop(algorithms, camera, **changes)

    return make


@pytest.mark.parametrize("focus", [0, 7, 60, 113, 155, 200])
def test_it_finds_the_sharpest_position_and_stays(make_loop, focus: int) -> None:
    loop = make_loop(focus)
    loop.run(60)
    assert loop.af.state == FOCUSED
    assert abs(loop.positions[-1] - focus) <= 15  # a blur of less than 0.4 pixels
    assert len(set(loop.positions[-10:])) == 1
    # One search and one refinement at two frames a position.
    assert len({*loop.positions}) <= 200 // 20 + 1 + 2 * 20 // 5


def test_a_scene_that_moved_is_searched_again(make_loop) -> None:
    loop = make_loop(60)
    loop.run(60)
    assert abs(loop.positions[-1] - 60) <= 15
    loop.camera.focus = 150
    loop.run(60)
    assert loop.af.state == FOCUSED
    assert abs(loop.positions[-1] - 150) <= 15


def test_it_does_not_search_again_where_that_is_off(make_loop) -> None:
    loop = make_loop(60, restart=0)
    loop.run(60)
    loop.camera.focus = 150
    before = loop.positions[-1]
    loop.run(20)
    assert set(loop.positions[-20:]) == {before}


def test_less_light_is_not_less_sharpness(make_loop, algorithms: ctypes.CDLL) -> None:
    camera = make_loop(60).camera
    camera.position = 60
    measures = []
    for light in (1.0, 0.5):
        camera.light = light
        statistics = camera.shoot()
        camera.set_exposure(Exposure(500, 256, 256))
        measures.append(algorithms.hadron_focus_measure(ctypes.byref(statistics), 1))
    assert measures[1] == pytest.approx(measures[0], rel=0.15)


def test_a_black_window_measures_without_dividing_by_zero(algorithms: ctypes.CDLL) -> None:
    assert algorithms.hadron_focus_measure(ctypes.byref(Statistics()), 0) == 0


@pytest.mark.parametrize("changes", [
    {"first": 200}, {"last": 65536}, {"step": 0}, {"step": 201}, {"fine": 0}, {"fine": 21},
    {"window": 3}, {"restart": 101},
])
def test_settings_out_of_range_are_refused(algorithms: ctypes.CDLL, changes) -> None:
    af, settings = Af(), AfSettings(**SETTINGS | changes)
    assert algorithms.hadron_af_init(ctypes.byref(af), ctypes.byref(settings)) == -1


def test_a_hill_of_noise_still_ends(algorithms: ctypes.CDLL, rng: np.random.Generator) -> None:
    af, settings = Af(), AfSettings(**SETTINGS | {"restart": 0, "settle": 0})
    assert algorithms.hadron_af_init(ctypes.byref(af), ctypes.byref(settings)) == 0
    for _ in range(60):
        statistics = Statistics()
        statistics.sharpness[1] = int(rng.integers(0, 1 << 32))
        statistics.brightness[1] = int(rng.integers(0, 4096))
        position = algorithms.hadron_af_step(ctypes.byref(af), ctypes.byref(statistics))
        assert 0 <= position <= 200
    assert af.state == FOCUSED
