"""Pixels: what they stand for, how they are rounded, how images get the channels asked for."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hadron import UsageError
from hadron.inputs import bind_inputs
from hadron.models import load_model
from hadron.pixels import PixelScale, default_scale, quantize_pixels, read_image
from hadron_compiler import TensorBinding

ALL = np.arange(256, dtype=np.uint8)


def binding(scale: float, zero_point: int, shape: tuple[int, ...] = (1, 2, 3, 1)) -> TensorBinding:
    return TensorBinding("x", 0, shape, "int8", scale, zero_point)


@pytest.mark.parametrize(("scale", "zero_point", "expected"), [
    (1 / 255, -128, PixelScale.UNIT),
    (0.003921568859368563, -128, PixelScale.UNIT),
    (1.0, -128, PixelScale.RAW),
    (2 / 255, 0, PixelScale.SIGNED),
    (0.0078125, 0, PixelScale.SIGNED),
    (0.007843137718737125, -1, PixelScale.SIGNED),
])
def test_the_range_of_an_input_tells_what_pixels_are(scale: float, zero_point: int,
                                                     expected: PixelScale) -> None:
    assert default_scale(binding(scale, zero_point)) is expected


@pytest.mark.parametrize(("scale", "zero_point"), [(0.02, -128), (1 / 255, 0), (1.0, 0)])
def test_an_unusual_range_is_not_guessed(scale: float, zero_point: int) -> None:
    with pytest.raises(UsageError, match="no usual range of pixels: say with --pixels"):
        default_scale(binding(scale, zero_point))


@pytest.mark.parametrize(("kind", "scale"), [(PixelScale.UNIT, 1 / 255), (PixelScale.RAW, 1.0)])
def test_a_pixel_is_the_byte_minus_128(kind: PixelScale, scale: float) -> None:
    quantized = quantize_pixels(ALL, binding(float(np.float32(scale)), -128), kind)
    np.testing.assert_array_equal(quantized, ALL.astype(np.int16) - 128)


def test_halves_round_away_from_zero() -> None:
    quantized = quantize_pixels(ALL, binding(2.0, 0), PixelScale.RAW)
    assert quantized[[1, 2, 3, 5, 255]].tolist() == [1, 1, 2, 3, 127]
    assert quantize_pixels(ALL[:1], binding(2.0, 0), PixelScale.SIGNED)[0] == -1


def test_what_is_out_of_range_saturates() -> None:
    assert quantize_pixels(ALL, binding(0.001, -128), PixelScale.UNIT)[255] == 127
    assert quantize_pixels(ALL, binding(0.001, 0), PixelScale.SIGNED)[0] == -128


def test_images_get_the_channels_of_the_input(tmp_path: Path, rng: np.random.Generator) -> None:
    grey = rng.integers(0, 256, (2, 3), dtype=np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    colour = read_image(tmp_path / "grey.png", binding(1.0, 0, (1, 2, 3, 3)))
    np.testing.assert_array_equal(colour, np.repeat(grey[..., None], 3, axis=2))
    rgba = rng.integers(0, 256, (2, 3, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(
        read_image(tmp_path / "rgba.png", binding(1.0, 0, (1, 2, 3, 3))), rgba[..., :3])
    luma = read_image(tmp_path / "rgba.png", binding(1.0, 0))
    weighted = rgba[..., :3] @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma[..., 0] - weighted).max() < 1


def test_jpeg_is_read(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (200, 10, 10)).save(tmp_path / "x.JPG", "JPEG")
    [[bound]] = bind_inputs(load_model("digits", "h64").program, tmp_path / "x.JPG").samples
    assert bound.shape == (1, 8, 8, 1)
    assert abs(int(bound[0, 4, 4, 0]) - (round(0.299 * 200 + 0.701 * 10) - 128)) <= 3


@pytest.mark.parametrize("shape", [(1, 2, 3, 8), (1, 6), (2, 2, 3, 1)])
def test_an_input_that_is_no_image_is_told(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "x.png"
    Image.new("L", (3, 2)).save(path)
    with pytest.raises(UsageError, match=r"which no image has; give it as .npy, .npz or .raw$"):
        read_image(path, binding(1.0, 0, shape))
