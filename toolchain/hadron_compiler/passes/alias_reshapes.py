"""RESHAPE moves nothing: its output shows the bytes of its input under another shape."""

from dataclasses import replace

from hadron_compiler.ir.graph import Graph, OpKind

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Turn the output of every RESHAPE into an alias and drop the operation."""
    kept = []
    for operation in graph.operations:
        if operation.kind is OpKind.RESHAPE:
            operation.outputs[0].root = operation.activations[0].storage
        else:
            kept.append(operation)
    return replace(graph, operations=kept)
