"""Tuning files become settings; what is wrong in one is told in one line."""

import numpy as np
import pytest

from hadron.errors import UsageError
from hadron.isp.raw import RawImage
from hadron.isp.tuning import Light, load_tuning, parse_tuning
from hadron_spec.isp.bayer import Pattern, Phase
from hadron_spec.isp.presets import color_space_settings, gamma_settings, srgb_curve
from hadron_spec.isp.settings import STAGES


def image(width: int = 64, height: int = 48, **changes) -> RawImage:
    values = {"pixels": np.zeros((height, width), np.uint16), "bits": 12, "phase": Phase.GBRG}
    return RawImage(**values | changes)


def settings(text: str, **changes):
    return parse_tuning(text, "t.yaml").settings(image(**changes))


def test_a_stage_is_used_when_it_has_a_section() -> None:
    used = settings("defect: {hot: 100}\nshading: {enable: false}\nname: x")
    enabled = {name for name, stage in used.stages() if stage.enable}
    assert enabled == {"defect", "demosaic"}
    assert used.defect.hot == 100
    assert not settings("demosaic: {enable: false}").demosaic.enable


def test_size_and_phase_come_from_the_frame() -> None:
    crop = settings("name: x").crop
    assert (crop.input_width, crop.input_height, crop.phase) == (64, 48, Phase.GBRG)
    assert not crop.enable
    cropped = settings("crop: {x: 8, y: 4, width: 32, height: 16, pattern: bars}").crop
    assert (cropped.used_width, cropped.used_height, cropped.x, cropped.y) == (32, 16, 8, 4)
    assert cropped.pattern == Pattern.BARS


def test_numbers_are_real_and_arrays_may_be_one_number_or_nested() -> None:
    used = settings("white_balance: {gain: 1.5}\n"
                    "color_matrix: {matrix: [[1.5, -0.25, -0.25], [0, 1, 0], [0, 0, 1]]}\n"
                    "shading: {gain: 2.25}\nluma: {denoise: 0.5, coring: 1.5}")
    assert used.white_balance.gain == (6144,) * 4
    assert used.color_matrix.matrix == (1536, -256, -256, 0, 1024, 0, 0, 0, 1024)
    assert used.shading.gain == 576
    assert (used.luma.denoise, used.luma.coring) == (64, 24)


def test_three_gains_are_red_green_and_blue() -> None:
    assert settings("white_balance: {gain: [2, 1, 1.5]}").white_balance.gain == (
        8192, 4096, 4096, 6144)


def test_raw_gains_come_from_the_file_where_it_has_them() -> None:
    usual = settings("white_balance: {gain: raw}").white_balance.gain
    assert usual == settings("white_balance: {gain: [1.9, 1.0, 1.5]}").white_balance.gain
    given = settings("white_balance: {gain: raw}", gains=(2.0, 1.0, 1.25)).white_balance.gain
    assert given == (2 << 12, 1 << 12, 1 << 12, 5 << 10)


def test_camera_gains_come_from_the_file() -> None:
    text = "white_balance: {gain: camera}"
    assert settings(text, gains=(2.0, 1.0, 1.5)).white_balance.gain == (8192, 4096, 4096, 6144)
    with pytest.raises(UsageError, match=r"^t.yaml: white_balance.gain=camera, but the RAW file "
                                         r"has no gains$"):
        settings(text)


@pytest.mark.parametrize(("bits", "black"), [(8, 4), (10, 16), (12, 64)])
def test_black_is_taken_from_the_file_and_white_stays_white(bits: int, black: int) -> None:
    used = settings("black_level: {}", bits=bits, black=(black,) * 4).black_level
    offset = black << 12 - bits
    assert used.offset == (offset,) * 4
    white = ((1 << bits) - 1) << 12 - bits
    assert [(white - offset) * scale + (1 << 13) >> 14 for scale in used.scale] == [4095] * 4
    given = settings("black_level: {offset: 100, scale: 1}", bits=bits, black=(black,) * 4)
    assert given.black_level.offset == (100,) * 4
    assert given.black_level.scale == (1 << 14,) * 4


def test_a_sensor_that_is_full_early_is_stretched_to_full_scale() -> None:
    used = settings("black_level: {}", bits=12, black=(64,) * 4, white=3000).black_level
    assert [(3000 - 64) * scale + (1 << 13) >> 14 for scale in used.scale] == [4095] * 4
    with pytest.raises(UsageError, match=r"^t.yaml: black_level.offset=300, must be below the "
                                         r"white level 200$"):
        settings("black_level: {}", black=(300,) * 4, white=200)


