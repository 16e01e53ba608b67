"""MUL of two tensors by quarter squares: what the array looks up are functions of one byte.

ab is ((a + b)**2 - (a - b)**2) / 4. Sum and difference have nine bits: each is cut into two bytes,
one for what is below, one for what is above a pivot, of which one always saturates. Four passes
make these four bytes of every element; a fifth adds up four tables, whose entries hold the squares
and what the zero points take from them. All of it is exact.
"""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.elementwise import BYTES, LookupStage, Table
from hadron_compiler.codegen.planes import Pass, PlanesKernel
from hadron_spec.config import NpuConfig

__all__ = ["ProductKernel", "half_tables", "product_tables"]

_HALVES = ((1, 128), (1, -127), (-1, 127), (-1, -128))
"""Sign of b, and what is added to the sum: its low and high byte, those of the difference. Each is
clamped to a byte: -256 to -1 and -1 to 254 of the sum, -255 to 0 and 0 to 255 of the difference."""

_PIVOTS = (-1, 0)
"""Where sum and difference are cut: what both bytes of a value hold."""


def half_tables() -> list[list[Table]]:
    """Return, of each of the four bytes, the tables of both operands that make it."""
    return [[BYTES, sign * BYTES + offset] for sign, offset in _HALVES]


def product_tables(zero_point_a: int, zero_point_b: int) -> list[Table]:
    """Return the four tables whose entries add up to (a - zero_point_a) * (b - zero_point_b).

    Both squares are rounded down to a multiple of four: what that leaves is the same for both.
    """
    def of_sum(s: Table) -> Table:
        return (s * s - 2 * s * (zero_point_a + zero_point_b)) // 4 + zero_point_a * zero_point_b

    def of_difference(d: Table) -> Table:
        return -((d * d + 2 * d * (zero_point_b - zero_point_a)) // 4)

    tables = []
    for place, (_, offset) in enumerate(_HALVES):
        function = of_sum if place < 2 else of_difference
        entries = function(BYTES - offset)
        # The byte that saturates at the pivot adds nothing: the other one counts it.
        tables.append(entries - function(np.array(_PIVOTS[place // 2])) if place % 2 == 0
                      else entries)
    return tables


class ProductKernel(PlanesKernel):
    """The product of two tensors as flat bytes, with four bytes of scratchpad for each of them.

    Parameters
    ----------
    zero_points : (int, int)
        Of the operands.
    stage : LookupStage
        What follows the product.
    """

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 zero_points: tuple[int, int], stage: LookupStage, gaps: bool = False) -> None:
        super().__init__(config, name, shape, [
            *(Pass(half) for half in half_tables()),
            Pass(product_tables(*zero_points), stage, planes=range(len(_HALVES)))],
            "four tables", gaps)
