"""Random graphs of every supported operator that TensorFlow Lite Micro has, too."""

from collections.abc import Callable

import numpy as np

from hadron_testing.draws import choose, draw_activation, draw_weights
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["random_graph"]

MOST_ELEMENTS = 3000
Made = tuple[bytes, list[np.ndarray], int, list[str]]


class _Graph:
    """Operators appended at random: each method takes an image of four axes."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.builder = ModelBuilder()
        self.tensors: list[Tensor] = []
        self.read: set[Tensor] = set()
        self.kinds: list[str] = []

    def zero_point(self) -> int:
        return int(self.rng.integers(-128, 128))

    def integers(self, values: object) -> Tensor:
        return self.builder.constant(np.asarray(values, np.int32))

    def like(self, x: Tensor, *shape: int) -> Tensor:
        return self.builder.tensor(shape, x.scale, x.zero_point)

    def partner(self, x: Tensor) -> Tensor:
        """Return a tensor that broadcasts to the shape of `x`: another one, or a constant."""
        fitting = [y for y in self.tensors if all(
            n in (1, m) for n, m in zip(y.shape, x.shape, strict=True))]
        if fitting and self.rng.random() < 0.7:
            return choose(self.rng, fitting)
        shape = choose(self.rng, (x.shape, (1, 1, 1, x.shape[3]), (1, 1, 1, 1)))
        return self.builder.constant(self.rng.integers(-128, 128, shape).astype(np.int8), x.scale,
                                     self.zero_point())

    def convolution(self, x: Tensor) -> Tensor:
        rng, depth = self.rng, x.shape[3]
        kernel = [int(n) for n in rng.integers(1, 4, 2)]
        channels = int(rng.integers(1, 25))
        taps = kernel[0] * kernel[1] * depth
        stride = tuple(int(n) for n in rng.integers(1, 3, 2))
        return self.builder.conv_2d(
            x, draw_weights(rng, (channels, *kernel, depth)), rng.integers(-999, 999, channels),
            0.01, x.scale * 0.01 * 60 * float(np.sqrt(taps)), self.zero_point(), stride=stride,
            activation=draw_activation(rng))

    def depthwise(self, x: Tensor) -> Tensor:
        rng, depth = self.rng, x.shape[3]
        kernel = [int(n) for n in rng.integers(1, 4, 2)]
        return self.builder.depthwise_conv_2d(
            x, draw_weights(rng, (1, *kernel, depth)), rng.integers(-999, 999, depth), 0.01,
            x.scale * 0.6 * float(np.sqrt(kernel[0] * kernel[1])), self.zero_point(),
            activation=draw_activation(rng))

    def transposed(self, x: Tensor) -> Tensor:
        rng, (_, height, width, depth) = self.rng, x.shape
        channels = int(rng.integers(1, 9))
        y = self.builder.tensor((1, 2 * height, 2 * width, channels), x.scale * 0.5,
                                self.zero_point())
        weights = self.builder.constant(draw_weights(rng, (channels, 3, 3, depth)), 0.01)
        self.builder.operator("TRANSPOSE_CONV", [self.integers(y.shape), weights, x], [y],
                              "TransposeConv", version=3, padding=0, strideH=2, strideW=2)
        return y

    def pool(self, x: Tensor) -> Tensor:
        size = tuple(int(self.rng.integers(1, min(n, 3) + 1)) for n in x.shape[1:3])
        opcode = choose(self.rng, ("MAX_POOL_2D", "AVERAGE_POOL_2D"))
        return self.builder.pool_2d(opcode, x, size, stride=size,
                                    padding=choose(self.rng, ("SAME", "VALID")))

    def mean(self, x: Tensor) -> Tensor:
        return self.builder.mean(x, (1, 2), x.scale * 0.5, self.zero_point(), keep_dims=True)

    def arithmetic(self, x: Tensor) -> Tensor:
        other = self.partner(x)
        opcode = choose(self.rng, ("ADD", "SUB", "MUL"))
        scale = x.scale * other.scale * 90 if opcode == "MUL" else max(x.scale, other.scale) * 1.3
        operands = (x, other) if self.rng.random() < 0.7 else (other, x)
        self.read.add(other)
        return self.builder.binary(opcode, *operands, scale, self.zero_point(),
                                   activation=draw_activation(self.rng))

    def extremum(self, x: Tensor) -> Tensor:
        fitting = [y for y in self.tensors if (y.scale, y.zero_point, y.shape) == (
            x.scale, x.zero_point, x.shape)]
        other = choose(self.rng, fitting)
        y = self.like(x, *x.shape)
        self.read.add(other)
        self.builder.operator(choose(self.rng, ("MAXIMUM", "MINIMUM")), [x, other], [y],
                              "MaximumMinimum")
        return y

    def function(self, x: Tensor) -> Tensor:
        opcode = str(choose(self.rng, ("RELU", "LEAKY_RELU", "LOGISTIC", "TANH", "HARD_SWISH",
                                       "ABS", "QUANTIZE")))
        scale, zero_point = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(
            opcode, (x.scale * float(self.rng.uniform(0.5, 2)), self.zero_point()))
        options: tuple[str | None, dict[str, object]] = {
            "LEAKY_RELU": ("LeakyRelu", {"alpha": 0.1}), "QUANTIZE": ("Quantize", {}),
        }.get(opcode, (None, {}))
        return self.builder.unary(opcode, x, scale, zero_point, options[0], **options[1])

    def prelu(self, x: Tensor) -> Tensor:
        slope = self.builder.constant(
            self.rng.integers(-128, 128, (1, 1, x.shape[3])).astype(np.int8), 0.01, 3)
        y = self.builder.tensor(x.shape, x.scale, self.zero_point())
        self.builder.operator("PRELU", [x, slope], [y])
        return y

    def concatenation(self, x: Tensor) -> Tensor:
        axis = int(self.rng.integers(1, 4))
        fitting = [y for y in self.tensors if (y.scale, y.zero_point) == (x.scale, x.zero_point)
                   and all(n == m or place == axis for place, (n, m) in
                           enumerate(zip(x.shape, y.shape, strict=True)))]
        parts = [x, choose(self.rng, fitting), x]
        self.read.update(parts)
        return self.builder.concatenation(parts, x.scale, x.zero_point, axis=axis)

    def pad(self, x: Tensor) -> Tensor:
        pairs = [(0, 0), *((int(a), int(b)) for a, b in self.rng.integers(0, 3, (3, 2)))]
        return self.builder.pad(x, pairs)

    def slice(self, x: Tensor) -> Tensor:
        strides = [1, *(int(n) for n in self.rng.choice([1, 1, 2, -1], 3))]
        shape = [len(range(n)[::step]) for n, step in zip(x.shape, strides, strict=True)]
        y = self.like(x, *shape)
        self.builder.operator("STRIDED_SLICE", [x, *(self.integers(v) for v in (
            [0] * 4, [0] * 4, strides))], [y], "StridedSlice", beginMask=15, endMask=15)
        return y

    def split(self, x: Tensor) -> Tensor:
        sizes = [(n + 1) // 2 for n in x.shape[3:]] + [x.shape[3] // 2]
        if not sizes[1]:
            return x
        parts = [self.like(x, *x.shape[:3], size) for size in sizes]
        self.builder.operator("SPLIT_V", [x, self.integers(sizes), self.integers([3])], parts,
                              "SplitV", numSplits=2)
        self.tensors.append(parts[1])
        return parts[0]

    def window(self, x: Tensor) -> Tensor:
        begins = [int(self.rng.integers(0, n)) for n in x.shape]
        shape = [int(self.rng.integers(1, n - first + 1))
                 for n, first in zip(x.shape, begins, strict=True)]
        y = self.like(x, *shape)
        self.builder.operator("SLICE", [x, self.integers(begins), self.integers(shape)], [y],
                              "Slice")
        return y

    def branches(self, x: Tensor) -> Tensor:
        """Join what several layers make of one tensor; some of it is read by others, too."""
        rng, quantization = self.rng, (x.scale, self.zero_point())
        axis = int(choose(rng, (1, 2, 3, 3, 3)))
        parts = []
        for _ in range(int(rng.integers(2, 5))):
            y = self._branch(x, int(rng.integers(1, 25)) if axis == 3 else 7, quantization)
            if rng.random() < 0.3:
                y = self._branch(y, y.shape[3], quantization)
            parts.append(y)
        if rng.random() < 0.3:
            self.tensors.append(parts[0])
        self.read.update(parts)
        return self.builder.concatenation(parts, *quantization, axis=axis)

    def _branch(self, x: Tensor, channels: int, quantization: tuple[float, int]) -> Tensor:
        """Add a layer that keeps rows and columns."""
        rng, depth = self.rng, x.shape[3]
        kernel = [int(n) for n in choose(rng, ((1, 1), (3, 3), (1, 3)))]
        kind = choose(rng, ("conv", "conv", "depthwise", "pool", "function", "sum"))
        if kind in ("conv", "depthwise") or depth != channels:
            y = self.builder.conv_2d(
                x, draw_weights(rng, (channels, *kernel, depth)),
                rng.integers(-999, 999, channels), 0.01, *quantization)
            return y if kind != "depthwise" else self.builder.depthwise_conv_2d(
                y, draw_weights(rng, (1, *kernel, channels)), rng.integers(-999, 999, channels),
                0.01, *quantization)
        if kind == "sum":
            return self.builder.binary("ADD", x, x, *quantization)
        if kind == "pool" and (x.scale, x.zero_point) == quantization:
            return self.builder.pool_2d("MAX_POOL_2D", x, (3, 3), padding="SAME")
        return self.builder.unary("HARD_SWISH", x, *quantization)

    def halves(self, x: Tensor) -> Tensor:
        """Split the channels, work on one half, join both, perhaps interleaved."""
        rng, depth = self.rng, x.shape[3]
        if depth % 2:
            return x
        parts = self.builder.split(x)
        worked = self._branch(parts[1], depth // 2, (x.scale, x.zero_point))
        if rng.random() < 0.3:
            worked = self.builder.binary("ADD", worked, parts[1], x.scale, x.zero_point)
        joined = self.builder.concatenation([parts[0], worked], x.scale, x.zero_point)
        return joined if rng.random() < 0.5 else self.builder.shuffle(joined)

    def transpose(self, x: Tensor) -> Tensor:
        order = [0, *(int(axis) for axis in 1 + self.rng.permutation(3))]
        y = self.like(x, *(x.shape[axis] for axis in order))
        self.builder.operator("TRANSPOSE", [x, self.integers(order)], [y], "Transpose")
        return y

    def resize(self, x: Tensor) -> Tensor:
        size = [2 * n for n in x.shape[1:3]]
        if self.rng.random() < 0.5:
            size = [int(self.rng.integers(n, 2 * n + 1)) for n in x.shape[1:3]]
        y = self.like(x, 1, *size, x.shape[3])
        kind = choose(self.rng, (("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
                                 ("RESIZE_BILINEAR", "ResizeBilinear")))
        self.builder.operator(kind[0], [x, self.integers(size)], [y], kind[1], version=3,
                              halfPixelCenters=True)
        return y

    def blocks(self, x: Tensor) -> Tensor:
        _, height, width, depth = x.shape
        if depth % 4 == 0:
            y = self.like(x, 1, 2 * height, 2 * width, depth // 4)
            self.builder.operator("DEPTH_TO_SPACE", [x], [y], "DepthToSpace", blockSize=2)
            return y
        if height % 2 == width % 2 == 0:
            y = self.like(x, 1, height // 2, width // 2, 4 * depth)
            self.builder.operator("SPACE_TO_DEPTH", [x], [y], "SpaceToDepth", blockSize=2)
            return y
        return x

    def softmax(self, x: Tensor) -> Tensor:
        return self.builder.softmax(x, beta=min(1.0, 3 / (60 * x.scale)))

    def reshape(self, x: Tensor) -> Tensor:
        _, height, width, depth = x.shape
        return self.builder.reshape(x, (1, width, height, depth))

    def dense(self, x: Tensor) -> Tensor:
        rng, taps = self.rng, x.shape[3]
        channels = int(rng.integers(1, 20))
        y = self.builder.fully_connected(
            x, draw_weights(rng, (channels, taps)), rng.integers(-999, 999, channels), 0.01,
            x.scale * 0.01 * 60 * float(np.sqrt(taps)), self.zero_point())
        return self.builder.reshape(y, (*x.shape[:3], channels))


def random_graph(rng: np.random.Generator, *, operators: int = 10) -> Made:
    """Return a model of about so many operators, inputs, its number of outputs, what it is made of.

    Every tensor is an image of four axes; outputs are those that nothing reads, at most six.
    """
    graph = _Graph(rng)
    for _ in range(int(rng.integers(1, 3))):
        shape = (1, *(int(n) for n in rng.integers(2, 9, 2)), int(rng.integers(1, 20)))
        graph.tensors.append(graph.builder.input(shape, float(rng.uniform(0.01, 0.05)),
                                                 graph.zero_point()))
    steps: list[Callable[[Tensor], Tensor]] = [
        getattr(graph, name) for name in vars(_Graph)
        if not name.startswith("_") and name not in ("zero_point", "integers", "like", "partner")]
    while len(graph.kinds) < operators:
        x = graph.tensors[-1 - int(rng.integers(min(4, len(graph.tensors))))]
        step = choose(rng, steps)
        before = len(graph.builder.operators)
        y = step(x)
        if y is x:
            continue
        graph.read.add(x)
        graph.kinds.append(step.__name__)
        assert len(graph.builder.operators) > before
        graph.tensors.append(y)
        if int(np.prod(y.shape)) > MOST_ELEMENTS or not all(1e-6 < t.scale < 1e3 for t in (x, y)):
            break
    inputs = [rng.integers(-128, 128, x.shape).astype(np.int8) for x in graph.builder.inputs]
    leaves = [y for y in graph.tensors if y not in graph.read and y not in graph.builder.inputs]
    outputs = leaves[-6:]
    return graph.builder.finish(outputs), inputs, len(outputs), graph.kinds
