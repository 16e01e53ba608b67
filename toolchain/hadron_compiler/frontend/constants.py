"""Operators on sizes: what depends on constants and shapes alone is known before anything runs.

A converter writes them where a batch may have any size: the shape of a tensor, some of its sizes,
these joined with others to the shape that RESHAPE or TRANSPOSE_CONV wants.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.frontend.flatbuffer import RawModel, RawOperator, RawTensor
from hadron_compiler.frontend.shapes import output_shapes
from hadron_compiler.frontend.slicing import slice_values, strided_slice_values

__all__ = ["Folded", "fold_sizes"]

Integers = npt.NDArray[np.int64]

_INTEGERS = {"INT32": np.int32, "INT64": np.int64}


@dataclass(frozen=True)
class Folded:
    """A model whose `operators` need not run: what they make are constants of it."""

    model: RawModel
    operators: frozenset[int]


def fold_sizes(model: RawModel) -> Folded:
    """Find shapes that the file leaves open, and compute what operators make of integers that are
    known; those that cannot be stay."""
    tensors = list(model.tensors)
    done = set()
    for index, operator in enumerate(model.operators):
        shapes = output_shapes(operator, [tensors[i] for i in operator.inputs if i != -1],
                               [tensors[i] for i in operator.outputs])
        for i, shape in zip(operator.outputs, shapes or (), strict=False):
            tensors[i] = replace(tensors[i], shape=shape, shape_signature=())
        if len(operator.outputs) != 1 or operator.outputs[0] in model.outputs:
            continue
        output = tensors[operator.outputs[0]]
        if output.dtype not in _INTEGERS or output.data is not None:
            continue
        given = [tensors[i] for i in operator.inputs if i != -1]
        values = (np.array(given[0].shape, np.int64) if operator.kind == "SHAPE" and given
                  else _computed(operator, given))
        if values is not None and values.size == output.elements:
            data = values.astype(_INTEGERS[output.dtype]).reshape(output.shape)
            tensors[operator.outputs[0]] = replace(output, data=data)
            done.add(index)
    return Folded(replace(model, tensors=tuple(tensors)), frozenset(done))


def _computed(operator: RawOperator, given: Sequence[RawTensor]) -> Integers | None:
    compute = _KINDS.get(operator.kind)
    known = [tensor.data.astype(np.int64) for tensor in given
             if tensor.data is not None and tensor.dtype in _INTEGERS]
    if compute is None or len(known) != len(given) or not known:
        return None
    try:
        return np.asarray(compute(operator.options or {}, known))
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return None  # Reported where its result is wanted.


Options = dict[str, float]


def _strided_slice(options: Options, given: list[Integers]) -> Integers:
    begins, ends, steps = (given[i].ravel().tolist() for i in (1, 2, 3))
    return strided_slice_values(options, given[0], begins, ends, steps)


_KINDS: dict[str, Callable[[Options, list[Integers]], Integers]] = {
    "STRIDED_SLICE": _strided_slice,
    "SLICE": lambda options, given: slice_values(
        given[0], given[1].ravel().tolist(), given[2].ravel().tolist()),
    "PACK": lambda options, given: np.stack(given, int(options["Axis"])),
    "CONCATENATION": lambda options, given: np.concatenate(given, int(options["Axis"])),
    "GATHER": lambda options, given: np.take(given[0], given[1], int(options["Axis"])),
    "RESHAPE": lambda options, given: given[0],
    "SQUEEZE": lambda options, given: given[0],
    "EXPAND_DIMS": lambda options, given: given[0],
    "CAST": lambda options, given: given[0],
    "ADD": lambda options, given: given[0] + given[1],
    "SUB": lambda options, given: given[0] - given[1],
    "MUL": lambda options, given: given[0] * given[1],
    "FLOOR_DIV": lambda options, given: given[0] // given[1],
    "REDUCE_PROD": lambda options, given: given[0].prod(tuple(given[1].ravel().tolist())),
}
