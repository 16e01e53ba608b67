"""Models whose tensors do not fit a scratchpad, and small configurations to run them on."""

from collections.abc import Callable

import numpy as np

from hadron_spec.config import NpuConfig
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["LARGE", "SMALL_CONFIGS", "Layers", "Model"]

SMALL_CONFIGS = {
    config.name: config
    for config in (
        NpuConfig(name="narrow", lanes=16, columns=4, dsp_columns=0, act_bytes=32 << 10,
                  weight_steps=512, axi_data_width=32, row_pairs=True),
        NpuConfig(name="square", lanes=32, columns=32, dsp_columns=0, act_bytes=64 << 10,
                  weight_steps=256, axi_data_width=128, row_pairs=True),
        NpuConfig(name="tall", lanes=32, columns=2, dsp_columns=2, act_bytes=64 << 10,
                  weight_steps=512, axi_data_width=64),
    )
}

Model = tuple[ModelBuilder, list[Tensor]]


class Layers:
    """Adds layers with weights and scales drawn so that outputs spread over the INT8 range."""

    def __init__(self, rng: np.random.Generator, *shapes: tuple[int, ...]) -> None:
        self.rng = rng
        self.builder = ModelBuilder()
        self.inputs = [self.builder.input(shape, 1 / 128, int(rng.integers(-128, 128)))
                       for shape in shapes]

    def _numbers(self, shape: tuple[int, ...], channels: int, taps: int, x: Tensor) -> tuple:
        rng = self.rng
        return (rng.integers(-127, 128, shape).astype(np.int8),
                rng.integers(-2000, 2000, channels).astype(np.int32),
                (0.01 * rng.uniform(0.5, 1, channels)).astype(np.float32),
                x.scale * 0.01 * 64 * 64 * float(np.sqrt(taps)) / 60, int(rng.integers(-128, 20)))

    def conv(self, x: Tensor, channels: int, kernel: tuple[int, int], **options) -> Tensor:
        """Add CONV_2D."""
        depth = x.shape[3]
        numbers = self._numbers((channels, *kernel, depth), channels, kernel[0] * kernel[1] * depth,
                                x)
        return self.builder.conv_2d(x, *numbers, **options)

    def depthwise(self, x: Tensor, kernel: tuple[int, int], multiplier: int = 1,
                  **options) -> Tensor:
        """Add DEPTHWISE_CONV_2D."""
        channels = x.shape[3] * multiplier
        numbers = self._numbers((1, *kernel, channels), channels, kernel[0] * kernel[1], x)
        return self.builder.depthwise_conv_2d(x, *numbers, **options)

    def dense(self, x: Tensor, channels: int) -> Tensor:
        """Add FULLY_CONNECTED."""
        taps = x.shape[-1]
        return self.builder.fully_connected(x, *self._numbers((channels, taps), channels, taps, x))

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """Add ADD."""
        return self.builder.binary("ADD", a, b, max(a.scale, b.scale) * 1.2, 5)


def _conv(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 97, 83, 7))
    y = layers.conv(layers.inputs[0], 20, (5, 4), stride=(2, 3), padding="VALID")
    return layers.builder, [y]


def _dilated(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 70, 61, 9))
    return layers.builder, [layers.conv(layers.inputs[0], 13, (3, 3), dilation=(4, 3))]


def _depthwise(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 65, 66, 17))
    return layers.builder, [layers.depthwise(layers.inputs[0], (3, 3), 2, activation="RELU6")]


def _wide_rows(rng: np.random.Generator) -> Model:
    """A row has more bytes than a bounds check counts, and three do not fit a scratchpad."""
    layers = Layers(rng, (1, 4, 700, 50))
    return layers.builder, [layers.conv(layers.inputs[0], 8, (3, 3))]


def _deep_pixels(rng: np.random.Generator) -> Model:
    """A window of all channels does not fit a scratchpad."""
    layers = Layers(rng, (1, 3, 4, 4003))
    y = layers.builder.pool_2d("MAX_POOL_2D", layers.inputs[0], (3, 3), padding="SAME")
    return layers.builder, [y]


def _transposed(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 33, 41, 20))
    builder, x = layers.builder, layers.inputs[0]
    y = builder.tensor((1, 66, 82, 13), 1.5, 7)
    weights = builder.constant(rng.integers(-127, 128, (13, 3, 3, 20)).astype(np.int8), 0.01)
    shape = builder.constant(np.array([1, 66, 82, 13], np.int32))
    builder.operator("TRANSPOSE_CONV", [shape, weights, x], [y], "TransposeConv", version=3,
                     padding=0, strideH=2, strideW=2)
    return builder, [y]


def _bilinear(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 33, 41, 20))
    builder, x = layers.builder, layers.inputs[0]
    y = builder.tensor((1, 66, 82, 20), x.scale, x.zero_point)
    builder.operator("RESIZE_BILINEAR", [x, builder.constant(np.array([66, 82], np.int32))], [y],
                     "ResizeBilinear", version=3, halfPixelCenters=True)
    return builder, [layers.conv(y, 11, (3, 3))]


def _average(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 50, 61, 37))
    y = layers.builder.pool_2d("AVERAGE_POOL_2D", layers.inputs[0], (3, 5), padding="SAME",
                               stride=(2, 1))
    return layers.builder, [y]


