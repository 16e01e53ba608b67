"""Statistics: counts add up, and the window says what its scales promise."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_model.isp import pipeline, statistics
from hadron_spec.isp import statistics as spec
from hadron_spec.isp.bayer import Phase
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.fields import SettingsError
from hadron_spec.isp.picture import StatisticsSettings
from hadron_spec.isp.settings import default_settings


def frame(rng, height=32, width=48):
    return (rng.integers(0, 4096, (height, width), np.int32),
            rng.integers(0, 4096, (height, width, 3), np.int32),
            rng.integers(0, 256, (height, width, 3), np.int32))


@pytest.mark.parametrize("phase", Phase)
def test_every_sample_is_counted_once(rng, phase):
    bayer, rgb, gamma = frame(rng)
    settings = StatisticsSettings(enable=1, zone_size=(4, 2), low=100, high=4000)
    result = statistics.run(bayer, rgb, gamma, settings, phase=phase)
    assert result.histogram.sum() == bayer.size
    assert result.luma_histogram.sum() == bayer.size // 2
    valid = (bayer >= 100) & (bayer <= 4000)
    assert result.zone_valid.sum() == valid[:32, :64].sum()
    assert result.zone_sum.sum() == bayer[valid].sum()
    assert result.zone_clipped.sum() == (bayer > 4000).sum()


def test_a_grid_inside_the_frame_counts_only_its_zones():
    bayer = np.arange(40 * 40, dtype=np.int32).reshape(40, 40)
    settings = StatisticsSettings(enable=1, zone_origin=(4, 6), zone_size=(2, 2), high=4095)
    result = statistics.run(bayer, np.zeros((40, 40, 3), np.int32),
                            np.zeros((40, 40, 3), np.int32), settings, phase=Phase.GBRG)
    # First zone: GB B / R GR, in the mosaic's order.
    assert result.zone_sum[0, 0].tolist() == [7 * 40 + 4, 7 * 40 + 5, 6 * 40 + 4, 6 * 40 + 5]
    assert (result.zone_valid == 1).all()


def test_near_grey_pixels_are_summed():
    rgb = np.array([[[1000, 1000, 1000], [1000, 1100, 1000], [1093, 1000, 907],
                     [1094, 1000, 1000], [100, 100, 100], [4000, 4000, 4000]]], np.int32)
    bayer = np.zeros((8, 8), np.int32)
    result = statistics.run(bayer, rgb, np.zeros((8, 8, 3), np.int32),
                            StatisticsSettings(enable=1, grey_tolerance=6), phase=Phase.RGGB)
    assert result.grey_count == 3
    assert result.grey_sum.tolist() == [3093, 3100, 2907]


def test_sharpness_grows_with_contrast_inside_its_window_only():
    gamma = np.zeros((16, 32, 3), np.int32)
    gamma[8:, 16:18] = 100
    settings = StatisticsSettings(enable=1, windows=(0, 0, 32, 8, 0, 8, 32, 8, 16, 8, 2, 1))
    result = statistics.run(np.zeros((16, 32), np.int32), np.zeros((16, 32, 3), np.int32),
                            gamma, settings, phase=Phase.RGGB)
    assert result.sharpness.tolist() == [0, 8 * (4 * 100 + 2 * 200), 400]
    assert result.brightness.tolist() == [0, 8 * 200, 200]


def test_words_hold_every_number_at_its_scale(rng):
    bayer, rgb, gamma = frame(rng)
    result = statistics.run(bayer, rgb, gamma, StatisticsSettings(enable=1, zone_size=(4, 2)),
                            phase=Phase.RGGB, defects=5)
    words = result.words().astype(np.int64)
    assert len(words) == spec.STATISTICS_WORDS
    index = {word.name: word.index for word in spec.WORDS}
    assert words[index["HISTOGRAM_GB"] + 7] == result.histogram[2, 7]
    assert words[index["RANGE_B"]] == result.minimum[3] + (result.maximum[3] << 16)
    assert words[index["GREY_B"]] == result.grey_sum[2] // 16
    assert words[index["DEFECTS"]] == 5
    zone = words[index["ZONE"] + 8 * (16 * 3 + 11):][:8]
    assert zone[2] == result.zone_sum[3, 11, 2] // 16 + (result.zone_valid[3, 11, 2] << 20)
    assert zone[4] == sum((count > 0) << 8 * c
                          for c, count in enumerate(result.zone_clipped[3, 11]))


@pytest.mark.parametrize(("clipped", "level"), [
    (0, 0), (1, 1), (16, 1), (17, 2), (32, 2), (33, 4), (64, 4), (65, 6), (1536, 96), (1537, 128),
    (3072, 192), (3073, 255), (4080, 255)])
def test_clipped_samples_are_rounded_up_to_a_level(rng, clipped, level):
    bayer = np.zeros((128, 128), np.int32)
    reds = bayer[0::2, 0::2]
    reds[np.unravel_index(np.arange(clipped), reds.shape)] = 4095
    rgb, gamma = np.zeros((2, 8, 8, 3), np.int32)
    result = statistics.run(bayer, rgb, gamma, StatisticsSettings(enable=1, zone_size=(128, 126)),
                            phase=Phase.RGGB)
    assert result.words()[spec.ZONES_BEGIN + 4] == level


def test_words_lie_apart():
    used = [i for word in spec.WORDS for i in range(word.index, word.index + word.count)]
    assert len(used) == len(set(used))
    assert max(used) < spec.STATISTICS_WORDS


def test_counts_saturate_in_the_window():
    bayer = np.zeros((1024, 1040), np.int32)
    result = statistics.run(bayer, np.zeros((8, 8, 3), np.int32), np.zeros((8, 8, 3), np.int32),
                            StatisticsSettings(enable=1), phase=Phase.RGGB)
    assert result.histogram[0, 0] == 512 * 520
    assert result.words()[0] == (1 << 18) - 1


@pytest.mark.parametrize(("fields", "message"), [
    ({"zone_origin": (1, 0)}, r"Statistics.zone_origin\[0\]=1, must be even"),
    ({"zone_size": (8, 7)}, r"Statistics.zone_size\[1\]=7, must be even"),
    ({"zone_size": (160, 120)},
     "Statistics.zone_size=160x120 has 19200 pixels, must be at most 16380"),
])
def test_bad_grids_are_refused(fields, message):
    with pytest.raises(SettingsError, match=message):
        StatisticsSettings(**fields)


def test_the_pipeline_s_stages_feed_it(rng):
    config = ISP_CONFIGS["isp64"]
    settings = default_settings(config)
    settings = replace(settings, defect=replace(settings.defect, enable=1),
                       statistics=replace(settings.statistics, enable=1))
    raw = np.full((64, 64), 700, np.int32)
    raw[10, 20] = 4000
    stages = pipeline.run(raw, settings, config)
    result = pipeline.statistics(stages, settings)
    assert result.defects == 1
    assert result.maximum.tolist() == [700] * 4
    assert result.luma_histogram[700 >> 4] == 2048


def test_disabled_counts_nothing(rng):
    result = statistics.run(*frame(rng), StatisticsSettings(), phase=Phase.RGGB, defects=3)
    words = result.words()
    assert words[spec.SCALARS:spec.SCALARS + 4].tolist() == [4095] * 4
    assert words.sum() == 4 * 4095
