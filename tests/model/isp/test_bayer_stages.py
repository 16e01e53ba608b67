"""What each stage of the Bayer domain does to pictures whose right answer is known."""

import numpy as np
import pytest

from hadron_model.isp import (
    bayer_denoise,
    black_level,
    crop,
    defect,
    demosaic,
    linearize,
    pipeline,
    shading,
    white_balance,
)
from hadron_model.isp.image import colours
from hadron_spec.isp.bayer import (
    COLOURS,
    BayerDenoiseSettings,
    BlackLevelSettings,
    CropSettings,
    DefectSettings,
    DemosaicSettings,
    LinearizeSettings,
    Pattern,
    Phase,
    ShadingSettings,
    WhiteBalanceSettings,
    mesh_step,
)
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.settings import default_settings

SIZE = (16, 18)


@pytest.fixture(params=Phase, ids=lambda phase: phase.name)
def phase(request):
    return request.param


def _mosaic(picture, phase):
    """Sample a picture (height, width, 3)."""
    channel = np.array([0, 1, 1, 2])[colours(picture.shape[:2], phase)]
    return np.take_along_axis(picture, channel[..., None], 2)[..., 0].astype(np.int32)


def test_phase_names_the_colours_of_the_first_rows():
    for phase in Phase:
        first = colours((2, 2), phase).ravel()
        assert "".join(COLOURS[c][0] for c in first) == phase.name


def test_crop_moves_the_phase_with_the_corner(phase):
    for y in range(2):
        for x in range(2):
            settings = CropSettings(enable=1, input_width=18, input_height=16, width=8, height=9,
                                    x=x, y=y, phase=phase)
            expected = crop.run(colours(SIZE, phase).astype(np.int32), settings)
            np.testing.assert_array_equal(colours((9, 8), settings.used_phase), expected)


def test_bars_have_the_colours_of_the_bars(phase):
    settings = CropSettings(input_width=64, input_height=8, phase=phase, pattern=Pattern.BARS)
    picture = demosaic.run(crop.test_pattern(settings), DemosaicSettings(), phase)
    middle = picture[4, 4::8]
    np.testing.assert_array_equal(middle > 2000, [
        [1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]])


def test_noise_pattern_is_spread_over_all_values():
    noise = crop.test_pattern(CropSettings(input_width=640, input_height=480, pattern=3))
    assert abs(noise.mean() - 2047.5) < 20
    counts = np.bincount(noise.ravel() >> 6, minlength=64)
    assert counts.min() > 0.9 * counts.mean()


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"^a frame of 9 x 8, the settings say 8 x 8$"):
        crop.run(np.zeros((8, 9), np.int32), CropSettings(input_width=8, input_height=8))