def test_the_mesh_covers_the_frame() -> None:
    mesh = "[" + ", ".join(["[" + ", ".join(["[1, 1.5, 1.5, 3]"] * 17) + "]"] * 13) + "]"
    shading = settings(f"shading: {{mesh: {mesh}}}").shading
    assert shading.use_mesh
    assert shading.mesh[:4] == (4096, 6144, 6144, 12288)
    assert (shading.step_x, shading.step_y) == ((16 << 16) // 64, (12 << 16) // 48)
    assert not settings("shading: {gain: 2}").shading.use_mesh


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (1920, 1080), (33, 21)])
def test_zones_cover_the_frame(size: tuple[int, int]) -> None:
    statistics = settings("statistics: {}", width=size[0], height=size[1]).statistics
    assert statistics.enable
    for extent, zone, origin in zip(size, statistics.zone_size, statistics.zone_origin,
                                    strict=True):
        assert origin + 16 * zone >= extent - 32
        assert zone % 2 == origin % 2 == 0


def test_curves_and_standards_have_names() -> None:
    used = settings("gamma: {curve: srgb}\ncolor_space: {standard: bt709, range: limited}")
    assert used.gamma == gamma_settings(srgb_curve)
    assert used.color_space == color_space_settings("bt709", full_range=False)
    assert settings("gamma: {curve: 2.2}").gamma.nodes[128] == pytest.approx(
        4080 * 0.5 ** (1 / 2.2), rel=0.01)


def test_the_scaler_takes_a_network_input() -> None:
    used = settings("scaler: {output: [16, 12], channels: 1, source: yuv, mode: bilinear}").scaler
    assert used.crop == (0, 0, 64, 48)
    assert (used.output, used.channels, used.source, used.mode) == ((16, 12), 1, 1, 1)
    part = settings("scaler: {output: [8, 8], crop: [16, 8, 16, 16], zero_point: 0}").scaler
    assert part.crop == (16, 8, 16, 16)
    assert part.offset == (0, 0, 0)


def test_lights_are_read() -> None:
    tuning = parse_tuning("lights: [{kelvin: 2856, red: 0.9, blue: 0.3}]", "t.yaml")
    assert tuning.lights == (Light(2856, 0.9, 0.3),)


def test_a_temperature_chooses_gains_and_matrix_between_the_lights() -> None:
    tuning = parse_tuning(
        "lights:\n"
        "  - {kelvin: 3000, red: 1.0, blue: 0.5, matrix: [[2, -1, 0], [0, 1, 0], [0, 0, 1]]}\n"
        "  - {kelvin: 5000, red: 0.5, blue: 1.0, matrix: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}\n"
        "color_matrix: {offset: [1, 2, 3]}\n", "t.yaml")
    used = tuning.for_light(4000).settings(image())
    assert used.white_balance.gain == (5461, 4096, 4096, 5461)
    assert used.color_matrix.matrix == (1536, -512, 0, 0, 1024, 0, 0, 0, 1024)
    assert used.color_matrix.offset == (1, 2, 3)
    for kelvin, gains in ((1000, (4096, 4096, 4096, 8192)), (3000, (4096, 4096, 4096, 8192)),
                          (5000, (8192, 4096, 4096, 4096)), (20000, (8192, 4096, 4096, 4096))):
        assert tuning.for_light(kelvin).settings(image()).white_balance.gain == gains
    plain = parse_tuning("lights: [{kelvin: 3000, red: 1, blue: 1}]", "t.yaml").for_light(3000)
    assert "color_matrix" not in plain.sections
    with pytest.raises(UsageError, match=r"^t.yaml: no lights, so nothing to choose by temp"):
        parse_tuning("name: x", "t.yaml").for_light(3000)


@pytest.mark.parametrize("phase", Phase)
def test_the_tuning_that_ships_suits_every_frame(phase: Phase) -> None:
    tuning = load_tuning("default")
    assert len(tuning.lights) >= 2
    for size in ((8, 8), (33, 21), (1920, 1080)):
        used = tuning.settings(image(*size, phase=phase))
        assert set(dict(used.stages())) == set(STAGES)


