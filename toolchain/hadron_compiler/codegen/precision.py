"""In which precision an operator runs: what its numbers allow, never what would change a result."""

from enum import StrEnum

import numpy as np

from hadron_compiler.codegen.packing import fits_nibbles
from hadron_compiler.errors import UnsupportedError
from hadron_compiler.ir.graph import NIBBLE_KINDS, DType, Graph, Operation
from hadron_spec.config import NpuConfig

__all__ = ["Precision", "check_precisions", "choose_precision"]

WORTHWHILE_WEIGHTS = 2048
"""INT8 weights that all fit four bits are stored as such from this number on: half the bytes, but
one LOAD more."""


class Precision(StrEnum):
    """Bits of weights and activations."""

    W8A8 = "W8A8"
    W4A8 = "W4A8"
    W8A16 = "W8A16"
    W4A4 = "W4A4"

    @property
    def rate(self) -> float:
        """Products a cycle, relative to those of W8A8."""
        return {Precision.W8A16: 0.5, Precision.W4A4: 2.0}.get(self, 1.0)


def choose_precision(operation: Operation, config: NpuConfig) -> Precision:
    """Return the precision of an operator: that of its activations, and W4A8 where all weights
    have four bits.

    Those of INT4 tensors always have, and INT8 ones may turn out to: the array multiplies the same
    numbers either way.
    """
    if any(tensor.deep for tensor in (*operation.activations, *operation.outputs)):
        return Precision.W8A16
    if operation.kind not in NIBBLE_KINDS or not config.nibbles:
        return Precision.W8A8
    weights = operation.required(1)
    if weights.data is None or not fits_nibbles(weights.data.astype(np.int16)):
        return Precision.W8A8
    small = weights.dtype is DType.INT8 and weights.data.size < WORTHWHILE_WEIGHTS
    return Precision.W8A8 if small else Precision.W4A8


def check_precisions(graph: Graph, config: NpuConfig) -> None:
    """Refuse activations that the configuration does not have.

    Raises
    ------
    UnsupportedError
        In one line for all operators.
    """
    deep = [operation.label for operation in graph.operations
            if choose_precision(operation, config) is Precision.W8A16]
    if deep and not config.deep:
        more = f" (and {len(deep) - 1} more)" if len(deep) > 1 else ""
        raise UnsupportedError(graph.name, [
            f"{deep[0]}{more}: activations of 16 bits; configuration {config.name!r} has "
            "deep = false"])
