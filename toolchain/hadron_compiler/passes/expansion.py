"""What passes have in common that make several operations of one, with weights among them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.elementwise import BYTES
from hadron_compiler.codegen.packing import shares_of
from hadron_compiler.ir.graph import (
    FILL,
    Attributes,
    Graph,
    LookupAttributes,
    MoveAttributes,
    Operation,
    OpKind,
    Tensor,
)
from hadron_compiler.ir.verify import verify
from hadron_spec.config import NpuConfig

__all__ = ["Expansion", "beside", "expand_each"]


def expand_each(graph: Graph, expand: Callable[[Operation], list[Operation]]) -> Graph:
    """Return the graph with what `expand` makes of each operation, verified."""
    return verify(replace(graph, operations=[
        made for operation in graph.operations for made in expand(operation)]))


class Expansion:
    """One operation becomes `operations`."""

    def __init__(self, operation: Operation, config: NpuConfig) -> None:
        self.operation = operation
        self.config = config
        self.operations: list[Operation] = []

    def tensor(self, what: str, shape: tuple[int, ...], like: Tensor, *,
               in_memory: bool = False) -> Tensor:
        """Return a tensor between the operations, quantized as another one."""
        return replace(like, name=f"{self.operation.outputs[0].name} ({what})", shape=shape,
                       data=None, root=None, in_memory=in_memory)

    def append(self, kind: OpKind, inputs: Sequence[Tensor], output: Tensor,
               attributes: Attributes) -> Tensor:
        """Add an operation; return its output."""
        self.operations.append(replace(self.operation, kind=kind, inputs=list(inputs),
                                       outputs=[output], attributes=attributes))
        return output

    def move(self, what: str, source: Tensor, fill: int,
             *axes: npt.NDArray[np.int64]) -> Tensor:
        """Add a movement; return its output."""
        output = self.tensor(what, tuple(axis.size for axis in axes), source)
        return self.append(OpKind.TRANSPOSE, [source], output, MoveAttributes(axes, fill))

    def stored_weights(self, source: Tensor, own: Sequence[npt.NDArray[np.int64]],
                       beside: Sequence[npt.NDArray[np.int64]]) -> list[Tensor]:
        """Add what stores the shares of weights to memory, laid out for the weight memory.

        The array packs columns in pairs: a weight of an odd one is stored less one where that of
        the even one beside it is negative. `own` and `beside` are the axes of movements that bring
        the bytes of both.
        """
        # A value less its zero point has nine bits.
        shares = [share.astype(np.int64) for share in shares_of(BYTES - source.zero_point)]
        axes = {"columns": own}
        if any((share < 0).any() for share in shares):
            axes["columns beside"] = beside
        laid_out = [self.move(what, source, source.zero_point, *some)
                    for what, some in axes.items()]
        return [self.append(
            OpKind.ADD, laid_out,
            self.tensor(f"weights {number}", laid_out[0].shape, source, in_memory=True),
            LookupAttributes((share, -(share < 0).astype(np.int64))[:len(laid_out)]))
            for number, share in enumerate(shares)]


def beside(own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return what is in the even columns beside the odd ones, by what is in each; nothing beside
    the even ones."""
    others = np.full_like(own, FILL)
    others[1::2] = own[::2]
    return others
