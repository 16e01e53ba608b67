"""Stages on photographs of every phase against their formulas in real numbers, pixel for pixel.

The formulas are those of the papers and of Infinite-ISP, written a second time: convolutions over
masks, and one rounding at the end. See test_reference.py for that model's own outputs.
"""

import numpy as np
import pytest

from hadron_model.isp import black_level, color_matrix, color_space, demosaic, white_balance
from hadron_sensor import mosaic
from hadron_spec.isp.bayer import (
    BlackLevelSettings,
    DemosaicSettings,
    Phase,
    WhiteBalanceSettings,
)
from hadron_spec.isp.picture import ColorMatrixSettings
from hadron_spec.isp.presets import COLOR_STANDARDS, color_space_settings

WHITE = 4095
PHOTOS = ("coffee", "chelsea")

GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0],
                  [0, 0, -1, 0, 0]]) / 8
BESIDE = np.array([[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0],
                   [0, 0, 0.5, 0, 0]]) / 8
ACROSS = np.array([[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0],
                   [0, 0, -1.5, 0, 0]]) / 8
"""Malvar, He and Cutler 2004, figure 2."""


@pytest.fixture(params=PHOTOS)
def photo(request) -> np.ndarray:
    """A photograph of 12 bits and odd size."""
    data = pytest.importorskip("skimage.data")
    return np.asarray(getattr(data, request.param)(), np.int32)[:211, 20:321] * 16 + 7


@pytest.fixture(params=Phase, ids=lambda phase: phase.name)
def phase(request) -> Phase:
    return request.param


def _colour(shape: tuple[int, ...], phase: Phase) -> np.ndarray:
    """0 red, 1 green in red rows, 2 green in blue rows, 3 blue."""
    letters = np.array(list(phase.name)).reshape(2, 2)
    tiled = np.tile(letters, (shape[0] // 2 + 1, shape[1] // 2 + 1))[:shape[0], :shape[1]]
    red_row = (tiled == "R").any(axis=1)
    return np.select([tiled == "R", tiled == "B"], [0, 3], np.where(red_row[:, None], 1, 2))


def _correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlate; the border is reflected about the edge pixel."""
    height, width = image.shape
    padded = np.pad(image.astype(float), 2, mode="reflect")
    return sum(kernel[y, x] * padded[y:y + height, x:x + width]
               for y in range(5) for x in range(5))


def test_demosaic(photo, phase):
    image = mosaic(photo, phase.name)
    colour = _colour(image.shape, phase)
    cross, row, column, across = (_correlate(image, kernel)
                                  for kernel in (GREEN, BESIDE, BESIDE.T, ACROSS))
    red = np.select([colour == c for c in range(4)], [image, row, column, across])
    green = np.where((colour == 0) | (colour == 3), cross, image)
    blue = np.select([colour == c for c in range(4)], [across, column, row, image])
    wanted = np.clip(np.floor(np.stack([red, green, blue], axis=-1)), 0, WHITE)
    result = demosaic.run(image, DemosaicSettings(enable=1), phase)
    np.testing.assert_array_equal(result, wanted)


def test_black_level(photo, phase, rng):
    image = mosaic(photo, phase.name)
    offset, scale = rng.integers(0, 400, 4), rng.integers(1 << 14, 1 << 15, 4)
    colour = _colour(image.shape, phase)
    wanted = np.clip(np.floor((image - offset[colour]) * (scale[colour] / 2**14) + 0.5), 0, WHITE)
    settings = BlackLevelSettings(enable=1, offset=tuple(map(int, offset)),
                                  scale=tuple(map(int, scale)))
    np.testing.assert_array_equal(black_level.run(image, settings, phase), wanted)


def test_white_balance(photo, phase, rng):
    image = mosaic(photo, phase.name)
    gain = rng.integers(1 << 11, 1 << 14, 4)
    wanted = np.clip(np.floor(image * (gain / 2**12)[_colour(image.shape, phase)]), 0, WHITE)
    settings = WhiteBalanceSettings(enable=1, gain=tuple(map(int, gain)))
    np.testing.assert_array_equal(white_balance.run(image, settings, phase), wanted)


def test_color_matrix(photo, rng):
    matrix = rng.integers(-4 << 10, 4 << 10, (3, 3))
    wanted = np.clip(np.floor(photo @ (matrix.T / 1024)), 0, WHITE)
    settings = ColorMatrixSettings(enable=1, matrix=tuple(map(int, matrix.ravel())))
    np.testing.assert_array_equal(color_matrix.run(photo, settings), wanted)


@pytest.mark.parametrize("standard", COLOR_STANDARDS)
@pytest.mark.parametrize("full_range", [True, False])
def test_color_space(photo, standard, full_range):
    """Of 8 bits; the matrix has 10 bits behind the point."""
    pixels = photo >> 4
    settings = color_space_settings(standard, full_range=full_range)
    exact = pixels @ (np.reshape(settings.matrix, (3, 3)).T / 1024)
    rounded = np.trunc(exact + np.copysign(0.5, exact))
    wanted = np.clip(rounded + settings.offset, 0, 255)
    np.testing.assert_array_equal(color_space.run(pixels, settings), wanted)
