"""Frames to calibrate with: dark, flat and chart, of a synthetic sensor with a camera's colours."""

import numpy as np

from hadron.isp.chart import chart_responses, render_chart
from hadron.isp.example import to_image
from hadron.isp.raw import RawImage
from hadron_sensor import Sensor

__all__ = ["chart_frame", "dark_frame", "flat_frame"]


def dark_frame(sensor: Sensor, height: int, width: int) -> RawImage:
    """Return a frame without light."""
    return to_image(sensor.expose(np.zeros((height, width, 3)), seed=101))


def flat_frame(sensor: Sensor, height: int, width: int, light: str = "D65") -> RawImage:
    """Return a frame of a grey surface, 70 % of full scale in green."""
    white = chart_responses(light)[1]
    return to_image(sensor.expose(np.broadcast_to(0.7 * white / white.max(), (height, width, 3)),
                                  seed=102))


def chart_frame(sensor: Sensor, height: int, width: int, light: str = "D65",
                exposure: float = 0.95) -> RawImage:
    """Return a frame of a ColorChecker."""
    patches = chart_responses(light)[0]
    return to_image(sensor.expose(render_chart(patches, height, width), exposure=exposure,
                                  seed=103))
