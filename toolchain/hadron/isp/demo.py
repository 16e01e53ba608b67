"""The demonstration: a photograph becomes RAW, goes through the ISP and a network on the NPU."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError
from hadron.isp.example import load_photo, photograph, to_image
from hadron.isp.faces import Face, find_faces
from hadron.isp.raw import RawImage
from hadron.isp.session import IspResult, process_golden
from hadron.isp.tuning import EXAMPLE_TUNING, load_tuning
from hadron.isp.vision import VisionSession
from hadron.progress import OnProgress, ignore_progress
from hadron.report import NOMINAL_MHZ
from hadron.session import Result, Session

__all__ = ["PHOTOS", "Demo", "run_demo"]

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
"""Photographs of scikit-image; only the first shows a face. The network saw none of them with a
face in training: see train/faces.py."""

_NETWORK = "faces"


@dataclass(frozen=True)
class Demo:
    """What happened.

    Parameters
    ----------
    photo : str
        Name of the photograph.
    original : array of uint8
        The photograph.
    raw : RawImage
        What the sensor made of it.
    isp : IspResult
        What the ISP made of that: picture and tensor.
    npu : Result
        What the network made of the tensor.
    scores : array of float64
        The network's map, above 0 where the middle of a face is.
    faces : list of Face
        The answer.
    on : str
        "golden" or "rtl".
    answered_at : int or None
        Cycles from the first pixel of RAW to the network's interrupt, measured in one simulation of
        both; None for the golden models.
    """

    photo: str
    original: npt.NDArray[np.uint8]
    raw: RawImage
    isp: IspResult
    npu: Result
    scores: npt.NDArray[np.float64]
    faces: list[Face]
    on: str
    answered_at: int | None = None

    @property
    def crop(self) -> tuple[int, int, int, int]:
        """First column, first row, columns and rows of the picture that the network sees."""
        x, y, width, height = self.isp.settings.scaler.crop
        return x, y, width, height

    @property
    def matches_golden(self) -> bool | None:
        """Whether ISP and NPU put out what their golden models do; None when not compared."""
        if self.on != "rtl":
            return None
        return bool(self.isp.matches_golden and self.npu.report.matches_golden)

    @property
    def waited(self) -> int | None:
        """Cycles of the NPU in which it waited for the ISP, measured."""
        counters = self.npu.report.counters
        return counters["STREAM_WAIT"] if counters else None

    @property
    def answer(self) -> str:
        """The answer in words."""
        if not self.faces:
            return "no face"
        places = [f"{face.probability:.1%} at ({face.x:.0f}, {face.y:.0f})" for face in self.faces]
        return f"{len(places)} face{'s' * (len(places) > 1)}: {'; '.join(places)}"

    def to_json(self) -> dict[str, Any]:
        """Return the demonstration as ``--json`` writes it."""
        report = self.npu.report
        return {
            "photo": self.photo,
            "on": self.on,
            "answer": self.answer,
            "faces": [{**vars(face), "probability": face.probability} for face in self.faces],
            "raw": {"width": self.raw.width, "height": self.raw.height, "bits": self.raw.bits,
                    "phase": self.raw.phase.name},
            "isp": {"config": self.isp.config.name, "cycles": self.isp.cycles,
                    "latency": self.isp.latency,
                    "tensor": list(self.isp.tensor.shape) if self.isp.tensor is not None else None,
                    "matches_golden": self.isp.matches_golden},
            "npu": {"config": report.program.config.name, "network": _NETWORK,
                    "macs": report.program.macs, "cycles": report.cycles,
                    "cycles_are": "measured" if report.measured else "predicted",
                    "waited": self.waited,
                    "matches_golden": report.matches_golden},
            "answered_at": self.answered_at,
            "nominal_mhz": NOMINAL_MHZ,
            "matches_golden": self.matches_golden,
        }


def run_demo(photo: str = PHOTOS[0], *, on: str = "rtl", config: str | None = None,
             on_progress: OnProgress = ignore_progress) -> Demo:
    """Run the demonstration.

    Parameters
    ----------
    photo : str
        One of `PHOTOS`.
    on : str
        "rtl" or "golden", for ISP and NPU alike.
    config : str, optional
        Configuration of the NPU.

    Raises
    ------
    UsageError
        When there is no such photograph, or scikit-image is missing.
    CheckFailedError, HadronError
        When a simulation fails or cannot be built.
    """
    if photo not in PHOTOS:
        raise UsageError(f"photo {photo!r}, must be one of {', '.join(PHOTOS)}")
    original = load_photo(photo)
    raw = to_image(photograph(original))
    session = (VisionSession(_NETWORK, config, on_progress=on_progress) if on == "rtl" else
               Session(_NETWORK, config, on, stream_input=True, on_progress=on_progress))
    source = session.program.inputs[0]
    side = 3 * min(raw.width, raw.height) // 4
    tuning = load_tuning(EXAMPLE_TUNING).with_sections(scaler={
        "output": [source.shape[2], source.shape[1]],
        "crop": [(raw.width - side) // 2, 0, side, side],
        "source": "yuv", "channels": source.shape[3],
        "scale": source.scale, "zero_point": source.zero_point})
    isp = process_golden(raw, tuning, on_progress=on_progress)
    answered_at = None
    if isinstance(session, VisionSession):
        isp, npu, answered_at = session.process(raw.pixels, isp)
    else:
        assert isp.tensor is not None
        npu = session.run(isp.tensor[None])
    scores = npu.dequantized()[0, ..., 0]
    crop = isp.settings.scaler.crop
    return Demo(photo, original, raw, isp, npu, scores,
                find_faces(scores, (crop[0], crop[1], crop[2], crop[3])), on, answered_at)
