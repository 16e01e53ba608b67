"""What noise reduction, defect correction and shading correction win, each alone and together."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.isp.example import EXAMPLE_SENSOR, load_photo, photograph, to_image
from hadron.isp.measure.quality import psnr
from hadron.isp.session import process_golden
from hadron.isp.tuning import EXAMPLE_TUNING, Tuning, load_tuning
from hadron_sensor import Sensor, Shading

__all__ = ["CASES", "Case", "CleaningPictures", "measure_cleaning"]

_PHOTOS = ("astronaut", "coffee", "chelsea")
_EXPOSURE, _GAIN = 0.12, 8.0
"""Low light: an eighth of the electrons, amplified."""
_OFF = {"enable": False}
_NO_SHADING = Shading()

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """A flaw that the sensor has, and the stages that remove it."""

    name: str
    stages: tuple[str, ...]
    noise: bool = False
    shading: bool = False
    defects: bool = False


CASES = (
    Case("noise", ("bayer_denoise", "luma"), noise=True),
    Case("defects", ("defect",), defects=True),
    Case("shading", ("shading",), shading=True),
    Case("all three", ("defect", "shading", "bayer_denoise", "luma"), noise=True, shading=True,
         defects=True),
)


@dataclass(frozen=True)
class CleaningPictures:
    """Pictures of one case: without flaw, with it, and with it removed."""

    truth: Picture
    before: Picture
    after: Picture


def _sensor(case: Case) -> Sensor:
    sensor = EXAMPLE_SENSOR
    return replace(
        sensor,
        full_well=sensor.full_well if case.noise else 0.0,
        read_noise=sensor.read_noise if case.noise else 0.0,
        shading=sensor.shading if case.shading else _NO_SHADING,
        hot=0.002 if case.defects else 0.0,
        cold=0.002 if case.defects else 0.0)


def _tuning(stages: tuple[str, ...]) -> Tuning:
    """Return the example's tuning with only these of the cleaning stages; no sharpening."""
    tuning = load_tuning(EXAMPLE_TUNING)
    sections: dict[str, dict[str, Any]] = {
        name: {**tuning.sections.get(name, {}), **({} if name in stages else _OFF)}
        for name in ("defect", "shading", "bayer_denoise", "luma")}
    sections["luma"] |= {"sharpen": 0}
    # The noise of this exposure has variance times the gain.
    thresholds = np.array(sections["bayer_denoise"]["threshold"]) * np.sqrt(_GAIN)
    sections["bayer_denoise"]["threshold"] = [min(4095, round(float(t))) for t in thresholds]
    return tuning.with_sections(**sections)


def _pictures(case: Case, photo: Picture) -> CleaningPictures:
    def process(sensor: Sensor, stages: tuple[str, ...]) -> Picture:
        frame = photograph(photo, sensor, exposure=_EXPOSURE, gain=_GAIN, seed=11)
        return process_golden(to_image(frame), _tuning(stages)).rgb

    perfect = _sensor(Case("nothing", ()))
    return CleaningPictures(process(perfect, ()), process(_sensor(case), ()),
                            process(_sensor(case), case.stages))


def measure_cleaning() -> tuple[dict[str, Any], dict[str, CleaningPictures]]:
    """Return PSNR before and after of each case, and the first photograph's pictures."""
    rows = []
    shown: dict[str, CleaningPictures] = {}
    for case in CASES:
        before, after = [], []
        for name in _PHOTOS:
            pictures = _pictures(case, load_photo(name))
            shown.setdefault(case.name, pictures)
            before.append(psnr(pictures.before, pictures.truth))
            after.append(psnr(pictures.after, pictures.truth))
        rows.append({"flaw": case.name, "stages": list(case.stages),
                     "before": round(float(np.mean(before)), 2),
                     "after": round(float(np.mean(after)), 2),
                     "gain": round(float(np.mean(np.subtract(after, before))), 2)})
    return {"unit": "dB PSNR against the picture of a sensor without the flaw",
            "photos": list(_PHOTOS), "exposure": _EXPOSURE, "gain": _GAIN,
            "cases": rows}, shown
