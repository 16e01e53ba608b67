"""A table that maps every byte to itself moves nothing: its output is an alias, as RESHAPE's.

Converters leave such tables where only the meaning of a byte changes: the scaling of an input image
to the range of -1 to 1, a clamp at what the type cannot exceed, QUANTIZE to an equal scale.
"""

from dataclasses import replace

from hadron_compiler.ir.graph import Graph, Operation, TableAttributes

__all__ = ["run"]

_IDENTITY = tuple(range(-128, 128))


def run(graph: Graph) -> Graph:
    """Drop identities, but for those that make a network output."""
    kept: list[Operation] = []
    for operation in graph.operations:
        attributes, output = operation.attributes, operation.outputs[0]
        if (isinstance(attributes, TableAttributes) and tuple(attributes.table) == _IDENTITY
                and output not in graph.outputs):
            output.root = operation.activations[0].storage
        else:
            kept.append(operation)
    return replace(graph, operations=kept)
