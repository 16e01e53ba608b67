"""How true colours are: a ColorChecker under several lights, through the whole pipeline."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.isp.calibrate import Calibration, ChartFrame, calibrate, evaluate
from hadron.isp.chart import WHOLE, chart_responses
from hadron.isp.chart_frames import chart_frame, dark_frame, flat_frame
from hadron.isp.example import EXAMPLE_SENSOR
from hadron.isp.raw import RawImage
from hadron.isp.session import process_golden
from hadron.isp.tuning import DEFAULT_TUNING, load_tuning

__all__ = ["LIGHTS", "calibrate_example", "measure_colour"]

LIGHTS = {"D65": 6504, "D50": 5003, "A": 2856, "FL2": 4230}
"""CIE illuminants and their temperatures: daylight, warm daylight, lamp, fluorescent tube."""

_SIZE = (480, 640)


def _chart(light: str, *, evaluated: bool = False) -> RawImage:
    """Return a frame exposed so that white just does not clip; another sensor to evaluate."""
    white = chart_responses(light)[1]
    sensor = EXAMPLE_SENSOR
    if evaluated:
        # As bright as the reference: perfect white fills green's well.
        return chart_frame(replace(sensor, seed=77), *_SIZE, light, exposure=1.0)
    return chart_frame(sensor, *_SIZE, light, exposure=0.95 / float(white.max()))


def calibrate_example(name: str, first: str = "D65") -> Calibration:
    """Return the example sensor's calibration, white balance and colours for one light."""
    charts = [ChartFrame(_chart(light), LIGHTS[light])
              for light in (first, *(other for other in LIGHTS if other != first))]
    return calibrate(charts, dark=dark_frame(EXAMPLE_SENSOR, *_SIZE),
                     flat=flat_frame(EXAMPLE_SENSOR, *_SIZE), name=name)


def measure_colour() -> tuple[dict[str, Any], dict[str, npt.NDArray[np.uint8]]]:
    """Return CIEDE2000 of the final picture for each light, and pictures before and after."""
    rows = []
    pictures: dict[str, npt.NDArray[np.uint8]] = {}
    for light, kelvin in LIGHTS.items():
        image = _chart(light, evaluated=True)
        calibration = calibrate_example("example", light)
        tuned = process_golden(image, calibration.tuning)
        plain = process_golden(image, load_tuning(DEFAULT_TUNING))
        after, before = evaluate(tuned.rgb, WHOLE), evaluate(plain.rgb, WHOLE)
        pictures.setdefault("before", plain.rgb)
        pictures.setdefault("after", tuned.rgb)
        rows.append({
            "light": light, "kelvin": kelvin,
            "default_tuning": {"mean": round(float(before.mean()), 2),
                               "largest": round(float(before.max()), 2)},
            "calibrated": {"mean": round(float(after.mean()), 2),
                           "largest": round(float(after.max()), 2)},
            "patches": [round(float(value), 2) for value in after]})
    return {"unit": "CIEDE2000 over 24 patches of the 8-bit picture", "lights": rows}, pictures
