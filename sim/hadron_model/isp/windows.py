"""Neighbourhoods with reflected borders."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["neighbours", "windows"]


def windows(image: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Return the neighbourhood of every pixel, reflected about the edge pixels (reflect-101).

    Parameters
    ----------
    image : array (height, width, ...)
        A frame.
    rows, columns : int
        Size of the neighbourhood, odd.

    Returns
    -------
    array (height, width, ..., rows, columns), a read-only view
        Bit-exact with :class:`hadron_rtl.isp.window.LineWindow`.
    """
    padding = [(rows // 2, rows // 2), (columns // 2, columns // 2)] + [(0, 0)] * (image.ndim - 2)
    padded = np.pad(image, padding, mode="reflect")
    return sliding_window_view(padded, (rows, columns), axis=(0, 1))


def neighbours(image: NDArray[Any], offsets: tuple[tuple[int, int], ...]) -> NDArray[Any]:
    """Return ``image[y + dy, x + dx]`` for each (dy, dx) of `offsets`, stacked first."""
    reach = max(max(abs(dy), abs(dx)) for dy, dx in offsets)
    height, width = image.shape[:2]
    padded = np.pad(image, reach, mode="reflect")
    return np.stack([padded[reach + dy:reach + dy + height, reach + dx:reach + dx + width]
                     for dy, dx in offsets])
