"""Measure, and write JSON, pictures and a page of tables.

    python -m hadron.isp.measure [--rtl] [DIR]

DIR is docs/isp unless given. It also calibrates the example sensor and writes the tuning `example`
when that changes. With ``--rtl`` a frame and the demonstration run on the simulated RTL, too.
"""

import argparse
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import make_folder, write_bytes, write_json, write_text
from hadron.isp.demo import run_demo
from hadron.isp.demo_report import demo_picture
from hadron.isp.example import load_photo, photograph, to_image
from hadron.isp.measure.cleaning import CleaningPictures, measure_cleaning
from hadron.isp.measure.colour import calibrate_example, measure_colour
from hadron.isp.measure.demosaic import measure_demosaic
from hadron.isp.measure.figures import encode_jpeg, tiles
from hadron.isp.measure.page import measured_page
from hadron.isp.measure.rtl import measure_rtl
from hadron.isp.picture import stage_picture
from hadron.isp.session import process_golden
from hadron.isp.tuning import EXAMPLE_TUNING, load_tuning
from hadron.progress_bar import ProgressBar

__all__ = ["main"]

_FACE = np.s_[20:212, 130:370]
_WHOLE = np.s_[:410, :]
_SHOWN = ("crop", "shading", "demosaic", "luma")
_RESULTS = ("colour", "cleaning", "demosaic", "rtl", "demo", "faces", "3a")


def _cleaning_figure(pictures: dict[str, CleaningPictures]) -> bytes:
    rows = []
    for name, case in pictures.items():
        shown = _WHOLE if name == "shading" else _FACE
        rows.append([(f"{name}: perfect sensor", case.truth[shown]),
                     ("with the flaw", case.before[shown]), ("removed", case.after[shown])])
    return encode_jpeg(tiles(rows, height=192))


def _pipeline_figure() -> bytes:
    image = to_image(photograph(load_photo("astronaut")))
    result = process_golden(image, load_tuning(EXAMPLE_TUNING))
    labels = ("RAW", "defects and shading corrected", "demosaic", "picture")
    row = [(label, stage_picture(name, result.stages[name], result.settings))
           for name, label in zip(_SHOWN, labels, strict=True)]
    return encode_jpeg(tiles([row], height=256))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m hadron.isp.measure",
                                     description="Measure the ISP against known truth.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/isp"), metavar="DIR")
    parser.add_argument("--rtl", action="store_true",
                        help="run a frame and the demonstration on the RTL, too")
    options = parser.parse_args()
    folder = make_folder(options.folder)

    with resources.as_file(resources.files("hadron") / "data" / "isp") as data:
        write_text(data / f"{EXAMPLE_TUNING}.yaml", calibrate_example(EXAMPLE_TUNING).text)
    measured: dict[str, Any] = {}
    measured["colour"], charts = measure_colour()
    write_bytes(folder / "chart.jpg", encode_jpeg(tiles(
        [[("default tuning", charts["before"]), ("calibrated", charts["after"])]], height=240)))
    measured["cleaning"], pictures = measure_cleaning()
    write_bytes(folder / "cleaning.jpg", _cleaning_figure(pictures))
    measured["demosaic"] = measure_demosaic()
    write_bytes(folder / "pipeline.jpg", _pipeline_figure())
    if options.rtl:
        with ProgressBar() as progress:
            measured["rtl"] = measure_rtl(progress)
            demo = run_demo(on_progress=progress)
        measured["demo"] = demo.to_json()
        write_bytes(folder / "demo.jpg", encode_jpeg(demo_picture(demo)))
    for name, result in measured.items():
        write_json(folder / f"{name}.json", result)
    results = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
               for name in _RESULTS if (folder / f"{name}.json").is_file()}
    write_text(folder / "measured.md", measured_page(results))


if __name__ == "__main__":
    main()
