"""Offsets of input bytes along axes, and constants that say where they begin."""

from collections.abc import Sequence
from math import prod

import numpy as np

from hadron_compiler.frontend.checker import Checker
from hadron_compiler.ir.graph import MoveAttributes

__all__ = ["checked_axis", "constant_integers", "grid", "spans", "strides"]


def strides(shape: Sequence[int]) -> list[int]:
    """Return the bytes from element to element of each axis."""
    return [prod(shape[axis + 1:]) for axis in range(len(shape))]


def spans(shape: Sequence[int], firsts: Sequence[int], counts: Sequence[int],
          steps: Sequence[int] | None = None) -> MoveAttributes:
    """Return the move of `counts` elements from `firsts` on, `steps` apart, of each axis."""
    steps = steps or [1] * len(shape)
    return MoveAttributes(tuple(
        stride * (first + step * np.arange(count, dtype=np.int64))
        for stride, first, count, step in zip(strides(shape), firsts, counts, steps, strict=True)))


def constant_integers(check: Checker, position: int,
                      elements: int | None = None) -> list[int] | None:
    """Return the integers of a constant input, and check how many there are."""
    tensor = check.operation.required(position)
    assert tensor.data is not None
    values: list[int] = tensor.data.astype(np.int64).ravel().tolist()
    if elements is not None and not check.require(
            len(values) == elements, f"constant {tensor.name} has {len(values)} elements, must be "
            f"{elements}"):
        return None
    return values


def checked_axis(check: Checker, axis: int, rank: int) -> int | None:
    """Return an axis counted from the first, and check that there is one."""
    name = check.operation.label.split(" ")[0]
    return (axis % rank if check.require(-rank <= axis < rank, f"axis {axis} is not one of the "
                                         f"{rank} that {name} has here") else None)


def grid(*loops: tuple[int, int]) -> MoveAttributes:
    """Return the move with an axis for each (count, step)."""
    return MoveAttributes(tuple(step * np.arange(count, dtype=np.int64) for count, step in loops))
