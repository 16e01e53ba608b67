"""Random, legal models of one operator on images: transposed convolution, bilinear resize."""

from collections.abc import Callable

import numpy as np

from hadron_testing.draws import (
    choose,
    draw_activation,
    draw_quantization,
    draw_scale,
    draw_weights,
    draw_zero_point,
)
from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["IMAGES"]

Made = tuple[ModelBuilder, list[Tensor], dict[str, object]]


def _transpose_conv(rng: np.random.Generator) -> Made:
    kernel, stride = (tuple(int(n) for n in rng.integers(1, most, 2)) for most in (6, 4))
    size = tuple(int(n) for n in rng.integers(1, 8, 2))
    depth, channels = (int(choose(rng, (1, 3, int(rng.integers(1, 30))))) for _ in range(2))
    padding = str(choose(rng, ("SAME", "VALID")))
    if padding == "SAME":
        output = [n * s - int(rng.integers(s)) for n, s in zip(size, stride, strict=True)]
    else:
        output = [(n - 1) * s + k + int(rng.integers(s))
                  for n, s, k in zip(size, stride, kernel, strict=True)]
    builder = ModelBuilder()
    x = builder.input((1, *size, depth), draw_scale(rng), draw_zero_point(rng))
    weights = draw_weights(rng, (channels, *kernel, depth))
    bias, scales, scale = draw_quantization(rng, x, kernel[0] * kernel[1] * depth, channels,
                                            bool(rng.random() < 0.8))
    activation = draw_activation(rng)
    shape = (1, *output, channels)
    y = builder.tensor(shape, scale, draw_zero_point(rng))
    inputs = [builder.constant(np.asarray(shape, np.int32)), builder.constant(weights, scales), x]
    if bias is not None:
        inputs.append(builder.constant(bias, np.float32(x.scale) * scales))
    builder.operator("TRANSPOSE_CONV", inputs, [y], "TransposeConv", version=3,
                     padding=0 if padding == "SAME" else 1, strideH=stride[0], strideW=stride[1],
                     fusedActivationFunction=("NONE", "RELU", "RELU_N1_TO_1",
                                              "RELU6").index(activation))
    return builder, [y], {"stride": stride, "padding": padding, "activation": activation}


def _resize_bilinear(rng: np.random.Generator) -> Made:
    align, half = bool(rng.integers(2)), bool(rng.integers(2))
    if align:
        half = False
    size, output = [], []
    for _ in range(2):
        factor = int(choose(rng, (1, 2, 4)))
        if rng.random() < 0.25:
            size.append(int(rng.integers(1, 12)))
            output.append(int(rng.integers(1, 18)))
            continue
        small = int(rng.integers(1, 7))
        large = (small - 1) * factor + 1 if align else small * factor
        pair = [small, large] if rng.random() < 0.8 else [large, small]
        size.append(pair[0])
        output.append(pair[1])
    builder = ModelBuilder()
    x = builder.input((int(rng.integers(1, 3)), *size, int(rng.integers(1, 40))), draw_scale(rng),
                      draw_zero_point(rng))
    y = builder.tensor((x.shape[0], *output, x.shape[3]), x.scale, x.zero_point)
    builder.operator("RESIZE_BILINEAR", [x, builder.constant(np.asarray(output, np.int32))], [y],
                     "ResizeBilinear", version=3, alignCorners=align, halfPixelCenters=half)
    return builder, [y], {"size": output, "align_corners": align, "half_pixel": half}


IMAGES: dict[str, Callable[[np.random.Generator], Made]] = {
    "TRANSPOSE_CONV": _transpose_conv,
    "RESIZE_BILINEAR": _resize_bilinear,
}
