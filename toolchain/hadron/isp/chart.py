"""The ColorChecker: what its patches look like to a sensor and to people, and where they are.

Spectra, illuminants and sensitivities come from colour-science: extra ``isp``.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError

__all__ = ["COLUMNS", "GREYS", "ROWS", "WHOLE", "Corners", "chart_responses", "delta_e", "lab",
           "parse_corners", "patch_boxes", "patch_values", "reference_lab", "reference_linear",
           "render_chart"]

ROWS, COLUMNS = 4, 6
GREYS = (19, 20, 21, 22)
"""Patches without colour that neither clip nor drown: neutral 8, 6.5, 5 and 3.5."""

Floats = npt.NDArray[np.float64]

_CHART = "ColorChecker N Ohta"
_CAMERA = "Nikon 5100 (NPL)"
_WAVELENGTHS = (400, 700, 10)
_MIDDLE = 0.4
"""Part of a patch, each way, that is measured."""
_GAP = 0.12
"""Part of a patch's pitch that is the black frame around it."""


@dataclass(frozen=True)
class Corners:
    """Outer corners of the grid of patches: (x, y) upper left, upper right, lower right, lower
    left, as parts of the frame, 0 to 1."""

    points: tuple[tuple[float, float], ...]

    def place(self, across: float, down: float) -> tuple[float, float]:
        """Return the point of the frame at a part of the chart's width and height."""
        p = np.array(self.points)
        top = p[0] + across * (p[1] - p[0])
        bottom = p[3] + across * (p[2] - p[3])
        x, y = top + down * (bottom - top)
        return float(x), float(y)


WHOLE = Corners(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


def parse_corners(text: str, width: int, height: int) -> Corners:
    """Return the corners that eight numbers name: x,y of four pixels, clockwise from upper left.

    Raises
    ------
    UsageError
        When they are not eight numbers inside the frame.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != 8 or not all(
            0 <= x <= width and 0 <= y <= height for x, y in zip(numbers[::2], numbers[1::2],
                                                                strict=True)):
        raise UsageError(f"corners {text!r}, must be x,y of four points inside {width}x{height}, "
                         f"clockwise from the upper left")
    return Corners(tuple((x / width, y / height)
                         for x, y in zip(numbers[::2], numbers[1::2], strict=True)))


def patch_boxes(corners: Corners, width: int, height: int) -> list[tuple[slice, slice]]:
    """Return rows and columns of the middle of each patch, row by row."""
    boxes = []
    half = _MIDDLE * (1 - _GAP) / 2
    for row in range(ROWS):
        for column in range(COLUMNS):
            points = [corners.place((column + 0.5 + dx) / COLUMNS, (row + 0.5 + dy) / ROWS)
                      for dx, dy in ((-half, -half), (half, half))]
            (x0, y0), (x1, y1) = sorted(p[0] for p in points), sorted(p[1] for p in points)
            (x0, x1), (y0, y1) = (x0, y0), (x1, y1)
            boxes.append((slice(int(y0 * height), max(int(y0 * height) + 1, int(y1 * height))),
                          slice(int(x0 * width), max(int(x0 * width) + 1, int(x1 * width)))))
    return boxes


def patch_values(picture: npt.NDArray[Any], corners: Corners) -> Floats:
    """Return the mean of each patch of a picture (rows, columns, 3), (24, 3)."""
    height, width = picture.shape[:2]
    return np.array([picture[box].reshape(-1, picture.shape[2]).mean(axis=0)
                     for box in patch_boxes(corners, width, height)], dtype=np.float64)


def _colour() -> Any:
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of plotting libraries that are not there
            import colour
    except ModuleNotFoundError as error:
        raise UsageError(f"colour charts need {error.name}: pip install 'hadron-npu[isp]'") \
            from None
    return colour


@cache
def _reflectances() -> Floats:
    colour = _colour()
    shape = colour.SpectralShape(*_WAVELENGTHS)
    return np.array([spectrum.copy().align(shape).values
                     for spectrum in colour.SDS_COLOURCHECKERS[_CHART].values()])


def _spectrum(light: str) -> Floats:
    colour = _colour()
    shape = colour.SpectralShape(*_WAVELENGTHS)
    values: Floats = colour.SDS_ILLUMINANTS[light].copy().align(shape).values
    return values


def chart_responses(light: str) -> tuple[Floats, Floats]:
    """Return what a real camera's filters pass of the patches, (24, 3), and of white, (3,).

    Parameters
    ----------
    light : str
        CIE illuminant: "A", "D50", "D65", "FL2", ... Green of white is 1.

    Source: measured sensitivities of a Nikon D5100 (National Physical Laboratory).
    """
    colour = _colour()
    shape = colour.SpectralShape(*_WAVELENGTHS)
    camera = colour.MSDS_CAMERA_SENSITIVITIES[_CAMERA].copy().align(shape).values
    spectrum = _spectrum(light)
    white = spectrum @ camera
    return (_reflectances() * spectrum) @ camera / white[1], white / white[1]


@cache
def _reference() -> tuple[Floats, Floats]:
    """XYZ of the patches and of white in daylight (D65)."""
    colour = _colour()
    shape = colour.SpectralShape(*_WAVELENGTHS)
    observer = colour.MSDS_CMFS["CIE 1931 2 Degree Standard Observer"].copy().align(shape).values
    spectrum = _spectrum("D65")
    white = spectrum @ observer
    return (_reflectances() * spectrum) @ observer / white[1], white / white[1]


def _to_srgb() -> Floats:
    """XYZ to linear sRGB, scaled so that the white of `_reference` is exactly white."""
    matrix = _colour().RGB_COLOURSPACES["sRGB"].matrix_XYZ_to_RGB
    scaled: Floats = matrix / (matrix @ _reference()[1])[:, None]
    return scaled


def reference_linear() -> Floats:
    """Return the patches in linear sRGB, as they look in daylight, (24, 3)."""
    result: Floats = _reference()[0] @ _to_srgb().T
    return result


def lab(linear: Floats) -> Floats:
    """Return CIE L*a*b* of linear sRGB."""
    colour = _colour()
    xyz = np.clip(linear, 0, None) @ np.linalg.inv(_to_srgb()).T
    result: Floats = colour.XYZ_to_Lab(xyz, colour.XYZ_to_xy(_reference()[1]))
    return result


def reference_lab() -> Floats:
    """Return CIE L*a*b* of the patches, (24, 3)."""
    return lab(reference_linear())


def delta_e(first: Floats, second: Floats) -> Floats:
    """Return the colour differences CIEDE2000 of two lists of L*a*b*."""
    result: Floats = _colour().difference.delta_E_CIE2000(first, second)
    return result


def render_chart(patches: Floats, height: int, width: int, *,
                 surround: npt.ArrayLike = 0.02) -> Floats:
    """Return a chart that fills a frame, (rows, columns, 3): patches in a dark frame."""
    chart = np.empty((height, width, 3))
    chart[:] = surround
    for index, patch in enumerate(patches):
        row, column = divmod(index, COLUMNS)
        y, x = ((np.array([position + _GAP / 2, position + 1 - _GAP / 2]) * extent / count)
                .round().astype(int)
                for position, extent, count in ((row, height, ROWS), (column, width, COLUMNS)))
        chart[y[0]:y[1], x[0]:x[1]] = patch
    return chart
