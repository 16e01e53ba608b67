"""What a quantizer is asked for, and what it says of the network it made."""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hadron.compare import sqnr_of
from hadron.errors import UsageError
from hadron.pixels import PixelScale
from hadron_compiler.codegen import precision

__all__ = ["PRECISIONS", "LayerBits", "Method", "OutputQuality", "Precision", "Quantization",
           "Quantized", "Request", "output_quality"]


class Method(StrEnum):
    """How a range is chosen from what samples show."""

    MINMAX = "minmax"
    """The smallest and the largest number."""
    ENTROPY = "entropy"
    """The range that keeps the distribution best, by Kullback-Leibler divergence. Of ONNX models
    only; holds all activations of all samples in memory."""
    PERCENTILE = "percentile"
    """The range without the outermost 0.001 %. Of ONNX models, this one holds them, too."""


class Precision(NamedTuple):
    """Bits of a layer's weights and of the activations it reads."""

    weights: int = 8
    activations: int = 8

    @property
    def integer_bits(self) -> int:
        """Bits of the integers that activations are stored as: those of four bits are bytes."""
        return max(8, self.activations)

    def __str__(self) -> str:
        return f"W{self.weights}A{self.activations}"


PRECISIONS = tuple(Precision(*map(int, re.findall(r"\d+", name))) for name in precision.Precision)
"""Those that the NPU has."""


class LayerBits(NamedTuple):
    """Layers that differ from the others: those with an output whose name has `pattern` in it."""

    pattern: re.Pattern[str]
    precision: Precision

    @classmethod
    def parse(cls, text: str) -> "LayerBits":
        """Read ``PATTERN=PRECISION``, as ``conv_1=W8A16``.

        Raises
        ------
        UsageError
            When it is something else, the precision none that there is, or the pattern no regular
            expression.
        """
        pattern, equals, name = text.rpartition("=")
        known = {str(precision): precision for precision in PRECISIONS}
        if not equals or name.upper() not in known:
            raise UsageError(f"--layer {text}: must be PATTERN=PRECISION, the precision one of "
                             f"{', '.join(known)}")
        try:
            return cls(re.compile(pattern), known[name.upper()])
        except re.error as error:
            raise UsageError(f"--layer {text}: no regular expression ({error})") from None


@dataclass(frozen=True)
class Request:
    """What is asked of a quantizer.

    Parameters
    ----------
    model : Path
        The file of the network.
    data : bytes
        What it holds.
    calibration : Path
        Samples, as :func:`hadron.calibration.read_samples` takes them.
    pixels : PixelScale or None
        What a pixel stands for, where samples are images.
    samples : int or None
        Take only so many.
    method : Method
        How ranges are chosen.
    precision : Precision
        Of all layers but `layers`.
    layers : tuple of LayerBits
        Layers of another one; the last that fits counts.
    """

    model: Path
    data: bytes
    calibration: Path
    pixels: PixelScale | None
    samples: int | None
    method: Method
    precision: Precision
    layers: tuple[LayerBits, ...]


@dataclass(frozen=True)
class OutputQuality:
    """How near an output comes to that of the network of real numbers.

    Parameters
    ----------
    name : str
        The output.
    shape : tuple of int
        Of one sample.
    sqnr : float
        Power of the numbers over that of the error, in dB, over all samples.
    same_class : int or None
        Samples whose largest element is the same; None where the output is no row of classes.
    """

    name: str
    shape: tuple[int, ...]
    sqnr: float
    same_class: int | None


@dataclass(frozen=True)
class Quantized:
    """What a quantizer makes: the new file, how many samples it took, and as `Quantization`."""

    data: bytes
    samples: int
    outputs: tuple[OutputQuality, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quantization:
    """What was made of a network.

    Parameters
    ----------
    model, output : str
        The file that was read, the file that was written.
    samples : int
        How many it was calibrated and measured with.
    method : Method
        How ranges were chosen.
    weight_bits, activation_bits : int
        Bits of a weight and of an activation, but for `layers`.
    outputs : tuple of OutputQuality
        Of each output.
    layers : tuple of str
        Layers asked for in another precision, each as ``NAME=PRECISION``.
    notes : tuple of str
        What a reader should know: operators that keep other bits than asked for, or real numbers.
    """

    model: str
    output: str
    samples: int
    method: Method
    weight_bits: int
    activation_bits: int
    outputs: tuple[OutputQuality, ...]
    layers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the report as ``--json`` writes it; an infinite SQNR is null."""
        report = asdict(self)
        for output in report["outputs"]:
            sqnr = output.pop("sqnr")
            output["sqnr_db"] = sqnr if math.isfinite(sqnr) else None
        return report


def output_quality(name: str, runs: Iterable[tuple[Any, Any]]) -> OutputQuality:
    """Compare an output: of each sample, the real network's and the quantized one's array."""
    wanted, got = (np.stack(values).astype(np.float64) for values in zip(*runs, strict=True))
    shape = wanted.shape[1:]
    same_class = None
    if len(shape) == 2 and shape[0] == 1 and shape[1] > 1:
        same_class = int((wanted.argmax(-1) == got.argmax(-1)).sum())
    return OutputQuality(name, shape, sqnr_of(wanted, got - wanted), same_class)
