"""The demonstration finds the face that is there, and none where there is none."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hadron.cli import app
from hadron.errors import UsageError
from hadron.isp.demo import run_demo
from hadron.isp.faces import find_faces

pytest.importorskip("skimage")

FACE = (222, 112)
"""Middle of the face in the photograph "astronaut", columns and rows."""


def _map(*peaks: tuple[int, int, float]) -> np.ndarray:
    scores = np.full((24, 24), -8.0)
    for row, column, score in peaks:
        scores[row, column] = score
    return scores


def test_a_map_without_a_peak_has_no_face() -> None:
    assert find_faces(_map(), (0, 0, 96, 96)) == []


def test_a_peak_is_a_face_in_pixels_of_the_picture() -> None:
    [face] = find_faces(_map((5, 10, 3.0)), (64, 20, 384, 192))
    assert (face.x, face.y) == (64 + 16 * 10.5, 20 + 8 * 5.5)
    assert face.size == 100
    assert face.probability == pytest.approx(0.9526, abs=1e-4)


def test_near_cells_are_one_face_and_far_ones_are_two() -> None:
    faces = find_faces(_map((5, 10, 3.0), (5, 11, 3.0), (18, 2, 7.0)), (0, 0, 96, 96))
    assert [round(face.score) for face in faces] == [7, 3]
    assert faces[1].x == pytest.approx(4 * 11)


def test_the_face_is_found_where_it_is() -> None:
    demo = run_demo("astronaut", on="golden")
    [face] = demo.faces
    assert abs(face.x - FACE[0]) < 15
    assert abs(face.y - FACE[1]) < 15
    assert demo.matches_golden is None


@pytest.mark.parametrize("photo", ["coffee", "chelsea", "rocket"])
def test_there_is_no_face_in_a_cup_a_cat_or_a_rocket(photo: str) -> None:
    assert run_demo(photo, on="golden").faces == []


def test_the_command_writes_a_picture_a_page_and_json(tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["demo", "--on", "golden", "-o", "out", "--json", "d.json"])
    assert result.exit_code == 0, result.output
    assert "answer  1 face: " in result.stdout
    with Image.open("out/demo.png") as picture:
        assert picture.width > 3 * picture.height
    page = Path("out/demo.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64,' in page
    assert "1 face: " in page
    assert "http" not in page.replace("http-equiv", "")
    report = json.loads(Path("d.json").read_text(encoding="utf-8"))
    assert len(report["faces"]) == 1
    assert report["isp"]["tensor"] == [96, 96, 1]


def test_an_unknown_photograph_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^photo 'moon', must be one of astronaut, "):
        run_demo("moon")


def test_without_scikit_image_it_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(UsageError, match=r"^photographs need scikit-image: pip install "
                                         r"'hadron-npu\[isp\]'$"):
        run_demo("coffee", on="golden")


@pytest.mark.slow
def test_on_rtl_everything_is_as_the_golden_models_and_the_documents_say(project: Path) -> None:
    demo = run_demo("astronaut", on="rtl")
    assert demo.matches_golden
    assert len(demo.faces) == 1
    assert demo.isp.cycles is not None
    assert demo.isp.interval == 512 * 512
    assert demo.npu.report.measured
    documented = json.loads((project / "docs/isp/demo.json").read_text(encoding="utf-8"))
    assert demo.npu.report.cycles == pytest.approx(documented["npu"]["cycles"], rel=0.02), \
        "run python -m hadron.isp.measure --rtl"
