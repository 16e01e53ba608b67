"""Digital gain and lens shading, bit-exact with :class:`hadron_rtl.isp.shading.Shading`."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.isp.bayer import MESH_COLUMNS, MESH_ROWS, ShadingSettings

from .image import Image, colours, saturate

__all__ = ["mesh_gains", "run"]


def mesh_gains(shape: tuple[int, ...], settings: ShadingSettings, phase: int) -> NDArray[np.int64]:
    """Return the mesh's gain at every pixel, U2.14."""
    if not settings.use_mesh:
        return np.full(shape, 1 << 14, np.int64)
    mesh = np.array(settings.mesh, np.int64).reshape(MESH_ROWS, MESH_COLUMNS, 4)
    colour = colours(shape, phase)
    y = np.arange(shape[0])[:, None] * settings.step_y
    x = np.arange(shape[1])[None, :] * settings.step_x
    row, row_part = y >> 16, y >> 8 & 255
    column, column_part = x >> 16, x >> 8 & 255

    def between(column: NDArray[np.intp]) -> NDArray[np.int64]:
        above, below = mesh[row, column, colour], mesh[row + 1, column, colour]
        result: NDArray[np.int64] = 256 * above + row_part * (below - above) + 16 >> 5
        return result

    left, right = between(column), between(column + 1)
    result: NDArray[np.int64] = 256 * left + column_part * (right - left) + 256 >> 9
    return result


def run(image: Image, settings: ShadingSettings, phase: int) -> Image:
    """Multiply by the mesh and the digital gain, rounding half up each time.

    Parameters
    ----------
    image : int32 (height, width)
        Mosaic, 12 bits.
    phase : int
        Colour order.
    """
    if not settings.enable:
        return image
    shaded = image * mesh_gains(image.shape, settings, phase) + (1 << 10) >> 11
    return saturate(shaded * settings.gain + (1 << 10) >> 11)
