"""Public networks by their layers' shapes, with weights drawn at random: for measurements.

    PYTHONPATH=tests/support python -m hadron_testing.networks yolo_v5n build/yolo_v5n.tflite

What their inputs mean is lost with the weights, but operators, shapes and the bytes between them
are those that a converter writes. Scales keep activations spread.

Sources: the papers that introduced each, and for the details their best known exports: torchvision
(ResNet, ShuffleNetV2, DenseNet, SqueezeNet), keras-applications (MobileNet), ultralytics (YOLOv5,
YOLOv8), Megvii (YOLOX), Ronneberger et al. (U-Net), Edge Impulse (FOMO).
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hadron_testing.tflite_builder import ModelBuilder, Tensor

__all__ = ["NETWORKS", "network"]

SCALE = 6 / 127
"""Of most activations, in both signs, so that any of them may be joined."""
SPREAD = 2.0
"""Deviation of what a layer puts out."""


class Blocks:
    """Layers with random numbers, and the blocks that the networks are made of."""

    def __init__(self, rng: np.random.Generator, size: tuple[int, ...], name: str, *,
                 weight_bits: int = 8) -> None:
        self.rng = rng
        self.builder = ModelBuilder(description=f"{name} with random weights",
                                    weight_bits=weight_bits)
        self.image = self.builder.input((1, *size), 1 / 127.5, -1, name="image")

    def _numbers(self, shape: tuple[int, ...], axis: int, taps: int, x: Tensor) -> tuple:
        deviation, most = (n >> 8 - self.builder.weight_bits for n in (40, 127))
        weights = np.clip(np.round(self.rng.normal(0, deviation, shape)), -most, most
                          ).astype(np.int8)
        scale = SPREAD / (np.sqrt(taps) * deviation * 60 * x.scale)
        scales = (scale * self.rng.uniform(0.7, 1.4, shape[axis])).astype(np.float32)
        bias = np.round(self.rng.normal(size=shape[axis]) / (scales * x.scale)).astype(np.int32)
        return weights, bias, scales

    def conv(self, x: Tensor, channels: int, kernel: int | tuple[int, int] = 1, stride: int = 1,
             act: str = "RELU6", padding: str = "SAME", *, dilation: int = 1, groups: int = 1
             ) -> Tensor:
        """Add CONV_2D and what follows it; `act` is NONE, RELU, RELU6, SILU or HARD_SWISH."""
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        depth = x.shape[3] // groups
        numbers = self._numbers((channels, *size, depth), 0, size[0] * size[1] * depth, x)
        y = self.builder.conv_2d(x, *numbers, SCALE, 0, stride=(stride, stride), padding=padding,
                                 dilation=(dilation, dilation),
                                 activation=act if act.startswith("RELU") else "NONE")
        return self._act(y, act)

    def depthwise(self, x: Tensor, kernel: int = 3, stride: int = 1, act: str = "RELU6") -> Tensor:
        """Add DEPTHWISE_CONV_2D and what follows it."""
        numbers = self._numbers((1, kernel, kernel, x.shape[3]), 3, kernel * kernel, x)
        y = self.builder.depthwise_conv_2d(
            x, *numbers, SCALE, 0, stride=(stride, stride),
            activation=act if act.startswith("RELU") else "NONE")
        return self._act(y, act)

    def _act(self, x: Tensor, act: str) -> Tensor:
        if act == "SILU":
            gate = self.builder.unary("LOGISTIC", x, 1 / 256, -128)
            return self.builder.binary("MUL", x, gate, SCALE, 0)
        return self.builder.unary(act, x, SCALE, 0) if act == "HARD_SWISH" else x

    def add(self, a: Tensor, b: Tensor, act: str = "NONE") -> Tensor:
        """Add ADD."""
        return self.builder.binary("ADD", a, b, SCALE, 0, activation=act)

    def join(self, *parts: Tensor, axis: int = 3) -> Tensor:
        """Add CONCATENATION."""
        return self.builder.concatenation(parts, SCALE, 0, axis=axis)

    def max_pool(self, x: Tensor, size: int, stride: int, padding: str = "SAME") -> Tensor:
        """Add MAX_POOL_2D."""
        return self.builder.pool_2d("MAX_POOL_2D", x, (size, size), stride=(stride, stride),
                                    padding=padding)

    def upsample(self, x: Tensor) -> Tensor:
        """Add RESIZE_NEAREST_NEIGHBOR to twice the size."""
        _, height, width, channels = x.shape
        y = self.builder.tensor((1, 2 * height, 2 * width, channels), x.scale, x.zero_point)
        size = self.builder.constant(np.asarray([2 * height, 2 * width], np.int32))
        self.builder.operator("RESIZE_NEAREST_NEIGHBOR", [x, size], [y], "ResizeNearestNeighbor",
                              halfPixelCenters=True)
        return y

    def transposed(self, x: Tensor, channels: int, kernel: int = 2) -> Tensor:
        """Add TRANSPOSE_CONV of stride 2."""
        _, height, width, depth = x.shape
        weights, _, scales = self._numbers((channels, kernel, kernel, depth), 0, depth, x)
        y = self.builder.tensor((1, 2 * height, 2 * width, channels), SCALE, 0)
        self.builder.operator(
            "TRANSPOSE_CONV", [self.builder.constant(np.asarray(y.shape, np.int32)),
                               self.builder.constant(weights, scales), x], [y],
            "TransposeConv", version=3, padding=0, strideH=2, strideW=2)
        return y

    def squeeze_and_excite(self, x: Tensor, channels: int) -> Tensor:
        """Scale every channel by a function of the means of all."""
        pooled = self.builder.mean(x, (1, 2), SCALE / 4, 0, keep_dims=True)
        y = self.conv(self.conv(pooled, channels, act="RELU"), x.shape[3], act="NONE")
        gate = self.builder.unary("LOGISTIC", y, 1 / 256, -128)
        return self.builder.binary("MUL", x, gate, SCALE, 0)

    def inverted(self, x: Tensor, expanded: int, channels: int, kernel: int = 3, stride: int = 1,
                 act: str = "RELU6", squeezed: int = 0) -> Tensor:
        """Add an inverted residual."""
        y = self.conv(x, expanded, act=act) if expanded != x.shape[3] else x
        y = self.depthwise(y, kernel, stride, act)
        if squeezed:
            y = self.squeeze_and_excite(y, squeezed)
        y = self.conv(y, channels, act="NONE")
        return self.add(x, y) if y.shape == x.shape else y

    def dense(self, x: Tensor, channels: int) -> Tensor:
        """Add FULLY_CONNECTED over the last axis."""
        taps = x.shape[-1]
        return self.builder.fully_connected(
            x, *self._numbers((channels, taps), 0, taps, x), SCALE, 0)

    def classify(self, x: Tensor, classes: int = 1000) -> list[Tensor]:
        """Add the mean, FULLY_CONNECTED and SOFTMAX."""
        pooled = self.builder.mean(x, (1, 2), SCALE / 2, 0)
        return [self.builder.softmax(self.dense(pooled, classes))]


def _mobilenet_v1(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 32, 3, 2)
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                             *((512, 1),) * 5, (1024, 2), (1024, 1)):
        x = net.conv(net.depthwise(x, 3, stride), channels)
    return net.classify(x)


def _mobilenet_v3_small(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 16, 3, 2, "HARD_SWISH")
    for kernel, expanded, channels, squeezed, act, stride in (
            (3, 16, 16, 8, "RELU", 2), (3, 72, 24, 0, "RELU", 2), (3, 88, 24, 0, "RELU", 1),
            (5, 96, 40, 24, "HARD_SWISH", 2), *((5, 240, 40, 64, "HARD_SWISH", 1),) * 2,
            (5, 120, 48, 32, "HARD_SWISH", 1), (5, 144, 48, 40, "HARD_SWISH", 1),
            (5, 288, 96, 72, "HARD_SWISH", 2), *((5, 576, 96, 144, "HARD_SWISH", 1),) * 2):
        x = net.inverted(x, expanded, channels, kernel, stride, act, squeezed)
    return net.classify(net.conv(x, 576, act="HARD_SWISH"))


def _efficientnet_lite0(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 32, 3, 2)
    for factor, channels, repeats, stride, kernel in (
            (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
            (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)):
        for repeat in range(repeats):
            x = net.inverted(x, factor * x.shape[3], channels, kernel, 1 if repeat else stride)
    return net.classify(net.conv(x, 1280))


def _fomo(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 16, 3, 2)
    for factor, channels, stride in ((1, 8, 1), (6, 8, 2), (6, 8, 1), (6, 16, 2), (6, 16, 1),
                                     (6, 16, 1)):
        x = net.inverted(x, factor * x.shape[3], channels, 3, stride)
    return [net.builder.softmax(net.conv(net.conv(x, 32, act="RELU"), 3, act="NONE"))]


def _ds_cnn(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 64, (10, 4), 2, "RELU")
    for _ in range(4):
        x = net.conv(net.depthwise(x, 3, 1, "RELU"), 64, act="RELU")
    return net.classify(x, 12)


def _resnet(net: Blocks, repeats: tuple[int, ...], bottleneck: bool) -> list[Tensor]:
    x = net.max_pool(net.conv(net.image, 64, 7, 2, "RELU"), 3, 2)
    for stage, count in enumerate(repeats):
        width = 64 << stage
        for block in range(count):
            stride = 2 if stage and not block else 1
            if bottleneck:
                y = net.conv(net.conv(x, width, act="RELU"), width, 3, stride, "RELU")
                y = net.conv(y, 4 * width, act="NONE")
            else:
                y = net.conv(net.conv(x, width, 3, stride, "RELU"), width, 3, act="NONE")
            if y.shape != x.shape:
                x = net.conv(x, y.shape[3], 1, stride, "NONE")
            x = net.add(x, y, "RELU")
    return net.classify(x)


def _resnet_18(net: Blocks) -> list[Tensor]:
    return _resnet(net, (2, 2, 2, 2), False)


def _resnet_50(net: Blocks) -> list[Tensor]:
    return _resnet(net, (3, 4, 6, 3), True)


def _squeezenet(net: Blocks) -> list[Tensor]:
    x = net.max_pool(net.conv(net.image, 64, 3, 2, "RELU"), 3, 2)
    for squeezed, expanded, pools in ((16, 64, 0), (16, 64, 1), (32, 128, 0), (32, 128, 1),
                                      (48, 192, 0), (48, 192, 0), (64, 256, 0), (64, 256, 0)):
        y = net.conv(x, squeezed, act="RELU")
        x = net.join(net.conv(y, expanded, act="RELU"), net.conv(y, expanded, 3, act="RELU"))
        x = net.max_pool(x, 3, 2) if pools else x
    return net.classify(net.conv(x, 128, act="RELU"), 100)


def _densenet(net: Blocks) -> list[Tensor]:
    """DenseNet-BC of a growth of 16 on small images; its normalization is in the convolutions."""
    x = net.conv(net.image, 32, 3, 1, "RELU")
    for stage in range(3):
        x = net.conv(x, x.shape[3] // 2, 1, 1, "RELU") if stage else x
        x = net.max_pool(x, 2, 2) if stage else x
        for _ in range(6):
            y = net.conv(net.conv(x, 64, act="RELU"), 16, 3, act="RELU")
            x = net.join(x, y)
    return net.classify(x, 10)


def _inception(net: Blocks) -> list[Tensor]:
    """The blocks 3a to 4a of GoogLeNet behind a short stem."""
    x = net.max_pool(net.conv(net.image, 64, 3, 2, "RELU"), 3, 2)
    for one, three, five, pooled in ((64, (96, 128), (16, 32), 32), (128, (128, 192), (32, 96), 64),
                                     (192, (96, 208), (16, 48), 64)):
        x = net.join(
            net.conv(x, one, act="RELU"),
            net.conv(net.conv(x, three[0], act="RELU"), three[1], 3, act="RELU"),
            net.conv(net.conv(x, five[0], act="RELU"), five[1], 5, act="RELU"),
            net.conv(net.max_pool(x, 3, 1), pooled, act="RELU"))
    return net.classify(x, 100)


def _shufflenet_v2(net: Blocks) -> list[Tensor]:
    x = net.max_pool(net.conv(net.image, 24, 3, 2, "RELU"), 3, 2)
    for channels, repeats in ((116, 4), (232, 8), (464, 4)):
        half = channels // 2
        for block in range(repeats):
            stride = 1 if block else 2
            if block:
                kept, y = net.builder.split(x)
            else:
                kept, y = net.conv(net.depthwise(x, 3, 2, "NONE"), half, act="RELU"), x
            y = net.depthwise(net.conv(y, half, act="RELU"), 3, stride, "NONE")
            x = net.builder.shuffle(net.join(kept, net.conv(y, half, act="RELU")))
    return net.classify(net.conv(x, 1024, act="RELU"))


def _c3(net: Blocks, x: Tensor, channels: int, repeats: int = 1, residual: bool = True,
        deep: bool = False) -> Tensor:
    y, side = net.conv(x, channels // 2, act="SILU"), net.conv(x, channels // 2, act="SILU")
    for _ in range(repeats):
        z = net.conv(y, channels // 2, act="SILU")
        if deep:
            z = net.conv(net.depthwise(z, 3, 1, "SILU"), channels // 2, act="SILU")
        else:
            z = net.conv(z, channels // 2, 3, act="SILU")
        y = net.add(y, z) if residual else z
    return net.conv(net.join(y, side), channels, act="SILU")


def _pyramid(net: Blocks, x: Tensor) -> Tensor:
    """Pool three times and join (SPPF)."""
    y = net.conv(x, x.shape[3] // 2, act="SILU")
    parts = [y]
    for _ in range(3):
        parts.append(net.max_pool(parts[-1], 5, 1))
    return net.conv(net.join(*parts), x.shape[3], act="SILU")


def _yolo_v5n(net: Blocks) -> list[Tensor]:
    x = net.conv(net.image, 16, 6, 2, "SILU")
    levels = []
    for channels, repeats in ((32, 1), (64, 2), (128, 3), (256, 1)):
        x = _c3(net, net.conv(x, channels, 3, 2, "SILU"), channels, repeats)
        levels.append(x)
    x = net.conv(_pyramid(net, x), 128, act="SILU")
    tops = [x]
    for level, channels in ((2, 128), (1, 64)):
        x = _c3(net, net.join(net.upsample(x), levels[level]), channels, 1, False)
        if channels == 128:
            x = net.conv(x, 64, act="SILU")
            tops.append(x)
    outs = [x]
    for top, channels in ((tops[1], 128), (tops[0], 256)):
        x = net.conv(x, x.shape[3], 3, 2, "SILU")
        x = _c3(net, net.join(x, top), channels, 1, False)
        outs.append(x)
    return [net.builder.unary("LOGISTIC", net.conv(x, 3 * 85, act="NONE"), 1 / 256, -128)
            for x in outs]


def _yolox_nano(net: Blocks) -> list[Tensor]:
    """Backbone and one head of YOLOX-Nano; it begins with the four phases of the image."""
    phases = [net.builder.strided_slice(net.image, (0, y, x, 0), (1, 2, 2, 1))
              for x in range(2) for y in range(2)]
    x = net.builder.concatenation(phases, net.image.scale, net.image.zero_point)
    x = net.conv(x, 16, 3, act="SILU")
    for channels, repeats in ((32, 1), (64, 3), (128, 3), (256, 1)):
        x = net.conv(net.depthwise(x, 3, 2, "SILU"), channels, act="SILU")
        x = _c3(net, x, channels, repeats, True, True)
    x = net.conv(x, 64, act="SILU")
    for _ in range(2):
        x = net.conv(net.depthwise(x, 3, 1, "SILU"), 64, act="SILU")
    return [net.join(net.conv(x, 4, act="NONE"), net.conv(x, 80, act="NONE"))]


def _c2f(net: Blocks) -> list[Tensor]:
    """The backbone of YOLOv8n."""
    x = net.conv(net.image, 16, 3, 2, "SILU")
    for channels, repeats in ((32, 1), (64, 2), (128, 2), (256, 1)):
        x = net.conv(net.conv(x, channels, 3, 2, "SILU"), channels, act="SILU")
        parts = net.builder.split(x)
        for _ in range(repeats):
            y = net.conv(net.conv(parts[-1], channels // 2, 3, act="SILU"), channels // 2, 3,
                         act="SILU")
            parts.append(net.add(parts[-1], y))
        x = net.conv(net.join(*parts), channels, act="SILU")
    return [_pyramid(net, x)]


def _unet(net: Blocks) -> list[Tensor]:
    x, skips = net.image, []
    for channels in (16, 32, 64, 128):
        x = net.conv(net.conv(x, channels, 3, act="RELU"), channels, 3, act="RELU")
        skips.append(x)
        x = net.max_pool(x, 2, 2)
    x = net.conv(net.conv(x, 256, 3, act="RELU"), 256, 3, act="RELU")
    for skip in skips[::-1]:
        channels = skip.shape[3]
        x = net.join(net.transposed(x, channels), skip)
        x = net.conv(net.conv(x, channels, 3, act="RELU"), channels, 3, act="RELU")
    return [net.builder.unary("LOGISTIC", net.conv(x, 1, act="NONE"), 1 / 256, -128)]


NETWORKS: dict[str, tuple[Callable[[Blocks], list[Tensor]], tuple[int, int, int]]] = {
    "mobilenet_v1": (_mobilenet_v1, (224, 224, 3)),
    "mobilenet_v3_small": (_mobilenet_v3_small, (224, 224, 3)),
    "efficientnet_lite0": (_efficientnet_lite0, (224, 224, 3)),
    "fomo": (_fomo, (96, 96, 3)),
    "ds_cnn": (_ds_cnn, (49, 10, 1)),
    "resnet_18": (_resnet_18, (224, 224, 3)),
    "resnet_50": (_resnet_50, (224, 224, 3)),
    "squeezenet": (_squeezenet, (128, 128, 3)),
    "densenet": (_densenet, (32, 32, 3)),
    "inception": (_inception, (96, 96, 3)),
    "shufflenet_v2": (_shufflenet_v2, (224, 224, 3)),
    "yolo_v5n": (_yolo_v5n, (320, 320, 3)),
    "yolo_v8n": (_c2f, (256, 256, 3)),
    "yolox_nano": (_yolox_nano, (320, 320, 3)),
    "unet": (_unet, (128, 128, 3)),
}
"""What makes the layers, and the size of the image."""


def network(name: str, rng: np.random.Generator, size: tuple[int, int] | None = None) -> bytes:
    """Return a TFLite model, at another size of image where one is given."""
    make, image = NETWORKS[name]
    net = Blocks(rng, (*size, image[2]) if size else image, name)
    return net.builder.finish(make(net))


def main() -> None:
    """Write a model."""
    parser = argparse.ArgumentParser(prog="python -m hadron_testing.networks",
                                     description="Write a public network with random weights.")
    parser.add_argument("name", choices=NETWORKS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, nargs=2, metavar=("ROWS", "COLUMNS"))
    arguments = parser.parse_args()
    arguments.file.parent.mkdir(parents=True, exist_ok=True)
    arguments.file.write_bytes(network(arguments.name, np.random.default_rng(1),
                                       arguments.size and tuple(arguments.size)))


if __name__ == "__main__":
    main()
