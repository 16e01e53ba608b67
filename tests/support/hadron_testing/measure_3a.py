"""Measure how the firmware's 3A algorithms converge on a simulated camera.

    PYTHONPATH=tests/support python -m hadron_testing.measure_3a [DIR]

DIR is docs/isp unless given. Writes 3a.json and 3a.svg; `python -m hadron.isp.measure` then makes
tables of them.
"""

import argparse
import ctypes
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hadron.atomic import write_json, write_text
from hadron_sensor import Sensor, white_point
from hadron_testing.c_3a import (
    Ae,
    AeSettings,
    Af,
    AfSettings,
    Awb,
    AwbSettings,
    Exposure,
    build_3a,
)
from hadron_testing.camera import Camera, patches

__all__ = ["main"]

PROJECT = Path(__file__).resolve().parents[3]
SENSOR = Sensor(full_well=8000, read_noise=5, black=(64,) * 4, sensitivity=(0.6, 1.0, 0.7),
                mixing=((0.8, 0.15, 0.05), (0.1, 0.8, 0.1), (0.05, 0.25, 0.7)))
BEFORE, AFTER = 10, 40
STOP = 1024
LIGHT_STEPS = (6.0, 1 / 6, 30.0, 1 / 20)
COLOUR_STEPS = ((6500, 2856), (2856, 6500), (6500, 4000))
KELVIN = (2500, 3200, 4200, 5000, 6500, 9000)
WITHIN_STOPS, WITHIN_PART = 0.25, 0.05


def _grey(kelvin: float) -> tuple[float, float]:
    red, green, blue = np.array(SENSOR.sensitivity) * white_point(kelvin)
    return float(red / green), float(blue / green)


def _camera(exposure: Exposure, size: int = 192, **options: Any) -> Camera:
    return Camera(SENSOR, patches(np.random.default_rng(1), size=size), exposure, **options)


def exposure_step(library: ctypes.CDLL, factor: float) -> list[float]:
    """Return the error of each frame in stops; the light changes after `BEFORE` of them."""
    exposure, ae = Exposure(100, 256, 256), Ae()
    settings = AeSettings(target=740, tolerance=100, speed=8, minimum_lines=1, maximum_lines=4000,
                          maximum_gain=16 * 256, gain_step=16, delay=2)
    library.hadron_ae_init(ctypes.byref(ae), ctypes.byref(settings), ctypes.byref(exposure))
    camera = _camera(exposure, light=1.0)
    errors = []
    for frame in range(-20, BEFORE + AFTER):
        if frame == BEFORE:
            camera.light *= factor
        statistics = camera.shoot()
        camera.set_exposure(library.hadron_ae_step(ctypes.byref(ae), ctypes.byref(statistics)))
        errors.append(ae.error / STOP)
    return errors[20:]


def colour_step(library: ctypes.CDLL, first: int, second: int) -> tuple[list[float], list[float]]:
    """Return by which part grey's red and blue are off after each frame."""
    awb = Awb()
    settings = AwbSettings.of([(kelvin, *_grey(kelvin)) for kelvin in KELVIN], band=200, zones=8,
                              speed=4, tolerance=60)
    library.hadron_awb_init(ctypes.byref(awb), ctypes.byref(settings), first)
    camera = _camera(Exposure(500, 256, 256), kelvin=first)
    reds, blues = [], []
    for frame in range(-10, BEFORE + AFTER):
        if frame == BEFORE:
            camera.kelvin = second
        statistics = camera.shoot()
        camera.set_exposure(Exposure(500, 256, 256))
        balance = library.hadron_awb_step(ctypes.byref(awb), ctypes.byref(statistics))
        red, blue = _grey(camera.kelvin)
        reds.append(balance.red / 4096 * red - 1)
        blues.append(balance.blue / 4096 * blue - 1)
    return reds[10:], blues[10:]


def focus_frames(library: ctypes.CDLL, focus: int) -> tuple[int, int]:
    """Return the frames of a search and how far off it ends, of 200 positions."""
    af, settings = Af(), AfSettings(first=0, last=200, step=20, fine=5, window=1, settle=1)
    library.hadron_af_init(ctypes.byref(af), ctypes.byref(settings))
    camera = _camera(Exposure(500, 256, 256), size=48, focus=focus)
    camera.position = 0
    for frame in range(100):
        statistics = camera.shoot()
        camera.set_exposure(Exposure(500, 256, 256))
        camera.position = library.hadron_af_step(ctypes.byref(af), ctypes.byref(statistics))
        if af.state == 3:
            return frame + 1, abs(camera.position - focus)
    raise RuntimeError("no focus")


