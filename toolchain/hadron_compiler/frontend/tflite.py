"""Import a quantized TFLite model; say everything that stands in the way, at once.

What Hadron supports is what the checks of this module and of `operators` let pass.
"""

from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from hadron_compiler.errors import ModelFormatError
from hadron_compiler.frontend.constants import Folded, fold_sizes
from hadron_compiler.frontend.edges import find_edges
from hadron_compiler.frontend.flatbuffer import RawOperator, RawTensor, read_model, with_shapes
from hadron_compiler.frontend.functions import fold_functions
from hadron_compiler.frontend.operators import CONSTANT_INPUTS, SEVERAL_OUTPUTS, import_operator
from hadron_compiler.frontend.problems import Problems
from hadron_compiler.frontend.unsigned import as_signed
from hadron_compiler.ir.graph import (
    DEEP_KINDS,
    NIBBLE_KINDS,
    WEIGHT_KINDS,
    DType,
    Graph,
    Operation,
    OpKind,
    TableAttributes,
    Tensor,
)
from hadron_compiler.ir.weights import weights_tensor

__all__ = ["MAX_RANK", "MAX_TENSOR_BYTES", "OperatorOutput", "import_tflite", "operator_outputs",
           "with_found_shapes"]

MAX_RANK = 6
"""Most dimensions of an activation: those of TensorFlow Lite Micro's TRANSPOSE."""

MAX_TENSOR_BYTES = 1 << 30
"""Largest activation, bytes: memory offsets are 32 bits wide."""


_CONSTANT_TYPES = {**{kind: {1: "INT4", 2: "INT64"} for kind in NIBBLE_KINDS},
                   OpKind.TRANSPOSE_CONV: {3: "INT64"}, OpKind.PADV2: {2: "INT16"}}
"""Types of constants beside INT8 and INT32, by operator and position."""


@dataclass(frozen=True)
class OperatorOutput:
    """An output of an operator that Hadron runs.

    Parameters
    ----------
    operator : int
        Position of the operator in the model.
    kind : str
        Its TFLite name.
    tensor : int
        Index of the tensor in the model.
    name : str
        The tensor's name.
    """

    operator: int
    kind: str
    tensor: int
    name: str


def operator_outputs(source: str, data: bytes) -> list[OperatorOutput]:
    """Return the outputs of all operators that are not left to the host, in the model's order.

    Raises
    ------
    ModelFormatError
        When the file is not a TFLite model or is damaged.
    """
    folded = _read(source, data)
    model = folded.model
    gone = find_edges(model).operators | folded.operators
    return [OperatorOutput(index, raw.kind, tensor, model.tensors[tensor].name or f"#{tensor}")
            for index, raw in enumerate(model.operators) if index not in gone
            for tensor in raw.outputs]


def with_found_shapes(source: str, data: bytes) -> bytes:
    """Return a TFLite model in which no shape is left open that Hadron finds, for interpreters that
    take those of the file.

    Raises
    ------
    ModelFormatError
        When the file is not a TFLite model or is damaged.
    """
    return with_shapes(data, [tensor.shape for tensor in _read(source, data).model.tensors])


def import_tflite(source: str, data: bytes, *, keep_tensors: bool = False) -> Graph:
    """Build the graph of a TFLite model.

    Parameters
    ----------
    source : str
        What messages call the model: the name of its file.
    data : bytes
        The file.
    keep_tensors : bool
        Make every tensor of :func:`operator_outputs` a network output, instead of the model's.

    Raises
    ------
    ModelFormatError
        When the file is not a TFLite model or is damaged.
    UnsupportedError
        With all the reasons why Hadron cannot run it.
    """
    importer = _Importer(source, _read(source, data))
    graph = importer.build()
    if not keep_tensors:
        return graph
    outputs = [importer.tensors[output.tensor] for output in operator_outputs(source, data)]
    host = tuple(edge for edge in graph.host if edge.side == "input")
    return replace(graph, outputs=outputs, host=host)


def _read(source: str, data: bytes) -> Folded:
    """Return the model, with all that is known of it before anything runs."""
    return fold_functions(fold_sizes(as_signed(read_model(source, data))))


