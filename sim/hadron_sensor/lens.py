"""What a lens does before the light reaches the sensor: it darkens corners and it blurs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Shading", "defocus"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Shading:
    """Fall-off from a centre, a colour each: ``1 / (1 + loss * r**2)``, r being 1 in the corners.

    Parameters
    ----------
    loss : tuple of float
        Of red, green and blue; 1.0 halves the light in the corners, 0 is no shading.
    centre : tuple of float
        Of the lens, (row, column) as parts of the frame.
    """

    loss: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if min(self.loss) < 0:
            raise ValueError(f"shading: loss={self.loss!r}, must be 0 or more")

    def transmission(self, height: int, width: int) -> Floats:
        """Return the part of the light that arrives, (rows, columns, 3)."""
        rows = (np.arange(height) + 0.5) / height - self.centre[0]
        columns = (np.arange(width) + 0.5) / width - self.centre[1]
        square = (rows[:, None] ** 2 + columns[None, :] ** 2) / 0.5
        result: Floats = 1 / (1 + square[..., None] * np.array(self.loss))
        return result


def defocus(scene: Floats, sigma: float) -> Floats:
    """Blur a scene (rows, columns, ...) with a Gaussian of `sigma` pixels; 0 leaves it."""
    if sigma <= 0:
        return scene
    radius = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    result = scene
    for axis in (0, 1):
        widths = [(0, 0)] * scene.ndim
        widths[axis] = (radius, radius)
        padded = np.pad(result, widths, mode="edge")
        extent = scene.shape[axis]
        result = sum(tap * np.take(padded, range(i, i + extent), axis=axis)
                     for i, tap in enumerate(taps))
    return result