def _arrival(errors: Sequence[float], within: float) -> int:
    after = errors[BEFORE:]
    return max((i + 1 for i, error in enumerate(after) if abs(error) > within), default=0)


def _turns(errors: Sequence[float], within: float) -> int:
    """Count how often the error, once within, comes out on the other side."""
    after = np.array(errors[BEFORE:])
    outside = np.sign(after[np.abs(after) > within])
    return int((np.diff(outside) != 0).sum())


def _rounded(series: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(value, 4) for value in values] for name, values in series.items()}


def _chart(title: str, unit: str, series: dict[str, list[float]], left: int) -> str:
    """Return a chart of 440 by 240 as SVG."""
    width, height, x0, y0 = 360, 160, left + 50, 40
    low = min(min(values) for values in series.values())
    high = max(max(values) for values in series.values())
    colours = ("#2a6fb0", "#c0392b", "#1e8449", "#8e44ad")

    def place(frame: int, value: float) -> str:
        return (f"{x0 + width * frame / (BEFORE + AFTER - 1):.1f},"
                f"{y0 + height * (high - value) / (high - low):.1f}")

    parts = [f'<text x="{x0}" y="20" font-weight="bold">{title}</text>',
             f'<rect x="{x0}" y="{y0}" width="{width}" height="{height}" fill="none" '
             f'stroke="#999"/>',
             f'<polyline points="{place(0, 0)} {place(BEFORE + AFTER - 1, 0)}" fill="none" '
             f'stroke="#999" stroke-dasharray="3"/>']
    for value in (low, 0, high):
        parts.append(f'<text x="{x0 - 6}" y="{place(0, value).split(",")[1]}" '
                     f'text-anchor="end" dominant-baseline="middle">{value:+.1f}</text>')
    for number, (name, values) in enumerate(series.items()):
        points = " ".join(place(frame, value) for frame, value in enumerate(values))
        colour = colours[number]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     f'stroke-width="1.5"/>')
        parts.append(f'<text x="{x0 + width - 8}" y="{y0 + 18 + 15 * number}" text-anchor="end" '
                     f'fill="{colour}">{name}</text>')
    parts.append(f'<text x="{x0 + width}" y="{y0 + height + 18}" text-anchor="end">'
                 f'{BEFORE + AFTER} frames; {unit}</text>')
    return "\n".join(parts)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m hadron_testing.measure_3a",
                                     description="Measure convergence of the 3A algorithms.")
    parser.add_argument("folder", nargs="?", type=Path, default=PROJECT / "docs/isp",
                        metavar="DIR")
    options = parser.parse_args()
    rows = []
    light: dict[str, list[float]] = {}
    colour: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        library = build_3a(PROJECT, Path(folder))
        for factor in LIGHT_STEPS:
            name = f"light x {factor:g}" if factor > 1 else f"light / {1 / factor:g}"
            errors = light[name] = exposure_step(library, factor)
            rows.append({"step": f"{name}, to {WITHIN_STOPS} stops",
                         "frames": _arrival(errors, WITHIN_STOPS),
                         "turns": _turns(errors, WITHIN_STOPS)})
        for first, second in COLOUR_STEPS:
            name = f"{first} K to {second} K"
            red, blue = colour_step(library, first, second)
            colour[name] = blue
            rows.append({"step": f"{name}, to {WITHIN_PART:.0%}",
                         "frames": max(_arrival(red, WITHIN_PART), _arrival(blue, WITHIN_PART)),
                         "turns": _turns(red, WITHIN_PART) + _turns(blue, WITHIN_PART)})
        for focus in (60, 155):
            frames, off = focus_frames(library, focus)
            rows.append({"step": f"focus at {focus} of 200 found within {off}",
                         "frames": frames, "turns": 0})
    write_json(options.folder / "3a.json", {"exposure_delay_frames": 2, "rows": rows,
                                            "before": BEFORE, "light": _rounded(light),
                                            "colour": _rounded(colour)})
    write_text(options.folder / "3a.svg", "\n".join([
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 880 240" font-family="sans-serif" '
        'font-size="12" fill="#222">',
        '<rect width="880" height="240" fill="#fff"/>',
        _chart("Auto exposure after a step in light", "stops from the target", light, 0),
        _chart("Auto white balance after a change of light", "part that blue of grey is off",
               colour, 440),
        "</svg>", ""]))


if __name__ == "__main__":
    main()
