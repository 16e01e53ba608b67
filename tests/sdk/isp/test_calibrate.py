"""Calibration finds what the synthetic sensor was given, and its colours come out right."""

import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hadron.cli import app
from hadron.errors import UsageError
from hadron.isp.calibrate import Calibration, ChartFrame, calibrate, evaluate
from hadron.isp.chart import (
    WHOLE,
    Corners,
    chart_responses,
    delta_e,
    parse_corners,
    patch_values,
    reference_lab,
    reference_linear,
    render_chart,
)
from hadron.isp.chart_frames import chart_frame, dark_frame, flat_frame
from hadron.isp.example import to_image
from hadron.isp.raw import RawImage, write_raw
from hadron.isp.session import process_golden
from hadron.isp.tuning import load_tuning
from hadron_sensor import Sensor, Shading, mosaic

pytest.importorskip("colour")

SIZE = (240, 320)
SHADING = Shading(loss=(0.6, 0.5, 0.45), centre=(0.48, 0.53))
SENSOR = Sensor(phase="GRBG", bits=12, black=(64, 66, 62, 65), full_well=8000, read_noise=4,
                shading=SHADING, hot=0.0005, cold=0.0005, seed=5)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    charts = [ChartFrame(chart_frame(SENSOR, *SIZE), 6504),
              ChartFrame(chart_frame(SENSOR, *SIZE, light="A", exposure=0.8), 2856)]
    return calibrate(charts, dark=dark_frame(SENSOR, *SIZE), flat=flat_frame(SENSOR, *SIZE))


def test_black_is_found_for_each_colour(calibration: Calibration) -> None:
    assert calibration.black == SENSOR.black


def test_the_mesh_undoes_the_lens(calibration: Calibration) -> None:
    # Nodes lie on the corners of 12 x 16 cells; every colour has its brightest point.
    light = SHADING.transmission(1201, 1601)[::100, ::100]
    for colour, channel in enumerate((0, 1, 1, 2)):
        wanted = light[..., channel].max() / light[..., channel]
        assert np.abs(calibration.mesh[..., colour] / wanted - 1).max() < 0.015


def test_white_balance_makes_white_of_what_the_light_is(calibration: Calibration) -> None:
    white = chart_responses("D65")[1]
    assert calibration.gains == pytest.approx((1 / white[0], 1, 1 / white[2]), rel=0.015)
    lights = calibration.tuning.lights
    assert [light.kelvin for light in lights] == [2856, 6504]
    lamp = chart_responses("A")[1]
    assert (lights[0].red, lights[0].blue) == pytest.approx((lamp[0], lamp[2]), rel=0.015)


def test_a_light_has_its_own_colour_matrix(calibration: Calibration) -> None:
    lamp, day = calibration.tuning.lights
    assert np.allclose(day.matrix, calibration.matrix.ravel(), atol=1e-4)
    assert not np.allclose(lamp.matrix, day.matrix, atol=0.02)
    # Under the lamp, the tuning for it is right and that for daylight is not.
    image = chart_frame(SENSOR, *SIZE, light="A", exposure=1.0)
    right = process_golden(image, calibration.tuning.for_light(2856))
    wrong = process_golden(image, calibration.tuning)
    assert evaluate(right.rgb, WHOLE).mean() <= 3.0
    assert evaluate(wrong.rgb, WHOLE).mean() > 10


def test_noise_is_that_of_the_electrons(calibration: Calibration) -> None:
    codes = 4095 - 64
    read, slope = calibration.noise
    assert slope == pytest.approx(codes / 8000, rel=0.4)  # the mesh amplifies it in the corners
    assert read == pytest.approx((4 * codes / 8000) ** 2, rel=0.2)


def test_rows_of_the_matrix_keep_white_white(calibration: Calibration) -> None:
    assert calibration.matrix.sum(axis=1) == pytest.approx([1, 1, 1])
    assert calibration.before.mean() > 5
    assert calibration.after.mean() < 1.5


def test_the_picture_of_a_chart_not_calibrated_with_is_within_three(
        calibration: Calibration) -> None:
    other = Sensor(**{**vars(SENSOR), "phase": "BGGR", "seed": 77})
    result = process_golden(chart_frame(other, *SIZE), calibration.tuning)
    differences = evaluate(result.rgb, WHOLE)
    assert differences.mean() <= 3.0
    plain = process_golden(chart_frame(other, *SIZE), load_tuning("default"))
    assert differences.mean() < 0.6 * evaluate(plain.rgb, WHOLE).mean()


