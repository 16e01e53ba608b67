"""PAD in front of a convolution is padding of its window: both insert the input's zero point."""

from dataclasses import replace

from hadron_compiler.ir.graph import (
    ConvolutionAttributes,
    Graph,
    Operation,
    PadAttributes,
    Tensor,
)

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Let convolutions read what PAD reads; a PAD that nobody else reads is dead then."""
    pads: dict[Tensor, Operation] = {}
    operations = []
    for operation in graph.operations:
        attributes = operation.attributes
        source = operation.inputs[0]
        if isinstance(attributes, ConvolutionAttributes) and source in pads:
            pad = pads[source]
            added = pad.attributes
            assert isinstance(added, PadAttributes)
            window = replace(attributes.window,
                             pad_top=attributes.window.pad_top + added.top,
                             pad_left=attributes.window.pad_left + added.left)
            operation = replace(operation, inputs=[pad.inputs[0], *operation.inputs[1:]],
                                attributes=replace(attributes, window=window))
        elif isinstance(attributes, PadAttributes):
            pads[operation.outputs[0]] = operation
        operations.append(operation)
    return replace(graph, operations=operations)
