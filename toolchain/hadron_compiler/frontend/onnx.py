"""Import an ONNX model quantized in the QDQ form.

Every operator stands between DequantizeLinear and QuantizeLinear: the integers are on either side,
the real numbers between are never computed. Images have their channels last here: what has them
second in the file is only read so, and turned where a network input or output, or a flattening,
makes the order visible.

Source: onnx.ai/onnx/operators.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from hadron_compiler.errors import ModelFormatError
from hadron_compiler.frontend.offsets import spans
from hadron_compiler.frontend.onnx_operators import OPERATORS
from hadron_compiler.frontend.onnx_values import Constant, Image, Pending, Quantized
from hadron_compiler.frontend.problems import Problems
from hadron_compiler.ir.graph import (
    DType,
    Graph,
    MoveAttributes,
    Operation,
    OpKind,
    TableAttributes,
    Tensor,
)
from hadron_compiler.program import HostEdge
from hadron_spec.real_tables import real_table

__all__ = ["OnnxImporter", "import_onnx"]

Value = Quantized | Constant | Image | Pending


def import_onnx(source: str, data: bytes) -> Graph:
    """Build the graph of an ONNX model.

    Parameters
    ----------
    source : str
        What messages call the model: the name of its file.
    data : bytes
        The file.

    Raises
    ------
    ModelFormatError
        When the file is not an ONNX model or is damaged.
    UnsupportedError
        With all the reasons why Hadron cannot run it.
    """
    # Late, for it takes longer than compiling a small network; untyped, as protobuf messages are.
    onnx: Any = import_module("onnx")
    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:  # protobuf and the checker raise classes of their own
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelFormatError(f"{source}: not an ONNX model, or a damaged one "
                               f"({lines[0].strip()})") from None
    return OnnxImporter(source, onnx, model).build()


class OnnxImporter:
    """Walks the nodes; what a name stands for is in `values`."""

    def __init__(self, source: str, onnx: Any, model: Any) -> None:
        self.source = source
        self.onnx = onnx
        self.graph = model.graph
        self.problems = Problems()
        self.values: dict[str, Value] = {}
        self.operations: list[Operation] = []
        self.inputs: list[Tensor] = []
        self.host: list[HostEdge] = []
        self.origins: dict[Tensor, Tensor] = {}
        self.label = ""
        self.index = 0

    def build(self) -> Graph:
        """Return the graph, or raise all problems."""
        for constant in self.graph.initializer:
            self.values[constant.name] = Constant(constant.name,
                                                  self.onnx.numpy_helper.to_array(constant))
        for value in self.graph.input:
            if value.name not in self.values:
                self._input(value)
        for index, node in enumerate(self.graph.node):
            self.index = index
            self.label = f"{node.op_type} #{self.index}"
            self._node(node)
        outputs = [self._output(position, value)
                   for position, value in enumerate(self.graph.output)]
        for tensor in self.inputs:
            self.require(bool(tensor.scales), f"network input {tensor.name} is not quantized")
        self.problems.raise_if_any(self.source)
        return Graph(self.source, self.operations, self.inputs,
                     [tensor for tensor in outputs if tensor is not None], tuple(self.host))

    def require(self, ok: bool, problem: str) -> bool:
        """Report a problem of the node at hand unless `ok`."""
        if not ok:
            self.problems.add(f"{self.label}: {problem}" if self.label else problem)
        return ok

    def _input(self, value: Any) -> None:
        dimensions = value.type.tensor_type.shape.dim
        shape = tuple(int(d.dim_value) for d in dimensions)
        # A batch without a size is one image.
        if dimensions and not dimensions[0].HasField("dim_value"):
            shape = (1, *shape[1:])
        if not self.require(all(size > 0 for size in shape), f"network input {value.name} has the "
                            f"dynamic shape {list(shape)}; Hadron needs fixed shapes"):
            return
        tensor = Tensor(value.name, shape, DType.INT8)
        kind = self._type(value)
        self.require(kind in ("FLOAT", "INT8"), f"network input {value.name} is {kind}; FLOAT and "
                                                "INT8 are supported")
        if kind == "FLOAT":
            self.host.append(HostEdge("QuantizeLinear", "input", len(self.inputs), value.name,
                                      "float32", tensor.elements))
        self.inputs.append(tensor)
        self.values[value.name] = Image(tensor, shape)

    def _node(self, node: Any) -> None:
        if any(name and name not in self.values for name in node.input):
            # Reported where that value should have come from.
            return
        attributes = {item.name: self.onnx.helper.get_attribute_value(item)
                      for item in node.attribute}
        given = [self.values[name] if name else None for name in node.input]
        handlers: dict[str, Callable[..., Any]] = {
            "Constant": self._constant, "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize}
        if node.op_type in handlers:
            made = handlers[node.op_type](node, given, attributes)
        elif node.op_type in OPERATORS:
            made = OPERATORS[node.op_type](self, node, given, attributes)
        else:
            self.problems.add_operator(node.op_type, self.index)
            return
        if made is not None:
            self.values[node.output[0]] = made

    def _constant(self, node: Any, given: list[Value | None],
                  attributes: dict[str, Any]) -> Value | None:
        if not self.require("value" in attributes, "only a tensor is supported"):
            return None
        return Constant(node.output[0], self.onnx.numpy_helper.to_array(attributes["value"]))

    def _scale(self, given: list[Value | None]) -> tuple[tuple[float, ...], tuple[int, ...]] | None:
        """Return scales and zero points, those of UINT8 as those of INT8."""
        scale = given[1]
        point = given[2] if len(given) > 2 else None
        if not self.require(isinstance(scale, Constant) and (point is None or isinstance(
                point, Constant)), "scale and zero point must be constants"):
            return None
        assert isinstance(scale, Constant)
        points = np.zeros(1, np.int64)
        if isinstance(point, Constant):
            points = point.data.astype(np.int64).ravel() - 128 * (point.data.dtype == np.uint8)
        return (tuple(float(value) for value in scale.data.ravel()),
                tuple(int(value) for value in points))

    def _dequantize(self, node: Any, given: list[Value | None],
                    attributes: dict[str, Any]) -> Value | None:
        quantization, source = self._scale(given), given[0]
        if quantization is None:
            return None
        scales, points = quantization
        if isinstance(source, Constant):
            data = source.data.astype(np.int64) - 128 * (source.data.dtype == np.uint8)
            return Quantized(node.output[0], data, scales, points,
                             int(attributes.get("axis", 1)) % max(1, data.ndim))
        if isinstance(source, Image):
            self._match(source.tensor, scales, points)
            return source
        self.require(False, f"input {node.input[0]} is not quantized")
        return None

    def _match(self, tensor: Tensor, scales: tuple[float, ...], points: tuple[int, ...]) -> bool:
        """Give a network input its quantization; check that of anything else."""
        if not self.require(len(scales) == len(points) == 1, f"tensor {tensor.name} has "
                            f"{len(scales)} scales; activations must be quantized per tensor"):
            return False
        origin: Tensor | None = tensor
        while origin is not None and not origin.scales:
            # A network input, or bytes moved before they were quantized.
            origin.scales, origin.zero_points = scales, points
            origin = self.origins.get(origin)
        return self.require((tensor.scales, tensor.zero_points) == (scales, points),
                            f"quantization of input {tensor.name} and output differ: scale "
                            f"{tensor.scales[0]} and {scales[0]}, zero point "
                            f"{tensor.zero_points[0]} and {points[0]}")

    def _quantize(self, node: Any, given: list[Value | None],
                  attributes: dict[str, Any]) -> Value | None:
        quantization, source = self._scale(given), given[0]
        if quantization is None or not self.require(
                isinstance(source, Image | Pending), f"input {node.input[0]} is a constant"):
            return None
        if isinstance(source, Image):
            return self._requantize(source, *quantization)
        assert isinstance(source, Pending)
        if not self.require(len(quantization[0]) == len(quantization[1]) == 1,
                            "activations must be quantized per tensor"):
            return None
        return self.finish(source, node.output[0], *quantization)

    def _requantize(self, value: Image, scales: tuple[float, ...],
                    points: tuple[int, ...]) -> Image | None:
        """Return a value quantized otherwise; the first time it is quantized at all, itself."""
        tensor = value.tensor
        if not tensor.scales or len(scales) != 1:
            return value if self._match(tensor, scales, points) else None
        wanted = Tensor("", (), DType.INT8, scales, points)
        return replace(value, tensor=self.requantized(tensor, wanted))

    def requantized(self, tensor: Tensor, wanted: Tensor) -> Tensor:
        """Return a tensor's values quantized like another one: by a table, unless they are."""
        if (tensor.scales, tensor.zero_points) == (wanted.scales, wanted.zero_points):
            return tensor
        output = replace(tensor, name=f"{tensor.name} (requantized)", root=None, data=None,
                         scales=wanted.scales, zero_points=wanted.zero_points)
        table = real_table((tensor.scale, tensor.zero_point), (output.scale, output.zero_point),
                           lambda x: x)
        self.operations.append(Operation(OpKind.QUANTIZE, self.index, [tensor], [output],
                                         TableAttributes(tuple(table))))
        return output

    def finish(self, pending: Pending, name: str, scales: tuple[float, ...],
               points: tuple[int, ...]) -> Image:
        """Append the operation of real numbers whose quantization is now known."""
        shape = stored_shape(pending.shape, pending.channels_last)
        output = Tensor(name, shape, DType.INT8, scales, points)
        self.operations.append(Operation(
            pending.kind, pending.index, pending.inputs(output), [output],
            pending.attributes(pending.activation, output)))
        return Image(output, pending.shape, pending.channels_last)

    def operation(self, kind: OpKind, source: Tensor, shape: tuple[int, ...],
                  attributes: MoveAttributes | None, what: str) -> Tensor:
        """Append an operation that moves bytes; without attributes, one that shows them anew."""
        output = replace(source, name=f"{source.name} ({what})", shape=shape, root=None, data=None)
        self.operations.append(Operation(kind, self.index, [source], [output], attributes))
        self.origins[output] = source
        return output

    def image(self, value: Image) -> Image:
        """Return a value of four axes with its channels last."""
        if value.channels_last or len(value.shape) != 4:
            return value
        return Image(self.turned(value.tensor, (0, 2, 3, 1)), value.shape, True)

    def plain(self, value: Image) -> Image:
        """Return a value in the order that the file says."""
        if not value.channels_last:
            return value
        return Image(self.turned(value.tensor, (0, 3, 1, 2)), value.shape)

    def turned(self, source: Tensor, order: tuple[int, ...]) -> Tensor:
        """Return a tensor with its axes in another order: a view where only axes of size 1 move."""
        shape = tuple(source.shape[axis] for axis in order)
        moved = [axis for axis in order if source.shape[axis] > 1]
        if moved == sorted(moved):
            return self.operation(OpKind.RESHAPE, source, shape, None, "view")
        axes = spans(source.shape, [0] * len(shape), source.shape).axes
        return self.operation(OpKind.TRANSPOSE, source, shape,
                              MoveAttributes(tuple(axes[axis] for axis in order)), "turned")

    def _output(self, position: int, output: Any) -> Tensor | None:
        self.label = ""
        value = self.values.get(output.name)
        if value is None:
            return None
        if not self.require(isinstance(value, Image) and bool(value.tensor.scales),
                            f"network output {output.name} is not quantized"):
            return None
        assert isinstance(value, Image)
        tensor = self.plain(value).tensor
        if self._type(output) == "FLOAT":
            self.host.append(HostEdge("DequantizeLinear", "output", position, output.name,
                                      "float32", prod(tensor.shape)))
        return tensor

    def _type(self, value: Any) -> str:
        return str(self.onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type))


def stored_shape(shape: tuple[int, ...], channels_last: bool) -> tuple[int, ...]:
    """Return the shape of the tensor that holds a value."""
    return (shape[0], *shape[2:], shape[1]) if channels_last else shape
