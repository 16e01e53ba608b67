"""Samples for a quantizer, from arrays and from folders of images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hadron.calibration import RealInput, read_samples
from hadron.errors import UsageError
from hadron.pixels import PixelScale

IMAGE = RealInput("x", (1, 3, 4, 6))
ROW = RealInput("y", (1, 5))


def picture(path: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    Image.new("RGB", size, colour).save(path)


@pytest.mark.parametrize("shape", [(7, 1, 3, 4, 6), (7, 3, 4, 6)])
def test_samples_of_an_array_are_along_its_first_axis(tmp_path: Path,
                                                      shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=shape)
    np.save(tmp_path / "x.npy", values)
    samples = read_samples(tmp_path / "x.npy", [IMAGE], None)
    assert len(samples) == 7
    assert samples[3]["x"].dtype == np.float32
    np.testing.assert_array_equal(samples[3]["x"],
                                  values[3].reshape(IMAGE.shape).astype(np.float32))
    assert len(read_samples(tmp_path / "x.npy", [IMAGE], None, 2)) == 2


def test_an_array_may_be_one_sample(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones(IMAGE.shape, np.float32))
    assert len(read_samples(tmp_path / "x.npy", [IMAGE], None)) == 1


def test_each_of_several_inputs_has_its_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", y=np.arange(10.0).reshape(2, 5), x=np.ones((2, 3, 4, 6)))
    samples = read_samples(tmp_path / "x.npz", [IMAGE, ROW], None)
    assert [sample["y"].tolist() for sample in samples] == [[[0, 1, 2, 3, 4]], [[5, 6, 7, 8, 9]]]


@pytest.mark.parametrize("shape", [(1, 3, 4, 6), (1, 4, 6, 3)])
def test_images_are_fitted_and_scaled(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture(tmp_path / "b.png", (6, 4), (0, 255, 51))
    picture(tmp_path / "a.png", (50, 90), (255, 0, 102))
    (tmp_path / "notes.txt").write_text("no image")
    first, second = read_samples(tmp_path, [RealInput("x", shape)], PixelScale.UNIT)
    axes = (2, 3) if shape[1] == 3 else (1, 2)
    np.testing.assert_allclose(first["x"].mean(axes), [[1, 0, 0.4]], atol=1e-6)
    np.testing.assert_allclose(second["x"].mean(axes), [[0, 1, 0.2]], atol=1e-6)
    assert first["x"].shape == shape


def test_a_colour_image_becomes_grey(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg", (8, 8), (200, 200, 200))
    sample, = read_samples(tmp_path, [RealInput("x", (1, 1, 8, 8))], PixelScale.RAW)
    np.testing.assert_allclose(sample["x"], np.full((1, 1, 8, 8), 200), atol=2)


def refused(source: Path, *inputs: RealInput, pixels: PixelScale | None = PixelScale.UNIT,
            count: int | None = None) -> str:
    with pytest.raises(UsageError) as error:
        read_samples(source, inputs, pixels, count)
    return str(error.value).removeprefix(f"{source}: ")


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.ones((2, 3, 5, 6)))
    assert refused(file, IMAGE) == "the array has the shape [2, 3, 5, 6], input x has [1, 3, 4, 6]"
    np.save(file, np.ones((2, 3, 4, 6), np.uint8))
    assert refused(file, IMAGE) == "input x is one of real numbers, the array holds uint8"
    np.save(file, np.full(IMAGE.shape, np.nan))
    assert refused(file, IMAGE) == "the array for input x has numbers that are not finite"
    np.save(file, np.ones((0, 3, 4, 6)))
    assert refused(file, IMAGE) == "no samples"
    assert refused(file, IMAGE, ROW) == (
        "the model has 2 inputs (x, y): give a .npz file with an array for each")
    assert refused(file, IMAGE, count=0) == "--samples 0, must be 1 or more"
    arrays = tmp_path / "x.npz"
    np.savez(arrays, x=np.ones((2, 3, 4, 6)), z=np.ones((2, 5)))
    assert refused(arrays, IMAGE, ROW) == "has the arrays x, z, the model the inputs x, y"
    np.savez(arrays, x=np.ones((2, 3, 4, 6)), y=np.ones((3, 5)))
    assert refused(arrays, IMAGE, ROW) == "the inputs have different numbers of samples"


def test_what_holds_no_samples_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.txt", IMAGE) == (
        "must be a folder of images, a .npy or a .npz file; there is no such file")
    assert refused(tmp_path, IMAGE) == "no images (.png, .jpg, .jpeg) in this folder"
    picture(tmp_path / "a.png", (6, 4), (0, 0, 0))
    assert refused(tmp_path, IMAGE, pixels=None).startswith("say with --pixels unit, raw or signed")
    assert refused(tmp_path, ROW) == (
        "the model's inputs (y [1, 5]) are not one image: give a .npy or .npz file")
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"b\.png: not an image, or a damaged one"):
        read_samples(tmp_path, [IMAGE], PixelScale.UNIT)


def test_an_image_of_sixteen_bits_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 6), 40000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"a\.png: the image has pixels of the kind I;16"):
        read_samples(tmp_path, [IMAGE], PixelScale.UNIT)
