"""What an ONNX model ends with that the NPU lacks: left to the host, as `tails` has it."""

from collections.abc import Mapping, Sequence
from typing import Any

from hadron_compiler.frontend.onnx_values import Constant, Quantized, Value

__all__ = ["OnnxTail"]

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""What makes up a network: where it depends on what the NPU lacks, that is no end."""


class OnnxTail:
    """Nodes left to the host, as they are met.

    Attributes
    ----------
    lacking : list of (str, int)
        Those that the NPU lacks: operator, and position in the file. Others depend on them.
    names : set of str
        All that the nodes make.
    reads : dict of str to str
        The values that they read of the network, each with the first one that does.
    """

    def __init__(self) -> None:
        self.lacking: list[tuple[str, int]] = []
        self.names: set[str] = set()
        self.reads: dict[str, str] = {}
        self.count = 0
        self.holds_layers = False

    def depends(self, node: Any) -> bool:
        """Tell whether a node reads what one of the nodes makes."""
        return any(name in self.names for name in node.input)

    def add(self, node: Any, index: int, values: Mapping[str, Value]) -> None:
        """Leave a node to the host."""
        if not self.depends(node):
            self.lacking.append((node.op_type, index))
        self.holds_layers |= node.op_type in _LAYERS
        self.count += 1
        self.names.update(name for name in node.output if name)
        for name in node.input:
            if name in values and not isinstance(values[name], Constant | Quantized):
                self.reads.setdefault(name, f"{node.op_type} #{index}")

    def outputs(self, names: Sequence[str]) -> list[str]:
        """Return the outputs of what is left of a model whose outputs have these names."""
        kept = [name for name in names if name not in self.names]
        return kept + [name for name in self.reads if name not in kept]
