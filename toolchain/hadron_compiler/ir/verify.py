"""Rules every graph keeps; checked after each pass."""

from hadron_compiler.errors import VerifyError
from hadron_compiler.ir.graph import DType, Graph, Tensor

__all__ = ["verify"]


def verify(graph: Graph) -> Graph:
    """Return `graph` if it is sound.

    Raises
    ------
    VerifyError
        When a tensor is read before it is written or written twice, an alias differs in size from
        what it shows, or an activation is not quantized.
    """
    defined: set[Tensor] = set()

    def check(ok: bool, rule: str) -> None:
        if not ok:
            raise VerifyError(f"{graph.name}: {rule}")

    def define(tensor: Tensor) -> None:
        check(tensor not in defined, f"tensor {tensor.name} is written twice")
        check(len(tensor.scales) == 1 and len(tensor.zero_points) == 1,
              f"activation {tensor.name} has no per-tensor quantization")
        check(tensor.dtype is DType.INT8, f"activation {tensor.name} is not INT8")
        defined.add(tensor)

    def readable(tensor: Tensor) -> bool:
        return tensor in defined or tensor.data is not None or (
            tensor.root is not None and readable(tensor.root))

    for tensor in graph.inputs:
        define(tensor)
    for operation in graph.operations:
        for activation in operation.activations:
            check(readable(activation),
                  f"{operation.label} reads {activation.name} before it is written")
            check(activation.size == activation.storage.size,
                  f"{activation.name} differs in size from {activation.storage.name}")
        for tensor in operation.outputs:
            check(tensor.root is None, f"{operation.label} writes the alias {tensor.name}")
            define(tensor)
    for tensor in graph.outputs:
        check(readable(tensor), f"output {tensor.name} is never written")
    return graph
