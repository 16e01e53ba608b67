"""Luma: noise goes, edges stay, detail grows, nothing leaves its limits."""

import numpy as np

from hadron_model.isp import luma
from hadron_spec.isp.picture import LumaSettings


def picture(y):
    image = np.zeros((*y.shape, 3), np.int32)
    image[..., 0] = y
    image[..., 1] = 77
    return image


def test_a_flat_picture_passes():
    image = picture(np.full((9, 11), 131, np.int32))
    np.testing.assert_array_equal(luma.run(image, LumaSettings(enable=1)), image)


def test_noise_is_halved_or_better(rng):
    noisy = np.clip(128 + rng.normal(0, 3, (64, 64)), 0, 255).astype(np.int32)
    result = luma.run(picture(noisy), LumaSettings(enable=1, threshold=16, sharpen=0))
    assert result[..., 0].std() < noisy.std() / 2


def test_an_edge_beyond_twice_the_threshold_stays(rng):
    y = np.full((16, 16), 50, np.int32)
    y[:, 8:] = 150
    image = picture(y)
    settings = LumaSettings(enable=1, threshold=20, sharpen=0)
    np.testing.assert_array_equal(luma.run(image, settings), image)


def test_sharpening_steepens_an_edge_up_to_the_limit():
    y = np.full((16, 16), 50, np.int32)
    y[:, 8:] = 150
    result = luma.run(picture(y), LumaSettings(enable=1, denoise=0, sharpen=255, limit=9))
    assert result[8, 7, 0] == 41
    assert result[8, 8, 0] == 159


def test_output_is_clamped(rng):
    y = rng.integers(0, 256, (16, 16), np.int32)
    result = luma.run(picture(y), LumaSettings(enable=1, minimum=16, maximum=235))
    assert result[..., 0].min() == 16
    assert result[..., 0].max() == 235


def test_chroma_is_untouched(rng):
    image = rng.integers(0, 256, (9, 13, 3), np.int32)
    result = luma.run(image, LumaSettings(enable=1))
    np.testing.assert_array_equal(result[..., 1:], image[..., 1:])


def test_borders_are_reflected_about_the_edge_pixel(rng):
    y = rng.integers(0, 256, (12, 10), np.int32)
    wide = np.pad(y, 4, mode="reflect")
    settings = LumaSettings(enable=1)
    np.testing.assert_array_equal(luma.run(picture(y), settings),
                                  luma.run(picture(wide), settings)[4:-4, 4:-4])
