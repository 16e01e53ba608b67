"""Colour matrix, gamma, colour space and chroma: what their formulas promise."""

import numpy as np
import pytest

from hadron_model.isp import chroma, color_matrix, color_space, gamma
from hadron_spec.isp.picture import (
    ChromaSettings,
    ColorMatrixSettings,
    ColorSpaceSettings,
    GammaSettings,
)
from hadron_spec.isp.presets import (
    COLOR_STANDARDS,
    color_space_settings,
    gamma_settings,
    power_curve,
    srgb_curve,
)


def test_color_matrix_truncates_then_adds_then_saturates():
    image = np.array([[[1, 0, 0], [4095, 4095, 4095], [100, 50, 0]]], np.int32)
    settings = ColorMatrixSettings(
        enable=1, matrix=(-1, 0, 0, 2048, 0, 0, 0, 1024, 0), offset=(5, 0, -60))
    np.testing.assert_array_equal(color_matrix.run(image, settings),
                                  [[[4, 2, 0], [1, 4095, 4035], [4, 200, 0]]])


@pytest.mark.parametrize("curve", [srgb_curve, power_curve(2.2), power_curve(1.0)])
def test_gamma_is_within_a_code_of_its_curve_above_the_first_piece(curve):
    codes = np.arange(4096, dtype=np.int32)
    image = codes.reshape(64, 64, 1).repeat(3, axis=2)
    result = gamma.run(image, gamma_settings(curve))[..., 0].ravel().astype(int)
    wanted = np.array([255 * curve(code / 4095) for code in codes])
    assert np.abs(result - wanted)[16:].max() <= 1
    assert (np.diff(result) >= 0).all()
    assert result[-1] == 255


def test_gamma_off_keeps_the_upper_bits():
    codes = np.arange(4096, dtype=np.int32).reshape(64, 64, 1).repeat(3, axis=2)
    np.testing.assert_array_equal(gamma.run(codes, GammaSettings()), codes >> 4)


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("standard", COLOR_STANDARDS)
def test_color_space_follows_the_standard_within_a_code(rng, standard, full_range):
    red, blue = COLOR_STANDARDS[standard]
    image = rng.integers(0, 256, (64, 64, 3), np.int32)
    r, g, b = np.moveaxis(image / 255, -1, 0)
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (1 - blue) / 2, (r - y) / (1 - red) / 2
    wanted = (np.stack([255 * y, 255 * u + 128, 255 * v + 128], -1) if full_range
              else np.stack([219 * y + 16, 224 * u + 128, 224 * v + 128], -1))
    result = color_space.run(image, color_space_settings(standard, full_range=full_range))
    assert np.abs(result - wanted).max() <= 1


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("standard", COLOR_STANDARDS)
def test_grey_has_no_colour(standard, full_range):
    image = np.arange(256, dtype=np.int32).reshape(16, 16, 1).repeat(3, axis=2)
    result = color_space.run(image, color_space_settings(standard, full_range=full_range))
    assert (result[..., 1:] == 128).all()
    low, high = (0, 255) if full_range else (16, 235)
    assert (result[0, 0, 0], result[-1, -1, 0]) == (low, high)


def test_color_space_rounds_ties_away_from_zero():
    settings = ColorSpaceSettings(enable=1, matrix=(512, 0, 0, -512, 0, 0, 0, 0, 0),
                                  offset=(100, 100, 7))
    image = np.array([[[1, 0, 0], [3, 9, 9]]], np.int32)
    np.testing.assert_array_equal(color_space.run(image, settings),
                                  [[[101, 99, 7], [102, 98, 7]]])


@pytest.mark.parametrize("width", [8, 9])
def test_chroma_of_a_pair_stands_at_its_even_column(width):
    image = np.zeros((1, width, 3), np.int32)
    image[0, :, 0] = np.arange(width)
    image[0, :, 1] = [0, 4, 8, 12, 16, 20, 24, 28, 32][:width]
    image[0, :, 2] = 200
    result = chroma.run(image, ChromaSettings(enable=1))
    np.testing.assert_array_equal(result[..., 0], image[..., 0])
    assert result[0, 0:8:2, 1].tolist() == [2, 8, 16, 24]
    assert (result[0, 1::2, 1] == 200).all()
    if width == 9:
        assert result[0, 8, 1] == 30
    assert not result[..., 2].any()


def test_centred_chroma_is_the_mean_of_the_pair():
    image = np.zeros((1, 9, 3), np.int32)
    image[0, :, 1] = [0, 1, 10, 20, 7, 7, 3, 4, 9]
    result = chroma.run(image, ChromaSettings(enable=1, centred=1))
    assert result[0, 0::2, 1].tolist() == [1, 15, 7, 4, 9]
