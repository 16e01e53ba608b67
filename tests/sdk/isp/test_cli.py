"""``hadron isp``: files, report and mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hadron.cli import app
from hadron.isp.raw import RawImage, write_raw
from hadron_sensor import Sensor, Shading, to_linear
from hadron_spec.isp.bayer import Phase

STAGES = 13


@pytest.fixture
def frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng) -> str:
    """A noisy frame of a gradient with a bright square in it."""
    monkeypatch.chdir(tmp_path)
    scene = np.linspace(0.1, 0.6, 48)[None, :, None] * np.ones((40, 48, 3))
    scene[10:30, 10:30] = to_linear(np.array([200, 60, 60], np.uint8))
    sensor = Sensor(phase="GBRG", bits=10, black=(16,) * 4, full_well=5000, read_noise=3,
                    sensitivity=(0.53, 1.0, 0.67), shading=Shading(loss=(0.2,) * 3))
    exposed = sensor.expose(sensor.responses(scene))
    write_raw("frame.npz", RawImage(pixels=exposed.raw, bits=10, phase=Phase.GBRG,
                                    black=exposed.black))
    return "frame.npz"


def run(*arguments: object):
    return CliRunner().invoke(app, ["isp", *map(str, arguments)])


def test_a_frame_becomes_a_picture_a_dump_and_a_report(frame: str) -> None:
    result = run(frame, "-o", "out.png", "--dump", "dump", "--json", "report.json")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("frame.npz: RAW10 GBRG, 48 x 40; golden, isp64\n")
    with Image.open("out.png") as picture:
        assert picture.size == (48, 40)
        red, green, blue = picture.getpixel((20, 20))
    assert red > green + 50
    assert red > blue + 50
    dumped = sorted(path.name for path in Path("dump").iterdir())
    assert [name for name in dumped if name.endswith(".npy")] == [
        name.replace(".png", ".npy") for name in dumped if name.endswith(".png")]
    assert len([name for name in dumped if name.endswith(".npy")]) == STAGES
    assert np.load("dump/08_demosaic.npy").shape == (40, 48, 3)
    report = json.loads(Path("report.json").read_text(encoding="utf-8"))
    assert (report["width"], report["height"], report["phase"]) == (48, 40, "GBRG")
    assert report["picture"] == [40, 48, 3]
    assert np.array(report["statistics"]["zone_sum"]).shape == (16, 16, 4)
    assert set(report["files"]) == {"out.png", *(f"dump/{name}" for name in dumped)}


def test_a_tensor_is_what_a_network_takes(frame: str) -> None:
    Path("t.yaml").write_text("white_balance: {gain: [1.9, 1, 1.5]}\ngamma: {curve: srgb}\n"
                              "scaler: {output: [24, 20]}\n", encoding="utf-8")
    result = run(frame, "--tuning", "t.yaml", "--tensor", "x.npy")
    assert result.exit_code == 0, result.output
    tensor = np.load("x.npy")
    assert (tensor.shape, tensor.dtype) == ((1, 20, 24, 3), np.int8)


def test_a_temperature_changes_the_white_balance(frame: str) -> None:
    means = []
    for kelvin in (2856, 6504):
        result = run(frame, "--kelvin", kelvin, "-o", "out.png")
        assert result.exit_code == 0, result.output
        means.append(np.asarray(Image.open("out.png")).mean(axis=(0, 1)))
    lamp, day = means
    assert lamp[0] < day[0]
    assert lamp[2] > day[2]


def test_the_crop_of_a_tuning_is_what_the_picture_shows(frame: str) -> None:
    Path("t.yaml").write_text("crop: {x: 11, y: 11, width: 17, height: 15}\n"
                              "white_balance: {gain: [1.9, 1, 1.5]}\ngamma: {curve: srgb}\n",
                              encoding="utf-8")
    result = run(frame, "--tuning", "t.yaml", "-o", "out.png")
    assert result.exit_code == 0, result.output
    picture = np.asarray(Image.open("out.png")).astype(int)
    assert picture.shape == (15, 17, 3)
    assert (picture[..., 0] > picture[..., 1] + 40).all()


def test_a_crop_of_the_command_line_is_all_that_is_used(frame: str) -> None:
    result = run(frame, "--crop", "11,11,17,15", "--dump", "dump", "-o", "out.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("frame.npz: RAW10 GRBG, 17 x 15; golden, isp64\n")
    whole = np.load(frame)["raw"]
    assert np.array_equal(np.load("dump/00_crop.npy"), whole[11:26, 11:28] << 2)
    picture = np.asarray(Image.open("out.png")).astype(int)
    assert picture.shape == (15, 17, 3)
    assert (picture[..., 0] > picture[..., 1] + 40).all()


@pytest.mark.parametrize(("arguments", "message"), [
    (["none.npz"], "none.npz: no such file"),
    (["frame.npz", "--tuning", "none.yaml"],
     "none.yaml: no such file, nor a tuning that ships (default, example)"),
    (["frame.npz", "--tensor", "x.npy"], "--tensor: default has no section scaler"),
    (["frame.npz", "--config", "isp4k"],
     "ISP configuration 'isp4k', must be one of isp1920, isp1280, isp640, isp64"),
    (["large.npy", "--config", "isp64"],
     "large.npy: 70x40 pixels, must be at most 64x64 (isp64): take a part of it with --crop"),
    (["large.npy", "--crop", "7,0,64,40"],
     "large.npy: crop 7,0,64,40, must lie inside 70x40 pixels"),
    (["frame.npz", "-o", "out.jpg"],
     "cannot write out.jpg: the picture is a PNG, so its name ends with .png"),
    (["frame.npz", "--json", "frame.npz"], "cannot write frame.npz: it is an input"),
    (["frame.npz", "-o", "out.png", "--json", "./out.png"],
     "cannot write out.png: another output goes there, too"),
    (["small.npy"], "small.npy: 7x40 pixels, must be 8 to 4095 each way"),
    (["frame.npz", "--phase", "xyz"], "phase 'xyz', must be one of RGGB, GRBG, GBRG, BGGR"),
    (["frame.npz", "-o", "none/out.png"], "cannot write none/out.png: no folder none"),
])
def test_mistakes_are_one_line_and_status_2(frame: str, arguments: list[str],
                                            message: str) -> None:
    np.save("large.npy", np.zeros((40, 70), np.uint16))
    np.save("small.npy", np.zeros((40, 7), np.uint16))
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr == f"hadron: error: {message}\n"