def test_black_level_maps_black_to_zero_and_white_to_full_scale(phase):
    offset = (100, 200, 300, 400)
    scale = tuple(-(-(4095 << 14) // (4095 - black)) for black in offset)
    settings = BlackLevelSettings(enable=1, offset=offset, scale=scale)
    black = np.array(offset)[colours(SIZE, phase)].astype(np.int32)
    assert not black_level.run(black, settings, phase).any()
    assert not black_level.run(black - 50, settings, phase).any()
    assert (black_level.run(np.full(SIZE, 4095, np.int32), settings, phase) == 4095).all()


def test_linearize_meets_its_nodes_and_is_straight_between_them(rng):
    nodes = tuple(int(n) for n in rng.integers(4096, size=129))
    everything = np.arange(4096, dtype=np.int32).reshape(64, 64)
    result = linearize.run(everything, LinearizeSettings(enable=1, nodes=nodes)).ravel()
    np.testing.assert_array_equal(result[::32], nodes[:-1])
    exact = np.interp(np.arange(4096), np.arange(129) * 32, nodes)
    np.testing.assert_array_equal(result, np.floor(exact + 0.5))
    np.testing.assert_array_equal(
        linearize.run(everything, LinearizeSettings(enable=1)), everything)


def test_defects_are_replaced_and_edges_kept(phase):
    edge = np.where(np.arange(18) < 9, 500, 3000) * np.ones((16, 1), int)
    image = edge.astype(np.int32)
    settings = DefectSettings(enable=1, hot=200, cold=200)
    np.testing.assert_array_equal(defect.run(image, settings), image)
    broken = image.copy()
    broken[0, 0], broken[7, 4], broken[8, 13], broken[15, 17] = 4095, 4095, 0, 0
    assert defect.defects(broken, settings).sum() == 4
    np.testing.assert_array_equal(defect.run(broken, settings), image)


def test_defect_takes_the_flattest_direction():
    # Stripes along the falling diagonal.
    y, x = np.mgrid[:16, :18]
    image = np.where((x - y) % 32 < 4, 3000, 500).astype(np.int32)
    broken = image.copy()
    broken[8, 10] = 4095
    np.testing.assert_array_equal(defect.run(broken, DefectSettings(enable=1)), image)


def test_mesh_gives_the_nodes_gains_at_the_nodes(phase, rng):
    mesh = rng.integers(1 << 12, 1 << 13, (13, 17, 4))
    settings = ShadingSettings(enable=1, use_mesh=1, step_x=1 << 14, step_y=1 << 14,
                               mesh=tuple(int(g) for g in mesh.ravel()))
    gains = shading.mesh_gains((45, 61), settings, phase)
    y, x = np.mgrid[0:45:4, 0:61:4]
    expected = mesh[y // 4, x // 4, colours((45, 61), phase)[y, x]]
    assert abs(gains[::4, ::4] - 4 * expected).max() <= 1


def test_shading_without_mesh_is_a_gain(phase, rng):
    image = rng.integers(4096, size=SIZE).astype(np.int32)
    result = shading.run(image, ShadingSettings(enable=1, gain=640), phase)
    np.testing.assert_array_equal(result, np.minimum(4095, np.floor(image * 2.5 + 0.5)))


def test_mesh_step_covers_the_frame():
    for size in (8, 9, 640, 1920, 4095):
        for cells in (12, 16):
            assert (size - 1) * mesh_step(size, cells) < cells << 16


def test_denoise_smooths_noise_and_keeps_edges(phase, rng):
    flat = np.full((64, 64), 1000, np.int32)
    flat[:, 32:] = 3000
    noisy = flat + rng.normal(0, 20, flat.shape).astype(np.int32)
    settings = BayerDenoiseSettings(enable=1, threshold=(100,) * 16)
    result = bayer_denoise.run(noisy, settings, phase)
    assert (result - flat).std() < 0.45 * (noisy - flat).std()


def test_denoise_without_threshold_changes_nothing(phase, rng):
    image = rng.integers(4096, size=SIZE).astype(np.int32)
    np.testing.assert_array_equal(
        bayer_denoise.run(image, BayerDenoiseSettings(enable=1), phase), image)


def test_levels_go_in_half_octaves():
    levels = np.array([0, 23, 24, 31, 32, 47, 48, 63, 64, 2047, 2048, 3071, 3072, 4095], np.int32)
    assert bayer_denoise.level_index(levels).tolist() == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 13, 14, 14, 15, 15]


def test_white_balance_takes_each_colour_by_its_gain(phase):
    settings = WhiteBalanceSettings(enable=1, gain=(8192, 4096, 2048, 65535))
    result = white_balance.run(np.full(SIZE, 400, np.int32), settings, phase)
    np.testing.assert_array_equal(result, np.array([800, 400, 200, 4095])[colours(SIZE, phase)])


def test_demosaic_gives_flat_colours_back_up_to_the_border(phase):
    picture = np.broadcast_to([3000, 1500, 700], (*SIZE, 3))
    np.testing.assert_array_equal(
        demosaic.run(_mosaic(picture, phase), DemosaicSettings(), phase), picture)


def test_demosaic_follows_a_grey_ramp_inside(phase):
    y, x = np.mgrid[:16, :18]
    picture = np.repeat((100 * x + 60 * y)[..., None], 3, axis=2)
    result = demosaic.run(_mosaic(picture, phase), DemosaicSettings(), phase)
    np.testing.assert_array_equal(result[2:-2, 2:-2], picture[2:-2, 2:-2])


def test_disabled_stages_change_nothing(rng):
    config = ISP_CONFIGS["isp64"]
    raw = rng.integers(4096, size=(64, 64))
    stages = pipeline.run(raw, default_settings(config), config)
    for name in list(stages)[:list(stages).index("demosaic")]:
        np.testing.assert_array_equal(stages[name], raw, err_msg=name)


def test_pixels_of_too_many_bits_are_refused():
    config = ISP_CONFIGS["isp64"]
    raw = np.full((64, 64), 4096)
    with pytest.raises(ValueError, match=r"^pixels from 4096 to 4096, must have 12 bits$"):
        pipeline.run(raw, default_settings(config), config)
