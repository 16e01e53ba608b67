"""The sensor: light in, RAW out, with shot and read noise, defects and a black level."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_sensor.cfa import channel_map, check_phase, mosaic
from hadron_sensor.lens import Shading
from hadron_sensor.light import white_point

__all__ = ["RawFrame", "Sensor"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_NO_SHADING = Shading()
_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@dataclass(frozen=True)
class RawFrame:
    """A frame and the truth behind it.

    Parameters
    ----------
    raw : array of uint16
        What the sensor sends, (rows, columns).
    phase : str
        Colours of the upper left two by two pixels.
    bits : int
        Bits of a pixel.
    black : tuple of int
        Code of no light for R, Gr, Gb, B.
    ideal : array of float64
        What `raw` would be above black without noise, defects, shading or clipping, as a part of
        the range above black.
    transmission : array of float64
        Part of the light that passed the lens, for each pixel's own colour.
    hot, cold : array of bool
        Defect pixels.
    responses : array of float64
        All three colours where `ideal` has one, (rows, columns, 3).
    """

    raw: npt.NDArray[np.uint16]
    phase: str
    bits: int
    black: tuple[int, int, int, int]
    ideal: Floats
    transmission: Floats
    hot: Mask
    cold: Mask
    responses: Floats

    @property
    def white(self) -> int:
        """The largest code."""
        return (1 << self.bits) - 1


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A Bayer sensor behind a lens.

    Parameters
    ----------
    phase : str
        Colours of the upper left two by two pixels: RGGB, GRBG, GBRG or BGGR.
    bits : int
        Bits of a pixel: 8, 10 or 12.
    black : tuple of int
        Code of no light for R, Gr, Gb, B.
    full_well : float
        Electrons at which a pixel is full; the fewer, the more shot noise. 0: no shot noise.
    read_noise : float
        Electrons of noise that reading adds, RMS.
    sensitivity : tuple of float
        Response of red, green and blue to a white surface in daylight; green is usually 1.
    mixing : 3x3 of float
        Linear sRGB to what the filters pass, each row summing to 1: the inverse of a colour
        correction matrix.
    shading : Shading
        Of the lens.
    hot, cold : float
        Part of the pixels that are stuck bright or dark. Which, derives from `seed`.
    seed : int
        What makes one sensor different from another of the same make.

    Raises
    ------
    ValueError
        Naming the parameter, its value and the limit.
    """

    phase: str = "RGGB"
    bits: int = 12
    black: tuple[int, int, int, int] = (0, 0, 0, 0)
    full_well: float = 0.0
    read_noise: float = 0.0
    sensitivity: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mixing: tuple[tuple[float, float, float], ...] = _IDENTITY
    shading: Shading = _NO_SHADING
    hot: float = 0.0
    cold: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        def check(name: str, ok: bool, limit: str) -> None:
            if not ok:
                raise ValueError(f"sensor: {name}={getattr(self, name)!r}, must be {limit}")

        check_phase(self.phase)
        check("bits", self.bits in (8, 10, 12), "8, 10 or 12")
        check("black", len(self.black) == 4
              and all(0 <= code < 1 << (self.bits - 1) for code in self.black),
              f"four codes of 0 to {(1 << (self.bits - 1)) - 1}")
        check("full_well", self.full_well >= 0, "0 or more")
        check("read_noise", self.read_noise >= 0 and (self.full_well > 0 or not self.read_noise),
              "0 or more, and 0 without full_well")
        check("sensitivity", min(self.sensitivity) > 0, "above 0")
        check("mixing", np.shape(self.mixing) == (3, 3)
              and bool(np.allclose(np.sum(self.mixing, axis=1), 1)), "3x3, each row of sum 1")
        for name in ("hot", "cold"):
            check(name, 0 <= getattr(self, name) <= 0.25, "0 to 0.25")

    def responses(self, scene: Floats, kelvin: float = 6504.0) -> Floats:
        """Return what the filters pass of a scene.

        Parameters
        ----------
        scene : array of float64
            Linear sRGB as it looks in daylight, (rows, columns, 3); 1.0 is white.
        kelvin : float
            Temperature of the light that falls on it.
        """
        white = np.array(self.sensitivity) * white_point(kelvin)
        result: Floats = (scene @ np.array(self.mixing).T) * white
        return result

    def white_balance(self, kelvin: float = 6504.0) -> tuple[float, float, float]:
        """Return the gains that make white white again, green's being 1."""
        white = np.array(self.sensitivity) * white_point(kelvin)
        red, green, blue = (float(white[1] / part) for part in white)
        return red, green, blue

    def color_matrix(self) -> Floats:
        """Return the colour correction matrix: the inverse of `mixing`."""
        result: Floats = np.linalg.inv(np.array(self.mixing))
        return result

    def defects(self, height: int, width: int) -> tuple[Mask, Mask]:
        """Return the hot and the cold pixels; no pixel is both."""
        chance = np.random.default_rng([self.seed, height, width]).random((height, width))
        return chance < self.hot, (chance >= self.hot) & (chance < self.hot + self.cold)

    def expose(self, responses: Floats, *, exposure: float = 1.0, gain: float = 1.0,
               seed: int = 0) -> RawFrame:
        """Take a frame.

        Parameters
        ----------
        responses : array of float64
            Result of :meth:`responses`, or of a spectral calculation, (rows, columns, 3).
        exposure : float
            Time: at 1.0 and a gain of 1.0, a response of 1.0 fills the well.
        gain : float
            Amplification of the electrons before conversion, 1.0 or more.
        seed : int
            What the noise of this frame derives from.
        """
        height, width = responses.shape[:2]
        rng = np.random.default_rng([self.seed, seed])
        ideal = _floats(mosaic(responses, self.phase)) * exposure
        transmission = _floats(mosaic(self.shading.transmission(height, width), self.phase))
        signal = np.clip(ideal * transmission, 0, None)
        if self.full_well:
            electrons = rng.poisson(np.minimum(signal, 4.0) * self.full_well).astype(np.float64)
            electrons = np.minimum(electrons, self.full_well)
            signal = (electrons + rng.normal(0, self.read_noise, signal.shape)) / self.full_well
        signal = np.minimum(signal, 1.0) * gain
        hot, cold = self.defects(height, width)
        signal = np.where(hot, rng.uniform(0.6, 1.2, signal.shape), signal)
        signal = np.where(cold, signal * rng.uniform(0.0, 0.1, signal.shape), signal)
        black = np.array(self.black)[channel_map(height, width, self.phase)]
        white = (1 << self.bits) - 1
        codes = black + signal * (white - black)
        raw = np.clip(np.rint(codes), 0, white).astype(np.uint16)
        return RawFrame(raw, self.phase, self.bits, self.black, ideal * gain, transmission, hot,
                        cold, responses * exposure * gain)


def _floats(values: npt.NDArray[Any]) -> Floats:
    return values.astype(np.float64, copy=False)
