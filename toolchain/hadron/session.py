"""Run a network from Python: one class over the golden model and the simulated RTL."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import CheckFailedError, HadronError, UsageError
from hadron.inputs import BoundInputs, bind_inputs
from hadron.layers import layer_timings
from hadron.models import Model, load_model
from hadron.pixels import PixelScale
from hadron.progress import OnProgress, Progress, ignore_progress
from hadron.report import LayerResult, OutputSummary, RunReport
from hadron_compiler import Program, TensorBinding
from hadron_cosim.memory_model import MemoryModel, memory_model
from hadron_cosim.simulator import NpuSimulator, ProtocolError, SimulationResult
from hadron_model.executor import Executor, Status
from hadron_model.operators.deep_softmax import DEEP_SOFTMAX_SCALE, deep_softmax
from hadron_spec.config import NpuConfig

__all__ = ["LANES", "Bytes", "Result", "Session"]

LANES = ("golden", "rtl")
"""What a session runs on: the golden model, or the RTL in simulation."""

_TOP_CLASSES = 3
_MAX_CYCLES_FACTOR = 100
_MIN_MAX_CYCLES = 1_000_000

Bytes = npt.NDArray[np.uint8]
"""A memory region."""


@dataclass(frozen=True)
class Result:
    """Outputs and report of one run.

    Parameters
    ----------
    outputs : dict of str to array
        INT8 outputs by name. Of several samples, the batch axis counts them.
    report : RunReport
        Cycles, layers, counters, comparison with the golden model.
    """

    outputs: dict[str, npt.NDArray[np.int8]]
    report: RunReport

    def dequantized(self, name: str | None = None) -> npt.NDArray[np.float64]:
        """Return the real numbers of an output, the first unless named."""
        bindings = {output.binding.name: output.binding for output in self.report.outputs}
        key = next(iter(bindings)) if name is None else name
        return _dequantize(self.outputs[key], bindings[key])

    def finished(self, name: str | None = None) -> npt.NDArray[Any]:
        """Return an output, the first unless named, as the model itself ends: what the report says
        is left to the host (DEQUANTIZE, ARG_MAX, 16-bit SOFTMAX, the order of axes) done."""
        outputs = self.report.outputs
        position = 0 if name is None else [output.binding.name for output in outputs].index(name)
        binding = outputs[position].binding
        values: npt.NDArray[Any] = self.outputs[binding.name]
        edges = [edge for edge in self.report.program.host
                 if (edge.side, edge.position) == ("output", position) and not edge.behind]
        for edge in edges:
            if edge.order is not None:
                more = values.ndim - len(edge.order)  # several samples of several images
                values = values.transpose((*range(more), *(more + axis for axis in edge.order)))
        for edge in edges:
            if edge.order is not None:
                continue
            if edge.beta is not None:
                values = deep_softmax(values, binding.scale, edge.beta)
                binding = replace(binding, scale=DEEP_SOFTMAX_SCALE)
                continue
            if edge.axis is not None:
                classes: npt.NDArray[Any] = values.argmax(
                    edge.axis, keepdims=edge.keep_axis).astype(edge.dtype)
                return classes
            if edge.dtype == "uint8":
                return (values.astype(np.int16) + 128).astype(np.uint8)
            return _dequantize(values, binding).astype(edge.dtype)
        return values


class Session:
    """A network on an NPU.

    Parameters
    ----------
    model : str, Path, bytes or Program
        A TFLite file, the folder of a compiled program, or a built-in name ("digits").
    config : str or NpuConfig, optional
        "h64", "h128", "h256", a TOML file or a configuration; "h256" unless given, or what a
        compiled program was compiled for.
    on : str
        "golden" or "rtl".
    memory : str or MemoryModel
        Memory behind the simulated NPU: "fast" or "sdram".
    pixels : str or PixelScale, optional
        What a pixel p stands for: "unit" (p / 255), "raw" (p), "signed" (p / 127.5 - 1). Guessed
        from the input's quantization unless given.
    stream_input : bool
        The input comes in at the NPU's stream, not from memory.
    on_progress : callable
        Told a :class:`hadron.progress.Progress` now and then.

    Attributes
    ----------
    program : Program
        The compiled network.

    Raises
    ------
    CompileError, ConfigError, UsageError
        With what is wrong, in words made for the user.
    """

    def __init__(self, model: str | Path | bytes | Program, config: str | NpuConfig | None = None,
                 on: str = "golden", *, memory: str | MemoryModel = "fast",
                 pixels: str | PixelScale | None = None, stream_input: bool = False,
                 on_progress: OnProgress = ignore_progress) -> None:
        if on not in LANES:
            raise UsageError(f"on={on!r}, must be one of {', '.join(LANES)}")
        try:
            self.memory = memory_model(memory)
            self.pixels = None if pixels is None else PixelScale(pixels)
        except ValueError as error:
            raise UsageError(str(error)) from None
        self.model: Model = load_model(model, config, stream_input=stream_input)
        self.program = self.model.program
        self.on = on
        self.on_progress = on_progress
        self._simulator: NpuSimulator | None = None

    def bind(self, inputs: Any = None) -> BoundInputs:
        """Read and quantize inputs, as :meth:`run` does.

        Raises
        ------
        UsageError
            When they do not fit the network.
        """
        if inputs is None:
            inputs = self.model.default_sample
        if inputs is None:
            raise UsageError(f"{self.program.model}: an input is needed")
        bound = bind_inputs(self.program, inputs, self.pixels)
        if isinstance(inputs, Path) and inputs in self.model.samples:
            bound = replace(bound, source=f"{self.program.model}/{Path(inputs).name}")
        return bound

    def run(self, inputs: Any = None, *, check: bool = True) -> Result:
        """Run the network.

        Parameters
        ----------
        inputs : path, array, sequence or mapping of arrays, or BoundInputs
            See :func:`hadron.inputs.bind_inputs`. A built-in model brings one.
        check : bool
            Run the golden model, too, and compare every byte of the memory region after each
            sample. The report says whether they agree.

        Raises
        ------
        UsageError
            When the inputs do not fit the network.
        CheckFailedError
            When the simulated NPU stops with an error or breaks a rule of its buses.
        HadronError
            When the simulation cannot be built.
        """
        bound = inputs if isinstance(inputs, BoundInputs) else self.bind(inputs)
        compared = self.on == "rtl" and check
        difference = ""
        slowest: SimulationResult | None = None
        regions = []
        for number, sample in enumerate(bound.samples):
            region = self._region(sample)
            stream = [values.tobytes() for binding, values in
                      zip(self.program.inputs, sample, strict=True) if binding.stream]
            expected = region.copy()
            if self.on == "golden" or compared:
                self._run_golden(expected, stream)
            if self.on == "golden":
                region = expected
            else:
                result = self._run_rtl(region, stream)
                if slowest is None or result.cycles > slowest.cycles:
                    slowest = result
                if compared:
                    difference = difference or _difference(region, expected, number)
            regions.append(region)
        outputs = {binding.name: _gather(binding, regions) for binding in self.program.outputs}
        report = self._report(slowest, outputs, bound)
        if compared:
            report = replace(report, matches_golden=not difference, difference=difference,
                             bytes_compared=self.program.region_bytes * len(regions))
        return Result(outputs, report)

    def _region(self, sample: Sequence[npt.NDArray[np.int8]]) -> Bytes:
        """Return the memory region before START: the program's image and the inputs."""
        program = self.program
        region = np.zeros(program.region_bytes, dtype=np.uint8)
        region[:len(program.memory)] = np.frombuffer(program.memory, dtype=np.uint8)
        for binding, values in zip(program.inputs, sample, strict=True):
            if binding.stream:
                continue
            region[binding.offset:binding.offset + binding.size] = binding.encode(values)
        return region

    def _run_golden(self, region: Bytes, stream: Sequence[bytes]) -> None:
        program = self.program
        self.on_progress(Progress("golden model"))
        try:
            result = Executor(program.config).run(
                region, command_base=program.command_offset, command_count=program.command_count,
                memory_base=0, memory_bytes=program.region_bytes, stream=stream)
        except ValueError as error:
            raise UsageError(f"{program.model}: the golden model refuses the program: "
                             f"{error}") from None
        if result.status is not Status.DONE:
            raise UsageError(f"{program.model}: the golden model refuses the program: command "
                             f"{result.error_command}: {result.error.name}: {result.detail}")

    def _run_rtl(self, region: Bytes, stream: Sequence[bytes]) -> SimulationResult:
        program = self.program
        simulator = self._get_simulator()

        def simulated(cycles: int) -> None:
            total = max(program.cycles, cycles)
            self.on_progress(Progress("simulate", cycles, total))

        simulated(0)
        try:
            result = simulator.run(
                region, program.command_offset, program.command_count, 0, program.region_bytes,
                max_cycles=max(_MIN_MAX_CYCLES, _MAX_CYCLES_FACTOR * program.cycles),
                memory_model=self.memory, stream=stream, on_progress=simulated)
        except (ProtocolError, TimeoutError) as error:
            raise CheckFailedError(f"{program.model}: the RTL failed: {error}") from None
        if result.status != "done":
            raise CheckFailedError(
                f"{program.model}: the RTL ended with {result.status} after {result.cycles} "
                f"cycles: {result.error_code.name} at command {result.error_command}")
        return result

    def _get_simulator(self) -> NpuSimulator:
        if self._simulator is None:
            from hadron_cosim.compiler import CompilerError
            from hadron_cosim.cxxrtl import STAGES
            from hadron_cosim.yosys import YosysError

            def stage(name: str) -> None:
                self.on_progress(Progress(name, seconds=STAGES.get(name, 0.0)))

            def compiled(done: int, files: int) -> None:
                self.on_progress(Progress("compile", done, files))

            try:
                self._simulator = NpuSimulator(self.program.config, on_stage=stage,
                                               on_progress=compiled)
            except (CompilerError, YosysError, OSError) as error:
                raise HadronError(f"the simulation could not be built: {error}") from None
        return self._simulator

    def _report(self, simulated: SimulationResult | None,
                outputs: dict[str, npt.NDArray[np.int8]], bound: BoundInputs) -> RunReport:
        program = self.program
        summaries = [OutputSummary(binding, outputs[binding.name].shape,
                                   self._top(binding, outputs[binding.name]))
                     for binding in program.outputs]
        report = RunReport(
            program, self.on, program.cycles, [LayerResult(layer) for layer in program.layers],
            summaries, len(bound.samples), source=bound.source,
            pixels=None if bound.pixels is None else bound.pixels.value)
        if simulated is None:
            return report
        timings = layer_timings(program.layers, simulated.trace)
        return replace(
            report, cycles=simulated.cycles, counters=simulated.counters, memory=self.memory.name,
            trace=simulated.trace,
            layers=[LayerResult(layer, timing)
                    for layer, timing in zip(program.layers, timings, strict=True)])

    def _top(self, binding: TensorBinding, values: npt.NDArray[np.int8],
             ) -> tuple[tuple[tuple[int, str, float], ...], ...]:
        """Return the likeliest classes of each sample, if the output is a list of classes."""
        classes = binding.shape[-1] if binding.shape else 1
        if binding.elements != classes or classes < 2:
            return ()
        labels = self.model.labels if len(self.model.labels) == classes else ()
        top = []
        for row in values.reshape(-1, classes):
            real = _dequantize(row, binding)
            order = np.argsort(-row.astype(np.int32), kind="stable")[:_TOP_CLASSES]
            top.append(tuple((int(i), labels[i] if labels else str(i), float(real[i]))
                             for i in order))
        return tuple(top)


def _dequantize(values: npt.NDArray[np.signedinteger], binding: TensorBinding
                ) -> npt.NDArray[np.float64]:
    return (values.astype(np.float64) - binding.zero_point) * binding.scale


def _gather(binding: TensorBinding, regions: Sequence[Bytes]) -> npt.NDArray[np.int8]:
    """Return an output of all samples, along its batch axis or, without one, a new axis."""
    arrays = [binding.decode(region[binding.offset:binding.offset + binding.size])
              for region in regions]
    if len(arrays) == 1:
        return arrays[0].copy()
    if binding.shape and binding.shape[0] == 1:
        return np.concatenate(arrays)
    return np.stack(arrays)


def _difference(region: Bytes, expected: Bytes, sample: int) -> str:
    """Describe the first byte in which two memory regions differ, or return ''."""
    differing = np.flatnonzero(region != expected)
    if not differing.size:
        return ""
    offset = int(differing[0])
    return (f"{differing.size} bytes differ, the first at offset {offset:#x} of sample {sample}: "
            f"RTL {int(region[offset]):#04x}, golden {int(expected[offset]):#04x}")
