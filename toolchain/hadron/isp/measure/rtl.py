"""The RTL in simulation: equal to the golden model, cycles, latency."""

from typing import Any

from hadron.isp.example import load_photo, photograph, to_image
from hadron.isp.session import process_rtl
from hadron.isp.tuning import EXAMPLE_TUNING, load_tuning
from hadron.progress import OnProgress

__all__ = ["measure_rtl"]

_PHOTO = "rocket"
_SCALER = {"output": [96, 96], "source": "yuv", "channels": 1}


def measure_rtl(on_progress: OnProgress) -> dict[str, Any]:
    """Return what one frame takes with every stage in use, and whether all of it is right."""
    image = to_image(photograph(load_photo(_PHOTO)))
    tuning = load_tuning(EXAMPLE_TUNING).with_sections(scaler=_SCALER)
    result = process_rtl(image, tuning, on_progress=on_progress)
    pixels = image.width * image.height
    cycles, latency = result.cycles or 0, result.latency or 0
    return {
        "photo": _PHOTO, "config": result.config.name, "width": image.width,
        "height": image.height, "cycles": cycles, "latency_cycles": latency,
        "latency_lines": round(latency / image.width, 2),
        "pixels_a_cycle": round(pixels / cycles, 4),
        "picture_cycles_a_pixel": round((result.interval or 0) / pixels, 6),
        "matches_golden": result.matches_golden,
    }
