"""Calibrate a sensor: from a dark, a flat and chart frames to a tuning.

Frames go through the ISP's own golden model up to the stage that is fitted, so what is fitted is
what the hardware sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError
from hadron.isp.chart import (
    GREYS,
    WHOLE,
    Corners,
    delta_e,
    lab,
    patch_boxes,
    patch_values,
    reference_lab,
    reference_linear,
)
from hadron.isp.raw import RawImage
from hadron.isp.session import process_golden
from hadron.isp.tuning import Light, Tuning, parse_tuning
from hadron_model.isp.image import colours
from hadron_spec.isp.bayer import DENOISE_LEVELS, MESH_COLUMNS, MESH_ROWS, PIXEL_BITS

__all__ = ["Calibration", "ChartFrame", "calibrate", "evaluate"]

Floats = npt.NDArray[np.float64]

_WHITE = (1 << PIXEL_BITS) - 1
_CLIPPED, _DARK = 0.97, 0.02
_DEGREE = 4
_MOST_GAIN = 3.999
_LIKENESS = 0.9
_SIGMAS = 3.0
_DEFECT_SIGMAS = 6.0


@dataclass(frozen=True)
class ChartFrame:
    """A frame of a ColorChecker, the light's temperature and where the chart is."""

    image: RawImage
    kelvin: int
    corners: Corners = WHOLE


@dataclass(frozen=True)
class Calibration:
    """A tuning and how well it fits.

    Parameters
    ----------
    text : str
        The tuning as YAML.
    black : tuple of int
        Codes of 12 bits, of R, Gr, Gb, B.
    mesh : array
        Gains against lens shading, (13, 17, 4).
    gains : tuple of float
        White balance, R, G, B.
    matrix : array
        Colour correction.
    noise : tuple of float
        Variance is ``noise[0] + noise[1] * level``, in codes of 12 bits.
    before, after : array
        Differences CIEDE2000 of the patches with white balance alone, and with the matrix.
    """

    text: str
    black: tuple[int, ...]
    mesh: Floats
    gains: tuple[float, float, float]
    matrix: Floats
    noise: tuple[float, float]
    before: Floats
    after: Floats

    @property
    def tuning(self) -> Tuning:
        """The tuning."""
        return parse_tuning(self.text, "calibration")

    def to_json(self) -> dict[str, Any]:
        """Return what was fitted and how well."""
        return {
            "black": list(self.black),
            "shading_gain": {"least": float(self.mesh.min()), "most": float(self.mesh.max())},
            "white_balance": list(self.gains),
            "color_matrix": self.matrix.tolist(),
            "noise": list(self.noise),
            "delta_e_2000": {
                "white_balance_only": {"mean": float(self.before.mean()),
                                       "largest": float(self.before.max())},
                "calibrated": {"mean": float(self.after.mean()),
                               "largest": float(self.after.max())},
            },
        }


def _stage(image: RawImage, stage: str, **sections: dict[str, Any]) -> npt.NDArray[Any]:
    tuning = Tuning("calibration", "calibration", sections)
    return process_golden(image, tuning).stages[stage]


def _fit_black(image: RawImage) -> tuple[int, ...]:
    pixels = _stage(image, "crop")
    colour = colours(pixels.shape, image.phase)
    black = tuple(round(float(np.mean(_without_outliers(pixels[colour == c]))))
                  for c in range(4))
    if max(black) > _WHITE // 4:
        raise UsageError(f"{image.source}: not a dark frame: it reads {max(black)} of {_WHITE}")
    return black


def _without_outliers(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    low, high = np.percentile(values, (5, 95))
    inside: npt.NDArray[Any] = values[(values >= low) & (values <= high)]
    return inside


def _powers(y: Floats, x: Floats) -> Floats:
    return np.stack([y**i * x**j for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)],
                    axis=-1)


def _fit_mesh(image: RawImage, black: dict[str, Any]) -> Floats:
    """Fit a polynomial to the logarithm of each colour; the mesh makes it its maximum."""
    pixels = _stage(image, "defect", black_level=black, defect={})
    level = float(np.median(pixels))
    if not _DARK * _WHITE < level < _CLIPPED * _WHITE:
        raise UsageError(f"{image.source}: not a flat frame: its median is {level:.0f} of "
                         f"{_WHITE}, must be {_DARK * _WHITE:.0f} to {_CLIPPED * _WHITE:.0f}")
    height, width = pixels.shape
    colour = colours(pixels.shape, image.phase)
    nodes_y, nodes_x = np.meshgrid(np.linspace(-1, 1, MESH_ROWS),
                                   np.linspace(-1, 1, MESH_COLUMNS), indexing="ij")
    mesh = np.empty((MESH_ROWS, MESH_COLUMNS, 4))
    for c in range(4):
        y, x = np.nonzero(colour == c)
        values = pixels[y, x].astype(np.float64)
        good = (values > 0) & (values < _CLIPPED * _WHITE)
        powers = _powers((y[good] + 0.5) / height * 2 - 1, (x[good] + 0.5) / width * 2 - 1)
        fit, *_ = np.linalg.lstsq(powers, np.log(values[good]), rcond=None)
        log = _powers(nodes_y, nodes_x) @ fit
        mesh[..., c] = np.exp(log.max() - log)
    clipped: Floats = np.clip(mesh, 1.0, _MOST_GAIN)
    return clipped


