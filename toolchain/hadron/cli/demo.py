"""``hadron demo``: from a photograph over RAW, ISP and NPU to an answer."""

from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import make_folder, write_bytes, write_json, write_text
from hadron.cli.options import Config, JsonFile, Lane, On, check_files, console
from hadron.errors import CheckFailedError
from hadron.isp.demo import PHOTOS, run_demo
from hadron.isp.demo_report import demo_html, demo_lines, demo_picture
from hadron.isp.picture import encode_png
from hadron.progress_bar import ProgressBar

__all__ = ["demo"]


def demo(photo: Annotated[str, typer.Option("--photo", metavar="NAME", help=(
            f"Photograph: {', '.join(PHOTOS)}."))] = PHOTOS[0],
         output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help=(
             "Where to write demo.png and demo.html."))] = Path("build/demo"),
         config: Config = None, on: On = Lane.RTL, json_file: JsonFile = None) -> None:
    """Find faces in a photograph, from RAW pixels on: ISP and NPU in RTL simulation.

    Needs the extra isp, for the photographs. The first run builds both simulations.
    """
    check_files(json_file)
    folder = make_folder(output)
    with ProgressBar() as progress:
        result = run_demo(photo, on=on.value, config=config, on_progress=progress)
    write_bytes(folder / "demo.png", encode_png(demo_picture(result)))
    write_text(folder / "demo.html", demo_html(result))
    if json_file is not None:
        write_json(json_file, result.to_json())
    terminal = console()
    for line in demo_lines(result):
        terminal.print(line)
    terminal.print(f"{folder}: demo.png, demo.html")
    if result.matches_golden is False:
        difference = result.isp.difference or result.npu.report.difference
        raise CheckFailedError(f"{photo}: RTL and golden model differ: {difference}")
