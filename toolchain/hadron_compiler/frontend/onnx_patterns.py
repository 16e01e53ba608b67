"""Normalizations that an ONNX file writes as many nodes, as one.

Before version 17 of ONNX's operators, a layer normalization is written as

    (x - ReduceMean(x)) / Sqrt(ReduceMean((x - ReduceMean(x)) ** 2) + epsilon)

and quantizers put QuantizeLinear and DequantizeLinear at some of its values. Told what it is, the
compiler need not go by the eight bits of each of them. LpNormalization is written out as
x / ReduceL2(x), which PyTorch keeps from dividing by 0 and expands.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hadron_compiler.frontend.onnx_inputs import options_of

__all__ = ["with_normalizations"]

_QDQ = ("QuantizeLinear", "DequantizeLinear")


def with_normalizations(onnx: Any, graph: Any,
                        nodes: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Return the nodes of a graph with one for each normalization that is written out.

    It has the attribute `axes`; LayerNormalization has neither scale nor bias, and epsilon as its
    fourth input. What nobody else reads is left out.
    """
    finder = _Finder(onnx, graph, [node for _, node in nodes])
    found = {id(node): made for _, node in nodes
             if node.op_type == "Div"
             and (made := finder.layer(node) or finder.root(node)) is not None}
    if not found:
        return list(nodes)
    kept = [(index, found.get(id(node), node)) for index, node in nodes]
    parts = {id(node) for node in finder.parts}
    outputs = {value.name for value in graph.output}
    while True:
        reads = Counter(name for _, node in kept for name in node.input)
        dead = [node for _, node in kept if id(node) in parts
                and not any(reads[name] or name in outputs for name in node.output)]
        if not dead:
            return kept
        gone = set(map(id, dead))
        kept = [item for item in kept if id(item[1]) not in gone]


class _Finder:
    """Follows values back to what makes them; `parts` are the nodes that normalizations are of."""

    def __init__(self, onnx: Any, graph: Any, nodes: Sequence[Any]) -> None:
        self.onnx = onnx
        self.makers = {name: node for node in nodes for name in node.output}
        self.constants = {constant.name: constant for constant in graph.initializer}
        self.parts: list[Any] = []
        self.seen: list[Any] = []

    def root(self, node: Any) -> Any | None:
        """Return the LpNormalization that a Div ends, None where it ends none."""
        self.seen = []
        name = node.input[1]
        while (between := self._made_by(name, "Expand") or self._made_by(name, "Clip")
               or self._made_by(name, "Max")) is not None:
            name = between.input[0]
        length = self._made_by(name, "ReduceL2")
        if length is None or not self._same(length.input[0], node.input[0]) or not (
                axes := self._axes(length)):
            return None
        self.parts += self.seen
        return self.onnx.helper.make_node("LpNormalization", [node.input[0]], list(node.output),
                                          axes=axes)

    def layer(self, node: Any) -> Any | None:
        """Return the LayerNormalization that a Div ends, None where it ends none."""
        self.seen = []
        around, root = (self._made_by(*operand)
                        for operand in zip(node.input, ("Sub", "Sqrt"), strict=True))
        total = None if root is None else self._made_by(root.input[0], "Add")
        axes = None if around is None else self._centers(around)
        if around is None or total is None or axes is None:
            return None
        for variance, epsilon in (total.input, total.input[::-1]):
            mean = self._made_by(variance, "ReduceMean")
            if mean and self._axes(mean) == axes and self._squares(mean.input[0], around):
                self.parts += self.seen
                return self.onnx.helper.make_node(
                    "LayerNormalization", [around.input[0], "", "", epsilon], list(node.output),
                    axes=axes)
        return None

    def _made_by(self, name: str, kind: str) -> Any | None:
        """Return the node of a kind that makes a value, whether it is quantized or not."""
        node = self.makers.get(name)
        while node is not None and node.op_type in _QDQ:
            self.seen.append(node)
            node = self.makers.get(node.input[0])
        if node is None or node.op_type != kind:
            return None
        self.seen.append(node)
        return node

    def _same(self, a: str, b: str) -> bool:
        """Tell whether two names are of one value, whether it is quantized or not."""
        def source(name: str) -> str:
            while (node := self.makers.get(name)) is not None and node.op_type in _QDQ:
                name = node.input[0]
            return name

        return source(a) == source(b)

    def _centers(self, node: Any) -> list[int] | None:
        """Return the axes over which a Sub takes off the mean of its first input."""
        mean = self._made_by(node.input[1], "ReduceMean")
        if mean is None or not self._same(mean.input[0], node.input[0]):
            return None
        return self._axes(mean)

    def _axes(self, node: Any) -> list[int] | None:
        """Return the axes of a ReduceMean that keeps them with one element."""
        options = options_of(self.onnx, node)
        axes = options.get("axes") or (self._numbers(node.input[1]) if len(node.input) > 1 else ())
        return sorted(map(int, axes)) if axes and options.get("keepdims", 1) else None

    def _numbers(self, name: str) -> list[float]:
        """Return the numbers of a constant, none where it is not one."""
        maker = self.makers.get(name)
        constant = (self.constants.get(name) if maker is None
                    else options_of(self.onnx, maker).get("value"))
        if constant is None or (maker is not None and maker.op_type != "Constant"):
            return []
        return [float(number) for number in self.onnx.numpy_helper.to_array(constant).ravel()]

    def _squares(self, name: str, around: Any) -> bool:
        """Tell whether a value is the square of another one, or of its like."""
        node = self._made_by(name, "Pow") or self._made_by(name, "Mul")
        if node is None:
            return False
        squared = (self._same(*node.input) if node.op_type == "Mul"
                   else self._numbers(node.input[1]) == [2.0])
        if not squared:
            return False
        base = self._made_by(node.input[0], "Sub")
        return (base is not None and self._same(base.input[0], around.input[0])
                and self._centers(base) == self._centers(around))
