"""LOGISTIC and TANH of INT16 as TensorFlow Lite Micro has them: a table, and lines between entries.

A multiplication and a shift to the right bring the input to a scale on which 256 (TANH) or 512
(LOGISTIC) steps lie between neighbours of the table. TANH shares the table of LOGISTIC: tanh(x) is
2 logistic(2x) - 1.

Source: tflite-micro kernels/logistic_common.cc and tanh.cc; reference/integer_ops/logistic.h and
tanh.h; sigmoid_table_uint16 in internal/common.cc.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hadron_spec.numerics import rounding_divide_by_pot
from hadron_spec.tflite_quantization import QuantizationError, float32

__all__ = ["LINES", "MAX_SHIFT", "MAX_SLOPE", "Lines", "deep_lines", "logistic_lines",
           "tanh_lines"]

LINES = 511
"""Lines of a function, of which the one in the middle begins at zero."""

MAX_SLOPE = 1023
"""What lines rise by, a step."""

MAX_SHIFT = 20
"""Largest shift of the scaling: inputs reach from -0.08 to 0.08, at most."""

_SCALE = 1 / 32768

_ONE = 3 << 12
"""An input of 1, on the scale of the table: its entries are 1/24 apart."""


@dataclass(frozen=True)
class Lines:
    """A function of 16 bits, of which v = (x * `multiplier` + half) >> `shift` is on line
    k = v >> `bits` at t = v & (2**bits - 1): starts[k + 255] + t * slopes[k + 255], divided by
    2**`divisor`, halves away from zero. Before the first line it is level.
    """

    multiplier: int
    shift: int
    bits: int
    starts: tuple[int, ...]
    slopes: tuple[int, ...]
    """Not negative, at most `MAX_SLOPE`."""
    divisor: int


def _table() -> list[int]:
    """Return 65536 times the logistic function of 0, 1/24, 2/24 ..., moved so that lines err as
    much in the middle as at the ends."""
    def function(x: float) -> float:
        return 65536 / (1 + math.exp(-x / 24))

    table = []
    for x in range(LINES // 2):
        error = (function(x) + function(x + 1)) / 2 - function(x + 0.5)
        table.append(math.floor(function(x) - error / 2 + 0.5))
    return [*table, 65535]


def _scaled(scale: float, powers: int) -> tuple[int, int]:
    """Return multiplier and shift for an input's scale. 2**-12 and, with `powers` 2, twice that are
    told from others.

    Source: LogisticPrepare, TanhPrepare; CheckedLog2.
    """
    scale = float32(scale)
    exact = math.log2(scale)
    power = round(exact)
    if abs(exact - power) < 1e-3 and 0 <= power + 12 < powers:
        # 3 << (power + 12) without a shift, and the same as a product of as many bits as others.
        return 3 << 13, 13 - (power + 12)
    multiplier, shift = scale * _ONE, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = 2 * multiplier, shift + 1
    if not 1 <= shift <= MAX_SHIFT:
        least, most = 32767 / 2 / _ONE * 2.0**-MAX_SHIFT, 32767 / 2 / _ONE
        raise QuantizationError(f"input scale {scale:.3g}, must be {least:.3g} to {most:.3g}")
    return int(multiplier), shift


def _check_output(scale: float) -> None:
    if abs(math.log2(float32(scale) / _SCALE)) >= 1e-3:
        raise QuantizationError(f"output scale {scale}, must be 1/{round(1 / _SCALE)}")


def _lines(bits: int, last: int) -> tuple[list[int], list[int]]:
    """Return starts and slopes of a function that stays at `last`; left of zero it is that of the
    right, turned by half a circle."""
    table = _table()
    rising = [*(entry << bits for entry in table[:-1]), last]
    steps = [after - before for before, after in pairwise(table)]
    return ([*(2 * rising[0] - start for start in rising[:0:-1]), *rising],
            [*steps[::-1], *steps, 0])


def logistic_lines(input_scale: float, output_scale: float) -> Lines:
    """Return LOGISTIC.

    Raises
    ------
    QuantizationError
        Of an output scale that the kernel does not take, or of input scales without use.
    """
    _check_output(output_scale)
    starts, slopes = _lines(9, 0x7FFF << 10)
    # Halves up, right and left of zero: as the kernel has it, so that both are mirror images.
    starts = [start - (place < LINES // 2) for place, start in enumerate(starts)]
    return Lines(*_scaled(input_scale, 1), 9, tuple(starts), tuple(slopes), 10)


def tanh_lines(input_scale: float, output_scale: float) -> Lines:
    """Return TANH, likewise."""
    _check_output(output_scale)
    starts, slopes = _lines(8, 0xFFFF << 8)
    starts = [start - starts[LINES // 2] for start in starts]
    return Lines(*_scaled(input_scale, 2), 8, tuple(starts), tuple(slopes), 8)


def deep_lines(x: NDArray[np.int16], lines: Lines) -> NDArray[np.int16]:
    """Return LOGISTIC or TANH of INT16."""
    v = (x.astype(np.int64) * lines.multiplier + (1 << (lines.shift - 1))) >> lines.shift
    last = LINES // 2
    v = np.clip(v, -last << lines.bits, ((last + 1) << lines.bits) - 1)
    line, place = (v >> lines.bits) + last, v & ((1 << lines.bits) - 1)
    starts, slopes = (np.array(values, np.int64)[line] for values in (lines.starts, lines.slopes))
    return np.asarray(rounding_divide_by_pot(starts + place * slopes,
                                             lines.divisor)).astype(np.int16)
