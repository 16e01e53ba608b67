"""Small TFLite networks of real numbers, as converters write them."""

from collections.abc import Sequence

import numpy as np

from hadron_testing.tflite_builder import ModelBuilder, Tensor, output_size

__all__ = ["RealLayers", "real_tflite"]


class RealLayers:
    """A network of real numbers under construction, with random weights.

    `weights` says how constants of convolutions are stored: "float32", "float16" behind a
    DEQUANTIZE, or "int8", as converters do that quantize the weights alone.
    """

    def __init__(self, rng: np.random.Generator, weights: str = "float32") -> None:
        self.rng = rng
        self.builder = ModelBuilder()
        self.weights = weights

    def input(self, shape: Sequence[int], name: str = "x") -> Tensor:
        return self.builder.input(shape, dtype="float32", name=name)

    def tensor(self, shape: Sequence[int], name: str | None = None) -> Tensor:
        return self.builder.tensor(shape, dtype="float32", name=name)

    def constant(self, values: object, name: str | None = None) -> Tensor:
        return self.builder.constant(np.asarray(values, np.float32), name=name)

    def kernel(self, values: np.ndarray, axis: int | None) -> Tensor:
        """Add weights, of INT8 with a scale for each of `axis`."""
        if self.weights == "float16":
            made = self.tensor(values.shape)
            self.builder.operator("DEQUANTIZE", [self.builder.constant(values.astype(np.float16))],
                                  [made], "Dequantize")
            return made
        if self.weights == "int8":
            others = tuple(other for other in range(values.ndim) if other != axis)
            scales = np.abs(values).max(others, keepdims=True) / 127
            return self.builder.constant(np.rint(values / scales).astype(np.int8),
                                         scales.reshape(-1), axis=axis or 0)
        return self.constant(values)

    def convolution(self, x: Tensor, channels: int, kernel: int = 1, *, stride: int = 1,
                    depthwise: bool = False, activation: str = "NONE", name: str | None = None,
                    gain: np.ndarray | float = 1.0, bias: np.ndarray | None = None) -> Tensor:
        """Add CONV_2D or DEPTHWISE_CONV_2D; `gain` multiplies the weights of each channel."""
        taps = kernel * kernel * (1 if depthwise else x.shape[3])
        shape = (1, kernel, kernel, channels) if depthwise else (channels, kernel, kernel,
                                                                 x.shape[3])
        gains = np.broadcast_to(gain, channels).reshape((1, 1, 1, -1) if depthwise
                                                        else (-1, 1, 1, 1))
        weights = self.rng.normal(0, 1.4 / np.sqrt(taps), shape) * gains
        bias = self.rng.normal(0, 0.2, channels) if bias is None else bias
        size = [output_size(n, kernel, stride, 1, "SAME") for n in x.shape[1:3]]
        y = self.tensor((1, *size, channels), name)
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        values = {"depthMultiplier": 1} if depthwise else {}
        self.builder.operator(
            kind, [x, self.kernel(weights, 3 if depthwise else 0), self.constant(bias)], [y],
            "DepthwiseConv2D" if depthwise else "Conv2D", strideH=stride, strideW=stride,
            dilationHFactor=1, dilationWFactor=1,
            fusedActivationFunction=["NONE", "RELU", "RELU_N1_TO_1", "RELU6"].index(activation),
            **values)
        return y

    def unary(self, kind: str, x: Tensor, options: str | None = None, name: str | None = None,
              **values: object) -> Tensor:
        y = self.tensor(x.shape, name)
        self.builder.operator(kind, [x], [y], options, **values)
        return y

    def binary(self, kind: str, a: Tensor, b: Tensor) -> Tensor:
        y = self.tensor(np.broadcast_shapes(a.shape, b.shape))
        self.builder.operator(kind, [a, b], [y], kind.capitalize())
        return y

    def prelu(self, x: Tensor) -> Tensor:
        y = self.tensor(x.shape)
        slopes = self.rng.uniform(-0.1, 0.5, (1, 1, x.shape[3]))
        self.builder.operator("PRELU", [x, self.constant(slopes)], [y])
        return y

    def concatenation(self, parts: Sequence[Tensor]) -> Tensor:
        y = self.tensor((*parts[0].shape[:-1], sum(part.shape[-1] for part in parts)))
        self.builder.operator("CONCATENATION", parts, [y], "Concatenation",
                              axis=len(y.shape) - 1)
        return y

    def mean(self, x: Tensor) -> Tensor:
        y = self.tensor((1, x.shape[3]))
        self.builder.operator("MEAN", [x, self.builder.constant(np.array([1, 2], np.int32))], [y],
                              "Reducer")
        return y

    def dense(self, x: Tensor, outputs: int, name: str | None = None) -> Tensor:
        y = self.tensor((1, outputs), name)
        weights = self.rng.normal(0, 1 / np.sqrt(x.shape[1]), (outputs, x.shape[1]))
        self.builder.operator(
            "FULLY_CONNECTED",
            [x, self.kernel(weights, None), self.constant(self.rng.normal(0, 0.1, outputs))], [y],
            "FullyConnected")
        return y


def real_tflite(rng: np.random.Generator, *, weights: str = "float32", middle: str = "",
                dead: bool = False, classes: bool = True) -> bytes:
    """Return a network of ``[1, 16, 16, 3]`` to ``[1, 10]``: convolutions with clamps of all kinds,
    a residual, an attention a channel, a join, an average, a matrix; `middle` is an operator among
    them. Training has switched a channel off where `dead`; SOFTMAX ends it where `classes`."""
    net = RealLayers(rng, weights)
    x = net.unary("RELU", net.convolution(net.input((1, 16, 16, 3)), 16, 3, stride=2,
                                          name="first"), name="first_relu")
    gain = np.where(np.arange(16) == 5, 1e-12, 1.0) if dead else 1.0
    y = net.convolution(x, 16, 3, depthwise=True, activation="RELU6", gain=gain)
    y = net.prelu(net.convolution(y, 16, 1, name="middle"))
    x = net.binary("ADD", x, y)
    if middle:
        x = net.unary(middle, x)
    factors = net.unary("LOGISTIC", net.convolution(x, 16, 1))
    x = net.concatenation([net.binary("MUL", x, factors), factors])
    x = net.convolution(x, 32, 1, activation="RELU", name="last")
    x = net.dense(net.mean(x), 10, "scores")
    return net.builder.finish([net.unary("SOFTMAX", x, "Softmax", beta=1.0) if classes else x])