def _grey(frame: ChartFrame, patches: Floats) -> tuple[float, float]:
    """Return R / G and B / G of the grey patches; check that there is a chart."""
    source = frame.image.source
    brightest = patches.max() / _WHITE
    greys = patches[list(GREYS)]
    if brightest > _CLIPPED:
        raise UsageError(f"{source}: the chart is overexposed: its brightest patch is "
                         f"{brightest:.0%} of full scale")
    if greys.min() < _DARK * _WHITE:
        raise UsageError(f"{source}: the chart is underexposed: its darkest grey is "
                         f"{greys.min() / _WHITE:.1%} of full scale")
    green = patches[:, 1]
    likeness = float(np.corrcoef(green, reference_linear()[:, 1])[0, 1]) if np.ptp(green) else 0.0
    if likeness < _LIKENESS:
        raise UsageError(f"{source}: no ColorChecker where the corners say: brightness of the "
                         f"patches correlates {likeness:.2f} with the chart's, must be "
                         f"{_LIKENESS} or more")
    sums = greys.sum(axis=0)
    return float(sums[0] / sums[1]), float(sums[2] / sums[1])


def _matrix(values: Floats) -> Floats:
    """Return the matrix of six free numbers: rows add up to 1, so white stays white."""
    free = values.reshape(3, 2)
    red = [free[0, 0], free[0, 1], 1 - free[0].sum()]
    green = [free[1, 0], 1 - free[1].sum(), free[1, 1]]
    blue = [1 - free[2].sum(), free[2, 0], free[2, 1]]
    return np.array([red, green, blue])


