"""The RTL in simulation: equal to the golden model, cycles, latency."""

from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.isp.example import load_photo, photograph, to_image
from hadron.isp.session import process_rtl
from hadron.isp.tuning import EXAMPLE_TUNING, load_tuning
from hadron.progress import OnProgress

__all__ = ["collage", "measure_rtl"]

_PHOTO = "rocket"
_COLLAGE = ("rocket", "coffee", "hubble_deep_field", "astronaut")
_SCALER = {"output": [96, 96], "source": "yuv", "channels": 1}


def collage(height: int = 1080, width: int = 1920) -> npt.NDArray[np.uint8]:
    """Return four photographs, repeated where they are too small, in two rows."""
    tiles = [np.tile(load_photo(name), (2, 2, 1))[:height // 2, :width // 2] for name in _COLLAGE]
    return np.concatenate([np.concatenate(tiles[:2], axis=1), np.concatenate(tiles[2:], axis=1)])


def _measure(name: str, photo: npt.NDArray[np.uint8], on_progress: OnProgress) -> dict[str, Any]:
    image = to_image(photograph(photo))
    tuning = load_tuning(EXAMPLE_TUNING).with_sections(scaler=_SCALER)
    result = process_rtl(image, tuning, on_progress=on_progress)
    pixels = image.width * image.height
    cycles, latency = result.cycles or 0, result.latency or 0
    return {
        "photo": name, "config": result.config.name, "width": image.width,
        "height": image.height, "cycles": cycles, "latency_cycles": latency,
        "latency_lines": round(latency / image.width, 2),
        "pixels_a_cycle": round(pixels / cycles, 4),
        "picture_cycles_a_pixel": round((result.interval or 0) / pixels, 6),
        "matches_golden": result.matches_golden,
    }


def measure_rtl(on_progress: OnProgress) -> dict[str, Any]:
    """Return what frames take with every stage in use, and whether all of each is right."""
    return {"frames": [_measure(_PHOTO, load_photo(_PHOTO), on_progress),
                       _measure("collage", collage(), on_progress)]}