class _Importer:
    def __init__(self, source: str, folded: Folded) -> None:
        self.source = source
        self.model, self.folded = folded.model, folded.operators
        self.problems = Problems()
        self.tensors: dict[int, Tensor] = {}
        self.reported: set[int] = set()

    def build(self) -> Graph:
        model = self.model
        if model.subgraphs != 1:
            self.problems.add(f"the model has {model.subgraphs} subgraphs; Hadron runs one")
        if not model.operators:
            raise ModelFormatError(f"{self.source}: the model has no operators")
        if not model.inputs or not model.outputs:
            raise ModelFormatError(f"{self.source}: the model has no input or no output")
        if len(set(model.inputs)) != len(model.inputs):
            raise ModelFormatError(f"{self.source}: a tensor is an input twice")
        operations = []
        written = set(model.inputs)
        edges = find_edges(model)
        for index, raw in enumerate(model.operators):
            if index in self.folded:
                continue
            label = f"{raw.kind} #{index}"
            for i in raw.inputs:
                if i != -1 and i not in written and model.tensors[i].data is None:
                    raise ModelFormatError(f"{self.source}: {label} reads tensor "
                                           f"{self.name(i)} before it is written")
            for i in raw.outputs:
                if i in written:
                    raise ModelFormatError(f"{self.source}: {label} writes tensor "
                                           f"{self.name(i)}, which is an input or written before")
                written.add(i)
            if index not in edges.operators:
                operations += self.operation(label, index, raw)
        for i in model.outputs:
            if i not in written:
                reason = ("is never written" if model.tensors[i].data is None
                          else "is a constant, which nothing computes")
                raise ModelFormatError(f"{self.source}: output {self.name(i)} {reason}")
        for i in [*edges.inputs, *edges.outputs]:
            self.activation("network input" if i in edges.inputs else "network output", i)
        self.problems.raise_if_any(self.source)
        inputs = [self.tensors[i] for i in edges.inputs]
        outputs = [self.tensors[i] for i in edges.outputs]
        return Graph(self.source, operations, inputs, outputs, tuple(edges.host))

    def operation(self, label: str, index: int, raw: RawOperator) -> list[Operation]:
        """Return what an operator becomes: nothing when it has been reported."""
        if raw.kind not in OpKind.__members__:
            self.problems.add_operator(raw.kind, index)
            return []
        kind = OpKind[raw.kind]
        deep = kind in DEEP_KINDS
        minimum, maximum, constant = CONSTANT_INPUTS[kind]
        several = kind in SEVERAL_OUTPUTS
        if not minimum <= len(raw.inputs) <= maximum or not (several or len(raw.outputs) == 1):
            self.problems.add(f"{label}: {len(raw.inputs)} inputs and {len(raw.outputs)} outputs, "
                              f"must be {minimum} to {maximum} and {'1 or more' if several else 1}")
            return []
        inputs: list[Tensor | None] = []
        sound = True
        for position, i in enumerate(raw.inputs):
            if i == -1:
                if position < minimum:
                    self.problems.add(f"{label}: input {position} is absent")
                    sound = False
                inputs.append(None)
            elif position in constant:
                value = self.constant(label, kind, position, i)
                sound &= value is not None
                inputs.append(value)
            else:
                sound &= self.activation(label, i, deep=deep)
                inputs.append(self.tensors.get(i))
        for i in raw.outputs:
            sound &= self.activation(label, i, deep=deep)
        if not sound:
            return []
        operation = Operation(kind, index, inputs, [self.tensors[i] for i in raw.outputs], None)
        if raw.table is not None:
            operation.attributes = TableAttributes(raw.table)
            return [operation]
        return import_operator(operation, raw.options, self.problems)

    def name(self, i: int) -> str:
        return self.model.tensors[i].name or f"#{i}"

    def activation(self, user: str, i: int, *, deep: bool = True) -> bool:
        """Make tensor `i` an activation, of INT8 or, with `deep`, INT16; report what it has against
        that once."""
        raw = self.model.tensors[i]
        fits = raw.dtype == "INT8" or (deep and raw.dtype == "INT16")
        if i in self.reported or (i in self.tensors and fits):
            return i in self.tensors and fits
        if not fits:
            self.reported.add(i)
            self.problems.add_type(user, self.name(i), raw.dtype)
            return False
        reason = _activation_problem(raw)
        if reason:
            self.reported.add(i)
            self.problems.add(f"{user}: tensor {self.name(i)} {reason}")
            return False
        self.tensors[i] = Tensor(self.name(i), raw.shape, DType[raw.dtype], raw.scales,
                                 raw.zero_points, 0, raw.data)
        return True

    def constant(self, user: str, kind: OpKind, position: int, i: int) -> Tensor | None:
        """Return tensor `i` as a constant input of an operator, or report why it is none."""
        types = {"INT8", "INT32", _CONSTANT_TYPES.get(kind, {}).get(position, "INT8")}
        raw = self.model.tensors[i]
        if raw.dtype not in types:
            if i not in self.reported:
                self.reported.add(i)
                self.problems.add_type(user, self.name(i), raw.dtype)
            return None
        if raw.data is None:
            self.problems.add(f"{user}: tensor {self.name(i)} is not a constant")
            return None
        data: npt.NDArray[np.generic] = raw.data
        # INT8 weights have zero points in FULLY_CONNECTED alone; those of others are refused.
        if position == 1 and kind in WEIGHT_KINDS and any(raw.zero_points) and (
                raw.unsigned or kind is OpKind.FULLY_CONNECTED) and len(raw.zero_points) == 1:
            return weights_tensor(self.name(i), data.astype(np.int64) - raw.zero_points[0],
                                  raw.scales, raw.quantized_dimension)
        return Tensor(self.name(i), raw.shape, DType[raw.dtype], raw.scales,
                      raw.zero_points or (0,) * len(raw.scales), raw.quantized_dimension, data)


def _activation_problem(raw: RawTensor) -> str:
    if any(size < 0 for size in raw.shape_signature[1:]):
        return f"has the dynamic shape {list(raw.shape_signature)}; Hadron needs fixed shapes"
    if any(size <= 0 for size in raw.shape):
        return f"has the shape {list(raw.shape)}; every size must be 1 or more"
    if len(raw.shape) > MAX_RANK:
        return f"has {len(raw.shape)} dimensions, at most {MAX_RANK} are supported"
    if prod(raw.shape) > MAX_TENSOR_BYTES:
        return f"has {prod(raw.shape)} bytes, at most {MAX_TENSOR_BYTES} are supported"
    if not raw.scales or not raw.zero_points:
        return "has no quantization: scale and zero point are missing"
    if len(raw.scales) != 1 or len(raw.zero_points) != 1:
        return f"has {len(raw.scales)} scales; activations must be quantized per tensor"
    if not (np.isfinite(raw.scales[0]) and raw.scales[0] > 0):
        return f"has scale {raw.scales[0]}, must be positive"
    if raw.dtype == "INT16" and raw.zero_points[0]:
        return f"has zero point {raw.zero_points[0]}, must be 0 for 16 bits"
    if not -128 <= raw.zero_points[0] <= 127:
        return f"has zero point {raw.zero_points[0]}, must be -128 to 127"
    return ""