def _add(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 100, 61, 37), (1, 100, 61, 37))
    return layers.builder, [layers.add(*layers.inputs)]


def _product(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 100, 61, 37), (1, 100, 61, 37))
    return layers.builder, [layers.builder.binary("MUL", *layers.inputs, 1 / 64, -9)]


def _prelu(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 60, 61, 37))
    builder, x = layers.builder, layers.inputs[0]
    slope = builder.constant(rng.integers(-128, 128, (1, 1, 37)).astype(np.int8), 0.01, 5)
    y = builder.tensor(x.shape, 1 / 100, 7)
    builder.operator("PRELU", [x, slope], [y])
    return builder, [y]


def _sub(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (1, 100, 61, 37))
    constant = layers.builder.constant(rng.integers(-128, 128, (1, 37)).astype(np.int8), 1 / 128, 5)
    return layers.builder, [layers.builder.binary("SUB", layers.inputs[0], constant, 1 / 64, -9)]


def _mul(rng: np.random.Generator) -> Model:
    """Some factors take more than one weight."""
    layers = Layers(rng, (1, 100, 61, 37))
    constant = layers.builder.constant(rng.integers(-128, 128, 37).astype(np.int8), 0.01, 120)
    return layers.builder, [layers.builder.binary("MUL", constant, layers.inputs[0], 0.01, 7)]


def _concatenation(axis: int) -> Callable[[np.random.Generator], Model]:
    """Join inputs, a constant and an output that is read on; the sum is read on, too."""
    def make(rng: np.random.Generator) -> Model:
        shapes = [[1, 40, 50, 21] for _ in range(3)]
        shapes[0][axis], shapes[1][axis] = 17, 32
        layers = Layers(rng, tuple(shapes[0]), tuple(shapes[1]))
        builder = layers.builder
        # Inputs draw their zero points: join copies of one quantization.
        x, y = (builder.binary("ADD", part, part, 1 / 64, 3) for part in layers.inputs)
        constant = builder.constant(rng.integers(-128, 128, shapes[2]).astype(np.int8), 1 / 64, 3)
        joined = builder.concatenation([x, constant, y, x], 1 / 64, 3, axis=axis)
        pooled = builder.pool_2d("MAX_POOL_2D", joined, (2, 2), stride=(2, 2))
        return builder, [y, joined, pooled]
    return make


def _rows(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (300, 401))
    return layers.builder, [layers.builder.softmax(layers.dense(layers.inputs[0], 77), beta=0.1)]


def _weights(rng: np.random.Generator) -> Model:
    """The weights are many times the weight memory."""
    layers = Layers(rng, (1, 1500))
    return layers.builder, [layers.dense(layers.dense(layers.inputs[0], 700), 333)]


def _batch(rng: np.random.Generator) -> Model:
    layers = Layers(rng, (3, 40, 36, 9))
    y = layers.conv(layers.inputs[0], 20, (3, 3), activation="RELU")
    y = layers.depthwise(y, (3, 3), stride=(3, 3))
    y = layers.builder.pool_2d("AVERAGE_POOL_2D", y, (2, 2), stride=(2, 2), padding="SAME")
    return layers.builder, [layers.builder.mean(y, (1, 2), y.scale * 0.7, 4)]


def _many_outputs(rng: np.random.Generator) -> Model:
    """Two inputs, four outputs: one is read on, one is another's alias."""
    layers = Layers(rng, (1, 40, 50, 9), (1, 40, 50, 20))
    y = layers.conv(layers.inputs[0], 20, (3, 3))
    total = layers.add(y, layers.inputs[1])
    flat = layers.builder.reshape(total, (1, 40000))
    pooled = layers.builder.pool_2d("MAX_POOL_2D", total, (2, 2), stride=(2, 2))
    return layers.builder, [y, flat, pooled, total]


def _mobile_network(rng: np.random.Generator) -> Model:
    """Inverted residuals on an image of 96 x 96."""
    layers = Layers(rng, (1, 96, 96, 3))
    y = layers.conv(layers.inputs[0], 16, (3, 3), stride=(2, 2), activation="RELU6")
    for channels, stride in ((24, 2), (24, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
        skip = y
        y = layers.conv(y, y.shape[3] * 3, (1, 1), activation="RELU")
        y = layers.depthwise(y, (3, 3), stride=(stride, stride), activation="RELU")
        y = layers.conv(y, channels, (1, 1))
        if y.shape == skip.shape:
            y = layers.add(skip, y)
    y = layers.builder.mean(y, (1, 2), y.scale * 0.7, 4)
    return layers.builder, [layers.builder.softmax(layers.dense(y, 100), beta=0.1)]


LARGE: dict[str, Callable[[np.random.Generator], Model]] = {
    "conv": _conv,
    "dilated": _dilated,
    "depthwise": _depthwise,
    "wide_rows": _wide_rows,
    "deep_pixels": _deep_pixels,
    "transposed": _transposed,
    "bilinear": _bilinear,
    "average": _average,
    "add": _add,
    "product": _product,
    "prelu": _prelu,
    "sub": _sub,
    "mul": _mul,
    "join_rows": _concatenation(1),
    "join_columns": _concatenation(2),
    "join_channels": _concatenation(3),
    "rows": _rows,
    "weights": _weights,
    "batch": _batch,
    "many_outputs": _many_outputs,
    "mobile_network": _mobile_network,
}
