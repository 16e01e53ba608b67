"""The operators that are measured, and what is to be reached.

Shapes are those of networks that see, small enough to be simulated in seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from hadron_spec.config import CONFIGS, NpuConfig
from hadron_testing.networks import SCALE, Blocks
from hadron_testing.operator_networks import (
    Make,
    Model,
    alone,
    binary,
    by_channel,
    deep_convolution,
    depth_to_space,
    first_layer,
    gated,
    halves_made,
    halves_read,
    joined,
    matmul,
    network_of,
    padded,
    pool,
    reshaped,
    resized,
    shallow_convolution,
    slices,
    transposed,
    unary,
)
from hadron_testing.tflite_builder import Tensor

__all__ = ["ALL_PRECISIONS", "CONFIG", "OPERATORS", "Operator"]

CONFIG = CONFIGS["h256"]
ALL_PRECISIONS = replace(CONFIG, name="h256 with shallow and deep", shallow=True, deep=True)

PEAK = CONFIG.macs_per_cycle
ELEMENTS = 16.0


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What is measured, and what is to be reached.

    Parameters
    ----------
    family : str
        Heading under which it stands.
    shape : tuple of int
        Of an input.
    model : callable
        Makes the network.
    counted : str
        "layers": cycles of its layers as `hadron profile` gives them. "alone": from START to the
        interrupt, of a network of nothing else. "added": cycles that the network takes more than
        another.
    without : callable, optional
        Makes the other network.
    macs : int, optional
        Multiply-accumulates, where the reports count none.
    elements : int
        Of pools and means those of all windows, of others those of the result; 0 where
        multiply-accumulates count.
    target : float, optional
        Multiply-accumulates or elements a cycle; of "added", 0.
    note : str
        What is counted, or what bounds it.
    config : NpuConfig
        What runs it.
    """

    family: str
    shape: tuple[int, ...]
    model: Callable[[], Model]
    counted: str = "layers"
    without: Callable[[], Model] | None = None
    macs: int | None = None
    elements: int = 0
    target: float | None = None
    note: str = ""
    config: NpuConfig = CONFIG


def _convolutions() -> dict[str, Operator]:
    made = {}

    def add(name: str, shape: tuple[int, ...], target: float, make: Make,
            note: str = "") -> None:
        made[name] = Operator(family="Convolutions", shape=shape, target=target, note=note,
                              model=partial(network_of, shape, make))

    for kernel in (3, 1):
        for channels, size in ((16, 32), (32, 32), (64, 28), (128, 14)):
            for stride in (1, 2):
                what = f"CONV_2D {kernel}x{kernel}, {channels} to {channels}, stride {stride}"
                add(what, (size, size, channels), 0.9 * PEAK, partial(
                    Blocks.conv, channels=channels, kernel=kernel, stride=stride))
    for kernel, channels in ((5, 32), (7, 16)):
        add(f"CONV_2D {kernel}x{kernel}, {channels} to {channels}", (32, 32, channels), 0.9 * PEAK,
            partial(Blocks.conv, channels=channels, kernel=kernel))
    add("CONV_2D 3x3, 64 to 64, dilation 2", (28, 28, 64), 0.9 * PEAK,
        partial(Blocks.conv, channels=64, kernel=3, dilation=2))
    add("CONV_2D 3x3, 64 to 64 in 4 groups", (28, 28, 64), 0.9 * PEAK,
        partial(Blocks.conv, channels=64, kernel=3, groups=4))
    add("TRANSPOSE_CONV 2x2, 32 to 32, stride 2", (16, 16, 32), 0.9 * PEAK,
        partial(Blocks.transposed, channels=32))
    add("TRANSPOSE_CONV 3x3, 32 to 32, stride 2", (16, 16, 32), 0.9 * PEAK,
        partial(Blocks.transposed, channels=32, kernel=3))
    for channels in (16, 32):
        for stride in (1, 2):
            size = (64 if channels == 16 else 48) * stride
            shape = (size, size, 3)
            made[f"CONV_2D 3x3, 3 to {channels}, stride {stride}, first layer"] = Operator(
                family="Convolutions", shape=shape, target=0.75 * PEAK, note=(
                    "from START on, the image's way from memory inside"),
                model=partial(first_layer, shape, partial(
                    Blocks.conv, channels=channels, kernel=3, stride=stride)))
    return made


