"""A network that takes its input from the ISP's stream: RAW in, answer out, in one simulation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hadron.errors import CheckFailedError, HadronError
from hadron.isp.session import IspResult, compare_frame
from hadron.progress import OnProgress, Progress, ignore_progress
from hadron.session import Bytes, Result, Session
from hadron_compiler import Program
from hadron_cosim.isp_simulator import IspFrame
from hadron_cosim.simulator import ProtocolError, SimulationResult
from hadron_cosim.vision_simulator import VisionFrame, VisionSimulator
from hadron_spec.config import NpuConfig
from hadron_spec.vision import VisionConfig

__all__ = ["VisionSession"]


class VisionSession(Session):
    """A network on the RTL of an NPU, behind the RTL of an ISP.

    Parameters
    ----------
    model, config, on_progress
        As of `Session`; the network's input comes from the stream.
    """

    def __init__(self, model: str | Path | bytes | Program, config: str | NpuConfig | None = None,
                 *, on_progress: OnProgress = ignore_progress) -> None:
        super().__init__(model, config, "rtl", stream_input=True, on_progress=on_progress)
        self._expected: IspResult | None = None
        self._raw: npt.NDArray[np.integer] = np.zeros((0, 0), np.uint16)
        self._frame: VisionFrame | None = None

    def process(self, raw: npt.NDArray[np.integer],
                expected: IspResult) -> tuple[IspResult, Result, int]:
        """Process a frame.

        Parameters
        ----------
        raw : array
            The RAW pixels.
        expected : IspResult
            What the golden model makes of them: settings, picture, statistics and the tensor, which
            the NPU's golden model gets.

        Returns
        -------
        tuple
            What the RTL of the ISP made of it, and that of the NPU, each compared with its golden
            model; cycles from the first pixel to the network's interrupt.

        Raises
        ------
        CheckFailedError
            When the RTL breaks a rule of its buses or never finishes.
        HadronError
            When the simulation cannot be built.
        """
        assert expected.tensor is not None
        self._raw, self._expected = raw, expected
        result = self.run(expected.tensor[None])
        frame = self._frame
        assert frame is not None
        # Nobody sees the tensor pass; what the network makes of it is compared.
        made = IspFrame(
            picture=frame.picture, tensor=expected.tensor.tobytes(), broken=False,
            cycles=frame.isp_cycles, interval=frame.interval,
            latency=frame.isp_cycles - frame.interval, statistics=frame.statistics)
        return compare_frame(made, expected), result, frame.answered_at

    def _run_rtl(self, region: Bytes, stream: Sequence[bytes]) -> SimulationResult:
        program, expected = self.program, self._expected
        assert expected is not None
        simulator = self._vision(VisionConfig.join(program.config, expected.config))

        def simulated(done: int, total: int) -> None:
            self.on_progress(Progress("simulate", done, total))

        simulator.configure(region, self.memory)
        try:
            [frame] = simulator.run(
                [self._raw], [expected.settings],
                (program.command_offset, program.command_count, 0, program.region_bytes),
                statistics=expected.statistics is not None, on_progress=simulated)
        except (ProtocolError, TimeoutError) as error:
            raise CheckFailedError(f"{program.model}: the RTL failed: {error}") from None
        if frame.program.status != "done":
            raise CheckFailedError(
                f"{program.model}: the RTL ended with {frame.program.status}: "
                f"{frame.program.error_code.name} at command {frame.program.error_command}")
        self._frame = frame
        return frame.program

    def _vision(self, config: VisionConfig) -> VisionSimulator:
        from hadron_cosim.compiler import CompilerError
        from hadron_cosim.cxxrtl import STAGES
        from hadron_cosim.yosys import YosysError

        def stage(name: str) -> None:
            self.on_progress(Progress(name, seconds=2 * STAGES.get(name, 0.0)))

        def compiled(done: int, files: int) -> None:
            self.on_progress(Progress("compile", done, files))

        try:
            return VisionSimulator(config, on_stage=stage, on_progress=compiled)
        except (CompilerError, YosysError, OSError) as error:
            raise HadronError(f"the simulation could not be built: {error}") from None
