"""RESIZE_BILINEAR can be made of columns first and then of rows.

At once, every pair of a row and a column with weights of their own needs tables of its own. By a
factor of three, or from 7 to 10 rows, that is every pixel: positions are rounded, so no two are
alike. In two passes it is every column and then every row.

The first pass makes every column of every row, as the digits of the sum: two bytes, or three,
whose units differ so that no bit is lost. The digits of a row are rows of their own. The second
pass sums up the digits of two rows and rounds, once.
"""

from dataclasses import replace

from hadron_compiler.codegen.bilinear import (
    MAX_WEIGHT,
    convolution_cycles,
    diagonal_cycles,
    reduced_weights,
    share_geometry,
)
from hadron_compiler.codegen.bilinear_lines import Line, Lines, lines_of
from hadron_compiler.ir.graph import (
    ColumnDigitsAttributes,
    Graph,
    Operation,
    ResizeAttributes,
    RowDigitsAttributes,
    Tensor,
)
from hadron_compiler.passes.expansion import expand_each
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_resize import BILINEAR_BITS

__all__ = ["run"]

COMMAND_CYCLES = 80
"""About what a command and the transfer of its tables take beside their work."""

TABLE_BYTES = 1024


def run(graph: Graph, config: NpuConfig) -> Graph:
    """Split the resizes that take fewer cycles in two passes."""
    return expand_each(graph, lambda operation: _split(operation, config))


def _split(operation: Operation, config: NpuConfig) -> list[Operation]:
    """Return the operation, or the two that take its place."""
    attributes = operation.attributes
    if not isinstance(attributes, ResizeAttributes):
        return [operation]
    source, output = operation.required(0), operation.outputs[0]
    images, height, width, depth = source.shape
    _, rows, columns, _ = output.shape
    y, x = lines_of(height, rows, attributes), lines_of(width, columns, attributes)
    units = _units(x)
    blocks = -(-depth // config.columns)
    load = TABLE_BYTES // config.axi_bytes
    at_once = sum(COMMAND_CYCLES + _at_once(source, own_y, own_x, config)
                  for own_y in y for own_x in x)
    in_two = sum(
        len(units) * (COMMAND_CYCLES + load * len(weights)
                      + images * blocks * height * own.count * max(2, len(weights)))
        for own, weights in x)
    in_two += sum(
        COMMAND_CYCLES + len(units) * len(weights)
        * (load + images * own.count * -(-columns * depth // config.columns))
        for own, weights in y)
    if at_once <= in_two:
        return [operation]
    digits = Tensor(f"{output.name} (digits)", (images, len(units) * height, columns, depth),
                    source.dtype, source.scales, source.zero_points)
    return [replace(operation, inputs=[source], outputs=[digits],
                    attributes=ColumnDigitsAttributes(attributes, units)),
            replace(operation, inputs=[digits],
                    attributes=RowDigitsAttributes(attributes, units))]


def _at_once(source: Tensor, y: Line, x: Line, config: NpuConfig) -> int:
    """Return about how many cycles some rows and columns take in one pass: longer where their
    weights are too large to be multiplied."""
    weights, _ = reduced_weights(y, x)
    geometry = share_geometry(source, y, x)
    if weights.max() > MAX_WEIGHT:
        return (TABLE_BYTES // config.axi_bytes * weights.size
                + diagonal_cycles(config, geometry))
    return convolution_cycles(config, geometry)


def _units(lines: Lines) -> tuple[int, ...]:
    """Return what the digits of sums stand for: a pixel, and the least unit of any weight; one
    between where that has more than seven bits."""
    least, weights = 1, [weight for _, some in lines for weight in some]
    while not any(weight & least for weight in weights):
        least *= 2
    whole = 1 << BILINEAR_BITS
    if least == whole:
        return (whole,)
    return (whole, least) if whole <= least << 7 else (whole, 16 * least, least)
