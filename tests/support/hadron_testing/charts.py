"""Frames for calibration: dark, flat and chart, of a synthetic sensor with a real one's colours."""

import numpy as np

from hadron.isp.chart import chart_responses, render_chart
from hadron.isp.raw import RawImage
from hadron_sensor import RawFrame, Sensor
from hadron_spec.isp.bayer import Phase

__all__ = ["chart_frame", "dark_frame", "flat_frame", "to_image"]


def to_image(frame: RawFrame) -> RawImage:
    """Return what a file of the frame holds."""
    return RawImage(pixels=frame.raw, bits=frame.bits, phase=Phase[frame.phase])


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
