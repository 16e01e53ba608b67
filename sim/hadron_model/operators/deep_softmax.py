"""SOFTMAX of INT16: an exponential and a reciprocal by interpolation in tables of 513 entries.

Source: tensorflow/lite/kernels/internal/reference/softmax.h, SoftmaxInt16; internal/common.h,
LUTPopulate and LUTLookup; tflite-micro kernels/softmax_common.cc.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hadron_spec.numerics import multiply_by_quantized_multiplier, quantize_multiplier
from hadron_spec.tflite_quantization import float32

__all__ = ["DEEP_SOFTMAX_SCALE", "deep_softmax"]

DEEP_SOFTMAX_SCALE = 1 / 32768
"""Scale of the output; its zero point is 0."""

_LOWEST, _HIGHEST = -1 << 15, (1 << 15) - 1
_STEPS = 512
_DOMAIN = 10
"""exp(-10) counts as the smallest."""

Real = NDArray[np.float32]
Whole = NDArray[np.int64]


def _round(values: Real) -> Real:
    """Round halves away from zero."""
    rounded: Real = np.trunc(values + np.copysign(np.float32(0.5), values))
    return rounded


def _table(first: float, last: float, function: Callable[[Real], Real]) -> Whole:
    """Return the table of a function between two numbers, each entry moved so that interpolation
    errs about as much at a step's middle as at its ends. All in single precision."""
    low, high = np.float32(first), np.float32(last)
    step = (high - low) / np.float32(_STEPS)
    half = step / np.float32(2)
    scale = np.float32(1 << 16) / np.float32(2)
    places = low + np.arange(_STEPS, dtype=np.float32) * step
    following = low + np.arange(1, _STEPS + 1, dtype=np.float32) * step
    samples = _round(function(places) * scale)
    interpolated = _round((function(following) * scale + samples) / np.float32(2))
    error = interpolated - _round(function(places + half) * scale)
    entries = samples - _round(error / np.float32(2))
    end = _round(function(np.array([high])) * scale)
    table: Whole = np.clip(np.concatenate([entries, end]), _LOWEST, _HIGHEST).astype(np.int64)
    return table


@cache
def _tables() -> tuple[Whole, Whole]:
    """Return those of exp(x) from -10 on, and of 1 / (1 + x) from 0 to 1."""
    return (_table(-_DOMAIN, 0, np.exp),
            _table(0, 1, lambda x: np.float32(1) / (np.float32(1) + x)))


def _look_up(table: Whole, x: Whole) -> Whole:
    x = np.clip(x, _LOWEST, _HIGHEST)
    index = 256 + (x >> 7)
    slope = table[index + 1] - table[index]
    value: Whole = table[index] + ((slope * (x & 127) + 64) >> 7)
    return value


def deep_softmax(x: NDArray[np.int16], scale: float, beta: float = 1.0) -> NDArray[np.int16]:
    """Return the softmax over the last axis of INT16 of a scale."""
    real = float32(scale) * float32(beta) / (_DOMAIN / 65535)
    values = x.astype(np.int64)
    below = multiply_by_quantized_multiplier(values - values.max(-1, keepdims=True),
                                             *quantize_multiplier(real))
    powers = _look_up(_tables()[0], below + _HIGHEST)
    sums = powers.sum(-1, keepdims=True)
    bits = np.floor(np.log2(sums)).astype(np.int64) + 1
    mantissas = ((sums << (31 - bits)) + (1 << 13)) >> 14
    reciprocals = _look_up(_tables()[1], mantissas - ((1 << 15) + (1 << 16)))
    shifts = bits - 1
    results = (powers * reciprocals + (np.int64(1) << (shifts - 1))) >> shifts
    clipped: NDArray[np.int16] = np.clip(results, 0, _HIGHEST).astype(np.int16)
    return clipped
