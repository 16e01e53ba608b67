"""Run frames through an ISP and a network on the NPU behind it, in one simulation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hadron_cosim.cxxrtl.streams import Stream, StreamStalls
from hadron_cosim.design import rtlil_is_cached, vision_rtlil
from hadron_cosim.isp_host import IspHost, picture_of
from hadron_cosim.isp_simulator import raw_beats
from hadron_cosim.memory_model import FAST, MemoryModel, Stalls
from hadron_cosim.simulator import NpuSimulator, SimulationResult
from hadron_spec.isp.settings import IspSettings
from hadron_spec.vision import VisionConfig

__all__ = ["VisionFrame", "VisionSimulator"]

_CHUNK = 50_000
"""Cycles between two calls of `on_progress`."""

_PATIENCE = 5_000_000
"""Cycles in which a program must come to an end after its frame."""


@dataclass(frozen=True, kw_only=True)
class VisionFrame:
    """What became of one frame.

    Parameters
    ----------
    picture : array of uint8 or None
        (rows, columns, 3), RGB or YUV; None of an instance without picture output.
    statistics : array of uint32
        The ISP's statistics window; empty unless asked for.
    isp_cycles : int
        Register FRAME_CYCLES: first pixel into the pipeline to last pixel out of it.
    interval : int
        Cycles between the first and the last pixel of the picture, both counted; 0 without one.
    program : SimulationResult
        How the network's program ended.
    answered_at : int
        Cycles from the first pixel of the first frame to the interrupt of this one's program.
    """

    picture: npt.NDArray[np.uint8] | None
    statistics: npt.NDArray[np.uint32]
    isp_cycles: int
    interval: int
    program: SimulationResult
    answered_at: int


class VisionSimulator:
    """One ISP with an NPU behind it in RTL simulation.

    The first use of a configuration builds its simulation; it is kept in the user's cache folder.

    Parameters
    ----------
    config : VisionConfig
        The instance.
    on_stage, on_progress : callable, optional
        See :class:`hadron_cosim.simulator.NpuSimulator`.

    Attributes
    ----------
    host : NpuSimulator
        The NPU's registers, memory and programs.
    isp : IspHost
        The ISP's registers.

    Raises
    ------
    YosysError, CompilerError
        When the build fails.
    """

    def __init__(self, config: VisionConfig, *, on_stage: Callable[[str], None] = lambda _: None,
                 on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        if not rtlil_is_cached(config):
            on_stage("elaborate")
        self.config = config
        self.host = NpuSimulator(config.npu, rtlil=vision_rtlil(config), on_stage=on_stage,
                                 on_progress=on_progress)
        self.device = self.host.npu
        self.isp = IspHost(self.device)

    def configure(self, memory: npt.NDArray[np.uint8], model: str | MemoryModel = FAST, *,
                  stalls: Stalls | None = None, stream_stalls: StreamStalls | None = None) -> None:
        """Choose the memory and random stalls, and reset both."""
        self.host.configure(model, stalls=stalls, memory=memory)
        self.device.configure_streams(stream_stalls)

    def run(self, raws: Sequence[npt.NDArray[np.integer]], settings: Sequence[IspSettings],
            registers: tuple[int, int, int, int], *, statistics: bool = True,
            on_answer: Callable[[], None] = lambda: None,
            on_progress: Callable[[int, int], None] = lambda _done, _all: None,
            ) -> list[VisionFrame]:
        """Process frames that follow each other without a pause, a run of the program for each.

        As firmware would: it commits the settings of a frame while the one before is under way, and
        starts the program again as soon as it has ended. Call `configure` before.

        Parameters
        ----------
        raws : sequence of array
            Frames; each is offered while the one before is under way.
        settings : sequence of IspSettings
            One for each.
        registers : tuple of int
            COMMAND_BASE, COMMAND_COUNT, MEMORY_BASE, MEMORY_BYTES of the program.
        statistics : bool
            Read the statistics window after each frame, too.
        on_answer : callable
            Called when a program has ended and the next has not begun: memory holds its outputs.
        on_progress : callable
            Told pixels taken and in all.

        Raises
        ------
        ProtocolError
            When the RTL broke a rule of its buses.
        TimeoutError
            When a frame does not come out, or a program does not end.
        """
        self.device.clear()
        self.isp.commit(settings[0])
        self.isp.write_register("CONTROL", 1)
        self.device.feed_raw(raw_beats(raws[0]))
        begin = self.device.state.now
        total = sum(raw.size for raw in raws)
        done = pixels = 0
        frames = []
        for number, (raw, known) in enumerate(zip(raws, settings, strict=True)):
            self.host.start(*registers)
            started = self.device.state.register_write
            self._wait_until_begun(number)
            if number + 1 < len(raws):
                self.isp.commit(settings[number + 1])
                self.device.feed_raw(raw_beats(raws[number + 1]))
            done += raw.size
            waited = 0
            while not self.device.state.irq and waited < _PATIENCE + 50 * raw.size:
                waited += self.device.run(_CHUNK)
                on_progress(min(done, total - self.device.left(Stream.RAW)), total)
            program = self.host.finish(started, 0)
            answered = self.device.state.irq_at - begin
            on_answer()
            self._wait_until_left(number)
            self.host.check_protocol()
            picture = None
            interval = 0
            if self.config.isp.picture:
                size = known.crop.used_width * known.crop.used_height
                beats = self.device.beats(Stream.PICTURE)[pixels:pixels + size]
                picture = picture_of(beats, known)
                interval = int(beats["cycle"][-1] - beats["cycle"][0] + 1)
                pixels += size
            frames.append(VisionFrame(
                picture=picture, answered_at=answered, interval=interval,
                program=replace(program, trace=[event for event in program.trace
                                                if event.start >= 0]),
                isp_cycles=self.isp.read_register("FRAME_CYCLES"),
                statistics=(self.isp.read_statistics() if statistics
                            else np.zeros(0, np.uint32))))
        return frames

    def _wait_until_begun(self, number: int) -> None:
        """Wait until the ISP has taken the frame's settings: a commit now is the next one's."""
        for _ in range(10_000):
            if (not self.isp.read_register("STATUS") & 2
                    and self.isp.read_register("STATUS") & 1):
                return
            self.device.run(10, until_irq=False)
        raise TimeoutError(f"frame {number} did not begin")

    def _wait_until_left(self, number: int) -> None:
        for _ in range(_PATIENCE // 1000):
            if self.isp.read_register("FRAME_INDEX") > number:
                return
            self.device.run(1000, until_irq=False)
        raise TimeoutError(f"frame {number} did not come out")
