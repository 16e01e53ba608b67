"""What an ISP run did, as text and as JSON."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import write_bytes, write_json
from hadron.isp.picture import encode_png, stage_picture
from hadron.isp.raw import RawImage
from hadron.isp.session import IspResult
from hadron.isp.tuning import Tuning
from hadron_model.isp.statistics import Statistics
from hadron_spec.isp.settings import STAGES

__all__ = ["dump_stages", "isp_report", "statistics_json", "text_lines"]


def statistics_json(statistics: Statistics) -> dict[str, Any]:
    """Return the statistics with arrays as lists."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else int(value)
            for name, value in vars(statistics).items()}


def _enabled(result: IspResult) -> list[str]:
    return [name for name, settings in result.settings.stages() if settings.enable]


def isp_report(image: RawImage, tuning: Tuning, result: IspResult, on: str,
               files: Sequence[Path]) -> dict[str, Any]:
    """Return the run as ``--json`` writes it."""
    height, width = result.picture.shape[:2]
    return {
        "raw": image.source,
        "width": image.width,
        "height": image.height,
        "bits": image.bits,
        "phase": image.phase.name,
        "tuning": tuning.name,
        "config": result.config.name,
        "on": on,
        "stages": _enabled(result),
        "picture": [height, width, 3],
        "tensor": None if result.tensor is None else list(result.tensor.shape),
        "cycles": result.cycles,
        "latency": result.latency,
        "matches_golden": result.matches_golden,
        "difference": result.difference or None,
        "statistics": (None if result.statistics is None
                       else statistics_json(result.statistics)),
        "files": [str(file) for file in files],
    }


def text_lines(image: RawImage, tuning: Tuning, result: IspResult, on: str) -> list[str]:
    """Return the run in a few lines."""
    height, width = result.picture.shape[:2]
    tensor = ("" if result.tensor is None
              else f", tensor {' x '.join(map(str, result.tensor.shape))}")
    lines = [
        f"{image.source}: RAW{image.bits} {image.phase.name}, {image.width} x {image.height}; "
        f"{on}, {result.config.name}",
        f"tuning  {tuning.name}: {', '.join(_enabled(result))}",
        f"picture {width} x {height}{tensor}",
    ]
    if result.statistics is not None:
        statistics = result.statistics
        count = max(1, int(statistics.zone_valid.sum() + statistics.zone_clipped.sum()))
        means = statistics.zone_sum.sum(axis=(0, 1)) / np.maximum(
            1, statistics.zone_valid.sum(axis=(0, 1)))
        lines.append(f"means   R {means[0]:.0f}, Gr {means[1]:.0f}, Gb {means[2]:.0f}, "
                     f"B {means[3]:.0f} of 4095; {statistics.zone_clipped.sum() / count:.2%} "
                     f"clipped; {statistics.defects} pixels corrected")
    if result.cycles is not None:
        pixels = width * height
        lines.append(f"cycles  {result.cycles:,} for {pixels:,} pixels, "
                     f"{pixels / result.cycles:.3f} a cycle; the first pixel comes out after "
                     f"{result.latency:,} cycles ({(result.latency or 0) / image.width:.1f} lines)")
    if result.matches_golden is not None:
        lines.append("RTL = golden: yes, every pixel, tensor byte and statistics word"
                     if result.matches_golden else f"RTL = golden: no, {result.difference}")
    return lines


def dump_stages(result: IspResult, folder: Path) -> list[Path]:
    """Write every stage's output as .npy and .png, settings and statistics as JSON."""
    files = []

    def write(name: str, data: bytes) -> None:
        write_bytes(folder / name, data)
        files.append(folder / name)

    order = list(STAGES)
    for name, image in result.stages.items():
        data = io.BytesIO()
        np.save(data, image, allow_pickle=False)
        stem = f"{order.index(name):02d}_{name}"
        write(f"{stem}.npy", data.getvalue())
        write(f"{stem}.png", encode_png(stage_picture(name, image, result.settings)))
    settings = {name: {key: list(value) if isinstance(value, tuple) else value
                       for key, value in vars(stage).items()}
                for name, stage in result.settings.stages()}
    write_json(folder / "settings.json", settings)
    files.append(folder / "settings.json")
    if result.statistics is not None:
        write_json(folder / "statistics.json", statistics_json(result.statistics))
        files.append(folder / "statistics.json")
    return files
