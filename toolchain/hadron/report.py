"""What a run did: the numbers behind every text, JSON and HTML report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hadron.layers import STALLS, LayerTiming
from hadron_compiler import LayerReport, Program, TensorBinding
from hadron_compiler.codegen.precision import Precision
from hadron_cosim.simulator import TraceEvent
from hadron_spec.config import NpuConfig

__all__ = ["NOMINAL_MHZ", "SHARES", "LayerResult", "OutputSummary", "RunReport",
           "numbered", "predicted_report"]

NOMINAL_MHZ = 100.0
"""Clock for which reports give times; what a board reaches is in its build report."""

SHARES = {
    "macs": "multiplications of the network",
    "lanes": "array busy, lanes or columns without work",
    "other": "EXECUTE without the array: pooling, tables, softmax, parameters, filling, draining",
    "load": "waited for LOAD",
    "store": "waited for STORE",
    "command": "waited for commands",
    "requantizer": "waited for the requantizer",
}
"""Where the cycles of a layer go."""


@dataclass(frozen=True)
class LayerResult:
    """One layer: what the compiler predicted and, if it ran in simulation, what was measured."""

    predicted: LayerReport
    measured: LayerTiming | None = None

    @property
    def cycles(self) -> int:
        """Measured cycles, or those predicted when none were measured."""
        return self.predicted.cycles if self.measured is None else self.measured.cycles

    def peak(self, config: NpuConfig) -> float:
        """Multiply-accumulates a cycle that the array can do in the layer's precision."""
        return config.macs_per_cycle * Precision(self.predicted.precision).rate

    def utilization(self, config: NpuConfig) -> float:
        """Part of the multiply-accumulates that the array could have done in these cycles."""
        return _ratio(self.predicted.macs, self.cycles * self.peak(config))

    def breakdown(self, config: NpuConfig) -> dict[str, int]:
        """Return where the cycles of a measured layer went, by `SHARES`; nothing of others.

        They add up to its cycles, but for those in which one layer computed while the one before
        still stored, which count for both.
        """
        timing = self.measured
        if timing is None:
            return {}
        used = min(timing.mac_active, round(self.predicted.macs / self.peak(config)))
        waited = timing.stalls["requantizer"]
        return {
            "macs": used,
            "lanes": timing.mac_active - used,
            "other": max(0, timing.execute_busy - timing.mac_active - waited),
            **{cause: timing.stalls[cause] for cause in STALLS},
        }

    def filled(self, config: NpuConfig) -> float:
        """Part of the array's multipliers that had work while it was busy; 0 when not measured."""
        shares = self.breakdown(config)
        return _ratio(shares["macs"], shares["macs"] + shares["lanes"]) if shares else 0.0

    def bound(self, config: NpuConfig) -> str | None:
        """Return the share that most of a measured layer's cycles went to; None of others."""
        shares = self.breakdown(config)
        return max(shares, key=lambda share: shares[share]) if shares else None

    def to_json(self, config: NpuConfig) -> dict[str, Any]:
        """Return the layer as `--json` writes it."""
        layer = self.predicted
        return {
            "index": layer.index,
            "chain": layer.chain,
            "name": layer.name,
            "op": layer.op,
            "work": layer.work,
            "precision": layer.precision,
            "macs": layer.macs,
            "cycles": self.cycles,
            "predicted_cycles": layer.cycles,
            "utilization": round(self.utilization(config), 6),
            "filled": round(self.filled(config), 6),
            "bytes_loaded": layer.bytes_loaded,
            "bytes_stored": layer.bytes_stored,
            "stalls": {} if self.measured is None else dict(self.measured.stalls),
            "mac_active_cycles": None if self.measured is None else self.measured.mac_active,
            "execute_busy_cycles": None if self.measured is None else self.measured.execute_busy,
            "breakdown": self.breakdown(config),
            "bound": self.bound(config),
        }


