"""What random models are drawn from: scales, zero points, values."""

from collections.abc import Sequence

import numpy as np

from hadron_testing.tflite_builder import Tensor

__all__ = ["ACTIVATIONS", "activations", "choose", "draw_activation", "draw_quantization",
           "draw_scale", "draw_weights", "draw_zero_point"]

ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")


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


def draw_activation(rng: np.random.Generator) -> str:
    """Draw a fused activation."""
    return choose(rng, ("NONE", *ACTIVATIONS))


def draw_weights(rng: np.random.Generator, shape: Sequence[int], bits: int = 8) -> np.ndarray:
    """Draw INT8 weights, -127 to 127, or those of four bits, -8 to 7."""
    if bits == 4:
        return rng.integers(-8, 8, shape).astype(np.int8)
    kind = rng.integers(8)
    if kind == 0:
        return rng.choice(np.asarray([-127, 127], np.int8), shape)
    if kind == 1:
        return np.clip(rng.normal(0, 20, shape), -127, 127).astype(np.int8)
    return rng.integers(-127, 128, shape).astype(np.int8)


def draw_quantization(rng: np.random.Generator, x: Tensor, taps: int, channels: int,
                  per_channel: bool) -> tuple[np.ndarray | None, np.ndarray, float]:
    """Draw bias, weight scales and output scale for `taps` products a result."""
    bound = 2 * taps * 255 * 127
    spread = 64 * 64 * np.sqrt(taps)
    kind = choose(rng, (*("calibrated",) * 4, "squeezed", "large", "rails"))
    if kind == "calibrated":
        effective = 127 / spread * np.exp(rng.uniform(np.log(0.1), np.log(2)))
    elif kind == "squeezed":
        effective = np.exp(rng.uniform(np.log(2.0**-24), np.log(2.0**-10)))
    elif kind == "large":
        # A shift to the left must not overflow the reference kernel's INT32 either.
        effective = np.exp(rng.uniform(np.log(0.5), np.log(min(60.0, (1 << 29) / bound))))
    else:
        effective = 127 / (1 << 31) * rng.uniform(0.5, 8)
    if kind == "rails":
        limit = (1 << 31) - 1 - bound
        bias = rng.choice([-limit, limit], channels) + rng.integers(-9, 10, channels)
        bias = np.clip(bias, -limit, limit)
    else:
        bias = np.rint(rng.normal(0, spread, channels))
    bias = None if rng.random() < 0.1 else bias.astype(np.int32)
    spread_of_scales = rng.uniform(0.25, 1, channels if per_channel else 1)
    weight_scales = (draw_scale(rng) * spread_of_scales).astype(np.float32)
    scale = float(x.scale * weight_scales.max() / np.float32(effective))
    return bias, weight_scales, scale
