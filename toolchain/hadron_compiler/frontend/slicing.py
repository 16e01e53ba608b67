"""SLICE and STRIDED_SLICE as NumPy has them: of values that are known, or of shapes alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

__all__ = ["slice_values", "strided_slice_values"]


def slice_values(values: npt.NDArray[Any], begins: Sequence[int], sizes: Sequence[int]
                 ) -> npt.NDArray[Any]:
    """Return the box of `sizes` at `begins`; a size of -1 reaches to the end of its axis."""
    return values[tuple(slice(begin, None if size == -1 else begin + size)
                        for begin, size in zip(begins, sizes, strict=True))]


def strided_slice_values(options: Mapping[str, float], values: npt.NDArray[Any],
                         begins: Sequence[int], ends: Sequence[int], steps: Sequence[int]
                         ) -> npt.NDArray[Any]:
    """Return what STRIDED_SLICE makes with the masks among its `options`.

    Raises
    ------
    ValueError
        With an ellipsis or a new axis.
    """
    masks = {name: int(options[name]) for name in (
        "BeginMask", "EndMask", "ShrinkAxisMask", "EllipsisMask", "NewAxisMask")}
    if masks["EllipsisMask"] or masks["NewAxisMask"]:
        raise ValueError("masks")
    chosen: list[slice | int] = []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if masks["ShrinkAxisMask"] >> axis & 1:
            chosen.append(begin)
        else:
            chosen.append(slice(None if masks["BeginMask"] >> axis & 1 else begin,
                                None if masks["EndMask"] >> axis & 1 else end, step))
    return values[tuple(chosen)]
