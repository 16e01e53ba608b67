"""Where the algorithm is defined alike, the golden model gives what Infinite-ISP gives.

Every frame in ../shared/raw is compared: NAME_WIDTHxHEIGHT.npz, the output of every stage, with
NAME_config.yml, what the reference model was run with. To try another frame, put it there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hadron_model.isp import (
    black_level,
    color_matrix,
    color_space,
    demosaic,
    gamma,
    white_balance,
)
from hadron_spec.isp.bayer import (
    BlackLevelSettings,
    DemosaicSettings,
    Phase,
    WhiteBalanceSettings,
)
from hadron_spec.isp.picture import ColorMatrixSettings, ColorSpaceSettings, GammaSettings

COLOURS = ("r", "gr", "gb", "b")
ROWS = ("corrected_red", "corrected_green", "corrected_blue")
INSIDE = np.s_[2:-2, 2:-2]


@dataclass(frozen=True)
class Frame:
    """Output of every stage of the reference model for one frame, and its configuration."""

    stages: dict[str, np.ndarray]
    config: dict[str, Any]

    @property
    def highest(self) -> int:
        return self.config["sensor_info"]["range"]

    @property
    def phase(self) -> Phase:
        return Phase[self.config["sensor_info"]["bayer_pattern"].upper()]

    @property
    def extra(self) -> int:
        """Bits that the pipeline has more than the frame."""
        return 12 - self.config["sensor_info"]["bit_depth"]


def _read(path: Path) -> Frame:
    name, _ = path.stem.rsplit("_", 1)
    config = yaml.safe_load((path.parent / f"{name}_config.yml").read_text(encoding="utf-8"))
    with np.load(path) as arrays:
        return Frame({stage: arrays[stage].astype(np.int32) for stage in arrays.files}, config)


@pytest.fixture(scope="module")
def frames(shared) -> list[Frame]:
    return [_read(path) for path in sorted((shared / "raw").glob("*_*x*.npz"))]


def test_there_are_frames(frames):
    assert len(frames) >= 2


def test_black_level(frames):
    for frame in frames:
        levels = frame.config["black_level_correction"]
        offset = tuple(levels[f"{colour}_offset"] for colour in COLOURS)
        scale = tuple((frame.highest << 14) // (levels[f"{colour}_sat"] - black)
                      for colour, black in zip(COLOURS, offset, strict=True))
        result = black_level.run(frame.stages["dead_pixel_correction"],
                                 BlackLevelSettings(enable=1, offset=offset, scale=scale),
                                 frame.phase)
        np.testing.assert_array_equal(np.minimum(result, frame.highest),
                                      frame.stages["black_level_correction"])


def test_white_balance(frames):
    for frame in frames:
        red, blue = (int(frame.config["white_balance"][f"{colour}_gain"] * 256) << 4
                     for colour in "rb")
        settings = WhiteBalanceSettings(enable=1, gain=(red, 1 << 12, 1 << 12, blue))
        result = white_balance.run(frame.stages["bayer_noise_reduction"], settings, frame.phase)
        np.testing.assert_array_equal(np.minimum(result, frame.highest),
                                      frame.stages["white_balance"])


def test_demosaic_outside_the_border(frames):
    for frame in frames:
        result = demosaic.run(frame.stages["white_balance"], DemosaicSettings(), frame.phase)
        np.testing.assert_array_equal(np.minimum(result, frame.highest)[INSIDE],
                                      frame.stages["demosaic"][INSIDE])


def test_color_matrix(frames):
    """The bits that the frame lacks go in as zeros and are dropped at the end."""
    for frame in frames:
        rows = frame.config["color_correction_matrix"]
        matrix = [factor for row in ROWS for factor in rows[row]]
        result = color_matrix.run(frame.stages["demosaic"] << frame.extra,
                                  ColorMatrixSettings(enable=1, matrix=tuple(matrix)))
        np.testing.assert_array_equal(result >> frame.extra,
                                      frame.stages["color_correction_matrix"])


def test_color_space(frames):
    settings = ColorSpaceSettings(
        enable=1, matrix=(308, 600, 116, -176, -348, 552, 524, -440, -84), offset=(8, 128, 128))
    for frame in frames:
        assert frame.config["color_space_conversion"]["conv_standard"] == 2, "the matrix above"
        result = color_space.run(frame.stages["gamma_correction"], settings,
                                 bits=12 - frame.extra)
        np.testing.assert_array_equal(result, frame.stages["color_space_conversion"])


def test_gamma_is_equal_at_its_nodes_and_within_a_code_between(frames):
    """The reference's table has an entry a code, ours 256 straight pieces."""
    for frame in frames:
        linear = frame.stages["color_correction_matrix"]
        codes, first = np.unique(linear, return_index=True)
        values = frame.stages["gamma_correction"].ravel()[first]
        pitch = 16 >> frame.extra
        nodes = tuple(min(4080, round((1 << frame.extra) * np.interp(pitch * k, codes, values)))
                      for k in range(257))
        result = gamma.run(linear << frame.extra, GammaSettings(enable=1, nodes=nodes * 3))
        half = 1 << 4 - frame.extra >> 1
        wanted = frame.stages["gamma_correction"] + half >> 4 - frame.extra
        at_node = linear % pitch == 0
        np.testing.assert_array_equal(result[at_node], wanted[at_node])
        assert np.abs(result - wanted).max() <= 1
        assert (result == wanted).mean() > 0.9
