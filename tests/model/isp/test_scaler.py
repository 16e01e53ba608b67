"""The scaler's model against exact area means and exact interpolation."""

from dataclasses import replace

import numpy as np
import pytest

from hadron_model.isp import scaler
from hadron_spec.isp.config import ISP_CONFIGS
from hadron_spec.isp.fields import SettingsError
from hadron_spec.isp.picture import ScalerMode, ScalerSettings
from hadron_spec.isp.presets import scaler_settings
from hadron_spec.isp.settings import check, default_settings


def area_weights(size, output):
    """Exact overlap of each output's interval with each input pixel, normalised."""
    edges = np.arange(output + 1) * size / output
    pixels = np.arange(size)
    low = np.maximum(edges[:-1, None], pixels)
    high = np.minimum(edges[1:, None], pixels + 1)
    return np.maximum(0, high - low) * output / size


def bilinear_weights(size, output):
    """Half-pixel centres, no antialiasing: TensorFlow's ResizeBilinear(half_pixel_centers)."""
    centre = (np.arange(output) + 0.5) * size / output - 0.5
    return np.maximum(0, 1 - np.abs(centre[:, None] - np.arange(size)))


EXACT = {ScalerMode.BOX: area_weights, ScalerMode.BILINEAR: bilinear_weights}


@pytest.mark.parametrize("mode", EXACT)
@pytest.mark.parametrize(("size", "output"), [
    (8, 8), (9, 8), (16, 1), (255, 1), (64, 32), (640, 96), (1920, 224), (1080, 224), (500, 499),
    (4095, 512)])
def test_every_output_has_its_whole_weight(mode, size, output):
    step = (size << 16) // output
    total = scaler.walk(size, output, step, mode).sums(np.ones((1, size), np.int64), axis=1)
    assert total.shape == (1, output)
    wanted = 256 * size / output if mode == ScalerMode.BOX else 256
    assert np.abs(total - wanted).max() <= (1 if mode == ScalerMode.BOX else 0)


@pytest.mark.parametrize("mode", EXACT)
@pytest.mark.parametrize(("picture", "output"), [
    ((97, 61), (31, 17)), ((640, 480), (96, 96)), ((256, 256), (255, 131)), ((64, 48), (64, 48))])
def test_is_within_a_code_and_a_half_of_exact_arithmetic(rng, mode, picture, output):
    width, height = picture
    image = rng.integers(0, 256, (height, width, 3), np.int32)
    settings = scaler_settings(crop=(0, 0, width, height), output=output, mode=mode)
    result = scaler.run(image, settings).astype(int) + 128
    wide = np.tensordot(EXACT[mode](height, output[1]), image.astype(float), 1)
    wanted = np.einsum("ox,pxc->poc", EXACT[mode](width, output[0]), wide, optimize=True)
    assert np.abs(result - wanted).max() <= 1.5
    assert np.abs(result - wanted).mean() <= 0.35


@pytest.mark.parametrize("mode", EXACT)
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_a_flat_picture_stays_flat(mode, level):
    image = np.full((200, 300, 3), level, np.int32)
    settings = scaler_settings(crop=(10, 20, 224, 150), output=(96, 64), mode=mode)
    assert (np.abs(scaler.run(image, settings).astype(int) - (level - 128)) <= 1).all()


def test_full_size_passes_every_code():
    image = np.arange(256, dtype=np.int32).reshape(16, 16, 1).repeat(3, axis=2)
    settings = scaler_settings(crop=(0, 0, 16, 16), output=(16, 16))
    np.testing.assert_array_equal(scaler.run(image, settings),
                                  image.astype(int) - 128)


def test_mean_and_scale_make_the_network_s_input():
    mean, std, scale, zero_point = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 0.0186, -14
    image = np.arange(256, dtype=np.int32).reshape(16, 16, 1).repeat(3, axis=2)
    settings = scaler_settings(crop=(0, 0, 16, 16), output=(16, 16), mean=mean, std=std,
                               scale=scale, zero_point=zero_point)
    wanted = np.clip(np.round((image / 255 - mean) / std / scale) + zero_point, -128, 127)
    assert np.abs(scaler.run(image, settings) - wanted).max() <= 1


def test_one_channel_gives_one_byte_a_pixel(rng):
    image = rng.integers(0, 256, (16, 24, 3), np.int32)
    settings = scaler_settings(crop=(0, 0, 24, 16), output=(12, 8), channels=1)
    assert scaler.run(image, settings).shape == (8, 12, 1)


def test_off_there_is_no_tensor(rng):
    assert scaler.run(rng.integers(0, 256, (8, 8, 3), np.int32), ScalerSettings()) is None


def test_a_crop_outside_the_picture_is_refused():
    settings = scaler_settings(crop=(8, 0, 16, 16), output=(8, 8))
    with pytest.raises(ValueError, match=r"crop \(8, 0, 16, 16\) of a picture of 20x16"):
        scaler.run(np.zeros((16, 20, 3), np.int32), settings)


def test_the_pipeline_refuses_a_crop_beyond_the_frame():
    config = ISP_CONFIGS["isp64"]
    settings = replace(default_settings(config),
                       scaler=scaler_settings(crop=(0, 1, 64, 64), output=(8, 8)))
    with pytest.raises(SettingsError, match=r"^Scaler\.crop ends before line 65, must be "
                                            r"at most 64$"):
        check(settings, config)


@pytest.mark.parametrize(("fields", "message"), [
    ({"channels": 2}, "Scaler.channels=2, must be 1 or 3"),
    ({"crop": (0, 0, 600, 480), "output": (513, 96)},
     r"Scaler.output\[0\]=513, must be at most 512"),
    ({"output": (96, 481)}, r"Scaler.output\[1\]=481, must be at most 480, what is cropped"),
    ({"step": (436907, 327680)}, r"Scaler.step\[0\]=436907, must be at most 436906: the crop"),
])
def test_impossible_settings_are_refused(fields, message):
    with pytest.raises(SettingsError, match=message):
        ScalerSettings(**fields)


def test_a_ratio_out_of_reach_is_refused():
    with pytest.raises(SettingsError, match="tensor of 2 columns from 1000: the ratio must be "
                                            "from 1 to 255"):
        scaler_settings(crop=(0, 0, 1000, 1000), output=(2, 10))
