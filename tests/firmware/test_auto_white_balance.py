"""Auto white balance on a simulated camera: it finds the light's colour and does not swing."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from hadron_sensor import Sensor, white_point
from hadron_testing.c_3a import Awb, AwbSettings, Exposure, zone_statistics
from hadron_testing.camera import Camera, patches

SENSOR = Sensor(full_well=8000, read_noise=5, black=(64,) * 4, sensitivity=(0.6, 1.0, 0.7),
                mixing=((0.8, 0.15, 0.05), (0.1, 0.8, 0.1), (0.05, 0.25, 0.7)))
KELVIN = (2500, 3200, 4200, 5000, 6500, 9000)
SETTINGS = {"band": 200, "zones": 8, "speed": 4, "tolerance": 60}


def grey(kelvin: float) -> tuple[float, float]:
    """Return R / G and B / G of grey."""
    red, green, blue = np.array(SENSOR.sensitivity) * white_point(kelvin)
    return red / green, blue / green


LIGHTS = [(kelvin, *grey(kelvin)) for kelvin in KELVIN]


class Loop:
    """Camera and auto white balance; `gains` holds red and blue after each frame."""

    def __init__(self, library: ctypes.CDLL, camera: Camera, kelvin: int, **changes: int) -> None:
        self.library, self.camera, self.awb = library, camera, Awb()
        settings = AwbSettings.of(LIGHTS, **SETTINGS | changes)
        assert library.hadron_awb_init(
            ctypes.byref(self.awb), ctypes.byref(settings), kelvin) == 0
        self.gains: list[tuple[float, float]] = []
        self.kelvin: list[int] = []

    def run(self, frames: int) -> None:
        for _ in range(frames):
            statistics = self.camera.shoot()
            self.camera.set_exposure(Exposure(500, 256, 256))
            balance = self.library.hadron_awb_step(ctypes.byref(self.awb),
                                                   ctypes.byref(statistics))
            assert balance.green == 4096
            self.gains.append((balance.red / 4096, balance.blue / 4096))
            self.kelvin.append(balance.kelvin)

    def cast(self) -> list[float]:
        """Return for each frame by how much grey is off grey, as a part."""
        red, blue = grey(self.camera.kelvin)
        return [max(abs(r * red - 1), abs(b * blue - 1)) for r, b in self.gains]


@pytest.fixture
def make_loop(algorithms: ctypes.CDLL, rng) -> Callable[..., Loop]:
    def make(*, kelvin: float = 6500, start: int = 6500, grey: float = 0.4, scene=None,
             **changes: int) -> Loop:
        camera = Camera(SENSOR, patches(rng, grey=grey, size=192) if scene is None else scene,
                        Exposure(500, 256, 256), kelvin=kelvin)
        return Loop(algorithms, camera, start, **changes)

    return make


@pytest.mark.parametrize("kelvin", [2600, 3000, 3800, 5500, 8000])
def test_a_change_of_light_is_followed_without_swinging(make_loop, kelvin: int) -> None:
    loop = make_loop()
    loop.run(20)
    assert loop.cast()[-1] < 0.06
    assert loop.awb.settled
    loop.camera.kelvin = kelvin
    loop.run(50)
    cast = loop.cast()[20:]
    arrived = max((i + 1 for i, part in enumerate(cast) if part > 0.08), default=0)
    assert arrived <= 15
    assert loop.awb.settled
    assert loop.kelvin[-1] == pytest.approx(kelvin, rel=0.1)
    for values in zip(*loop.gains[20:], strict=True):
        steps = np.diff(values)
        assert (steps >= 0).all() or (steps <= 0).all(), "the gain swings"
        assert (steps[-20:] == 0).all(), "it moves although it has arrived"


def test_without_grey_in_the_picture_nothing_moves(make_loop, rng) -> None:
    scene = np.ones((96, 96, 3)) * np.array([0.6, 0.05, 0.05])
    loop = make_loop(scene=scene, kelvin=3000, start=5000)
    loop.run(10)
    assert loop.awb.grey_zones == 0
    assert len(set(loop.gains)) == 1
    assert loop.kelvin[0] == pytest.approx(5000, rel=0.01)


def test_a_large_coloured_wall_does_not_pass_for_light(make_loop, rng) -> None:
    scene = patches(rng, grey=1.0)
    scene[:, 24:] = [0.1, 0.5, 0.1]
    loop = make_loop(scene=scene, kelvin=5000)
    loop.run(40)
    assert loop.cast()[-1] < 0.06


def test_clipped_and_dark_zones_have_no_say(algorithms: ctypes.CDLL) -> None:
    settings = AwbSettings.of(LIGHTS, **SETTINGS | {"speed": 16, "tolerance": 0})
    red, blue = grey(3200)
    good = np.array([red, 1, 1, blue]) * 1000 * 10
    sums = np.zeros((16, 16, 4), np.int64) + good.astype(np.int64)
    counts = np.full((16, 16, 4), 10)
    clipped = np.zeros((16, 16), np.int64)
    sums[8:12] = np.array([1000, 1000, 1000, 700]) * 10
    clipped[8:12] = 11
    sums[12:] = np.array([36, 60, 60, 50]) * 10
    awb, statistics = Awb(), zone_statistics(sums, counts, clipped)
    assert algorithms.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), 6500) == 0
    balance = algorithms.hadron_awb_step(ctypes.byref(awb), ctypes.byref(statistics))
    assert awb.grey_zones == 8 * 16
    assert balance.kelvin == pytest.approx(3200, rel=0.01)
    assert balance.red / 4096 == pytest.approx(1 / red, rel=0.01)
    assert balance.blue / 4096 == pytest.approx(1 / blue, rel=0.01)


@pytest.mark.parametrize("kelvin", [1, 2500, 2850, 5000, 9000, 60000])
def test_it_begins_in_the_light_it_is_told(algorithms: ctypes.CDLL, kelvin: int) -> None:
    awb, settings = Awb(), AwbSettings.of(LIGHTS, **SETTINGS)
    assert algorithms.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), kelvin) == 0
    nothing = np.zeros((16, 16, 4), np.int64)
    statistics = zone_statistics(nothing, nothing, np.zeros((16, 16), np.int64))
    balance = algorithms.hadron_awb_step(ctypes.byref(awb), ctypes.byref(statistics))
    clamped = min(max(kelvin, 2500), 9000)
    assert balance.kelvin == pytest.approx(clamped, rel=0.02)
    assert balance.red / 4096 == pytest.approx(1 / grey(clamped)[0], rel=0.03)


def test_the_colour_matrix_lies_between_those_of_the_lights(algorithms: ctypes.CDLL) -> None:
    settings = AwbSettings.of([(3000, *grey(3000)), (5000, *grey(5000)), (7000, *grey(7000))],
                              **SETTINGS)
    for light, scale in zip(settings.light, (1000, 2000, -1000), strict=False):
        light.matrix[:] = [scale + i for i in range(9)]
    nothing = np.zeros((16, 16, 4), np.int64)
    statistics = zone_statistics(nothing, nothing, np.zeros((16, 16), np.int64))
    for kelvin, wanted in ((3000, 1000), (4000, 1500), (5000, 2000), (6000, 500), (7000, -1000)):
        awb = Awb()
        assert algorithms.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), kelvin) == 0
        balance = algorithms.hadron_awb_step(ctypes.byref(awb), ctypes.byref(statistics))
        assert balance.matrix[0] == pytest.approx(wanted, abs=60)
        assert [value - balance.matrix[0] for value in balance.matrix] == list(range(9))


@pytest.mark.parametrize("changes", [
    {"lights": 1}, {"lights": 9}, {"speed": 0}, {"speed": 17}, {"zones": 0}, {"zones": 257},
    {"band": 4097}, {"tolerance": 4097},
])
def test_settings_out_of_range_are_refused(algorithms: ctypes.CDLL, changes) -> None:
    awb, settings = Awb(), AwbSettings.of(LIGHTS, **SETTINGS)
    for name, value in changes.items():
        setattr(settings, name, value)
    assert algorithms.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), 6500) == -1


@pytest.mark.parametrize("lights", [
    [(5000, 0.5, 0.5), (4000, 0.6, 0.4)],
    [(3000, 0.01, 0.5), (4000, 0.6, 0.4)],
    [(3000, 0.5, 5.0), (4000, 0.6, 0.4)],
])
def test_lights_that_cannot_be_are_refused(algorithms: ctypes.CDLL, lights) -> None:
    awb, settings = Awb(), AwbSettings.of(lights, **SETTINGS)
    assert algorithms.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), 6500) == -1
