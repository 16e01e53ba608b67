"""Networks that are there for one operator, to measure it.

The operator's inputs are made by convolutions of 1 x 1 and its result is read by a pool or a small
FULLY_CONNECTED, so that tensors begin and end in the scratchpad and weights can come ahead, as
inside a network. Weights are random.
"""

from collections.abc import Callable

import numpy as np

from hadron_testing.measure_shallow import layer_model
from hadron_testing.networks import SCALE, Blocks
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["Make", "Model", "alone", "binary", "by_channel", "deep_convolution", "depth_to_space",
           "first_layer", "gated", "halves_made", "halves_read", "joined", "matmul", "network_of",
           "padded", "pool", "reshaped", "resized", "shallow_convolution", "slices", "transposed",
           "unary"]

Make = Callable[..., Tensor]
"""Adds operators to :class:`Blocks`, of one or more tensors."""
Model = tuple[bytes, int]
"""A network, and how many of its layers come before those measured; the last comes after them."""


def network_of(shape: tuple[int, ...], make: Make, *, operands: int = 1, before: Make | None = None,
               layers_before: int | None = None, weight_bits: int = 8) -> Model:
    """Make one with an operator between others; `before` makes its input, of an image of 16
    channels."""
    net = Blocks(np.random.default_rng(1), (*shape[:2], 16), "one operator",
                 weight_bits=weight_bits)
    inputs = [net.conv(net.image, shape[2]) if before is None else before(net, net.image)
              for _ in range(operands)]
    y = make(net, *inputs)
    read = net.max_pool(y, 2, 2) if len(y.shape) == 4 else net.dense(y, 10)
    return net.builder.finish([read]), operands if layers_before is None else layers_before


def first_layer(shape: tuple[int, ...], make: Make) -> Model:
    """Make one whose first layer is the operator."""
    net = Blocks(np.random.default_rng(1), shape, "a first layer")
    return net.builder.finish([net.max_pool(make(net, net.image), 2, 2)]), 0


def alone(shape: tuple[int, ...], make: Make, *, weight_bits: int = 8) -> Model:
    """Make one of nothing else."""
    net = Blocks(np.random.default_rng(1), shape, "an operator alone", weight_bits=weight_bits)
    return net.builder.finish([make(net, net.image)]), 0


def deep_convolution(size: int, channels: int, kernel: int) -> Model:
    """Make a network of 16-bit activations."""
    rng = np.random.default_rng(1)
    builder = ModelBuilder(bias_bits=64)
    x = builder.input((1, size, size, 16), 1 / 4096, 0, dtype="int16")
    for depth, taps in ((16, 1), (channels, kernel)):
        weights = rng.integers(-127, 128, (channels, taps, taps, depth))
        x = builder.conv_2d(x, weights, rng.integers(-500, 500, channels),
                            rng.uniform(0.005, 0.01, channels), 1 / 1024, 0)
    y = builder.pool_2d("AVERAGE_POOL_2D", x, (2, 2), stride=(2, 2))
    return builder.finish([y]), 1


def shallow_convolution(size: int, channels: int, kernel: int) -> Model:
    """Make a network with a convolution of four-bit activations between others."""
    return layer_model(size, channels, kernel, 1)[0], 1


def binary(opcode: str, net: Blocks, a: Tensor, b: Tensor) -> Tensor:
    """Add an operator of two tensors."""
    if opcode == "MAXIMUM":
        y = net.builder.tensor(a.shape, a.scale, a.zero_point)
        net.builder.operator("MAXIMUM", [a, b], [y], "MaximumMinimum")
        return y
    return net.builder.binary(opcode, a, b, SCALE, 0)


def by_channel(opcode: str, net: Blocks, x: Tensor) -> Tensor:
    """Add an operator of a tensor and a constant a channel."""
    channels = x.shape[3]
    vector = net.builder.constant(net.rng.integers(-127, 128, channels).astype(np.int8), SCALE)
    return net.builder.binary(opcode, x, vector, SCALE, 0)


def gated(net: Blocks, x: Tensor) -> Tensor:
    """Scale channels by a function of their means."""
    gate = unary("LOGISTIC", net, net.builder.mean(x, (1, 2), SCALE, 0, keep_dims=True))
    return net.builder.binary("MUL", x, gate, SCALE, 0)


