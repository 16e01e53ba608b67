"""A synthetic image sensor: from a scene of known colours to RAW frames whose truth is known.

The golden model is integers only; what is in front of the hardware is light, so here are floats.
"""

from hadron_sensor.cfa import PHASES, channel_map, mosaic
from hadron_sensor.lens import Shading, defocus
from hadron_sensor.light import from_linear, to_linear, white_point
from hadron_sensor.sensor import RawFrame, Sensor

__all__ = ["PHASES", "RawFrame", "Sensor", "Shading", "channel_map", "defocus", "from_linear",
           "mosaic", "to_linear", "white_point"]
