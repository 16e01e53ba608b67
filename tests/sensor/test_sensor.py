"""The synthetic sensor: its frames are what their truth says, and repeat from their seeds."""

import re

import numpy as np
import pytest

from hadron_sensor import (
    PHASES,
    Sensor,
    Shading,
    channel_map,
    defocus,
    from_linear,
    mosaic,
    to_linear,
    white_point,
)


def test_srgb_bytes_survive_linear_light() -> None:
    values = np.arange(256, dtype=np.uint8)
    assert np.array_equal(from_linear(to_linear(values)), values)
    assert to_linear(np.array([0, 255], np.uint8)).tolist() == [0, 1]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (8, 7)])
def test_mosaic_takes_the_colour_the_phase_names(phase: str, size: tuple[int, int], rng) -> None:
    image = rng.random((*size, 3))
    raw = mosaic(image, phase)
    for y in range(size[0]):
        for x in range(size[1]):
            letter = phase[2 * (y % 2) + x % 2]
            assert raw[y, x] == image[y, x, "RGB".index(letter)]


@pytest.mark.parametrize("phase", PHASES)
def test_channels_tell_the_greens_apart_by_their_rows(phase: str) -> None:
    channels = channel_map(4, 4, phase)
    assert sorted(channels[:2, :2].ravel()) == [0, 1, 2, 3]
    for row in channels:
        assert set(row) in ({0, 1}, {2, 3})


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_without_flaws_raw_is_the_mosaic(phase: str, bits: int, rng) -> None:
    scene = rng.random((9, 11, 3))
    black = (3, 5, 7, 9)
    frame = Sensor(phase=phase, bits=bits, black=black).expose(scene)
    levels = np.array(black)[channel_map(9, 11, phase)]
    white = (1 << bits) - 1
    assert np.array_equal(frame.raw, np.rint(levels + mosaic(scene, phase) * (white - levels)))
    assert np.array_equal(frame.ideal, mosaic(scene, phase))


def test_frames_repeat_from_their_seeds_and_differ_between_them() -> None:
    sensor = Sensor(full_well=5000, read_noise=4, hot=0.01, cold=0.01)
    scene = np.full((64, 64, 3), 0.4)
    first, again, other = (sensor.expose(scene, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.raw, again.raw)
    assert not np.array_equal(first.raw, other.raw)
    assert np.array_equal(first.hot, other.hot)
    assert np.array_equal(first.cold, other.cold)


def test_noise_has_the_variance_of_shot_and_read_noise() -> None:
    sensor = Sensor(full_well=4000, read_noise=10)
    for level in (0.05, 0.2, 0.6):
        frame = sensor.expose(np.full((256, 256, 3), level), seed=3)
        electrons = frame.raw / frame.white * 4000
        assert electrons.mean() == pytest.approx(4000 * level, rel=0.01)
        assert electrons.var() == pytest.approx(4000 * level + 100, rel=0.03)


def test_gain_amplifies_noise_and_exposure_does_not() -> None:
    sensor = Sensor(full_well=4000)
    scene = np.full((128, 128, 3), 0.1)
    lit = sensor.expose(scene, exposure=4.0).raw.astype(float)
    amplified = sensor.expose(scene, gain=4.0).raw.astype(float)
    assert lit.mean() == pytest.approx(amplified.mean(), rel=0.01)
    assert amplified.std() == pytest.approx(2 * lit.std(), rel=0.1)


def test_light_beyond_the_well_clips_to_white() -> None:
    frame = Sensor(full_well=4000, bits=10, black=(16,) * 4).expose(np.full((16, 16, 3), 9.0))
    assert (frame.raw == 1023).all()


def test_defects_are_as_many_as_asked_for_and_never_both() -> None:
    frame = Sensor(hot=0.01, cold=0.02).expose(np.full((300, 300, 3), 0.5))
    assert frame.hot.mean() == pytest.approx(0.01, rel=0.2)
    assert frame.cold.mean() == pytest.approx(0.02, rel=0.2)
    assert not (frame.hot & frame.cold).any()
    assert frame.raw[frame.hot].min() > 0.59 * 4095
    assert frame.raw[frame.cold].max() < 0.06 * 4095
    assert (frame.raw[~frame.hot & ~frame.cold] == np.rint(0.5 * 4095)).all()


def test_shading_darkens_the_corners_of_each_colour_by_its_loss() -> None:
    shading = Shading(loss=(1.0, 0.5, 0.0))
    light = shading.transmission(200, 300)
    assert light[100, 150] == pytest.approx([1, 1, 1], abs=1e-3)
    assert light[0, 0] == pytest.approx([1 / 2, 1 / 1.5, 1], abs=0.01)
    frame = Sensor(phase="GRBG", shading=shading).expose(np.full((200, 300, 3), 0.8))
    assert np.allclose(frame.raw / 4095, frame.ideal * frame.transmission, atol=2e-4)


def test_lamplight_is_red_and_the_sky_is_blue() -> None:
    assert white_point(6504) == pytest.approx([1, 1, 1])
    lamp, sky = white_point(2856), white_point(10000)
    assert lamp[0] > 1.4
    assert lamp[2] < 0.6
    assert sky[0] < 1 < sky[2]


def test_white_balance_and_color_matrix_undo_the_sensor(rng) -> None:
    sensor = Sensor(sensitivity=(0.6, 1.0, 0.7),
                    mixing=((0.7, 0.2, 0.1), (0.2, 0.7, 0.1), (0.05, 0.35, 0.6)))
    scene = rng.random((4, 4, 3))
    for kelvin in (2856, 5003, 6504):
        balanced = sensor.responses(scene, kelvin) * sensor.white_balance(kelvin)
        assert np.allclose(balanced @ sensor.color_matrix().T, scene)


def test_defocus_keeps_the_light_and_loses_the_detail(rng) -> None:
    scene = rng.random((40, 40, 3))
    blurred = defocus(scene, 1.5)
    assert blurred.mean() == pytest.approx(scene.mean(), rel=0.01)
    assert np.diff(blurred, axis=1).std() < 0.3 * np.diff(scene, axis=1).std()
    assert defocus(scene, 0) is scene


@pytest.mark.parametrize(("changes", "message"), [
    ({"phase": "RGB"}, "phase 'RGB', must be one of RGGB, GRBG, GBRG, BGGR"),
    ({"bits": 14}, "sensor: bits=14, must be 8, 10 or 12"),
    ({"bits": 8, "black": (128, 0, 0, 0)},
     "sensor: black=(128, 0, 0, 0), must be four codes of 0 to 127"),
    ({"full_well": -1}, "sensor: full_well=-1, must be 0 or more"),
    ({"read_noise": 3}, "sensor: read_noise=3, must be 0 or more, and 0 without full_well"),
    ({"sensitivity": (0, 1, 1)}, "sensor: sensitivity=(0, 1, 1), must be above 0"),
    ({"mixing": ((1, 0, 0), (0, 1, 0), (0, 1, 1))},
     "sensor: mixing=((1, 0, 0), (0, 1, 0), (0, 1, 1)), must be 3x3, each row of sum 1"),
    ({"hot": 0.3}, "sensor: hot=0.3, must be 0 to 0.25"),
])
def test_a_bad_parameter_is_named_with_its_limit(changes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Sensor(**changes)


def test_shading_and_light_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"^shading: loss=\(-1, 0, 0\), must be 0 or more$"):
        Shading(loss=(-1, 0, 0))
    with pytest.raises(ValueError, match=r"^1000 K, must be 1667 to 25000$"):
        white_point(1000)
