"""SQUARED_DIFFERENCE of two tensors: the square of a difference of 16 bits, from its bytes.

With the difference d = 256 * high + low, d**2 is 65536 * high**2 + 512 * high * low + low**2: two
tables, and a product by quarter squares as in `product`.
"""

from collections.abc import Sequence

from hadron_compiler.codegen.elementwise import BYTES, LookupStage, Table
from hadron_compiler.codegen.planes import Pass, PlanesKernel
from hadron_compiler.codegen.product import half_tables, product_tables
from hadron_spec.config import NpuConfig

__all__ = ["SquaredDifferenceKernel"]

_OPERANDS, _WITH_HIGH, _BYTES, _ALL = range(2), range(3), range(2, 4), range(2, 8)
"""Planes: copies of both operands, and the high byte of the difference; its high and low byte, and
those with what `half_tables` makes of them."""

_FLOOR = LookupStage(multiplier=1 << 30, shift=-9)
"""Of 4 * d - 510, which is no tie: d / 256, rounded down."""

_OFFSET = 128
"""What is taken off the low byte, 0 to 255."""


class SquaredDifferenceKernel(PlanesKernel):
    """The square of a difference of two tensors as flat bytes, with eight bytes of scratchpad for
    each of them.

    Parameters
    ----------
    tables : (Table, Table)
        What each operand adds to the difference: -16,384 to 16,384.
    stage : LookupStage
        What follows the square.
    """

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int],
                 tables: tuple[Table, Table], stage: LookupStage, gaps: bool = False) -> None:
        a, b = tables
        high, low = BYTES, BYTES + _OFFSET
        # d**2 of high and `BYTES`: 512 * high * (low - 128) is what the halves add.
        squares = [65536 * high * (high + 1), low * low,
                   *(512 * table for table in product_tables(0, 0))]
        super().__init__(config, name, shape, [
            # Side by side with the high byte, as the sum of three tables wants them.
            Pass([BYTES], operands=(0,)),
            Pass([BYTES], operands=(1,)),
            Pass([4 * a - 510, 4 * b], _FLOOR, planes=_OPERANDS),
            Pass([a - _OFFSET, b, -256 * BYTES], planes=_WITH_HIGH),
            *(Pass(half, planes=_BYTES) for half in half_tables()),
            Pass(squares, stage, planes=_ALL)], "six tables", gaps)
