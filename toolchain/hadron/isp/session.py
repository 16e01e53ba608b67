"""Process RAW frames on the golden model or on the simulated RTL."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import CheckFailedError, HadronError, UsageError
from hadron.isp.picture import to_rgb
from hadron.isp.raw import RawImage
from hadron.isp.tuning import Tuning
from hadron.progress import OnProgress, Progress, ignore_progress
from hadron_cosim.isp_simulator import IspFrame, IspSimulator
from hadron_cosim.simulator import ProtocolError
from hadron_model.isp import pipeline
from hadron_model.isp.statistics import Statistics
from hadron_spec.config import ConfigError
from hadron_spec.isp.config import ISP_CONFIGS, IspConfig
from hadron_spec.isp.fields import SettingsError
from hadron_spec.isp.settings import IspSettings, check

__all__ = ["IspResult", "compare_frame", "find_isp_config", "process_golden", "process_rtl"]

_BEAT_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class IspResult:
    """What became of a frame.

    Parameters
    ----------
    config : IspConfig
        The instance.
    settings : IspSettings
        What it was processed with.
    picture : array of int32
        What left the ISP, (rows, columns, 3): RGB or YUV.
    tensor : array of int8 or None
        The network's input, (rows, columns, channels).
    stages : dict
        Every stage's output by name; of the RTL only what it puts out.
    statistics : Statistics or None
        Of the frame, where they are enabled.
    cycles : int or None
        First pixel in to last pixel out, measured; None for the golden model.
    latency : int or None
        First pixel in to first pixel of the picture out, measured.
    interval : int or None
        First to last pixel of the picture, both counted, measured.
    matches_golden : bool or None
        Whether everything that the RTL put out is the golden model's; None when not compared.
    difference : str
        The first thing that differs, in words.
    """

    config: IspConfig
    settings: IspSettings
    picture: npt.NDArray[np.int32]
    tensor: npt.NDArray[np.int8] | None
    stages: dict[str, npt.NDArray[Any]]
    statistics: Statistics | None
    cycles: int | None = None
    latency: int | None = None
    interval: int | None = None
    matches_golden: bool | None = None
    difference: str = ""

    @property
    def rgb(self) -> npt.NDArray[np.uint8]:
        """The picture as RGB."""
        return to_rgb(self.picture, self.settings)


def find_isp_config(name: str | None, image: RawImage, settings: IspSettings) -> IspConfig:
    """Return a configuration for a frame: the one named, else the smallest that fits.

    Raises
    ------
    UsageError
        When it does not fit.
    """
    if name is not None and name not in ISP_CONFIGS:
        raise UsageError(f"ISP configuration {name!r}, must be one of {', '.join(ISP_CONFIGS)}")
    sizes = settings.crop.used_width, settings.crop.used_height
    known = [ISP_CONFIGS[name]] if name else sorted(ISP_CONFIGS.values(),
                                                    key=lambda config: config.max_width)
    fitting = [config for config in known
               if sizes[0] <= config.max_width and sizes[1] <= config.max_height]
    if fitting:
        return replace(fitting[0], input_bits=image.bits)
    largest = known[-1]
    raise UsageError(f"{image.source}: {sizes[0]}x{sizes[1]} pixels, must be at most "
                     f"{largest.max_width}x{largest.max_height} ({largest.name}): take a part of "
                     f"it with --crop")


def process_golden(image: RawImage, tuning: Tuning, *, config: str | None = None,
                   on_progress: OnProgress = ignore_progress) -> IspResult:
    """Process a frame on the golden model.

    Parameters
    ----------
    image : RawImage
        The frame.
    tuning : Tuning
        How.
    config : str, optional
        Name of an ISP configuration; otherwise one that fits.

    Raises
    ------
    UsageError
        When frame, tuning and configuration do not go together.
    """
    settings = tuning.settings(image)
    isp = find_isp_config(config, image, settings)
    on_progress(Progress("golden model"))
    try:
        check(settings, isp)
        stages = pipeline.run(image.pixels, settings, isp)
    except (ConfigError, SettingsError) as error:
        raise UsageError(f"{tuning.source}: {error}") from None
    statistics = pipeline.statistics(stages, settings) if settings.statistics.enable else None
    tensor = stages.get("scaler")
    return IspResult(
        config=isp, settings=settings, picture=stages["chroma"],
        tensor=None if tensor is None else tensor.astype(np.int8), stages=dict(stages),
        statistics=statistics)



def process_rtl(image: RawImage, tuning: Tuning, *, config: str | None = None,
                on_progress: OnProgress = ignore_progress) -> IspResult:
    """Process a frame on the simulated RTL and compare everything with the golden model.

    The result holds what the RTL put out, and the golden model's stages, which say where a
    difference comes from.

    Raises
    ------
    UsageError
        When frame, tuning and configuration do not go together.
    CheckFailedError
        When the RTL breaks a rule of its buses or never finishes.
    HadronError
        When the simulation cannot be built.
    """
    expected = process_golden(image, tuning, config=config, on_progress=on_progress)
    simulator = _simulator(expected.config, on_progress)

    def simulated(done: int, total: int) -> None:
        on_progress(Progress("ISP, simulate", done, total))

    try:
        [frame] = simulator.run([image.pixels], expected.settings,
                                statistics=expected.statistics is not None,
                                on_progress=simulated)
    except (ProtocolError, TimeoutError) as error:
        raise CheckFailedError(f"{image.source}: the RTL failed: {error}") from None
    if frame.broken:
        raise CheckFailedError(f"{image.source}: the RTL dropped the frame as broken")
    return compare_frame(frame, expected)


def compare_frame(frame: IspFrame, expected: IspResult) -> IspResult:
    """Return what the RTL made of a frame, with the golden model's stages, and whether all that it
    put out is the golden model's."""
    difference = _difference(frame, expected)
    tensor = expected.tensor
    if tensor is not None:
        tensor = np.frombuffer(frame.tensor[:tensor.size], np.int8).reshape(tensor.shape)
    picture = expected.picture if frame.picture is None else frame.picture.astype(np.int32)
    return replace(expected, picture=picture, tensor=tensor, cycles=frame.cycles,
                   latency=frame.latency, interval=frame.interval,
                   matches_golden=not difference, difference=difference)


