"""What the NPU lacks, and all that depends on it: left to the host where it comes last.

A detector ends with a suppression of boxes, an embedding with a normalization, a pose with the
search for its joints. What the network computes before is as useful without them: the host reads
that, and goes on from there.
"""

from dataclasses import dataclass

from hadron_compiler.frontend.flatbuffer import RawModel, RawOperator
from hadron_compiler.ir.graph import OpKind

__all__ = ["Tail", "find_tail"]

_INTEGERS = frozenset({"INT8", "INT16", "UINT8"})
_EDGES = frozenset({"QUANTIZE", "DEQUANTIZE", "ARG_MAX"})
_LAYERS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED",
                     "BATCH_MATMUL"})
"""What makes up a network: where it depends on what the NPU lacks, that is no end."""


@dataclass(frozen=True)
class Tail:
    """Operators left to the host, and the tensors before them that they read, each with the first
    one that does, in the model's order."""

    operators: frozenset[int] = frozenset()
    reads: tuple[tuple[int, int], ...] = ()


def find_tail(model: RawModel) -> Tail:
    """Return what comes last and is not for the NPU: none where layers depend on it, or where it
    reads inputs of the network, which is one of real numbers then."""
    tail: set[int] = set()
    reads: dict[int, int] = {}
    made: set[int] = set()
    makers: dict[int, str] = {}
    for index, operator in enumerate(model.operators):
        read = [i for i in operator.inputs if i != -1 and model.tensors[i].data is None]
        if not (_is_foreign(operator, read, model) or made.intersection(read)):
            makers |= dict.fromkeys(operator.outputs, operator.kind)
            continue
        if operator.kind in _LAYERS:
            return Tail()
        tail.add(index)
        made.update(operator.outputs)
        for i in read:
            if i not in made:
                reads.setdefault(i, index)
    if not reads or not all(
            i in makers and (model.tensors[i].dtype in _INTEGERS or makers[i] in _EDGES)
            for i in reads):
        return Tail()
    return Tail(frozenset(tail), tuple(reads.items()))


def _is_foreign(operator: RawOperator, read: list[int], model: RawModel) -> bool:
    """Tell whether the NPU lacks an operator, or has it for integers only and it has none."""
    if operator.kind in _EDGES or all(model.tensors[i].data is not None for i in operator.outputs):
        return False
    return operator.kind not in OpKind.__members__ or not any(
        model.tensors[i].dtype in _INTEGERS for i in (*read, *operator.outputs))
