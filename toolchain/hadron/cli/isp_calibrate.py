"""``hadron isp-calibrate``: a tuning for a sensor, from frames of a colour chart."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hadron.atomic import write_json, write_text
from hadron.cli.isp import Bits, Crop, Packing, Phase, Size, Stride, read_frame
from hadron.cli.options import JsonFile, check_files, console
from hadron.errors import UsageError
from hadron.isp.calibrate import ChartFrame, calibrate
from hadron.isp.chart import WHOLE, parse_corners

__all__ = ["isp_calibrate"]

_DAYLIGHT = 6504


def isp_calibrate(
        charts: Annotated[list[str], typer.Argument(
            metavar="CHART[:KELVIN]...", show_default=False, help=(
                "RAW frames of a ColorChecker of 24 patches, each in another light; the first "
                "decides white balance and colours. Without a temperature: daylight, 6504 K."))],
        output: Annotated[Path, typer.Option(
            "-o", "--output", metavar="YAML", show_default=False,
            help="Where to write the tuning.")],
        dark: Annotated[Path | None, typer.Option(
            "--dark", metavar="RAW", show_default=False, help=(
                "A frame without light. Default: the black level that the chart's file tells."),
            )] = None,
        flat: Annotated[Path | None, typer.Option(
            "--flat", metavar="RAW", show_default=False, help=(
                "A frame of an evenly lit grey surface. Default: shading is not corrected."),
            )] = None,
        corners: Annotated[str | None, typer.Option(
            "--corners", metavar="X,Y,...", show_default=False, help=(
                "Outer corners of the patches in pixels, clockwise from dark skin's. "
                "Default: the chart fills the frame."))] = None,
        phase: Phase = None, bits: Bits = None, size: Size = None, packing: Packing = "mipi",
        stride: Stride = None, crop: Crop = None, json_file: JsonFile = None) -> None:
    """Fit black level, lens shading, white balance, colours and noise; write a tuning."""
    check_files(output, json_file, inputs=(*charts, dark, flat))
    read = partial(read_frame, phase=phase, bits=bits, size=size, packing=packing, stride=stride,
                   crop=crop)

    frames = []
    for chart in charts:
        name, kelvin = _split(chart)
        image = read(name)
        where = WHOLE if corners is None else parse_corners(corners, image.width, image.height)
        frames.append(ChartFrame(image, kelvin, where))
    result = calibrate(frames, dark=None if dark is None else read(dark),
                       flat=None if flat is None else read(flat), name=output.stem)
    write_text(output, result.text)
    if json_file is not None:
        write_json(json_file, result.to_json())
    terminal = console()
    black = ", ".join(map(str, result.black))
    red, green, blue = result.gains
    terminal.print(f"black   {black} of 4095 (R, Gr, Gb, B)")
    terminal.print(f"shading gains up to {result.mesh.max():.2f}")
    terminal.print(f"white   gains {red:.3f}, {green:.3f}, {blue:.3f} (R, G, B)")
    terminal.print(f"noise   variance {result.noise[0]:.2f} + {result.noise[1]:.4f} * level")
    terminal.print(f"colours CIEDE2000 of 24 patches: mean {result.after.mean():.2f}, largest "
                   f"{result.after.max():.2f} (white balance alone: {result.before.mean():.2f}, "
                   f"{result.before.max():.2f})")
    terminal.print(f"{output}: written; use it with hadron isp --tuning {output}")


def _split(chart: str) -> tuple[str, int]:
    """Return file and temperature of an argument; a file may have a colon in its name."""
    name, colon, kelvin = chart.rpartition(":")
    if not colon or Path(chart).is_file():
        return chart, _DAYLIGHT
    if not kelvin.isdecimal() or not 1000 <= int(kelvin) <= 25000:
        raise UsageError(f"{chart}: temperature {kelvin!r}, must be 1000 to 25000 (kelvin)")
    return name, int(kelvin)
