"""From the map that the network `faces` puts out to faces in a picture."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FACE_CELLS", "Face", "find_faces"]

FACE_CELLS = 6.25
"""Cells that a face of the size most trained on covers each way."""

_REACH = 3
"""Cells around a maximum that belong to its face."""


@dataclass(frozen=True)
class Face:
    """A face.

    Parameters
    ----------
    x, y : float
        Its middle, in pixels of the picture.
    size : float
        About its height and width.
    score : float
        The map's value there; above 0 is more likely a face than none.
    """

    x: float
    y: float
    size: float
    score: float

    @property
    def probability(self) -> float:
        """The score as a probability."""
        return float(1 / (1 + np.exp(-self.score)))


def find_faces(scores: npt.NDArray[np.float64], crop: tuple[int, int, int, int]) -> list[Face]:
    """Return the faces of a map, the surest first.

    Parameters
    ----------
    scores : array
        (rows, columns); above 0 where the middle of a face is.
    crop : tuple of int
        First column, first row, columns, rows of the picture that the map stands for.
    """
    left = scores.astype(np.float64).copy()
    rows, columns = left.shape
    x0, y0, width, height = crop
    faces = []
    while left.max() > 0:
        row, column = (int(i) for i in np.unravel_index(int(left.argmax()), left.shape))
        around = (slice(max(0, row - _REACH), row + _REACH + 1),
                  slice(max(0, column - _REACH), column + _REACH + 1))
        weights = np.clip(left[around], 0, None)
        y, x = np.mgrid[around]
        faces.append(Face(
            x=x0 + width / columns * (float((x * weights).sum() / weights.sum()) + 0.5),
            y=y0 + height / rows * (float((y * weights).sum() / weights.sum()) + 0.5),
            size=FACE_CELLS * width / columns, score=float(left[row, column])))
        left[around] = -np.inf
    return faces
