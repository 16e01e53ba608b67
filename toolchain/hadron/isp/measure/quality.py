"""How far a picture is from the truth."""

import numpy as np
import numpy.typing as npt

__all__ = ["psnr"]


def psnr(picture: npt.NDArray[np.generic], truth: npt.NDArray[np.generic], *, border: int = 0,
         ) -> float:
    """Return the peak signal-to-noise ratio of 8-bit pictures in dB, less a border."""
    error = picture.astype(np.float64) - truth.astype(np.float64)
    if border:
        error = error[border:-border, border:-border]
    return float(10 * np.log10(255**2 / max(float(np.mean(error**2)), 1e-12)))
