"""CONCATENATION is a copy of each input into its share of the output: one operation an input."""

from dataclasses import replace

from hadron_compiler.ir.graph import ConcatenationAttributes, Graph

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Replace every CONCATENATION by one for each of its inputs, all writing the same output."""
    operations = []
    for operation in graph.operations:
        attributes = operation.attributes
        if not isinstance(attributes, ConcatenationAttributes):
            operations.append(operation)
            continue
        first = attributes.first
        for tensor in operation.activations:
            operations.append(replace(operation, inputs=[tensor],
                                      attributes=replace(attributes, first=first)))
            first += tensor.shape[attributes.axis]
    return replace(graph, operations=operations)
