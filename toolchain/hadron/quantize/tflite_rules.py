"""How TensorFlow Lite's integer operators want their tensors quantized.

Source: https://www.tensorflow.org/lite/performance/quantization_spec, and
tensorflow/lite/tools/optimize/operator_property.cc.
"""

import math
from typing import NamedTuple

from hadron_compiler.ir.graph import DEEP_KINDS, NIBBLE_KINDS, WEIGHT_KINDS, OpKind

__all__ = ["CLAMPS", "FIXED", "LEVELS", "QUANTIZED", "SAME", "WEIGHTS", "Grid", "has_deep",
           "has_nibbles"]


class Grid(NamedTuple):
    """What the integers of a tensor stand for: ``scale * (integer - zero_point)``."""

    scale: float
    zero_point: int
    bits: int

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest number."""
        end = 1 << (self.bits - 1)
        return (self.scale * (-end - self.zero_point), self.scale * (end - 1 - self.zero_point))

    @classmethod
    def covering(cls, low: float, high: float, bits: int) -> "Grid":
        """Return the finest grid from `low` to `high`, which has a zero; of 16 bits, in the middle.

        """
        low, high = min(low, 0.0), max(high, 0.0)
        if low == high:
            high = 1.0
        if bits == 16:
            return cls(max(-low, high) / 32767, 0, bits)
        scale = (high - low) / 255
        return cls(scale, min(max(round(-128 - low / scale), -128), 127), bits)

    @classmethod
    def levels(cls, high: float) -> "Grid":
        """Return the grid of activations of four bits behind a RELU: the last 16 of 8 bits."""
        return cls((high or 1.0) / (LEVELS - 1), 128 - LEVELS, 8)


LEVELS = 16
"""How many numbers four bits have."""


class Inputs(NamedTuple):
    """Which input of an operator is what."""

    data: int
    weights: int
    bias: int


WEIGHTS = {kind.value: Inputs(2, 1, 3) if kind is OpKind.TRANSPOSE_CONV else Inputs(0, 1, 2)
           for kind in WEIGHT_KINDS}
"""Operators with weights."""

CLAMPS = {"RELU": math.inf, "RELU6": 6.0, "RELU_N1_TO_1": 1.0}
"""Operators that are also the end of others, with the largest number that they let through."""

FIXED = {
    "LOGISTIC": {8: Grid(1 / 256, -128, 8), 16: Grid(1 / 32768, 0, 16)},
    "SOFTMAX": {8: Grid(1 / 256, -128, 8), 16: Grid(1 / 32768, 0, 16)},
    "TANH": {8: Grid(1 / 128, 0, 8), 16: Grid(1 / 32768, 0, 16)},
}
"""Operators whose output has one grid whatever it holds, by bits."""

SAME = frozenset((
    "AVERAGE_POOL_2D", "MAX_POOL_2D", "REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "SQUEEZE",
    "EXPAND_DIMS", "PAD", "PADV2", "MIRROR_PAD", "SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V",
    "UNPACK", "TRANSPOSE", "DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "SPACE_TO_BATCH_ND",
    "BATCH_TO_SPACE_ND", "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "GATHER", "BROADCAST_TO",
    "TILE", "REVERSE_V2", "CONCATENATION", "PACK", "MAXIMUM", "MINIMUM"))
"""Operators all of whose tensors have one grid."""

_FREE = frozenset((
    "ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "PRELU", "MEAN", "SUM", "BATCH_MATMUL", "RELU",
    "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH", "ABS", "EXP", "LOG",
    "RSQRT"))
"""Operators whose tensors have each a grid of its own."""

QUANTIZED = SAME | _FREE | frozenset(FIXED) | frozenset(WEIGHTS)
"""Operators that run in integers; others keep real numbers."""


def has_deep(kind: str) -> bool:
    """Tell whether an operator of `QUANTIZED` runs with activations of 16 bits."""
    return OpKind(kind) in DEEP_KINDS


def has_nibbles(kind: str) -> bool:
    """Tell whether an operator of `WEIGHTS` runs with weights of four bits."""
    return OpKind(kind) in NIBBLE_KINDS
