"""A maximum over a window is one over rows of one over columns, which takes fewer steps.

The tensor between holds all rows of the input: the way for stride 1 and large windows, where it
has a place.
"""

from dataclasses import replace

from hadron_compiler.ir.graph import Graph, Operation, OpKind, PoolAttributes, Tensor
from hadron_compiler.ir.verify import verify

__all__ = ["run"]


def run(graph: Graph) -> Graph | None:
    """Split every MAX_POOL_2D that then takes fewer steps; None where none does."""
    operations = [part for operation in graph.operations for part in _split(operation)]
    if len(operations) == len(graph.operations):
        return None
    return verify(replace(graph, operations=operations))


def _split(operation: Operation) -> list[Operation]:
    attributes = operation.attributes
    if operation.kind is not OpKind.MAX_POOL_2D or not isinstance(attributes, PoolAttributes):
        return [operation]
    window = attributes.window
    source, target = operation.activations[0], operation.outputs[0]
    images, rows, _, channels = source.shape
    _, height, width, _ = target.shape
    steps = height * window.kernel_y * window.kernel_x
    if rows * window.kernel_x + height * window.kernel_y >= steps:
        return [operation]
    between = Tensor(f"{target.name} (rows)", (images, rows, width, channels), source.dtype,
                     source.scales, source.zero_points)
    across = replace(window, kernel_y=1, stride_y=1, dilation_y=1, pad_top=0)
    down = replace(window, kernel_x=1, stride_x=1, dilation_x=1, pad_left=0)
    return [
        replace(operation, inputs=[source], outputs=[between],
                attributes=replace(attributes, window=across)),
        replace(operation, inputs=[between], attributes=replace(attributes, window=down)),
    ]
