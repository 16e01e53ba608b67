"""Where the algorithm is defined alike, the golden model gives what Infinite-ISP gives."""

import numpy as np
import pytest

from hadron_model.isp import black_level, demosaic, white_balance
from hadron_spec.isp.bayer import (
    BlackLevelSettings,
    DemosaicSettings,
    Phase,
    WhiteBalanceSettings,
)

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
