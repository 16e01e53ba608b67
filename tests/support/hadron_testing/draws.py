"""What random models are drawn from: scales, zero points, values."""

from collections.abc import Sequence

import numpy as np

__all__ = ["activations", "choose", "draw_scale", "draw_zero_point"]


def choose(rng: np.random.Generator, values: Sequence):
    """Return one of the values."""
    return values[int(rng.integers(len(values)))]


def draw_zero_point(rng: np.random.Generator) -> int:
    """Draw a zero point: often one of the ends."""
    return int(choose(rng, (-128, 127, *(int(n) for n in rng.integers(-128, 128, 4)))))


def draw_scale(rng: np.random.Generator, low: float = 1e-3, high: float = 1.0) -> float:
    """Draw a scale, a float32, its logarithm uniform."""
    return float(np.float32(np.exp(rng.uniform(np.log(low), np.log(high)))))


def activations(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    """Draw INT8 values: now and then only the ends, or one value."""
    kind = rng.integers(8)
    if kind == 0:
        return rng.choice(np.asarray([-128, 127], np.int8), shape)
    if kind == 1:
        return np.full(shape, rng.choice([-128, 127, 0]), np.int8)
    return rng.integers(-128, 128, shape).astype(np.int8)
