"""ONNX operators that compute on integers themselves, as the QDQ form has them.

The QOperator form (``QuantFormat.QOperator`` of onnxruntime, most quantized networks of the ONNX
model zoo) has one node, with scales and zero points among its inputs, where the QDQ form has
DequantizeLinear, the operator of real numbers and QuantizeLinear. They say the same.

Source: onnx.ai/onnx/operators (QLinearConv, QLinearMatMul) and onnxruntime's
docs/ContribOperators.md (the others, of the domain com.microsoft).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hadron_compiler.frontend.onnx_inputs import options_of

__all__ = ["in_qdq_form"]

_UNARY = {
    "QLinearAveragePool": "AveragePool",
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearReduceMean": "ReduceMean",
    "QLinearSigmoid": "Sigmoid",
    "QLinearSoftmax": "Softmax",
}
_BINARY = {"QLinearAdd": "Add", "QLinearMul": "Mul", "QLinearMatMul": "MatMul"}


def in_qdq_form(onnx: Any, nodes: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the nodes of a graph in QDQ form, each with its position in `nodes`.

    What is not in QOperator form stays as it is, and so does what is and has no equal.
    """
    for index, node in enumerate(nodes):
        least, expand = _KINDS.get(node.op_type, (0, None))
        form = _Form(onnx, node)
        if expand is None or len(node.input) < least or form.options.get("channels_last"):
            yield index, node
        else:
            expand(form)
            yield from ((index, made) for made in form.nodes)


class _Form:
    """The nodes that one becomes."""

    def __init__(self, onnx: Any, node: Any) -> None:
        self.helper = onnx.helper
        self.node = node
        self.inputs = list(node.input)
        self.options = options_of(onnx, node)
        self.nodes: list[Any] = []

    def name(self, what: str) -> str:
        return f"{self.node.output[0]} ({what})"

    def append(self, kind: str, inputs: Sequence[str], output: str, **options: Any) -> str:
        self.nodes.append(self.helper.make_node(kind, list(inputs), [output], **options))
        return output

    def real(self, position: int, scale: int, **options: Any) -> str:
        """Return the real numbers of an input whose scale and zero point are inputs, too."""
        quantized = [self.inputs[position], *self.inputs[scale:scale + 2]]
        return self.append("DequantizeLinear", quantized, self.name(f"input {position}"), **options)

    def bias(self, position: int, x_scale: int, weight_scale: int) -> list[str]:
        """Return the real numbers of an optional bias, whose scale is the product of two others."""
        if position >= len(self.inputs) or not self.inputs[position]:
            return []
        scale = self.append("Mul", [self.inputs[x_scale], self.inputs[weight_scale]],
                            self.name("scale of the bias"))
        return [self.append("DequantizeLinear", [self.inputs[position], scale], self.name("bias"),
                            axis=0)]

    def finish(self, kind: str, inputs: Sequence[str], scale: int | None, **options: Any) -> None:
        """End with the operator and, where it is quantized, the integers of its result."""
        output: str = self.node.output[0]
        if scale is None:
            self.append(kind, inputs, output, **options)
            return
        made = self.append(kind, inputs, self.name("real"), **options)
        self.append("QuantizeLinear", [made, *self.inputs[scale:scale + 2]], output)


def _convolution(form: _Form) -> None:
    """x, its scale and zero point, the weights and theirs, those of the result, the bias."""
    inputs = [form.real(0, 1), form.real(3, 4, axis=0), *form.bias(8, 1, 4)]
    form.finish("Conv", inputs, 6, **form.options)


def _gemm(form: _Form) -> None:
    """a and b with scale and zero point, the bias, those of the result or none."""
    inputs = [form.real(0, 1), form.real(3, 4, axis=0 if form.options.get("transB") else 1),
              *form.bias(6, 1, 4)]
    quantized = len(form.inputs) > 7 and form.inputs[7]
    form.finish("Gemm", inputs, 7 if quantized else None, **form.options)


def _binary(form: _Form) -> None:
    """Both with scale and zero point, of a matrix by column, and those of the result."""
    form.finish(_BINARY[form.node.op_type], [form.real(0, 1), form.real(3, 4, axis=1)], 6)


def _unary(form: _Form) -> None:
    """x with scale and zero point, those of the result."""
    options = {name: value for name, value in form.options.items()
               if name not in ("channels_last", "opset")}
    form.finish(_UNARY[form.node.op_type], [form.real(0, 1)], 3, **options)


def _concatenation(form: _Form) -> None:
    """Scale and zero point of the result, then each input with its own."""
    inputs = [form.real(position, position + 1) for position in range(2, len(form.inputs), 3)]
    form.finish("Concat", inputs, 0, **form.options)


_KINDS: dict[str, tuple[int, Callable[[_Form], None]]] = {
    "QLinearConv": (8, _convolution),
    "QGemm": (6, _gemm),
    "QLinearConcat": (4, _concatenation),
    **dict.fromkeys(_BINARY, (7, _binary)),
    **dict.fromkeys(_UNARY, (4, _unary)),
}
"""The fewest inputs of each, and what it becomes."""