@dataclass(frozen=True)
class OutputSummary:
    """One output tensor; `top` holds for each sample the likeliest classes, best first.

    A class is (index, label, dequantized value); `top` is empty for what is not a list of classes.
    """

    binding: TensorBinding
    shape: tuple[int, ...]
    top: tuple[tuple[tuple[int, str, float], ...], ...] = ()
    file: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the output as `--json` writes it."""
        return {
            "name": self.binding.name,
            "shape": list(self.shape),
            "dtype": self.binding.dtype,
            "scale": self.binding.scale,
            "zero_point": self.binding.zero_point,
            "file": self.file,
            "top": [[{"index": index, "label": label, "value": value}
                     for index, label, value in classes] for classes in self.top],
        }


@dataclass(frozen=True)
class RunReport:
    """What was run, on what, with what result.

    Parameters
    ----------
    program : Program
        What was run.
    on : str
        Lane: "golden", "rtl", or "none" when only predictions are known.
    cycles : int
        From START to the interrupt; measured on "rtl", predicted otherwise. Of several samples,
        the slowest, to which `layers` and `counters` belong, too.
    layers : sequence of LayerResult
        In execution order.
    outputs : sequence of OutputSummary
        In the model's order.
    samples : int
        Inferences.
    matches_golden : bool or None
        Whether every byte of the memory region is the golden model's; None when not compared.
    bytes_compared : int
        Bytes of the region, over all samples.
    difference : str
        The first byte that differs, in words.
    memory : str or None
        Name of the memory model of the simulation.
    counters : mapping of str to int
        Performance counters of the simulation by register name.
    trace : sequence of TraceEvent
        What ran when in the simulation; not part of the JSON.
    source, pixels : str or None
        Where the inputs came from; what a pixel stood for.
    """

    program: Program
    on: str
    cycles: int
    layers: Sequence[LayerResult]
    outputs: Sequence[OutputSummary] = ()
    samples: int = 0
    matches_golden: bool | None = None
    bytes_compared: int = 0
    difference: str = ""
    memory: str | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    trace: Sequence[TraceEvent] = ()
    source: str | None = None
    pixels: str | None = None

    @property
    def measured(self) -> bool:
        """Whether `cycles` were measured."""
        return self.on == "rtl"

    @property
    def utilization(self) -> float:
        """Part of the array's multiply-accumulates that the network used."""
        return _ratio(self.program.macs, self.cycles * self.program.config.macs_per_cycle)

    @property
    def milliseconds(self) -> float:
        """Time of one inference at `NOMINAL_MHZ`."""
        return self.cycles / NOMINAL_MHZ / 1000

    def to_json(self) -> dict[str, Any]:
        """Return the report as `--json` writes it."""
        config = self.program.config
        return {
            "model": self.program.model,
            "config": config.name,
            "on": self.on,
            "memory": self.memory,
            "input": self.source,
            "pixels": self.pixels,
            "samples": self.samples,
            "cycles": self.cycles,
            "cycles_are": "measured" if self.measured else "predicted",
            "predicted_cycles": self.program.cycles,
            "macs": self.program.macs,
            "utilization": round(self.utilization, 6),
            "nominal_mhz": NOMINAL_MHZ,
            "milliseconds": round(self.milliseconds, 6),
            "host": [str(edge) for edge in self.program.host],
            "outputs": [output.to_json() for output in self.outputs],
            "layers": [layer.to_json(config) for layer in self.layers],
            "matches_golden": self.matches_golden,
            "bytes_compared": self.bytes_compared,
            "difference": self.difference or None,
            "counters": dict(self.counters),
        }


def numbered(layers: Sequence[LayerResult]) -> list[str]:
    """Return the layers' numbers for a table, those of a chain of fused layers bracketed."""
    chains = [layer.predicted.chain for layer in layers]
    marks = []
    for place, layer in enumerate(layers):
        before, after = (0 <= near < len(chains) and chains[near] == chains[place]
                         for near in (place - 1, place + 1))
        mark = {(True, True): "│ ", (True, False): "└ ", (False, True): "┌ "}.get((before, after))
        marks.append(f"{mark or ''}{layer.predicted.index}")
    return marks


def predicted_report(program: Program) -> RunReport:
    """Report what the compiler predicts of a program that has not run."""
    return RunReport(program, "none", program.cycles,
                     [LayerResult(layer) for layer in program.layers])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
