"""Operations whose results nobody reads are not compiled."""

from dataclasses import replace

from hadron_compiler.ir.graph import Graph

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Keep the operations that a network output depends on."""
    wanted = {tensor.storage for tensor in graph.outputs}
    kept = []
    for operation in reversed(graph.operations):
        if any(tensor.storage in wanted for tensor in operation.outputs):
            kept.append(operation)
            wanted.update(tensor.storage for tensor in operation.activations)
    return replace(graph, operations=kept[::-1])
