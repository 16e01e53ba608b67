"""A function of a function is one function: one look-up instead of two."""

from collections import Counter
from dataclasses import replace

from hadron_compiler.ir.graph import Graph, Operation, TableAttributes, Tensor

__all__ = ["run"]


def run(graph: Graph) -> Graph:
    """Let a table read what the table before it reads, if nobody else reads that one's output."""
    # Whoever reads the bytes, under whatever shape.
    readers = Counter(tensor.storage for operation in graph.operations
                      for tensor in operation.inputs if tensor is not None)
    outputs = {tensor.storage for tensor in graph.outputs}
    made: dict[Tensor, Operation] = {}
    operations: list[Operation] = []
    for operation in graph.operations:
        attributes = operation.attributes
        source = operation.inputs[0]
        if isinstance(attributes, TableAttributes):
            before = made.get(source) if source is not None else None
            if (before is not None and source is not None and readers[source] == 1
                    and source not in outputs):
                first = before.attributes
                assert isinstance(first, TableAttributes)
                table = tuple(attributes.table[value + 128] for value in first.table)
                operation = replace(operation, inputs=list(before.inputs),
                                    attributes=TableAttributes(table))
                operations.remove(before)
            made[operation.outputs[0]] = operation
        operations.append(operation)
    return replace(graph, operations=operations)
