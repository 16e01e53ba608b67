"""What is claimed of the ISP's pictures holds, and the documents say what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from hadron.isp.calibrate import evaluate
from hadron.isp.chart import WHOLE
from hadron.isp.chart_frames import chart_frame
from hadron.isp.example import EXAMPLE_SENSOR
from hadron.isp.measure.cleaning import CASES, measure_cleaning
from hadron.isp.measure.demosaic import PHOTOS, measure_demosaic
from hadron.isp.measure.figures import tiles
from hadron.isp.measure.page import measured_page
from hadron.isp.measure.quality import psnr
from hadron.isp.session import process_golden
from hadron.isp.tuning import load_tuning

pytest.importorskip("colour_demosaicing")
pytest.importorskip("skimage")

NAMES = ("colour", "cleaning", "demosaic", "rtl", "demo", "faces", "3a")


@pytest.fixture(scope="module")
def documented(project: Path) -> dict:
    folder = project / "docs/isp"
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            for name in NAMES if (folder / f"{name}.json").is_file()}


def test_psnr_of_a_known_error() -> None:
    truth = np.full((10, 10, 3), 100, np.uint8)
    assert psnr(truth + 5, truth) == pytest.approx(20 * np.log10(255 / 5))
    wrong = truth.copy()
    wrong[0] = 0
    assert psnr(wrong, truth, border=1) > 100


def test_demosaic_is_malvars_and_three_db_above_bilinear() -> None:
    measured = measure_demosaic(("astronaut", "chelsea", "coffee"))
    for row in measured["photos"]:
        assert abs(row["hadron"] - row["malvar"]) <= 0.05
    assert measured["mean"]["hadron"] >= measured["mean"]["bilinear"] + 3


def test_the_example_tuning_has_colours_within_three() -> None:
    result = process_golden(chart_frame(EXAMPLE_SENSOR, 240, 320, exposure=1.0),
                            load_tuning("example"))
    assert evaluate(result.rgb, WHOLE).mean() <= 3.0


@pytest.mark.slow
def test_every_flaw_is_removed_measurably() -> None:
    measured, pictures = measure_cleaning()
    gains = {row["flaw"]: row["gain"] for row in measured["cases"]}
    assert set(gains) == set(pictures) == {case.name for case in CASES}
    assert gains["noise"] > 1.5
    assert gains["defects"] > 5
    assert gains["shading"] > 15
    assert gains["all three"] > 4


def test_the_page_is_made_from_the_json_beside_it(documented: dict, project: Path) -> None:
    page = (project / "docs/isp/measured.md").read_text(encoding="utf-8")
    assert page == measured_page(documented), "run python -m hadron.isp.measure"


def test_what_is_documented_is_what_was_promised(documented: dict) -> None:
    assert [row["photo"] for row in documented["demosaic"]["photos"]] == list(PHOTOS)
    mean = documented["demosaic"]["mean"]
    assert abs(mean["hadron"] - mean["malvar"]) <= 0.05
    assert mean["hadron"] >= mean["bilinear"] + 3
    for row in documented["colour"]["lights"]:
        assert row["calibrated"]["mean"] <= 3.0
    for row in documented["cleaning"]["cases"]:
        assert row["after"] > row["before"] + 1
    assert documented["demo"]["matches_golden"] is True
    assert {row["width"] for row in documented["rtl"]["frames"]} == {640, 1920}
    for row in documented["rtl"]["frames"]:
        assert row["matches_golden"] is True
        assert row["picture_cycles_a_pixel"] == 1
    assert all(row["turns"] == 0 for row in documented["3a"]["rows"])


def test_tiles_are_labelled_pictures_of_one_height() -> None:
    grey, colour = np.zeros((10, 20), np.uint8), np.zeros((40, 20, 3), np.uint8)
    picture = tiles([[("a", grey), ("b", colour)], [("c", colour)]], height=20)
    assert picture.shape == (2 * (20 + 22) + 6, 40 + 6 + 10, 3)
