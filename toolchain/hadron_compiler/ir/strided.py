"""Strides of tensors that show some bytes of another one."""

from collections.abc import Sequence
from math import prod

__all__ = ["dense_strides", "reshaped"]


def dense_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the distances between neighbours of every axis when all bytes follow one another."""
    return tuple(prod(shape[axis + 1:]) for axis in range(len(shape)))


def reshaped(shape: Sequence[int], strides: Sequence[int], wanted: Sequence[int]
             ) -> tuple[int, ...] | None:
    """Return the strides of the same elements, in the same order, under another shape.

    None where there are none. Of axes of one element the stride is what it would be if the axes
    behind them followed one another.
    """
    runs: list[tuple[int, int]] = []
    for extent, stride in zip(shape, strides, strict=True):
        if extent == 1:
            continue
        if runs and runs[-1][1] == extent * stride:
            runs[-1] = (runs[-1][0] * extent, stride)
        else:
            runs.append((extent, stride))
    made: list[int] = []
    left, step = runs.pop() if runs else (1, 1)
    for extent in reversed(wanted):
        if extent == 1:
            made.append(step if left > 1 else step * left)
            continue
        if left == 1 and runs:
            left, step = runs.pop()
        if left % extent:
            return None
        made.append(step)
        left //= extent
        step *= extent
    return tuple(made[::-1])
