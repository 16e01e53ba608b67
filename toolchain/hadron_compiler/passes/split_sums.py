"""Sums over large images can be made in two.

In one they take a step an element, and the whole image at once. In two they take three, but the
first half runs on what rows of the image there are: the way for images that do not fit the
scratchpad.

First come the sums of small windows, each in two bytes, its digits: with d elements in a window,
the first is the sum over d, rounded, and the second what d times the first lacks. Then comes the
sum of all digits, d times the first and once the second of each: no bit is lost.
"""

from dataclasses import dataclass, replace
from math import prod

from hadron_compiler.ir.graph import (
    DigitSumsAttributes,
    Graph,
    Operation,
    OpKind,
    PartialSumsAttributes,
    PoolAttributes,
    ReduceAttributes,
    Tensor,
)
from hadron_compiler.ir.verify import verify
from hadron_spec.commands import WEIGHT_MAX
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import AVERAGE_WEIGHT

__all__ = ["run"]


@dataclass(frozen=True)
class _Sum:
    """What an operator adds up: all of every image, each element `weight` times."""

    image: tuple[int, int, int, int]
    weight: int
    whole: ReduceAttributes | PoolAttributes


def run(graph: Graph, config: NpuConfig) -> list[Graph]:
    """Split every MEAN, SUM and global AVERAGE_POOL_2D that has to be; then every one that can be,
    if that is another graph."""
    few, most = (_with_split_sums(graph, config, only_necessary=only) for only in (True, False))
    return [few] if len(few.operations) == len(most.operations) else [few, most]


def _with_split_sums(graph: Graph, config: NpuConfig, *, only_necessary: bool) -> Graph:
    operations: list[Operation] = []
    for operation in graph.operations:
        total = _total(operation)
        window = None if total is None else _window(total, config)
        if total is None or window is None or (
                only_necessary and not _comes_by_pixels(total, config)):
            operations.append(operation)
        else:
            operations += _split(operation, total, window)
    return verify(replace(graph, operations=operations))


def _comes_by_pixels(total: _Sum, config: NpuConfig) -> bool:
    """Tell whether an image that does not fit could only be loaded some channels at a time, a
    pixel a transfer: thousands of commands for each."""
    _, height, width, channels = total.image
    return (height * width * channels > config.act_bytes
            and channels > config.lanes and channels % config.axi_bytes > 0)


def _total(operation: Operation) -> _Sum | None:
    """Return the sum over whole images that an operator makes; None if it makes another one."""
    attributes, source = operation.attributes, operation.activations[0]
    if source.deep:
        return None
    if (isinstance(attributes, ReduceAttributes)
            and operation.kind in (OpKind.MEAN, OpKind.SUM)):
        images, height, width, channels = attributes.image
        if attributes.window == (1, width):
            images, height = images * height, 1
        if attributes.window == (height, width):
            return _Sum((images, height, width, channels), 1, attributes)
    elif isinstance(attributes, PoolAttributes) and operation.kind is OpKind.AVERAGE_POOL_2D:
        images, height, width, channels = source.shape
        window = attributes.window
        if ((window.kernel_y, window.kernel_x) == (height, width)
                and prod(operation.outputs[0].shape[1:3]) == 1):
            return _Sum((images, height, width, channels), AVERAGE_WEIGHT, attributes)
    return None


def _window(total: _Sum, config: NpuConfig) -> tuple[int, int] | None:
    """Return the rows and columns of the windows: those that take the fewest weight steps in all;
    None if the image is small."""
    _, height, width, channels = total.image
    most = config.weight_steps - 1
    side_by_side = channels == height == 1 and total.weight == 1
    if (-(-width // config.lanes) if side_by_side else height * width) <= most:
        return None
    best, least = None, 0
    for rows in range(1, min(height, WEIGHT_MAX) + 1):
        for columns in range(1, min(width, WEIGHT_MAX // total.weight // rows) + 1):
            size = rows * columns
            row = 2 * -(-width // columns)
            steps = 3 * size + row * -(-height // rows)
            # A command of the sum of the digits takes whole rows of them.
            if 2 * size <= most and row <= most // 2 and (best is None or steps < least):
                best, least = (rows, columns), steps
    return best


def _split(operation: Operation, total: _Sum, window: tuple[int, int]) -> list[Operation]:
    source = operation.activations[0]
    images, height, width, channels = total.image
    shape = (images, -(-height // window[0]), 2 * -(-width // window[1]), channels)
    digits = Tensor(f"{operation.outputs[0].name} (digits)", shape, source.dtype, source.scales,
                    source.zero_points)
    return [
        replace(operation, inputs=[source], outputs=[digits],
                attributes=PartialSumsAttributes(total.image, window)),
        replace(operation, inputs=[digits],
                attributes=DigitSumsAttributes(prod(window), height * width, total.weight,
                                               total.whole)),
    ]