def test_a_rendered_chart_has_its_patches_where_they_are_looked_for(rng) -> None:
    patches = rng.random((24, 3))
    chart = render_chart(patches, 120, 170)
    assert np.allclose(patch_values(chart, WHOLE), patches)
    part = np.zeros((300, 400, 3))
    part[60:180, 100:270] = chart
    corners = parse_corners("100,60,270,60,270,180,100,180", 400, 300)
    assert np.allclose(patch_values(part, corners), patches)


def test_the_reference_is_the_published_chart() -> None:
    # BabelColor's average of 30 charts, under D50; ours are spectra under D65.
    published = {"dark skin": (37.54, 14.37, 14.92), "neutral 5": (50.76, -0.13, -0.14),
                 "white 9.5": (95.19, -1.03, 2.93)}
    reference = reference_lab()
    for index, lab in zip((0, 21, 18), published.values(), strict=True):
        assert delta_e(reference[index:index + 1], np.array([lab]))[0] < 4
    assert reference_linear()[18] == pytest.approx([0.9, 0.9, 0.9], abs=0.06)


def _refusal(charts, **frames) -> str:
    with pytest.raises(UsageError) as error:
        calibrate(charts, **frames)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_frames_that_are_not_what_they_should_be_are_refused() -> None:
    chart = ChartFrame(chart_frame(SENSOR, *SIZE), 6504)
    flat = flat_frame(SENSOR, *SIZE)
    assert _refusal([chart], dark=flat).startswith("array: not a dark frame: it reads ")
    assert _refusal([chart], flat=dark_frame(SENSOR, *SIZE)).startswith(
        "array: not a flat frame: its median is ")
    assert "overexposed" in _refusal([ChartFrame(chart_frame(SENSOR, *SIZE, exposure=1.6), 6504)])
    assert "underexposed" in _refusal([ChartFrame(chart_frame(SENSOR, *SIZE, exposure=0.05), 6504)],
                                      dark=dark_frame(SENSOR, *SIZE))
    grey = RawImage(pixels=np.full(SIZE, 2000, np.uint16), bits=12, phase=chart.image.phase)
    assert "no ColorChecker where the corners say" in _refusal([ChartFrame(grey, 6504)])
    point = Corners(((0.5, 0.5),) * 4)
    assert "no ColorChecker where the corners say" in _refusal([ChartFrame(chart.image, 6504,
                                                                           point)])
    turned = Corners((WHOLE.points[2], WHOLE.points[3], WHOLE.points[0], WHOLE.points[1]))
    assert "no ColorChecker where the corners say" in _refusal([ChartFrame(chart.image, 6504,
                                                                           turned)])


def test_the_command_writes_a_tuning_that_isp_reads(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, image in (("dark", dark_frame(SENSOR, *SIZE)), ("flat", flat_frame(SENSOR, *SIZE)),
                        ("chart", chart_frame(SENSOR, *SIZE)),
                        ("lamp", chart_frame(SENSOR, *SIZE, light="A", exposure=0.8))):
        write_raw(f"{name}.npz", image)
    result = CliRunner().invoke(app, [
        "isp-calibrate", "chart.npz", "lamp.npz:2856", "--dark", "dark.npz", "--flat", "flat.npz",
        "-o", "mine.yaml", "--json", "mine.json"])
    assert result.exit_code == 0, result.output
    assert "mine.yaml: written; use it with hadron isp --tuning mine.yaml" in result.stdout
    result = CliRunner().invoke(app, ["isp", "chart.npz", "--tuning", "mine.yaml", "-o", "c.png"])
    assert result.exit_code == 0, result.output
    assert "tuning  mine: black_level, defect, shading" in result.stdout
    for arguments, message in (
            (["chart.npz:warm"], "chart.npz:warm: temperature 'warm', must be 1000 to 25000 "
                                 "(kelvin)"),
            (["chart.npz", "--corners", "1,2,3"], "corners '1,2,3', must be x,y of four points "
                                                  "inside 320x240, clockwise from the upper left")):
        result = CliRunner().invoke(app, ["isp-calibrate", *arguments, "-o", "x.yaml"])
        assert result.exit_code == 2
        assert result.stderr == f"hadron: error: {message}\n"


def test_a_chart_through_a_plain_sensor_is_its_responses() -> None:
    patches = chart_responses("D65")[0]
    frame = to_image(Sensor(phase="RGGB").expose(render_chart(patches, 64, 96)))
    assert np.array_equal(frame.pixels, np.rint(mosaic(render_chart(patches, 64, 96), "RGGB")
                                                * 4095))


def test_without_colour_science_it_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "colour", None)
    with pytest.raises(UsageError, match=r"^colour charts need colour: pip install "
                                         r"'hadron-npu\[isp\]'$"):
        chart_responses("D65")
