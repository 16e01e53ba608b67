"""Lists of offsets as few arithmetic progressions: what loops can walk."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import FILL

__all__ = ["Progression", "fill_runs", "progressions"]

MAX_STRIDE = 32
"""Farthest neighbour, in entries still to be covered, that is tried as the next of a progression:
a progression is the inputs that a resize by up to this factor repeats."""


@dataclass(frozen=True)
class Progression:
    """Indices first, first + step, ...: `count` of them; the offset grows by `offset_step`."""

    count: int
    first: int
    step: int
    offset: int
    offset_step: int


def progressions(offsets: npt.NDArray[np.int64]) -> list[Progression]:
    """Cover all entries that are not `FILL`, greedily: from the first entry left, the longest."""
    left = {int(i): int(offsets[i]) for i in np.flatnonzero(offsets != FILL)}
    found = []
    while left:
        first = next(iter(left))
        best = Progression(1, first, 1, left[first], 0)
        candidates = [index for index, _ in zip(left, range(MAX_STRIDE + 1), strict=False)][1:]
        for second in candidates:
            step, offset_step = second - first, left[second] - left[first]
            count = 2
            while left.get(first + count * step) == left[first] + count * offset_step:
                count += 1
            if count > best.count:
                best = Progression(count, first, step, left[first], offset_step)
            if best.count == len(left):
                break
        for i in range(best.count):
            del left[first + i * best.step]
        found.append(best)
    return found


def fill_runs(offsets: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the runs of neighbouring `FILL` entries as (first, count)."""
    fill = np.concatenate(([False], offsets == FILL, [False])).astype(np.int8)
    edges = np.flatnonzero(np.diff(fill))
    return [(int(first), int(end - first)) for first, end in zip(edges[::2], edges[1::2],
                                                                 strict=True)]
