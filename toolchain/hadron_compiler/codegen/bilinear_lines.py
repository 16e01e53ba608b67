"""The rows, or the columns, of a bilinear resize, and the weights of what they lie between."""

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.progressions import Progression, progressions
from hadron_compiler.ir.graph import FILL, ResizeAttributes
from hadron_spec.tflite_resize import BILINEAR_BITS, bilinear_sources

__all__ = ["Line", "Lines", "lines_of"]

Line = tuple[Progression, tuple[int, ...]]
"""Output rows that take neighbouring input rows times the same weights; likewise columns."""
Lines = list[Line]


def lines_of(size: int, output: int, attributes: ResizeAttributes) -> Lines:
    """Return the lines of `output` rows (or columns) made from `size`, grouped by weights: one
    weight where a line takes one input, else two."""
    groups: dict[tuple[int, ...], npt.NDArray[np.int64]] = {}
    sources = bilinear_sources(size, output, align_corners=attributes.align_corners,
                               half_pixel=attributes.half_pixel)
    for index, line in enumerate(sources):
        if line.lower == line.upper or not line.upper_weight:
            weights: tuple[int, ...] = (1 << BILINEAR_BITS,)
        else:
            weights = (line.lower_weight, line.upper_weight)
        groups.setdefault(weights, np.full(output, FILL, np.int64))[index] = line.lower
    # A window steps forward, or not at all if there is one: rows repeated are several kernels.
    return [(part, weights) for weights, firsts in groups.items()
            for part in _forward(progressions(firsts))]


def _forward(parts: list[Progression]) -> list[Progression]:
    """Cut progressions that do not advance into single lines."""
    made = []
    for part in parts:
        if part.count > 1 and part.offset_step < 1:
            made += [Progression(1, part.first + i * part.step, 1,
                                 part.offset + i * part.offset_step, 0) for i in range(part.count)]
        else:
            made.append(part)
    return made
