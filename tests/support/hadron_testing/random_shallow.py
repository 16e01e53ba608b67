"""Random models whose last layer can have activations of four bits, and chains that mix these."""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.levels import WHOLE, find_levels
from hadron_compiler.codegen.shallow import shallow_kernel
from hadron_compiler.ir.graph import Graph
from hadron_compiler.schedule import view_choice
from hadron_spec.config import NpuConfig
from hadron_testing.draws import choose
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["ALL_PRECISIONS", "force_shallow", "network_of_three", "shallow_chain", "shallow_model",
           "sixteen_levels"]

ALL_PRECISIONS = NpuConfig(name="small", lanes=16, columns=2, dsp_columns=2, act_bytes=32 << 10,
                           weight_steps=512, axi_data_width=64, deep=True, shallow=True)
"""An instance that has them all, and is small."""

Model = tuple[bytes, list[np.ndarray]]


def force_shallow(monkeypatch) -> None:
    """Let every layer that can have activations of four bits have them, however slow."""
    lower = view_choice.lower

    def forced(graph: Graph, config: NpuConfig) -> list[Kernel]:
        levels = find_levels(graph)
        return [shallow_kernel(config, kernel, levels.get(operation.activations[0].storage, WHOLE))
                or kernel
                for kernel, operation in zip(lower(graph, config), graph.operations, strict=True)]

    monkeypatch.setattr(view_choice, "lower", forced)


def sixteen_levels(rng: np.random.Generator) -> tuple[float, int, str]:
    """Draw scale, zero point and fused activation of a tensor that has at most sixteen values."""
    zero_point = int(rng.integers(-128, 113))
    return choose(rng, (
        (0.4, zero_point, "RELU6"),
        (float(rng.uniform(0.4, 0.9)), zero_point, "RELU6"),
        (2 / 15, int(rng.integers(-120, 120)), "RELU_N1_TO_1"),
        (float(rng.uniform(0.2, 0.5)), int(rng.integers(112, 128)), "RELU")))


def _weights(rng: np.random.Generator, shape: Sequence[int], most: int) -> np.ndarray:
    return rng.integers(-most, most + 1, shape).astype(np.int8)


def _scales(rng: np.random.Generator, channels: int) -> np.ndarray:
    return rng.uniform(0.01, 0.03, channels).astype(np.float32)


def _convolution(rng: np.random.Generator, builder: ModelBuilder, x: Tensor, most: int,
                 quantization: tuple[float, int, str], **options) -> Tensor:
    """Add a convolution of random weights, at most so large."""
    kernel = options.pop("kernel", (1, 1))
    channels = options.pop("channels", x.shape[3])
    scale, zero_point, activation = quantization
    return builder.conv_2d(
        x, _weights(rng, (channels, *kernel, x.shape[3]), most), rng.integers(-300, 300, channels),
        _scales(rng, channels), scale, zero_point, activation=activation, **options)


def _spread(rng: np.random.Generator, x: Tensor, taps: int) -> float:
    """Return a scale at which the results of weights of four bits spread, or saturate."""
    return float(x.scale * 0.02 * 20 * np.sqrt(taps) * rng.choice([0.01, 0.02, 0.1])
                 * rng.uniform(0.8, 1.25))


def shallow_model(rng: np.random.Generator) -> Model:
    """Make a layer of sixteen values, some that pass them on, and a convolution of small weights
    or a matrix product."""
    builder = ModelBuilder()
    depth = int(choose(rng, (1, 3, 8, 16, 20, 33)))
    images = int(choose(rng, (1, 1, 2)))
    x = builder.input((images, *(int(n) for n in rng.integers(3, 12, 2)), depth), 0.05, 3)
    y = _convolution(rng, builder, x, 127, sixteen_levels(rng))
    if rng.random() < 0.3:
        y = builder.pool_2d("MAX_POOL_2D", y, (2, 2), stride=(1, 1))
    if rng.random() < 0.3:
        sides = [tuple(int(n) for n in rng.integers(0, 3, 2)) for _ in range(2)]
        y = builder.pad(y, [(0, 0), *sides, (0, 0)])
    if rng.random() < 0.2:
        rows, taps = images * y.shape[1], y.shape[2] * y.shape[3]
        z = builder.fully_connected(
            builder.reshape(y, (rows, taps)), _weights(rng, (7, taps), 7),
            rng.integers(-300, 300, 7), 0.02, _spread(rng, y, taps), 5)
    else:
        kernel = tuple(int(n) for n in rng.integers(1, 1 + np.minimum(3, y.shape[1:3]), 2))
        fits = all(2 * (size - 1) < n for size, n in zip(kernel, y.shape[1:3], strict=True))
        dilated = fits and rng.random() < 0.2
        quantization = (_spread(rng, y, kernel[0] * kernel[1] * depth),
                        int(rng.integers(-128, 128)), choose(rng, ("NONE", "RELU", "RELU6")))
        z = _convolution(
            rng, builder, y, 7, quantization, kernel=kernel, channels=int(rng.integers(1, 40)),
            stride=(1, 1) if dilated else tuple(int(n) for n in rng.integers(1, 4, 2)),
            dilation=(2, 2) if dilated else (1, 1), padding=choose(rng, ("SAME", "VALID")))
    return builder.finish([z]), [rng.integers(-128, 128, x.shape).astype(np.int8)]


def shallow_chain(rng: np.random.Generator) -> Model:
    """Make a network of several layers of four bits, larger than a small scratchpad."""
    builder = ModelBuilder()
    x = builder.input((1, *(int(n) for n in rng.integers(10, 28, 2)),
                       int(choose(rng, (8, 16, 24)))), 0.05, 3)
    y = _convolution(rng, builder, x, 127, sixteen_levels(rng))
    for _ in range(int(rng.integers(2, 5))):
        stride = int(rng.integers(1, 3)) if min(y.shape[1:3]) > 6 else 1
        y = _convolution(rng, builder, y, 7, sixteen_levels(rng), stride=(stride, 1),
                         kernel=tuple(int(n) for n in rng.integers(1, 4, 2)),
                         channels=int(rng.integers(4, 40)))
    return builder.finish([y]), [rng.integers(-128, 128, x.shape).astype(np.int8)]


def network_of_three(rng: np.random.Generator, size: int = 10) -> Model:
    """Make a network of W8A8, W4A4 and W4A8 layers; the first ones of four bits follow on one
    another."""
    builder = ModelBuilder()
    x = builder.input((1, size, size, 16), 0.05, 3)
    y = _convolution(rng, builder, x, 127, (0.4, -128, "RELU6"), kernel=(3, 3), channels=24)
    for _ in range(2):
        y = _convolution(rng, builder, y, 7, (0.4, -20, "RELU6"), kernel=(3, 3), channels=24)
    y = _convolution(rng, builder, y, 7, (0.05, 0, "NONE"), kernel=(3, 3), channels=24,
                     stride=(2, 2))
    builder.weight_bits = 4
    y = _convolution(rng, builder, y, 7, (0.1, 0, "NONE"), kernel=(1, 1), channels=10)
    return builder.finish([y]), [rng.integers(-128, 128, x.shape).astype(np.int8)]
