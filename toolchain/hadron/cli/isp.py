"""``hadron isp``: a RAW frame to a picture and to a network's input."""

import io
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hadron.atomic import make_folder, write_bytes, write_json
from hadron.cli.options import JsonFile, Lane, On, check_files, console
from hadron.errors import CheckFailedError, UsageError
from hadron.isp.picture import encode_png
from hadron.isp.raw import RawImage, crop_raw, parse_crop, parse_size, read_raw
from hadron.isp.report import dump_stages, isp_report, text_lines
from hadron.isp.session import process_golden, process_rtl
from hadron.isp.tuning import DEFAULT_TUNING, load_tuning
from hadron.progress_bar import ProgressBar

__all__ = ["Bits", "Crop", "Packing", "Phase", "Size", "Stride", "isp", "read_frame"]

Phase = Annotated[str | None, typer.Option(
    "--phase", metavar="RGGB|GRBG|GBRG|BGGR", show_default=False,
    help="Colours of the upper left two by two pixels. Default: what the file says, or RGGB.")]
Bits = Annotated[int | None, typer.Option(
    "--bits", metavar="8|10|12", show_default=False,
    help="Bits of a pixel. Default: what the file says or needs.")]
Size = Annotated[str | None, typer.Option(
    "--size", metavar="WxH", show_default=False, help="Size of a .raw or .bin file's frame.")]
Packing = Annotated[str, typer.Option(
    "--packing", metavar="mipi|unpacked",
    help="How a .raw or .bin file holds pixels: MIPI CSI-2, or one in one or two bytes.")]
Stride = Annotated[int | None, typer.Option(
    "--stride", metavar="BYTES", show_default=False, min=1,
    help="Bytes from line to line of a .raw or .bin file. Default: no more than pixels need.")]
Crop = Annotated[str | None, typer.Option(
    "--crop", metavar="X,Y,W,H", show_default=False,
    help="Use this part of the frame: of one that is too large, or has borders.")]


def read_frame(path: str | Path, *, phase: str | None, bits: int | None, size: str | None,
               packing: str, stride: int | None, crop: str | None) -> RawImage:
    """Read a RAW frame as the options of the command line say."""
    image = read_raw(path, phase=phase, bits=bits, packing=packing, stride=stride,
                     size=None if size is None else parse_size(size))
    return image if crop is None else crop_raw(image, parse_crop(crop))


def isp(raw: Annotated[Path, typer.Argument(metavar="RAW", show_default=False, help=(
            "A frame: .npz, .npy, .raw, .bin, or a camera's file, such as .dng."))],
        tuning: Annotated[str, typer.Option("--tuning", metavar="YAML", help=(
            "Tuning file, or default."))] = DEFAULT_TUNING,
        output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PNG",
                                                    show_default=False,
                                                    help="Write the picture.")] = None,
        tensor: Annotated[Path | None, typer.Option("--tensor", metavar="NPY", show_default=False,
                                                    help="Write the network's input.")] = None,
        dump: Annotated[Path | None, typer.Option(
            "--dump", metavar="DIR", show_default=False,
            help="Write every stage's output, the settings and the statistics.")] = None,
        config: Annotated[str | None, typer.Option(
            "--config", metavar="NAME", show_default=False,
            help="isp640, isp1280 or isp1920. Default: the smallest that fits.")] = None,
        kelvin: Annotated[float | None, typer.Option(
            "--kelvin", metavar="K", show_default=False, min=1000, max=25000,
            help="White balance and colours for a light of this temperature, from the tuning's "
                 "lights.")] = None,
        on: On = Lane.GOLDEN, phase: Phase = None, bits: Bits = None, size: Size = None,
        packing: Packing = "mipi", stride: Stride = None, crop: Crop = None,
        json_file: JsonFile = None) -> None:
    """Turn a RAW frame into a picture, and into a network's input.

    On the RTL, everything it puts out is compared with the golden model.
    """
    check_files(output, tensor, json_file, inputs=(raw, tuning))
    if output is not None and output.suffix.lower() not in ("", ".png"):
        raise UsageError(f"cannot write {output}: the picture is a PNG, so its name ends with .png")
    chosen = load_tuning(tuning)
    if tensor is not None and "scaler" not in chosen.sections:
        raise UsageError(f"--tensor: {chosen.source} has no section scaler")
    folder = None if dump is None else make_folder(dump)
    image = read_frame(raw, phase=phase, bits=bits, size=size, packing=packing, stride=stride,
                       crop=crop)
    if kelvin is not None:
        chosen = chosen.for_light(kelvin)
    with ProgressBar() as progress:
        process = process_golden if on is Lane.GOLDEN else process_rtl
        result = process(image, chosen, config=config, on_progress=progress)
    files = []
    if output is not None:
        write_bytes(output, encode_png(result.rgb))
        files.append(output)
    if tensor is not None:
        if result.tensor is None:
            raise UsageError(f"--tensor: section scaler of {chosen.source} is not enabled")
        data = io.BytesIO()
        np.save(data, result.tensor[None], allow_pickle=False)
        write_bytes(tensor, data.getvalue())
        files.append(tensor)
    if folder is not None:
        files += dump_stages(result, folder)
    terminal = console()
    for line in text_lines(image, chosen, result, on.value):
        terminal.print(line)
    if json_file is not None:
        write_json(json_file, isp_report(image, chosen, result, on.value, files))
    if result.matches_golden is False:
        raise CheckFailedError(f"{raw}: RTL and golden model differ: {result.difference}")
