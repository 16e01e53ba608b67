"""Convolutions whose steps read the end of a kernel row and the beginning of the next.

A kernel row of few bytes leaves lanes of its step idle. Where the rows of the image lie at a pitch
that equals the bytes of a kernel row modulo `lanes`, the next row goes on in the banks behind:
three rows of nine bytes are 9 + 7 and 2 + 9 lanes of two steps.
"""

from dataclasses import dataclass

import numpy as np

from hadron_compiler.codegen.geometry import View
from hadron_compiler.codegen.loops import Loop
from hadron_compiler.codegen.packing import Weights

__all__ = ["RowPairs", "plan_row_pairs"]


@dataclass(frozen=True)
class RowPairs:
    """How the steps of a kernel walk its rows of `row_bytes` bytes.

    Each step begins `rows` rows and `ahead` bytes behind the one before. Its second row begins in
    lane `later`, in the first step in lane `row_bytes`.
    """

    row_bytes: int
    steps: int
    rows: int
    ahead: int
    later: int

    def gap(self, width_bytes: int, lanes: int) -> int:
        """Return the bytes to leave between rows of an image."""
        return (self.row_bytes - width_bytes) % lanes

    def loop(self, view: View) -> Loop:
        """Return the loop over the steps."""
        return Loop(self.steps, self.rows * view.row_pitch + self.ahead, self.rows, self.ahead)

    def fields(self, view: View) -> dict[str, int]:
        """Return the fields that split a step."""
        return {"split": self.row_bytes, "split_later": self.later,
                "plane_address": view.row_pitch - self.row_bytes}

    def arrange(self, weights: Weights, lanes: int) -> Weights:
        """Return weights (groups, columns, rows, 1, bytes) as those of one row of all steps."""
        groups, columns, rows, _, size = weights.shape
        made = np.zeros((groups, columns, 1, 1, self.steps * lanes), weights.dtype)
        for row in range(rows):
            start = row * size if self.ahead else row // 2 * lanes + row % 2 * size
            made[..., start:start + size] = weights[:, :, row:row + 1]
        return made


def plan_row_pairs(rows: int, row_bytes: int, lanes: int) -> RowPairs | None:
    """Return how to read a kernel's rows, None where pairs are no faster than single rows."""
    if rows > 1 and 2 * row_bytes <= lanes:
        return RowPairs(row_bytes, -(-rows // 2), 2, 0, row_bytes)
    if rows == 3 and row_bytes < lanes and 3 * row_bytes <= 2 * lanes:
        return RowPairs(row_bytes, 2, 1, lanes - row_bytes, 2 * row_bytes - lanes)
    return None