@pytest.mark.parametrize(("text", "message"), [
    ("a: [", "line 1, column 5: expected the node content, but found '<stream end>'"),
    ("just words", "not a tuning: it has no sections"),
    ("dfect: {}", "unknown section 'dfect'; known: name, lights, crop, black_level, linearize, "
                  "defect, shading, statistics, bayer_denoise, white_balance, demosaic, "
                  "color_matrix, gamma, color_space, luma, chroma, scaler"),
    ("defect: 3", "defect is 3, must be a section of settings"),
    ("defect: {warm: 3}", "unknown setting defect.warm; known: enable, hot, cold"),
    ("crop: {phase: 1}", "unknown setting crop.phase; known: enable, x, y, width, height, "
                         "pattern"),
    ("defect: {hot: 5000}", "defect.hot=5000, must be from 0 to 4095"),
    ("defect: {hot: 1.5}", "defect.hot=1.5, must be a whole number"),
    ("defect: {hot: [1]}", "defect.hot=[1], must be a number"),
    ("defect: {hot: .nan}", "defect.hot=nan, must be from 0 to 4095"),
    ("shading: {gain: 300}", "shading.gain=300, must be from 0 to 255.996"),
    ("color_matrix: {matrix: [1, 2]}", "color_matrix.matrix has 2 numbers, must have 3 x 3"),
    ("color_matrix: {matrix: [[9, 0, 0], [0, 1, 0], [0, 0, 1]]}",
     "color_matrix.matrix[0]=9, must be from -8 to 7.99902"),
    ("gamma: {curve: film}", "gamma.curve='film', must be a number or one of srgb, linear"),
    ("gamma: {curve: 7}", "gamma.curve=7, must be from 1 to 4"),
    ("color_space: {standard: ntsc}",
     "color_space.standard='ntsc', must be one of bt601, bt709"),
    ("scaler: {output: 3, mode: cubic}", "scaler.mode='cubic', must be one of box, bilinear"),
    ("scaler: {output: [1, 2, 3]}", "scaler.output=[1, 2, 3], must be 2 numbers"),
    ("scaler: {output: [96, 96]}", "tensor of 96 columns from 64: the ratio must be from 1 to 255"),
    ("statistics: {zone_size: [3, 4]}", "Statistics.zone_size[0]=3, must be even"),
    ("crop: {x: 99999}", "crop.x=99999, must be from 0 to 4095"),
    ("crop: {pattern: stripes}", "crop.pattern='stripes', must be one of off, bars, ramp, noise"),
    ("crop: {pattern: [bars]}", "crop.pattern=['bars'], must be a number"),
    ("gamma: {curve: [srgb]}", "gamma.curve=['srgb'], must be a number or one of srgb, linear"),
    ("gamma: {curve: srgb, nodes: 3}", "gamma.curve does not go with gamma.nodes"),
    ("color_space: {standard: [bt601]}",
     "color_space.standard=['bt601'], must be one of bt601, bt709"),
    ("color_space: {range: limited}", "color_space.range needs color_space.standard"),
    ("scaler: {output: [20.5, 20]}", "scaler.output=(20.5, 20), must be whole numbers"),
    ("scaler: {output: [.inf, 20]}", "scaler.output=[inf, 20], must be 2 numbers"),
    ("scaler: {output: 20, zero_point: .nan}", "scaler.zero_point=nan, must be a number"),
    ("scaler: {output: 20, zero_point: 128}",
     "tensor of zero point 128, must be from -128 to 127"),
    ("scaler: {output: 20, scale: 0}", "tensor of scale (0,), must be above 0"),
    ("scaler: {output: 20, std: [1, 0, 1]}", "tensor of std (1, 0, 1), must be above 0"),
    ("scaler: {step: [65536, 65536], mean: 1}", "scaler.mean does not go with scaler.step"),
    ("gamma: {}\ndemosaic: {}\ngamma: {curve: 2}", "line 3, column 1: gamma is there twice"),
    ("[1]: {}", "line 1, column 1: found unhashable key"),
    ("a: " + "[" * 2000, "not a tuning: nested too deeply, or a number too long"),
    ("defect: {hot: " + "9" * 5000 + "}",
     "not a tuning: nested too deeply, or a number too long"),
    ("lights: 5", "lights is 5, must be a list"),
    ("lights: [{kelvin: .inf, red: 1, blue: 1}]",
     "lights[0] is {'kelvin': inf, 'red': 1, 'blue': 1}, must have kelvin, red, blue, all above "
     "0, and may have a matrix"),
    ("lights: [{kelvin: 3}]",
     "lights[0] is {'kelvin': 3}, must have kelvin, red, blue, all above 0, and may have a "
     "matrix"),
    ("lights: [{kelvin: 3, red: 1, blue: 1, matrix: [1, 2]}]",
     "lights[0].matrix must have 3 x 3 numbers"),
])
def test_a_mistake_is_one_line_with_place_value_and_limit(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        settings(text)
    assert str(error.value) == f"t.yaml: {message}"


def test_a_missing_file_is_told(tmp_path) -> None:
    with pytest.raises(UsageError, match=r"no\.yaml: no such file, nor a tuning that ships "
                                         r"\(default, example\)$"):
        load_tuning(tmp_path / "no.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"binary\.yaml: not a text file$"):
        load_tuning(tmp_path / "binary.yaml")
