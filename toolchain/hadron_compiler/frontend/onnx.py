"""Import a quantized ONNX model, in the QDQ form or brought into it.

Every operator stands between DequantizeLinear and QuantizeLinear: the integers are on either side,
the real numbers between are never computed. Images have their channels last here: what has them
second in the file is only read so, and turned where a network input or output, or a flattening,
makes the order visible.

Source: onnx.ai/onnx/operators.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from hadron_compiler.errors import UnsupportedError
from hadron_compiler.frontend.onnx_builder import OnnxBuilder
from hadron_compiler.frontend.onnx_constants import computed, kept_quantized
from hadron_compiler.frontend.onnx_file import is_quantized, read_onnx
from hadron_compiler.frontend.onnx_inputs import Given, Made, options_of
from hadron_compiler.frontend.onnx_movement import MOVEMENT
from hadron_compiler.frontend.onnx_operators import OPERATORS
from hadron_compiler.frontend.onnx_patterns import with_normalizations
from hadron_compiler.frontend.onnx_qoperators import in_qdq_form
from hadron_compiler.frontend.onnx_ranges import Ranges
from hadron_compiler.frontend.onnx_reordering import REORDERING
from hadron_compiler.frontend.onnx_tails import OnnxTail
from hadron_compiler.frontend.onnx_values import (
    Chosen,
    Constant,
    Function,
    Image,
    Pending,
    Quantized,
    Value,
    axes_first,
    stored_shape,
)
from hadron_compiler.frontend.onnx_windows import reaches_window
from hadron_compiler.ir.graph import Activation, DType, Graph, Tensor
from hadron_compiler.program import HostEdge

__all__ = ["OnnxImporter", "import_onnx"]

_BYTE_TYPES = {"INT8": 0, "UINT8": -128}
"""Types of quantized tensors, and what takes their integers to those of INT8."""


def import_onnx(source: str, data: bytes, folder: Path | None = None) -> Graph:
    """Build the graph of an ONNX model.

    Parameters
    ----------
    source : str
        What messages call the model: the name of its file.
    data : bytes
        The file.
    folder : Path or None
        Where it lies, and the files beside it that may hold its constants.

    Raises
    ------
    ModelFormatError
        When the file is not an ONNX model or is damaged.
    UnsupportedError
        With all the reasons why Hadron cannot run it.
    """
    model = read_onnx(source, data, folder)
    return OnnxImporter(source, import_module("onnx"), model).build()


class OnnxImporter(OnnxBuilder):
    """Walks the nodes; what a name stands for is in `values`."""

    def __init__(self, source: str, onnx: Any, model: Any) -> None:
        super().__init__()
        self.source = source
        self.onnx = onnx
        self.model = model
        self.graph = model.graph
        self.nodes = with_normalizations(onnx, model.graph,
                                         list(in_qdq_form(onnx, model.graph.node)))
        self.ranges = Ranges(self)
        self.values: dict[str, Value] = {}
        self.inputs: list[Tensor] = []
        self.host: list[HostEdge] = []
        self.tail = OnnxTail()

    def build(self) -> Graph:
        """Return the graph, or raise all problems."""
        self._check_form()
        for constant in self.graph.initializer:
            self.values[constant.name] = Constant(constant.name,
                                                  self.onnx.numpy_helper.to_array(constant))
        for value in self.graph.input:
            if value.name not in self.values:
                self._input(value)
        # Constants first: ranges are found by nodes further on.
        for index, node in sorted(self.nodes, key=lambda item: item[1].op_type != "Constant"):
            self.index = index
            self.label = f"{node.op_type} #{self.index}"
            self._node(node)
        outputs = [self._output(position, value) for position, value in enumerate(self._ends())]
        for tensor in self.inputs:
            self.require(bool(tensor.scales), f"network input {tensor.name} is not quantized")
        self.problems.raise_if_any(self.source)
        return Graph(self.source, self.operations, self.inputs,
                     [tensor for tensor in outputs if tensor is not None], tuple(self.host))

    def _check_form(self) -> None:
        """Refuse what is not quantized, or is quantized while it runs, as a whole."""
        kinds = {node.op_type for _, node in self.nodes}
        dynamic = sorted(kind for kind in kinds
                         if kind.endswith("Integer") or kind == "DynamicQuantizeLinear")
        if dynamic:
            raise UnsupportedError(self.source, [
                f"the model has {', '.join(dynamic)}: it is quantized dynamically, while it runs; "
                "quantize it with onnxruntime.quantization.quantize_static"])
        if not any(map(is_quantized, kinds)):
            raise UnsupportedError(self.source, [
                "the model is not quantized: quantize it first, with hadron quantize or "
                "onnxruntime.quantization.quantize_static"])

    def _input(self, value: Any) -> None:
        dimensions = value.type.tensor_type.shape.dim
        shape = tuple(int(d.dim_value) for d in dimensions)
        # A batch without a size is one image.
        if dimensions and not dimensions[0].HasField("dim_value"):
            shape = (1, *shape[1:])
        if not self.require(all(size > 0 for size in shape), f"network input {value.name} has the "
                            f"dynamic shape {list(shape)}; Hadron needs fixed shapes"):
            return
        last = len(shape) > 2 and reaches_window([node for _, node in self.nodes],
                                                 value.name)
        tensor = Tensor(value.name, stored_shape(shape, last), DType.INT8)
        kind = self._type(value)
        self.require(kind in ("FLOAT", *_BYTE_TYPES), f"network input {value.name} is {kind}; "
                     "FLOAT, INT8 and UINT8 are supported")
        if kind != "INT8":
            self.host.append(HostEdge("QuantizeLinear", "input", len(self.inputs), value.name,
                                      "float32" if kind == "FLOAT" else "uint8", tensor.elements))
        image = Image(tensor, shape, last)
        if last:
            self._leave_order("input", len(self.inputs), value.name, image)
        self.inputs.append(tensor)
        self.values[value.name] = image

    def _leave_order(self, side: str, position: int, name: str, image: Image) -> None:
        """Leave it to the host to turn an image from or to the order that the file says."""
        self.host.append(HostEdge("Transpose", side, position, name, "int8",
                                  image.tensor.elements, order=axes_first(len(image.shape))))

    def _ends(self) -> list[Any]:
        """Return the outputs: the model's own, or what its last nodes read that are left out."""
        given, tail = list(self.graph.output), self.tail
        if not tail.count:
            return given
        read = [self.values[name] for name in tail.reads]
        if tail.holds_layers or any(isinstance(value, Image) and value.tensor in self.inputs
                                    for value in read):
            for kind, index in tail.lacking:
                self.problems.add_operator(kind, index)
            return given
        own = {value.name: value for value in given}
        more = f" and {tail.count - 1} more" if tail.count > 1 else ""
        ends = []
        for position, name in enumerate(tail.outputs([value.name for value in given])):
            value = self.values.get(name)
            image = value.source if isinstance(value, Function) else value
            if name in tail.reads and isinstance(image, Image):
                self.host.append(HostEdge(
                    f"{tail.reads[name]}{more}", "output", position, name, "float32",
                    image.tensor.elements, behind=True))
            ends.append(own.get(name) or self.onnx.helper.make_tensor_value_info(
                name, self.onnx.TensorProto.FLOAT, None))
        return ends

    def _node(self, node: Any) -> None:
        if self.tail.depends(node):
            self.tail.add(node, self.index, self.values)
            return
        if any(name and name not in self.values for name in node.input):
            # Reported where that value should have come from.
            return
        attributes = options_of(self.onnx, node)
        given = [self.values[name] if name else None for name in node.input]
        made = self._made(node, given, attributes)
        if isinstance(made, Sequence):
            self.values |= {name: value for name, value in zip(node.output, made, strict=True)
                            if name and value is not None}
        elif made is not None:
            self.values[node.output[0]] = made
        for name in node.output:
            if isinstance(value := self.values.get(name), Pending):
                self.values[name] = replace(value, name=name)

    def _made(self, node: Any, given: Given, attributes: dict[str, Any]) -> Made:
        """Return what a node makes."""
        quantizers = {"QuantizeLinear": self._quantize, "DequantizeLinear": self._dequantize}
        if node.op_type in quantizers:
            return quantizers[node.op_type](node, given, attributes)
        if node.op_type in ("Shape", "Size") or all(isinstance(value, Constant | None)
                                                    for value in given):
            return computed(self, node, given)
        if isinstance(given[0], Quantized) and (kept := kept_quantized(given[0], node, given,
                                                                       attributes)) is not None:
            return kept
        if node.op_type not in REORDERING:
            given = [self._in_order(value) for value in given]
        if node.op_type in MOVEMENT:
            handler = MOVEMENT[node.op_type]

            def moved(image: Image) -> Made:
                first = image if node.op_type in REORDERING else self._in_order(image)
                return handler(self, node, [first, *given[1:]], attributes)

            if isinstance(given[0], Function | Pending) and node.op_type != "Concat":
                return [self.after(given[0], _one(moved, position))
                        for position in range(len(node.output))]
            return handler(self, node, given, attributes)
        if node.op_type == "MaxPool" and isinstance(given[0], Pending):
            # The largest is so before it is quantized and after.
            return self.after(given[0], _one(
                lambda image: OPERATORS["MaxPool"](self, node, [self._in_order(image)], attributes),
                0))
        if node.op_type == "Cast" and isinstance(given[0], Chosen):
            return given[0]
        if node.op_type in OPERATORS:
            return OPERATORS[node.op_type](self, node, given, attributes)
        self.tail.add(node, self.index, self.values)
        return None

    def _in_order(self, value: Value | None) -> Value | None:
        """Return a value whose image has no order of its own."""
        image = value.source if isinstance(value, Function) else value
        if not isinstance(image, Image) or not image.order:
            return value
        plain = self.plain(image)
        return replace(value, source=plain) if isinstance(value, Function) else plain

    def is_open(self, pending: Pending) -> bool:
        """Tell whether sums can be scaled and added to before they are quantized, and nobody reads
        them as they are."""
        return (pending.affine is not None and not pending.then and pending.gain == 1
                and pending.activation is Activation.NONE
                and self.ranges.is_read_once(pending.name))

    def settled(self, value: Function | Pending) -> Image | None:
        """Return a value that the model leaves in real numbers, quantized."""
        if isinstance(value, Function):
            return super().settled(value)
        found = self.ranges.quantization(value)
        if not self.require(found is not None, f"{value.name}, which it reads, is not quantized, "
                            "and what follows does not tell its range"):
            return None
        assert found is not None
        return self.finish(value, value.name, found[:1], found[1:])

    def scale_of(self, given: Given) -> tuple[tuple[float, ...], tuple[int, ...]] | None:
        """Return scales and zero points, those of UINT8 as those of INT8."""
        scale = given[1]
        point = given[2] if len(given) > 2 else None
        if not self.require(isinstance(scale, Constant) and isinstance(point, Constant | None),
                            "scale and zero point must be constants"):
            return None
        assert isinstance(scale, Constant)
        # Without a zero point it is 0, of UINT8 if nothing says otherwise.
        kind: np.dtype[Any] = np.dtype(np.uint8)
        points = np.zeros(1, np.int64)
        if isinstance(point, Constant):
            kind, points = point.data.dtype, point.data.astype(np.int64).ravel()
        elif isinstance(given[0], Constant):
            kind = given[0].data.dtype
        elif isinstance(given[0], Image) and given[0].tensor in self.inputs and not any(
                edge.name == given[0].tensor.name for edge in self.host):
            kind = np.dtype(np.int8)
        points = points + (-128 if kind == np.uint8 else 0)
        if not isinstance(given[0], Constant) and not self.require(
                kind in (np.int8, np.uint8), f"quantized to {kind.name.upper()}; INT8 and UINT8 "
                "are supported"):
            return None
        return (tuple(float(value) for value in scale.data.ravel()),
                tuple(int(value) for value in points))

    def _dequantize(self, node: Any, given: Given, attributes: dict[str, Any]) -> Value | None:
        quantization, source = self.scale_of(given), given[0]
        if quantization is None:
            return None
        scales, points = quantization
        if isinstance(source, Constant):
            data = source.data.astype(np.int64) - 128 * (source.data.dtype == np.uint8)
            return Quantized(node.output[0], data, scales, points,
                             int(attributes.get("axis", 1)) % max(1, data.ndim))
        if isinstance(source, Image):
            self.match(source.tensor, scales, points)
            return source
        self.require(False, f"input {node.input[0]} is not quantized")
        return None

    def match(self, tensor: Tensor, scales: tuple[float, ...], points: tuple[int, ...]) -> bool:
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

    def _quantize(self, node: Any, given: Given, attributes: dict[str, Any]) -> Made:
        if all(isinstance(value, Constant) for value in given):
            return computed(self, node, given)
        quantization, source = self.scale_of(given), given[0]
        if quantization is None or not self.require(
                isinstance(source, Image | Function | Pending), f"input {node.input[0]} is a "
                "constant"):
            return None
        if isinstance(source, Image):
            return self._requantize(source, *quantization)
        assert isinstance(source, Function | Pending)
        if not self.require(len(quantization[0]) == len(quantization[1]) == 1,
                            "activations must be quantized per tensor"):
            return None
        if isinstance(source, Function):
            return self.tabulated(source, node.output[0], *quantization)
        return self.finish(source, node.output[0], *quantization)

    def _requantize(self, value: Image, scales: tuple[float, ...],
                    points: tuple[int, ...]) -> Image | None:
        """Return a value quantized otherwise; the first time it is quantized at all, itself."""
        tensor = value.tensor
        self._inherit(tensor)
        if not tensor.scales or len(scales) != 1:
            return value if self.match(tensor, scales, points) else None
        wanted = Tensor("", (), DType.INT8, scales, points)
        return replace(value, tensor=self.requantized(tensor, wanted))

    def _inherit(self, tensor: Tensor) -> None:
        """Give bytes that were moved before they were quantized the quantization of where they
        come from, where another reader has given it one."""
        moved = []
        origin: Tensor | None = tensor
        while origin is not None and not origin.scales:
            moved.append(origin)
            origin = self.origins.get(origin)
        if origin is not None:
            for one in moved:
                one.scales, one.zero_points = origin.scales, origin.zero_points

    def _output(self, position: int, output: Any) -> Tensor | None:
        self.label = ""
        value = self.values.get(output.name)
        if value is None:
            return None
        if isinstance(value, Chosen):
            self.host.append(HostEdge(value.label, "output", position, output.name,
                                      self._type(output).lower(), value.tensor.elements, value.axis,
                                      value.keep))
            return value.tensor
        how = ""
        if isinstance(value, Function | Pending):
            value = self.settled(value)
            how = f", in steps of {value.tensor.scale:.3g} that Hadron chose" if value else ""
        if not self.require(isinstance(value, Image) and bool(value.tensor.scales),
                            f"network output {output.name} is not quantized"):
            return None
        assert isinstance(value, Image)
        # What comes from one, and goes to one, has its channels last still.
        if value.channels_last and not self.moves_nothing(value):
            self._leave_order("output", position, output.name, value)
        else:
            value = self.plain(value)
        tensor = value.tensor
        kind = {"FLOAT": "float32", "UINT8": "uint8"}.get(self._type(output))
        if kind is not None:
            self.host.append(HostEdge(f"DequantizeLinear{how}", "output", position, output.name,
                                      kind, prod(tensor.shape)))
        return tensor

    def _type(self, value: Any) -> str:
        return str(self.onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type))


def _one(move: Callable[[Image], Made], position: int) -> Callable[[Image], Value | None]:
    """Return what makes one of the values that a node makes."""
    def made(image: Image) -> Value | None:
        values = move(image)
        return values[position] if isinstance(values, Sequence) else values
    return made
