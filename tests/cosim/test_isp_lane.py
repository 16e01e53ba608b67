"""The ISP's RTL in compiled simulation puts out what the golden model does, at a pixel a clock."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hadron.cli import app
from hadron.isp.raw import RawImage, write_raw
from hadron.isp.session import process_golden, process_rtl
from hadron.isp.tuning import load_tuning, parse_tuning
from hadron_cosim.cxxrtl.streams import StreamStalls
from hadron_cosim.isp_simulator import IspSimulator
from hadron_spec.isp.bayer import Phase
from hadron_spec.isp.config import ISP_CONFIGS

pytestmark = pytest.mark.slow  # the simulation is built, once

CONFIG = ISP_CONFIGS["isp64"]
SETTLED = parse_tuning("crop: {x: 3, y: 5, width: 33, height: 27}\nname: part", "part")


@pytest.fixture(scope="module")
def simulator() -> IspSimulator:
    return IspSimulator(CONFIG)


def _image(rng: np.random.Generator, phase: Phase, width: int, height: int) -> RawImage:
    return RawImage(pixels=rng.integers(0, 4096, (height, width)).astype(np.uint16), bits=12,
                    phase=phase, black=(60, 64, 68, 72))


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("size", [(8, 8), (33, 21), (64, 64)])
def test_three_frames_are_the_golden_models(simulator: IspSimulator, phase: Phase,
                                            size: tuple[int, int], rng) -> None:
    images = [_image(rng, phase, *size) for _ in range(3)]
    tuning = load_tuning("default").with_sections(scaler={"output": [7, 5], "source": "yuv"})
    for stalls in (None, StreamStalls(seed=1),
                   StreamStalls(seed=2, raw=0.4, picture=0.4, longest=3)):
        frames = simulator.run([image.pixels for image in images], tuning.settings(images[0]),
                               stalls=stalls, statistics=stalls is None)
        for image, frame in zip(images, frames, strict=True):
            expected = process_golden(image, tuning, config=CONFIG.name)
            assert not frame.broken
            np.testing.assert_array_equal(frame.picture, expected.picture)
            if stalls is None:
                np.testing.assert_array_equal(frame.statistics, expected.statistics.words())
            # 105 bytes in beats of 16.
            assert len(frame.tensor) == 112
            assert frame.tensor[:105] == expected.tensor.tobytes()


def test_a_crop_moves_the_phase(simulator: IspSimulator, rng) -> None:
    image = _image(rng, Phase.GRBG, 50, 40)
    tuning = SETTLED.with_sections(**load_tuning("default").sections)
    assert set(tuning.sections) > {"crop", "luma"}
    [frame] = simulator.run([image.pixels], tuning.settings(image), statistics=False)
    np.testing.assert_array_equal(frame.picture, process_golden(image, tuning).picture)


def test_one_pixel_a_clock_without_stalls(simulator: IspSimulator, rng) -> None:
    image = _image(rng, Phase.RGGB, 64, 64)
    first, second = simulator.run([image.pixels] * 2, load_tuning("default").settings(image),
                                  statistics=False)
    assert first.interval == second.interval == 64 * 64
    assert first.latency == second.latency < 12 * 64


def test_the_documented_latency_is_that_of_every_width(project: Path, rng) -> None:
    """Eight lines and the stages' own latencies, with every stage in use."""
    tuning = load_tuning("example").with_sections(scaler={"output": [16, 16], "source": "yuv",
                                                          "channels": 1})
    latency = process_rtl(_image(rng, Phase.GRBG, 64, 64), tuning).latency
    text = (project / "docs/isp/rtl.json").read_text(encoding="utf-8")
    for frame in json.loads(text)["frames"]:
        assert frame["latency_cycles"] - 8 * frame["width"] == latency - 8 * 64, \
            "run python -m hadron.isp.measure --rtl"
        assert frame["cycles"] == frame["width"] * frame["height"] + frame["latency_cycles"]


def test_the_command_compares_with_the_golden_model(tmp_path: Path, monkeypatch, rng) -> None:
    monkeypatch.chdir(tmp_path)
    write_raw("frame.npz", replace(_image(rng, Phase.BGGR, 40, 32), bits=12))
    Path("t.yaml").write_text("demosaic: {}\ngamma: {curve: srgb}\nstatistics: {}\n",
                              encoding="utf-8")
    result = CliRunner().invoke(app, ["isp", "frame.npz", "--tuning", "t.yaml", "--on", "rtl",
                                      "--json", "report.json"])
    assert result.exit_code == 0, result.output
    assert "RTL = golden: yes" in result.stdout