def _fit_matrix(balanced: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the matrix and the patches' differences without and with it.

    The exposure is free: what is compared is scaled so that the greys are as bright as they
    should be.
    """
    from scipy.optimize import least_squares

    reference, wanted = reference_linear(), reference_lab()
    greys = list(GREYS)
    seen = balanced[greys, 1]
    scaled = balanced * float(seen @ reference[greys, 1] / (seen @ seen))

    def differences(values: Floats) -> Floats:
        return delta_e(lab(scaled @ _matrix(values).T), wanted)

    start = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 1.0])
    fit = least_squares(differences, np.array([1.6, -0.5, -0.2, -0.3, -0.4, 1.5]))
    return _matrix(fit.x), differences(start), differences(fit.x)


def _variance(values: npt.NDArray[Any]) -> float:
    """Between the percentiles 5 and 95 a normal distribution keeps 63 % of its variance."""
    return float(_without_outliers(values).var()) / 0.63


def _fit_noise(frame: ChartFrame, sections: dict[str, Any],
               dark: RawImage | None) -> tuple[float, float]:
    """Fit variance against level: the dark frame's, and how it grows over the patches."""
    read = 0.0
    if dark is not None:
        pixels = _stage(dark, "crop")
        colour = colours(pixels.shape, dark.phase)
        read = float(np.mean([_variance(pixels[colour == c]) for c in range(4)]))
    pixels = _stage(frame.image, "shading", **sections)
    colour = colours(pixels.shape, frame.image.phase)
    height, width = pixels.shape
    points = []
    for box in patch_boxes(frame.corners, width, height):
        for c in range(4):
            values = pixels[box][colour[box] == c]
            if values.size > 16 and values.max() < _CLIPPED * _WHITE:
                points.append((float(values.mean()), _variance(values) - read))
    if not points:
        return read, 0.0
    levels, variances = np.array(points).T
    return read, max(0.0, float(levels @ variances / (levels @ levels)))


def _thresholds(noise: tuple[float, float]) -> list[int]:
    """Return what counts as noise at the level in the middle of each half octave."""
    edges = [24 * 2 ** (i // 2) * (1 if i % 2 == 0 else 4 / 3) for i in range(DENOISE_LEVELS)]
    levels = [12.0, *((low + high) / 2 for low, high in pairwise(edges))]
    return [min(_WHITE, round(_SIGMAS * float(np.sqrt(noise[0] + noise[1] * level))))
            for level in levels]


def calibrate(charts: Sequence[ChartFrame], *, dark: RawImage | None = None,
              flat: RawImage | None = None, name: str = "calibrated") -> Calibration:
    """Fit a tuning.

    Parameters
    ----------
    charts : sequence of ChartFrame
        One or more frames of a ColorChecker in different lights. White balance and matrix are
        those of the first; all become lights, to choose or go between.
    dark : RawImage, optional
        A frame without light; otherwise the black level is what the chart's file says, or 0.
    flat : RawImage, optional
        A frame of an evenly lit grey surface; otherwise shading is not corrected.
    name : str
        What the tuning is called.

    Raises
    ------
    UsageError
        When a frame is not what it should be.
    """
    first = charts[0]
    if dark is not None:
        black = _fit_black(dark)
    else:
        codes = first.image.black or (0, 0, 0, 0)
        black = tuple(code << PIXEL_BITS - first.image.bits for code in codes)
    sections: dict[str, Any] = {"black_level": {"offset": list(black)}, "defect": {}}
    mesh = np.ones((MESH_ROWS, MESH_COLUMNS, 4))
    if flat is not None:
        mesh = _fit_mesh(flat, sections["black_level"])
        sections["shading"] = {"mesh": mesh.tolist()}
    patches = [patch_values(_stage(frame.image, "demosaic", **sections), frame.corners)
               for frame in charts]
    greys = [_grey(frame, values) for frame, values in zip(charts, patches, strict=True)]
    fits = [_fit_matrix(values / (_WHITE * np.array([red, 1.0, blue])))
            for values, (red, blue) in zip(patches, greys, strict=True)]
    red, blue = greys[0]
    gains = (1 / red, 1.0, 1 / blue)
    matrix, before, after = fits[0]
    noise = _fit_noise(first, sections, dark)
    lights = sorted((Light(frame.kelvin, *grey, tuple(fit[0].ravel().tolist()))
                     for frame, grey, fit in zip(charts, greys, fits, strict=True)),
                    key=lambda light: light.kelvin)
    text = _yaml(name, black, mesh if flat is not None else None, gains, matrix, noise, lights)
    return Calibration(text, black, mesh, gains, matrix, noise, before, after)


def evaluate(rgb: npt.NDArray[np.uint8], corners: Corners) -> Floats:
    """Return the differences CIEDE2000 of a picture's patches, as bright as it shows them."""
    from hadron_sensor import to_linear

    return delta_e(lab(patch_values(to_linear(rgb), corners)), reference_lab())


def _row(values: Sequence[float], digits: int) -> str:
    return "[" + ", ".join(f"{value:.{digits}f}" for value in values) + "]"


def _yaml(name: str, black: tuple[int, ...], mesh: Floats | None,
          gains: tuple[float, float, float], matrix: Floats, noise: tuple[float, float],
          lights: Sequence[Light]) -> str:
    middle = float(np.sqrt(noise[0] + noise[1] * _WHITE / 2))
    defect = min(_WHITE, max(64, round(_DEFECT_SIGMAS * middle)))
    lines = [
        "# Written by hadron isp-calibrate; the tuning `default` explains each section.",
        f"name: {name}",
        "black_level:",
        f"  offset: {list(black)}",
        f"defect: {{hot: {defect}, cold: {defect}}}",
    ]
    if mesh is not None:
        lines += ["shading:", "  mesh:"]
        lines += ["    - [" + ", ".join(_row(node, 4) for node in row) + "]" for row in mesh]
    lines += [
        "statistics: {}",
        f"# noise: variance {noise[0]:.2f} + {noise[1]:.4f} * level, in codes of 12 bits",
        f"bayer_denoise: {{threshold: {_thresholds(noise)}}}",
        f"white_balance: {{gain: {_row(gains, 4)}}}",
        "demosaic: {}",
        "color_matrix:",
        "  matrix:",
        *(f"    - {_row(row, 4)}" for row in matrix.tolist()),
        "gamma: {curve: srgb}",
        "color_space: {standard: bt601, range: full}",
        "luma: {threshold: 8, denoise: 1.0, sharpen: 0.5, coring: 3, limit: 24}",
        "lights:",
        *(f"  - {{kelvin: {light.kelvin}, red: {light.red:.4f}, blue: {light.blue:.4f},\n"
          f"     matrix: {_row(light.matrix, 4)}}}" for light in lights),
    ]
    return "\n".join(lines) + "\n"
