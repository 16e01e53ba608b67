"""The demosaic stage against the package colour-demosaicing, on photographs."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from hadron.isp.example import load_photo
from hadron.isp.measure.quality import psnr
from hadron_model.isp import demosaic
from hadron_sensor import mosaic
from hadron_spec.isp.bayer import PIXEL_BITS, DemosaicSettings, Phase

__all__ = ["PHOTOS", "measure_demosaic"]

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry", "retina",
          "hubble_deep_field", "stereo_motorcycle")
"""Every photograph in colour that scikit-image's wheel carries."""

_BORDER = 4
"""Left out: the package reflects the mosaic without regard to its phase."""


def _round(values: Any) -> Any:
    return np.clip(np.rint(values), 0, 255)


def measure_demosaic(photos: Sequence[str] = PHOTOS) -> dict[str, Any]:
    """Return PSNR of each photograph: this stage, the package's Malvar, its bilinear."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of plotting libraries that are not there
        import colour_demosaicing

    malvar = colour_demosaicing.demosaicing_CFA_Bayer_Malvar2004
    bilinear = colour_demosaicing.demosaicing_CFA_Bayer_bilinear
    rows = []
    for index, name in enumerate(photos):
        photo = load_photo(name)
        phase = Phase(index % 4)
        raw = mosaic(photo, phase.name).astype(np.int32)
        ours = demosaic.run(raw << PIXEL_BITS - 8, DemosaicSettings(), phase)
        pictures = {"hadron": _round(ours / (1 << PIXEL_BITS - 8)),
                    "malvar": _round(malvar(raw.astype(np.float64), phase.name)),
                    "bilinear": _round(bilinear(raw.astype(np.float64), phase.name))}
        rows.append({"photo": name, "phase": phase.name, "size": list(photo.shape[:2]),
                     **{key: round(psnr(picture, photo, border=_BORDER), 3)
                        for key, picture in pictures.items()}})
    means = {key: round(float(np.mean([row[key] for row in rows])), 3)
             for key in ("hadron", "malvar", "bilinear")}
    return {"unit": "dB PSNR over R, G and B", "border": _BORDER, "photos": rows, "mean": means}
