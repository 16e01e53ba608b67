"""The sensor of documents and demonstration, and photographs to put in front of it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError
from hadron.isp.raw import RawImage
from hadron_sensor import RawFrame, Sensor, Shading, to_linear
from hadron_spec.isp.bayer import Phase

__all__ = ["EXAMPLE_SENSOR", "load_photo", "photograph", "to_image"]

EXAMPLE_SENSOR = Sensor(
    phase="GRBG", bits=10, black=(16, 16, 16, 16), full_well=6000, read_noise=3,
    # Of the camera whose spectra hadron.isp.chart has, in daylight.
    sensitivity=(0.581, 1.0, 0.853),
    mixing=((0.6053, 0.2634, 0.1313), (0.0708, 0.6939, 0.2353), (0.0103, 0.2306, 0.7591)),
    shading=Shading(loss=(0.6, 0.5, 0.45), centre=(0.48, 0.53)), hot=0.0005, cold=0.0005, seed=5)
"""10 bits, GRBG, corners at 63 to 69 % of the light, one pixel in a thousand defect."""


def load_photo(name: str) -> npt.NDArray[np.uint8]:
    """Return a photograph that scikit-image carries, as sRGB.

    Raises
    ------
    UsageError
        When scikit-image is not installed.
    """
    try:
        from skimage import data
    except ModuleNotFoundError:
        raise UsageError("photographs need scikit-image: pip install 'hadron-npu[isp]'") from None
    image: Any = getattr(data, name)()
    first = np.asarray(image[0] if isinstance(image, tuple) else image)
    return first[..., :3].astype(np.uint8)


def photograph(photo: npt.NDArray[np.uint8], sensor: Sensor = EXAMPLE_SENSOR, *,
               kelvin: float = 6504.0, exposure: float = 0.95, gain: float = 1.0,
               seed: int = 0) -> RawFrame:
    """Return the frame that a sensor takes of a photograph: it stands for the scene."""
    return sensor.expose(sensor.responses(to_linear(photo), kelvin), exposure=exposure, gain=gain,
                         seed=seed)


def to_image(frame: RawFrame) -> RawImage:
    """Return what a file of the frame holds: pixels, bits and phase, but not the truth."""
    return RawImage(pixels=frame.raw, bits=frame.bits, phase=Phase[frame.phase])
