"""Rules every graph keeps; checked after each pass."""

from hadron_compiler.errors import VerifyError
from hadron_compiler.ir.graph import DType, Graph, OpKind, Tensor

__all__ = ["verify"]


def verify(graph: Graph) -> Graph:
    """Return `graph` if it is sound.

    Raises
    ------
    VerifyError
        When a tensor is read before it is written or written twice, an alias differs in size from
        what it shows, or an activation is not quantized. The output of CONCATENATION may be
        written in parts by several, and a tensor as views of it; it is written when all of them
        have been.
    """
    defined: set[Tensor] = set()
    missing: dict[Tensor, int] = {}

    def check(ok: bool, rule: str) -> None:
        if not ok:
            raise VerifyError(f"{graph.name}: {rule}")

    def define(tensor: Tensor) -> None:
        check(tensor not in defined, f"tensor {tensor.name} is written twice")
        check(len(tensor.scales) == 1 and len(tensor.zero_points) == 1,
              f"activation {tensor.name} has no per-tensor quantization")
        check(tensor.dtype in (DType.INT8, DType.INT16),
              f"activation {tensor.name} is neither INT8 nor INT16")
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
            check(activation.is_view or activation.size == activation.storage.size,
                  f"{activation.name} differs in size from {activation.storage.name}")
        for tensor in operation.outputs:
            check(tensor.root is None or tensor.is_view,
                  f"{operation.label} writes the alias {tensor.name}")
            parts = {tensor: tensor.size}
            if operation.kind is OpKind.CONCATENATION:
                parts = {tensor: sum(part.size for part in operation.activations)}
            whole = tensor
            while whole.root is not None:
                parts[whole.root] = parts[tensor]
                whole = whole.root
            for whole, size in parts.items():
                missing[whole] = missing.get(whole, whole.size) - size
                check(missing[whole] >= 0, f"tensor {whole.name} is written twice")
                if not missing[whole]:
                    define(whole)
    for tensor in graph.outputs:
        check(readable(tensor), f"output {tensor.name} is never written")
    return graph
