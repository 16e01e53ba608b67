"""Light: linear and encoded sRGB, and what a white surface looks like to a sensor."""

import numpy as np
import numpy.typing as npt

__all__ = ["from_linear", "to_linear", "white_point"]

Floats = npt.NDArray[np.float64]

_DAYLIGHT = 6504.0
_BANDS = np.array([600e-9, 540e-9, 460e-9])
"""Centre of the red, green and blue filter, in metres."""
_SECOND_RADIATION_CONSTANT = 1.438777e-2
_KELVIN = (1667.0, 25000.0)


def to_linear(encoded: npt.ArrayLike) -> Floats:
    """Return the light, 0 to 1, of encoded sRGB: bytes 0 to 255, or floats 0 to 1.

    Source: IEC 61966-2-1.
    """
    values = np.asarray(encoded)
    floats = values.astype(np.float64) / (255 if values.dtype == np.uint8 else 1)
    result: Floats = np.where(floats <= 0.04045, floats / 12.92, ((floats + 0.055) / 1.055) ** 2.4)
    return result


def from_linear(light: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return encoded sRGB bytes of light, clipped to 0 to 1."""
    values = np.clip(np.asarray(light, dtype=np.float64), 0, 1)
    encoded = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    codes: npt.NDArray[np.uint8] = np.rint(encoded * 255).astype(np.uint8)
    return codes


def _planck(kelvin: float) -> Floats:
    spectrum: Floats = _BANDS**-5 / np.expm1(_SECOND_RADIATION_CONSTANT / (_BANDS * kelvin))
    return spectrum


def white_point(kelvin: float) -> Floats:
    """Return red, green, blue of a white surface under a black body, daylight (6504 K) being 1.

    The filters are taken as narrow; green is always 1.

    Raises
    ------
    ValueError
        When the temperature is outside 1667 to 25000 K.
    """
    if not _KELVIN[0] <= kelvin <= _KELVIN[1]:
        raise ValueError(f"{kelvin:g} K, must be {_KELVIN[0]:g} to {_KELVIN[1]:g}")
    ratio = _planck(kelvin) / _planck(_DAYLIGHT)
    white: Floats = ratio / ratio[1]
    return white