def _depthwise() -> dict[str, Operator]:
    made = {}
    reading = "a pixel of 16 channels is read a cycle, whatever the stride"
    for kernel, stride, target, note in (
            (3, 1, 96.0, ""), (3, 2, None, reading), (5, 1, None, ""), (5, 2, None, reading),
            (7, 1, None, "runs as a matrix with a diagonal of weights")):
        shape = (32, 32, 64)
        made[f"DEPTHWISE_CONV_2D {kernel}x{kernel}, stride {stride}"] = Operator(
            family="Depthwise convolutions", shape=shape, target=target, note=note,
            model=partial(network_of, shape, partial(Blocks.depthwise, kernel=kernel,
                                                     stride=stride)))
    return made


def _matrices() -> dict[str, Operator]:
    family = "Matrices"

    def pooled(net: Blocks, image: Tensor) -> Tensor:
        """Take longer than the weights take to come."""
        x = net.max_pool(net.conv(image, 16, 3), 4, 4)
        return net.builder.reshape(x, (1, _size(x.shape)))

    def rows(net: Blocks, x: Tensor) -> Tensor:
        return net.dense(net.builder.reshape(x, (x.shape[1] * x.shape[2], x.shape[3])), 128)

    return {
        "FULLY_CONNECTED 1024 to 96, weights there": Operator(
            family=family, shape=(1024,), target=200,
            model=partial(network_of, (32, 32, 16), partial(Blocks.dense, channels=96),
                          before=pooled, layers_before=2),
            note="the weights have come while the layer before ran"),
        "FULLY_CONNECTED 1024 to 256, weights from memory": Operator(
            family=family, shape=(1024,), counted="alone", target=CONFIG.axi_bytes,
            model=partial(alone, (1024,), partial(Blocks.dense, channels=256)),
            note="the memory port brings 16 weights a cycle, and biases and scales"),
        "FULLY_CONNECTED 1024 to 256, INT4 weights from memory": Operator(
            family=family, shape=(1024,), counted="alone", target=2 * CONFIG.axi_bytes,
            model=partial(alone, (1024,), partial(Blocks.dense, channels=256), weight_bits=4),
            note="the memory port could bring 32 weights a cycle; a LOAD of four bits writes 16"),
        "FULLY_CONNECTED of 64 rows, 256 to 128": Operator(
            family=family, shape=(64, 256), target=0.9 * PEAK,
            model=partial(network_of, (8, 8, 256), rows)),
        "BATCH_MATMUL of two tensors": Operator(
            family=family, shape=(64, 64), macs=64**3,
            note="one operand is made weights, stored and loaded",
            model=partial(network_of, (8, 8, 64), matmul, operands=2)),
    }


