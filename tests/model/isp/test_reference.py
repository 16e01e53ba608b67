"""Where the algorithm is defined alike, the golden model gives what Infinite-ISP gives."""

import numpy as np
import pytest

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

# ../shared/raw/infinite_isp_indoor1_config.yml; the frames have 10 bits.
BLACK, HIGHEST = 50, 1023
RED_GAIN, BLUE_GAIN = 1.44921875, 3.2421875
PHASE = Phase.GRBG


@pytest.fixture(params=["128x96", "640x480"])
def stages(shared, request):
    """Output of every stage of the reference model for one frame."""
    with np.load(shared / f"raw/infinite_isp_indoor1_{request.param}.npz") as arrays:
        return {name: arrays[name].astype(np.int32) for name in arrays.files}


def test_black_level(stages):
    scale = (HIGHEST << 14) // (HIGHEST - BLACK)
    settings = BlackLevelSettings(enable=1, offset=(BLACK,) * 4, scale=(scale,) * 4)
    result = black_level.run(stages["dead_pixel_correction"], settings, PHASE)
    np.testing.assert_array_equal(np.minimum(result, HIGHEST), stages["black_level_correction"])


def test_white_balance(stages):
    red, blue = (int(gain * 256) << 4 for gain in (RED_GAIN, BLUE_GAIN))
    settings = WhiteBalanceSettings(enable=1, gain=(red, 1 << 12, 1 << 12, blue))
    result = white_balance.run(stages["bayer_noise_reduction"], settings, PHASE)
    np.testing.assert_array_equal(np.minimum(result, HIGHEST), stages["white_balance"])


def test_demosaic_outside_the_border(stages):
    result = demosaic.run(stages["white_balance"], DemosaicSettings(), PHASE)
    inside = np.s_[2:-2, 2:-2]
    np.testing.assert_array_equal(np.minimum(result, HIGHEST)[inside], stages["demosaic"][inside])


def test_color_matrix(stages):
    """Two bits more go in and are dropped at the end."""
    settings = ColorMatrixSettings(
        enable=1, matrix=(2256, -1116, -116, -300, 1340, -16, 60, -908, 1872))
    result = color_matrix.run(stages["demosaic"] << 2, settings)
    np.testing.assert_array_equal(result >> 2, stages["color_correction_matrix"])


def test_color_space(stages):
    settings = ColorSpaceSettings(
        enable=1, matrix=(308, 600, 116, -176, -348, 552, 524, -440, -84), offset=(8, 128, 128))
    result = color_space.run(stages["gamma_correction"], settings, bits=10)
    np.testing.assert_array_equal(result, stages["color_space_conversion"])


def test_gamma_is_equal_at_its_nodes_and_within_a_code_between(stages):
    """The reference's table has 1024 steps, ours 256 straight pieces."""
    linear = stages["color_correction_matrix"]
    codes, first = np.unique(linear, return_index=True)
    values = stages["gamma_correction"].ravel()[first]
    nodes = tuple(min(4080, round(4 * np.interp(4 * k, codes, values))) for k in range(257))
    result = gamma.run(linear << 2, GammaSettings(enable=1, nodes=nodes * 3))
    wanted = stages["gamma_correction"] + 2 >> 2
    at_node = linear % 4 == 0
    np.testing.assert_array_equal(result[at_node], wanted[at_node])
    assert np.abs(result - wanted).max() <= 1
    assert (result == wanted).mean() > 0.9