def _simulator(config: IspConfig, on_progress: OnProgress) -> IspSimulator:
    from hadron_cosim.compiler import CompilerError
    from hadron_cosim.cxxrtl import STAGES
    from hadron_cosim.yosys import YosysError

    def stage(name: str) -> None:
        on_progress(Progress(f"ISP, {name}", seconds=STAGES.get(name, 0.0)))

    def compiled(done: int, files: int) -> None:
        on_progress(Progress("ISP, compile", done, files))

    try:
        return IspSimulator(config, on_stage=stage, on_progress=compiled)
    except (CompilerError, YosysError, OSError) as error:
        raise HadronError(f"the simulation could not be built: {error}") from None


def _difference(frame: IspFrame, expected: IspResult) -> str:
    """Describe the first thing that differs, or return ''."""
    if frame.picture is not None:
        wrong = np.argwhere(frame.picture != expected.picture)
        if len(wrong):
            y, x, channel = (int(v) for v in wrong[0])
            return (f"{len(wrong)} values of the picture differ, the first at row {y}, column "
                    f"{x}, channel {channel}: RTL {int(frame.picture[y, x, channel])}, golden "
                    f"{int(expected.picture[y, x, channel])}")
    wanted = b"" if expected.tensor is None else expected.tensor.tobytes()
    # The last beat is padded.
    if frame.tensor[:len(wanted)] != wanted or len(frame.tensor) - len(wanted) >= _BEAT_BYTES:
        return f"the tensor differs: RTL {len(frame.tensor)} bytes, golden {len(wanted)}"
    if expected.statistics is not None:
        words = expected.statistics.words()
        places = np.flatnonzero(frame.statistics != words)
        if places.size:
            first = int(places[0])
            return (f"{places.size} words of the statistics differ, the first is {first:#x}: RTL "
                    f"{int(frame.statistics[first]):#x}, golden {int(words[first]):#x}")
    return ""