def unary(opcode: str, net: Blocks, x: Tensor) -> Tensor:
    """Add a function."""
    scale, zero_point = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(opcode, (SCALE, 0))
    options = {"LEAKY_RELU": ("LeakyRelu", {"alpha": 0.1}), "GELU": ("Gelu", {})}
    name, values = options.get(opcode, (None, {}))
    return net.builder.unary(opcode, x, scale, zero_point, name, **values)


def pool(kind: str, size: int, stride: int, net: Blocks, x: Tensor) -> Tensor:
    """Add AVERAGE_POOL_2D or MAX_POOL_2D."""
    return net.builder.pool_2d(f"{kind}_POOL_2D", x, (size, size), stride=(stride, stride),
                               padding="SAME")


def matmul(net: Blocks, a: Tensor, b: Tensor) -> Tensor:
    """Add BATCH_MATMUL of two tensors of a row a pixel."""
    rows = a.shape[1] * a.shape[2]
    a, b = (net.builder.reshape(x, (1, rows, x.shape[3])) for x in (a, b))
    y = net.builder.tensor((1, rows, b.shape[2]), SCALE, 0)
    net.builder.operator("BATCH_MATMUL", [a, b], [y], "BatchMatMul")
    return net.builder.reshape(y, (1, 8, rows // 8, b.shape[2]))


def resized(opcode: str, net: Blocks, x: Tensor) -> Tensor:
    """Add a resize to twice the size."""
    _, height, width, channels = x.shape
    y = net.builder.tensor((1, 2 * height, 2 * width, channels), x.scale, x.zero_point)
    size = net.builder.constant(np.array([2 * height, 2 * width], np.int32))
    options = {"RESIZE_BILINEAR": "ResizeBilinear",
               "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor"}[opcode]
    net.builder.operator(opcode, [x, size], [y], options, version=3, halfPixelCenters=True)
    return y


def transposed(order: tuple[int, ...], net: Blocks, x: Tensor) -> Tensor:
    """Add TRANSPOSE."""
    y = net.builder.tensor([x.shape[axis] for axis in order], x.scale, x.zero_point)
    net.builder.operator("TRANSPOSE", [x, net.builder.constant(np.array(order, np.int32))], [y],
                         "Transpose")
    return y


def depth_to_space(net: Blocks, x: Tensor) -> Tensor:
    """Add DEPTH_TO_SPACE by 2."""
    _, height, width, channels = x.shape
    y = net.builder.tensor((1, 2 * height, 2 * width, channels // 4), x.scale, x.zero_point)
    net.builder.operator("DEPTH_TO_SPACE", [x], [y], "DepthToSpace", blockSize=2)
    return y


def slices(net: Blocks, x: Tensor) -> list[Tensor]:
    """Add a SLICE for each half of the channels."""
    *outer, channels = x.shape
    parts = []
    for begin in (0, channels // 2):
        y = net.builder.tensor((*outer, channels // 2), x.scale, x.zero_point)
        net.builder.operator("SLICE", [x, *(net.builder.constant(np.array(values, np.int32))
                                            for values in ([0, 0, 0, begin], y.shape))], [y])
        parts.append(y)
    return parts


def halves_read(cut: Callable[[Blocks, Tensor], list[Tensor]], net: Blocks, x: Tensor) -> Tensor:
    """Add what two convolutions read, each a half of what one makes."""
    a, b = (net.conv(part, 32, 3) for part in cut(net, net.conv(x, 64)))
    return net.add(a, b)


def halves_made(net: Blocks, x: Tensor) -> Tensor:
    """Add what two convolutions make and two read: as much work without a cut."""
    a, b = (net.conv(net.conv(x, 32), 32, 3) for _ in range(2))
    return net.add(a, b)


def padded(net: Blocks, x: Tensor) -> Tensor:
    """Add PAD and the convolution that needs it."""
    return net.conv(net.builder.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), 32, 3, padding="VALID")


def joined(net: Blocks, x: Tensor) -> Tensor:
    """Add what a convolution reads of two that are joined."""
    return net.conv(net.join(net.conv(x, 32), net.conv(x, 32)), 32, 3)


def reshaped(net: Blocks, x: Tensor) -> Tensor:
    """Add a convolution of an image of another shape."""
    _, height, width, channels = x.shape
    return net.conv(net.builder.reshape(x, (1, height * 2, width // 2, channels)), 32)
