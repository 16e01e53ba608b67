"""MobileNetV2 of any width and size, with weights drawn at random: for measurements.

    PYTHONPATH=tests/support python -m hadron_testing.mobilenet_v2 build/mobilenet_v2.tflite

Weights are normal and use all of INT8, or as few bits as asked for, in every channel, and scales
keep activations spread, as in a trained network. Its classes mean nothing.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018,
table 2; channels are rounded as in keras/applications/mobilenet_v2.py.
"""

import argparse
from pathlib import Path

import numpy as np

from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["mobilenet_v2"]

BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
          (6, 320, 1, 1))
"""Expansion, channels, repeats, stride of the first."""

RELU6 = {"activation": "RELU6"}
RELU6_SCALE, RELU6_ZERO_POINT = 6 / 255, -128
LINEAR_SCALE = 10 / 128
"""Of outputs without activation, whose deviation is made to be SPREAD."""
SPREAD = 2.5


def _channels(value: float) -> int:
    """Round to a multiple of eight, and not down by more than a tenth."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class _Network:
    def __init__(self, rng: np.random.Generator, size: int, weight_bits: int) -> None:
        self.rng = rng
        self.weight_max = (1 << (weight_bits - 1)) - 1
        self.builder = ModelBuilder(description="MobileNetV2 with random weights")
        self.x = self.builder.input((1, size, size, 3), 1 / 127.5, -1, name="image")

    def _numbers(self, shape: tuple[int, ...], axis: int, taps: int,
                 x: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return weights, biases and the weights' scales, one a channel."""
        weights = self.rng.normal(size=shape)
        others = tuple(i for i in range(len(shape)) if i != axis)
        weights = np.round(weights * (self.weight_max
                                      / np.abs(weights).max(others, keepdims=True)))
        deviation = np.sqrt(taps) * weights.std() * 60 * x.scale
        scales = np.full(shape[axis], SPREAD / deviation) * self.rng.uniform(0.7, 1.4, shape[axis])
        bias = np.round(self.rng.normal(size=shape[axis]) / (scales * x.scale))
        return weights.astype(np.int8), bias.astype(np.int32), scales.astype(np.float32)

    def conv(self, channels: int, kernel: int = 1, stride: int = 1, *, relu: bool = True) -> None:
        depth = self.x.shape[3]
        numbers = self._numbers((channels, kernel, kernel, depth), 0, kernel * kernel * depth,
                                self.x)
        self.x = self.builder.conv_2d(self.x, *numbers, *_output(relu), stride=(stride, stride),
                                      **(RELU6 if relu else {}))

    def depthwise(self, stride: int) -> None:
        numbers = self._numbers((1, 3, 3, self.x.shape[3]), 3, 9, self.x)
        self.x = self.builder.depthwise_conv_2d(self.x, *numbers, *_output(True),
                                                stride=(stride, stride), **RELU6)

    def block(self, expansion: int, channels: int, stride: int) -> None:
        entry = self.x
        if expansion > 1:
            self.conv(expansion * entry.shape[3])
        self.depthwise(stride)
        self.conv(channels, relu=False)
        if self.x.shape == entry.shape:
            self.x = self.builder.binary("ADD", entry, self.x, LINEAR_SCALE, 0)

    def classify(self, classes: int) -> Tensor:
        pooled = self.builder.mean(self.x, (1, 2), RELU6_SCALE / 2, RELU6_ZERO_POINT)
        numbers = self._numbers((classes, pooled.shape[1]), 0, pooled.shape[1], pooled)
        return self.builder.softmax(self.builder.fully_connected(pooled, *numbers, *_output(False)))


def _output(relu: bool) -> tuple[float, int]:
    return (RELU6_SCALE, RELU6_ZERO_POINT) if relu else (LINEAR_SCALE, 0)


def mobilenet_v2(rng: np.random.Generator, width: float = 1.0, size: int = 224,
                 classes: int = 1000, weight_bits: int = 8) -> bytes:
    """Return a TFLite model."""
    network = _Network(rng, size, weight_bits)
    network.conv(_channels(32 * width), 3, 2)
    for expansion, channels, repeats, stride in BLOCKS:
        for repeat in range(repeats):
            network.block(expansion, _channels(channels * width), 1 if repeat else stride)
    network.conv(_channels(1280 * max(1.0, width)))
    return network.builder.finish([network.classify(classes)])


def main() -> None:
    """Write a model."""
    parser = argparse.ArgumentParser(prog="python -m hadron_testing.mobilenet_v2",
                                     description="Write a MobileNetV2 with random weights.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--weight-bits", type=int, default=8)
    arguments = parser.parse_args()
    arguments.file.parent.mkdir(parents=True, exist_ok=True)
    arguments.file.write_bytes(mobilenet_v2(
        np.random.default_rng(1), arguments.width, arguments.size,
        weight_bits=arguments.weight_bits))


if __name__ == "__main__":
    main()
