"""A TFLite model as a tree that can be changed, and packed again.

Source: tensorflow/lite/schema/schema.fbs, of which `ai_edge_litert` has the classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron.errors import UsageError
from hadron_compiler import ModelFormatError
from hadron_compiler.frontend.flatbuffer import TFLITE_MARK, check_mark, member_names

__all__ = ["Array", "TfliteFile"]

Array = npt.NDArray[Any]

_DTYPES = {"FLOAT32": np.float32, "FLOAT16": np.float16, "FLOAT64": np.float64, "INT8": np.int8,
           "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
           "BOOL": np.bool_}
_SCALES = np.finfo(np.float32)


@dataclass
class TfliteFile:
    """The first subgraph of a model, open for changes.

    Parameters
    ----------
    data : bytes
        The model as it was read.
    tree : ModelT
        The schema's object; tensors are known by their places in its first subgraph.
    schema : module
        The schema's classes.
    constants : dict of int to array
        Tensors whose values are known.
    """

    data: bytes
    tree: Any
    schema: Any
    constants: dict[int, Array] = field(default_factory=dict)

    @classmethod
    def read(cls, source: str, data: bytes) -> "TfliteFile":
        """Open a model.

        Raises
        ------
        ModelFormatError
            When `data` is no TFLite model, a damaged one, or one of several subgraphs.
        """
        schema: Any = import_module("ai_edge_litert.schema_py_generated")
        check_mark(source, data)
        try:
            file = cls(data, schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)), schema)
            file._check()
            file._read_constants()
        except Exception as error:  # the generated classes raise whatever they stumble on
            raise ModelFormatError(f"{source}: truncated or corrupt TFLite model "
                                   f"({type(error).__name__})") from None
        if len(file.tree.subgraphs) > 1:
            raise ModelFormatError(f"{source}: {len(file.tree.subgraphs)} subgraphs; models with "
                                   "control flow are not quantized")
        return file

    @property
    def graph(self) -> Any:
        """The subgraph."""
        return self.tree.subgraphs[0]

    def kind(self, operator: Any) -> str:
        """Return an operator's name, as ``CONV_2D`` or ``CUSTOM (name)``."""
        code = self.tree.operatorCodes[operator.opcodeIndex]
        value = _builtin(code)
        kind = member_names(self.schema.BuiltinOperator).get(value, f"operator code {value}")
        return f"CUSTOM ({(code.customCode or b'').decode()})" if kind == "CUSTOM" else kind

    def dtype(self, tensor: int) -> str:
        """Return a tensor's type, as ``FLOAT32``."""
        value = self.graph.tensors[tensor].type
        return member_names(self.schema.TensorType).get(value, f"type {value}")

    def name(self, tensor: int) -> str:
        """Return a tensor's name."""
        return (self.graph.tensors[tensor].name or b"").decode(errors="replace")

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape."""
        shape = self.graph.tensors[tensor].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def add_tensor(self, name: str, shape: Sequence[int], dtype: str, scales: Iterable[float] = (),
                   zero_points: Iterable[int] = (), *, axis: int = 0,
                   data: Array | None = None) -> int:
        """Add a tensor, of INT4 with a number a byte in `data`; return its place.

        Raises
        ------
        UsageError
            When a scale is nothing that a file can hold.
        """
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape = name, [int(size) for size in shape]
        tensor.type = getattr(self.schema.TensorType, dtype)
        tensor.buffer = 0
        scales = [float(scale) for scale in scales]
        wrong = [scale for scale in scales if not _SCALES.tiny <= scale <= _SCALES.max]
        if wrong:
            raise UsageError(f"tensor {name} would have a scale of {wrong[0]:.3g}, which single "
                             "precision does not hold: its numbers are out of all proportion")
        if scales:
            quantization = self.schema.QuantizationParametersT()
            quantization.scale = scales
            quantization.zeroPoint = [int(point) for point in zero_points]
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        self.graph.tensors.append(tensor)
        place = len(self.graph.tensors) - 1
        if data is not None:
            self._fill(tensor, _nibbles(data) if dtype == "INT4" else data.tobytes())
        return place

    def make_constant(self, tensor: int, values: Array) -> None:
        """Give a tensor its values."""
        self.constants[tensor] = values
        self._fill(self.graph.tensors[tensor], np.ascontiguousarray(values).tobytes())

    def new_operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """Return an operator without options, which is not in the graph yet."""
        value = getattr(self.schema.BuiltinOperator, kind)
        codes = self.tree.operatorCodes
        known = [place for place, code in enumerate(codes) if _builtin(code) == value]
        if not known:
            code = self.schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode = value, min(value, 127)
            code.version = 1
            codes.append(code)
        operator = self.schema.OperatorT()
        operator.opcodeIndex = known[0] if known else len(codes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        return operator

    def pack(self) -> bytes:
        """Return the model's bytes, without tensors and buffers that nothing reads."""
        self._drop_unread()
        builder = import_module("flatbuffers").Builder(1 << 20)
        builder.Finish(self.tree.Pack(builder), TFLITE_MARK)
        return bytes(builder.Output())

    def _fill(self, tensor: Any, raw: bytes) -> None:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(raw, np.uint8)
        tensor.buffer = len(self.tree.buffers)
        self.tree.buffers.append(buffer)

    def _check(self) -> None:
        graph, buffers = self.graph, len(self.tree.buffers)
        graph.inputs, graph.outputs = ([int(i) for i in some]
                                       for some in (graph.inputs, graph.outputs))
        places = graph.inputs + graph.outputs
        for operator in graph.operators:
            self.kind(operator)
            operator.inputs = [] if operator.inputs is None else [int(i) for i in operator.inputs]
            operator.outputs = [int(i) for i in operator.outputs]
            places += [i for i in operator.inputs if i != -1] + operator.outputs
        if not all(0 <= i < len(graph.tensors) for i in places):
            raise ValueError("a tensor that does not exist")
        if not all(0 <= tensor.buffer < buffers for tensor in graph.tensors):
            raise ValueError("a buffer that does not exist")

    def _read_constants(self) -> None:
        """Find the constants, of dense tensors; buffers behind the flatbuffer come into it."""
        for buffer in self.tree.buffers:
            if buffer.data is None and buffer.offset > 1:
                buffer.data = np.frombuffer(self.data, np.uint8, buffer.size, buffer.offset)
                buffer.offset = buffer.size = 0
        for place, tensor in enumerate(self.graph.tensors):
            raw, dtype = self.tree.buffers[tensor.buffer].data, _DTYPES.get(self.dtype(place))
            if raw is None or not len(raw) or dtype is None or tensor.sparsity is not None:
                continue
            self.constants[place] = np.frombuffer(bytes(raw), dtype).reshape(self.shape(place))

    def _drop_unread(self) -> None:
        graph = self.graph
        kept = sorted({*graph.inputs, *graph.outputs}
                      | {i for operator in graph.operators
                         for i in (*operator.inputs, *operator.outputs) if i != -1})
        place = {old: new for new, old in enumerate(kept)} | {-1: -1}
        graph.tensors = [graph.tensors[old] for old in kept]
        graph.inputs = [place[i] for i in graph.inputs]
        graph.outputs = [place[i] for i in graph.outputs]
        for operator in graph.operators:
            operator.inputs = [place[i] for i in operator.inputs]
            operator.outputs = [place[i] for i in operator.outputs]
        for signature in self.tree.signatureDefs or ():
            for entry in (*signature.inputs, *signature.outputs):
                entry.tensorIndex = place[int(entry.tensorIndex)]
        # Buffer 0 is the empty one; metadata has buffers as well.
        users = [*graph.tensors, *(self.tree.metadata or ())]
        buffers = sorted({0} | {user.buffer for user in users})
        self.tree.buffers, place = ([self.tree.buffers[old] for old in buffers],
                                    {old: new for new, old in enumerate(buffers)})
        self.tree.metadataBuffer = None
        for user in users:
            user.buffer = place[user.buffer]


def _builtin(code: Any) -> int:
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _nibbles(data: Array) -> bytes:
    """Pack INT4 values two a byte, the first in the low half."""
    flat = data.astype(np.uint8).reshape(-1) & 0xF
    flat = np.append(flat, np.zeros(flat.size % 2, np.uint8))
    packed: bytes = (flat[::2] | flat[1::2] << 4).tobytes()
    return packed
