"""Which numbers the tensors of a network hold while it runs on samples."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hadron.calibration import Sample
from hadron.errors import UsageError
from hadron.progress import OnProgress, counted
from hadron.quantize.report import Method
from hadron.quantize.tflite_file import Array, TfliteFile
from hadron.quantize.tflite_runtime import Runtime

__all__ = ["Range", "observe"]

Range = tuple[float, float]
"""The smallest and the largest number."""

_BINS = 4096
_OUTERMOST = 1e-5
"""Part of the numbers that the percentile leaves out."""


@dataclass
class _Observer:
    """What was seen of each tensor."""

    source: str
    file: TfliteFile
    ranges: dict[int, Range] = field(default_factory=dict)
    counts: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def see(self, place: int, values: Array) -> None:
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if not np.isfinite((low, high)).all():
            raise UsageError(f"{self.source}: tensor {self.file.name(place)} holds numbers that "
                             "are not finite for a sample")
        before = self.ranges.get(place, (low, high))
        self.ranges[place] = min(low, before[0]), max(high, before[1])

    def count(self, place: int, values: Array) -> None:
        counts, _ = np.histogram(values, _BINS, self.ranges[place])
        self.counts[place] = self.counts.get(place, 0) + counts

    def cut(self, place: int) -> Range:
        """Return the range without what is outermost."""
        low, high = self.ranges[place]
        counts = self.counts.get(place)
        if counts is None or low == high:
            return low, high
        edges = np.linspace(low, high, _BINS + 1)
        below = np.cumsum(counts) / counts.sum()
        first = int(np.searchsorted(below, _OUTERMOST, "right"))
        last = int(np.searchsorted(below, 1 - _OUTERMOST))
        return float(edges[first]), float(edges[min(last + 1, _BINS)])


def observe(source: str, file: TfliteFile, runtime: Runtime, samples: Sequence[Sample],
            method: Method, on_progress: OnProgress) -> dict[int, Range]:
    """Return the range of each activation of real numbers, by its place in `file`.

    Operators of constants alone go: what they make becomes constant. So do weights that an older
    quantizer has left as integers for operators of real numbers.

    Raises
    ------
    UsageError
        When LiteRT fails, or a tensor holds numbers that are not finite.
    """
    observer = _Observer(source, file)
    for number, sample in enumerate(counted(samples, "calibrating", on_progress)):
        runtime.run(sample)
        if not number:
            _fold_constants(file, runtime)
            activations = _activations(file)
        runtime.tensors(activations, observer.see)
    if method is not Method.PERCENTILE:
        return observer.ranges
    for sample in counted(samples, "calibrating again", on_progress):
        runtime.run(sample)
        runtime.tensors(activations, observer.count)
    return {place: observer.cut(place) for place in observer.ranges}


def _activations(file: TfliteFile) -> list[int]:
    made = {place for operator in file.graph.operators for place in operator.outputs}
    return sorted(place for place in made.union(file.graph.inputs)
                  if file.dtype(place) == "FLOAT32")


def _fold_constants(file: TfliteFile, runtime: Runtime) -> None:
    """Make constant what depends on no input, and real what DEQUANTIZE would."""
    kept = []
    for operator in file.graph.operators:
        given = [place for place in operator.inputs if place != -1]
        if given and all(_is_constant(file, place) for place in given):
            runtime.tensors(operator.outputs, file.make_constant)
        else:
            kept.append(operator)
    file.graph.operators = kept
    for place, values in list(file.constants.items()):
        quantization = file.graph.tensors[place].quantization
        if (file.dtype(place) in ("INT8", "UINT8") and quantization is not None
                and quantization.scale is not None and len(quantization.scale)):
            axes = [1] * values.ndim
            axes[quantization.quantizedDimension] = -1
            scale, zero = (np.asarray(value, np.float32) if len(value) == 1
                           else np.asarray(value, np.float32).reshape(axes)
                           for value in (quantization.scale, quantization.zeroPoint))
            file.constants[place] = (values.astype(np.float32) - zero) * scale


def _is_constant(file: TfliteFile, place: int) -> bool:
    """Tell so of sparse constants, too, whose values LiteRT alone knows."""
    return place in file.constants or file.graph.tensors[place].sparsity is not None
