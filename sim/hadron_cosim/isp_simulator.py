"""Run frames on the RTL of the ISP."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl import SimulatedIsp, build_library
from hadron_cosim.cxxrtl.streams import RAW_LAST, RAW_USER, Stream, StreamStalls
from hadron_cosim.design import isp_rtlil, rtlil_is_cached
from hadron_cosim.isp_host import IspHost, picture_of
from hadron_cosim.simulator import ProtocolError
from hadron_spec.isp.config import IspConfig
from hadron_spec.isp.settings import IspSettings

__all__ = ["IspFrame", "IspSimulator", "raw_beats"]

_CHUNK = 50_000
"""Cycles between two calls of `on_progress`."""

_BROKEN_PICTURE = 2
_SETTLE = 5000
"""Cycles that a frame may take after its last pixel was taken, besides its lines."""


@dataclass(frozen=True, kw_only=True)
class IspFrame:
    """What became of one frame.

    Parameters
    ----------
    picture : array of uint8 or None
        (rows, columns, 3), RGB or YUV; None of an instance without picture output.
    tensor : bytes
        The tensor output's beats, end to end; empty where the scaler is disabled.
    broken : bool
        Whether the ISP marked the frame as broken.
    cycles : int
        Register FRAME_CYCLES: first pixel into the pipeline to last pixel out of it.
    interval : int
        Cycles between the first and the last pixel of the picture, both counted.
    latency : int
        `cycles` less `interval`: first pixel into the pipeline to first pixel of the picture.
    statistics : array of uint32
        The statistics window; empty unless asked for.
    """

    picture: npt.NDArray[np.uint8] | None
    tensor: bytes
    broken: bool
    cycles: int
    interval: int
    latency: int
    statistics: npt.NDArray[np.uint32]


def raw_beats(raw: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    """Return the beats of a frame: TUSER on its first pixel, TLAST on the last of each line."""
    beats = raw.astype(np.uint32)
    beats[:, -1] |= RAW_LAST
    beats[0, 0] |= RAW_USER
    return beats


def _report(on_progress: Callable[[int, int], None], before: int, total: int, part: int) -> None:
    on_progress(before + part, total)


class IspSimulator(IspHost):
    """One ISP in RTL simulation.

    The first use of a configuration builds its simulation; it is kept in the user's cache folder.

    Parameters
    ----------
    config : IspConfig
        The instance.
    on_stage, on_progress : callable, optional
        See :class:`hadron_cosim.simulator.NpuSimulator`.

    Raises
    ------
    YosysError, CompilerError
        When the build fails.
    """

    def __init__(self, config: IspConfig, *, on_stage: Callable[[str], None] = lambda _: None,
                 on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        if not rtlil_is_cached(config):
            on_stage("elaborate")
        self.config = config
        self.isp = SimulatedIsp(build_library(isp_rtlil(config), "isp", on_stage=on_stage,
                                              on_progress=on_progress))
        super().__init__(self.isp)
        self.reset()

    def reset(self, stalls: StreamStalls | None = None) -> None:
        """Reset the ISP; choose the pauses of its streams."""
        self.isp.configure_streams(stalls)
        self.isp.reset()

    def check_protocol(self) -> None:
        """Raise :class:`ProtocolError` when the RTL broke a rule of AXI4-Stream or AXI4-Lite."""
        violations = self.isp.violations
        if violations:
            raise ProtocolError(f"{self.isp.state.violations} violations\n"
                                + "\n".join(violations))

    def run(self, raws: Sequence[npt.NDArray[np.integer]], settings: IspSettings, *,
            stalls: StreamStalls | None = None, statistics: bool = True,
            on_progress: Callable[[int, int], None] = lambda _done, _all: None,
            ) -> list[IspFrame]:
        """Reset the ISP, commit settings and process frames one after the other.

        Parameters
        ----------
        raws : sequence of array
            Frames of the settings' input size.
        settings : IspSettings
            Used for all of them.
        stalls : StreamStalls, optional
            Pauses of the streams.
        statistics : bool
            Read the statistics window after each frame, too.
        on_progress : callable
            Told pixels done and in all.

        Raises
        ------
        ProtocolError
            When the RTL broke a rule of its buses.
        TimeoutError
            When a frame does not come out.
        """
        self.reset(stalls)
        self.commit(settings)
        self.write_register("CONTROL", 1)
        total = sum(raw.size for raw in raws)
        frames = []
        done = 0
        for raw in raws:
            report = functools.partial(_report, on_progress, done, total)
            frames.append(self._frame(raw, settings, stalls is not None, statistics, report))
            done += raw.size
        return frames

    def _frame(self, raw: npt.NDArray[np.integer], settings: IspSettings, stalled: bool,
               statistics: bool, on_progress: Callable[[int], None]) -> IspFrame:
        self.isp.clear()
        self.write_register("IRQ_STATUS", 0xF)
        self.isp.feed_raw(raw_beats(raw))
        patience = (raw.size + 40 * raw.shape[1] + _SETTLE) * (50 if stalled else 2)
        waited = 0
        while self.isp.state.left and waited < patience:
            waited += self.isp.run(_CHUNK, until_taken=True)
            on_progress(raw.size - self.isp.state.left)
        while not self.read_register("IRQ_STATUS") & 0b101 and waited < patience:
            waited += self.isp.run(500)
        self.check_protocol()
        if waited >= patience:
            raise TimeoutError(f"the frame did not come out within {patience} cycles; "
                               f"{self.isp.state.left} pixels were not taken")
        broken = not self.read_register("IRQ_STATUS") & 1
        on_progress(raw.size)
        beats = self.isp.beats(Stream.PICTURE)
        picture = None
        interval = 0
        if self.config.picture:
            interval = int(beats["cycle"][-1] - beats["cycle"][0] + 1) if len(beats) else 0
            picture = picture_of(beats, settings)
            broken = broken or bool((beats["user"] & _BROKEN_PICTURE).any())
        tensor = self.isp.beats(Stream.TENSOR_OUT)
        width = self.config.axi_data_width // 8
        cycles = self.read_register("FRAME_CYCLES")
        return IspFrame(
            picture=picture, tensor=tensor["bytes"][:, :width].tobytes(), broken=broken,
            cycles=cycles, interval=interval, latency=cycles - interval,
            statistics=self.read_statistics() if statistics else np.zeros(0, np.uint32))