def _elementwise() -> dict[str, Operator]:
    shape = (16, 16, 64)
    family = "Element by element"
    made = {}
    two = "two steps for 16 results, one for each operand: 16 bytes are read a cycle"
    for opcode, target, note in (
            ("ADD", ELEMENTS, two), ("SUB", None, two), ("MAXIMUM", None, two),
            ("MUL", None, "by quarter squares, twelve steps for 16 results")):
        made[f"{opcode} of two tensors"] = Operator(
            family=family, shape=shape, elements=_size(shape), target=target, note=note,
            model=partial(network_of, shape, partial(binary, opcode), operands=2))
    for opcode, note in (("ADD", "as of two tensors: the constant is stored for every pixel, and "
                                 "loaded"), ("MUL", "")):
        made[f"{opcode} of a constant a channel"] = Operator(
            family=family, shape=shape, elements=_size(shape), note=note,
            model=partial(network_of, shape, partial(by_channel, opcode)))
    made["MUL by a tensor, a factor a channel"] = Operator(
        family=family, shape=shape, elements=_size(shape),
        model=partial(network_of, shape, gated, layers_before=3),
        note="three steps for 16 results, once the factors are made weights, stored and loaded")
    shape = (28, 28, 64)
    for opcode in ("LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "GELU"):
        made[opcode] = Operator(family=family, shape=shape, elements=_size(shape), target=ELEMENTS,
                                model=partial(network_of, shape, partial(unary, opcode)))
    for shape in ((16, 16, 10), (2, 2, 1000)):
        made[f"SOFTMAX of {shape[2]}"] = Operator(
            family=family, shape=shape, elements=_size(shape),
            note="an element takes two cycles at the table of exponentials",
            model=partial(network_of, shape, lambda net, x: net.builder.softmax(x)))
    return made


def _pools() -> dict[str, Operator]:
    shape = (40, 40, 64)
    family = "Pools"
    made = {}
    for kind, size, stride in (("MAX", 2, 2), ("MAX", 3, 2), ("MAX", 3, 1), ("AVERAGE", 2, 2),
                               ("AVERAGE", 3, 1)):
        made[f"{kind}_POOL_2D {size}x{size}, stride {stride}"] = Operator(
            family=family, shape=shape, target=ELEMENTS,
            elements=_size(shape) * size**2 // stride**2,
            model=partial(network_of, shape, partial(pool, kind, size, stride)))
    for shape in ((8, 8, 256), (32, 32, 64)):
        made[f"MEAN of {shape[0]}x{shape[1]}"] = Operator(
            family=family, shape=shape, elements=_size(shape), target=ELEMENTS,
            model=partial(
                network_of, shape, lambda net, x: net.builder.mean(x, (1, 2), SCALE / 2, 0)))
    return made


def _movements() -> dict[str, Operator]:
    family = "Movements"
    shape = (16, 16, 32)
    image = partial(network_of, shape)
    made = {
        "PAD before CONV_2D": (padded, partial(Blocks.conv, channels=32, kernel=3), ""),
        "CONCATENATION of two CONV_2D": (
            joined, lambda net, x: net.conv(net.conv(x, 64), 32, 3),
            "two commands instead of one, with a pipeline to fill each"),
        "RESHAPE between CONV_2D": (reshaped, partial(Blocks.conv, channels=32), ""),
        "SPLIT between CONV_2D": (
            partial(halves_read, lambda net, x: net.builder.split(x)), halves_made, ""),
        "SLICE between CONV_2D": (partial(halves_read, slices), halves_made, ""),
    }
    operators = {
        name: Operator(family=family, shape=shape, counted="added", target=0,
                       model=partial(image, make), without=partial(image, without), note=note)
        for name, (make, without, note) in made.items()}
    wide = (16, 16, 64)
    operators["TRANSPOSE of rows and columns"] = Operator(
        family=family, shape=wide, counted="added",
        model=partial(network_of, wide, partial(transposed, (0, 2, 1, 3))),
        without=partial(network_of, wide, lambda net, x: x))
    for name, factor, make, note in (
            ("TRANSPOSE, channels first", 1, partial(transposed, (0, 3, 1, 2)),
             "a copy of one byte a step"),
            ("DEPTH_TO_SPACE by 2", 1, depth_to_space, ""),
            ("RESIZE_NEAREST_NEIGHBOR by 2", 4, partial(resized, "RESIZE_NEAREST_NEIGHBOR"), ""),
            ("RESIZE_BILINEAR by 2", 4, partial(resized, "RESIZE_BILINEAR"),
             "up to four steps for 16 results, one for each pixel that goes into them")):
        operators[name] = Operator(family="Images", shape=wide, elements=factor * _size(wide),
                                   note=note, model=partial(network_of, wide, make))
    return operators


def _precisions() -> dict[str, Operator]:
    family = "Other precisions"
    return {
        "CONV_2D 3x3, 64 to 64, W4A8": Operator(
            family=family, shape=(28, 28, 64), target=0.9 * PEAK,
            model=partial(network_of, (28, 28, 64), partial(Blocks.conv, channels=64, kernel=3),
                          weight_bits=4)),
        "CONV_2D 3x3, 64 to 64, W4A4": Operator(
            family=family, shape=(28, 28, 64), target=0.9 * 2 * PEAK, config=ALL_PRECISIONS,
            model=partial(shallow_convolution, 28, 64, 3),
            note="with `shallow`, at twice the peak; packing of the activations inside"),
        "CONV_2D 3x3, 64 to 64, W8A16": Operator(
            family=family, shape=(16, 16, 64), target=0.9 * PEAK / 2, config=ALL_PRECISIONS,
            model=partial(deep_convolution, 16, 64, 3), note="with `deep`, at half the peak"),
    }


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


OPERATORS: dict[str, Operator] = (
    _convolutions() | _depthwise() | _matrices() | _elementwise() | _pools() | _movements()
    | _precisions())
"""All that is measured, by what the table calls it."""
