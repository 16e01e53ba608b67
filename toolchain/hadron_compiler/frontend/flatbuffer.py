"""Read a TFLite flatbuffer into plain values; nothing of the library leaves this module.

The accessors of the `tflite` package check no bounds of their own: whatever a damaged file makes
them raise becomes one `ModelFormatError`.

Source: tensorflow/lite/schema/schema.fbs.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_compiler.errors import ModelFormatError

__all__ = ["TFLITE_MARK", "RawModel", "RawOperator", "RawTensor", "check_mark", "member_names",
           "read_model", "with_shapes"]

# Untyped, and without stubs: everything it returns is converted before it leaves this module.
_tflite: Any = import_module("tflite")

_DAMAGE = (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError,
           OverflowError, MemoryError, UnicodeDecodeError)

_DTYPES = {
    "FLOAT32": "<f4", "FLOAT16": "<f2", "FLOAT64": "<f8", "INT8": "i1", "UINT8": "u1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "BOOL": "i1",
}


TFLITE_MARK = b"TFL3"
"""Bytes 4 to 7 of every TFLite file."""


@cache
def member_names(enumeration: Any) -> dict[int, str]:
    """Return the names of an enumeration of the schema, by value."""
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


_OPERATORS = member_names(_tflite.BuiltinOperator)
_TYPES = member_names(_tflite.TensorType)

_OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", (
        "Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor",
        "FusedActivationFunction")),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (
        "Padding", "StrideH", "StrideW", "DilationHFactor", "DilationWFactor",
        "DepthMultiplier", "FusedActivationFunction")),
    "TRANSPOSE_CONV": ("TransposeConvOptions", (
        "Padding", "StrideH", "StrideW", "FusedActivationFunction")),
    "FULLY_CONNECTED": ("FullyConnectedOptions", (
        "FusedActivationFunction", "WeightsFormat")),
    "BATCH_MATMUL": ("BatchMatMulOptions", ("AdjX", "AdjY")),
    "AVERAGE_POOL_2D": ("Pool2DOptions", (
        "Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth",
        "FusedActivationFunction")),
    "MAX_POOL_2D": ("Pool2DOptions", (
        "Padding", "StrideH", "StrideW", "FilterHeight", "FilterWidth",
        "FusedActivationFunction")),
    "ADD": ("AddOptions", ("FusedActivationFunction",)),
    "SUB": ("SubOptions", ("FusedActivationFunction",)),
    "MUL": ("MulOptions", ("FusedActivationFunction",)),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "SUM": ("ReducerOptions", ("KeepDims",)),
    "REDUCE_MAX": ("ReducerOptions", ("KeepDims",)),
    "REDUCE_MIN": ("ReducerOptions", ("KeepDims",)),
    "PAD": ("PadOptions", ()),
    "LEAKY_RELU": ("LeakyReluOptions", ("Alpha",)),
    "GELU": ("GeluOptions", ("Approximate",)),
    "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
    "STRIDED_SLICE": ("StridedSliceOptions", (
        "BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask")),
    "PACK": ("PackOptions", ("Axis",)),
    "UNPACK": ("UnpackOptions", ("Axis",)),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", ("BlockSize",)),
    "SPACE_TO_DEPTH": ("SpaceToDepthOptions", ("BlockSize",)),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", (
        "AlignCorners", "HalfPixelCenters")),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", ("AlignCorners", "HalfPixelCenters")),
    "MIRROR_PAD": ("MirrorPadOptions", ("Mode",)),
    "GATHER": ("GatherOptions", ("Axis", "BatchDims")),
}


_SHAPE_FIELD = 4
"""Where a tensor's table of fields has its shape: the first of them."""


@dataclass(frozen=True)
class RawTensor:
    """A tensor as the file has it; `unsigned` where it has UINT8 there, INT8 here."""

    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    data: npt.NDArray[np.generic] | None
    unsigned: bool = False

    @property
    def file_dtype(self) -> str:
        """Its type in the file, in small letters."""
        return "uint8" if self.unsigned else self.dtype.lower()

    @property
    def elements(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class RawOperator:
    """An operator as the file has it; `options` is None where they are absent or not its own.

    QUANTIZE has a `table` of 256 entries where it stands for a function (see `functions`).
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, float] | None
    table: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RawModel:
    """The first subgraph of a model."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    subgraphs: int


def read_model(source: str, data: bytes) -> RawModel:
    """Parse a flatbuffer.

    Raises
    ------
    ModelFormatError
        When `data` is not a TFLite flatbuffer, or ends or points where it must not.
    """
    check_mark(source, data)
    try:
        return _parse(data)
    except _DAMAGE as error:
        raise ModelFormatError(f"{source}: truncated or corrupt TFLite model "
                               f"({type(error).__name__}: {_first_line(error)})") from None


def check_mark(source: str, data: bytes) -> None:
    """Refuse what does not begin as a TFLite flatbuffer does.

    Raises
    ------
    ModelFormatError
        When it does not.
    """
    if len(data) < 8:
        raise ModelFormatError(f"{source}: not a TFLite model: {len(data)} bytes")
    if data[4:8] != TFLITE_MARK:
        raise ModelFormatError(f"{source}: not a TFLite model: bytes 4 to 7 are not "
                               f"{TFLITE_MARK.decode()!r}")


def with_shapes(data: bytes, shapes: Sequence[tuple[int, ...]]) -> bytes:
    """Return a model, which has been read, with these shapes of its tensors, of as many sizes."""
    graph = _tflite.Model.GetRootAsModel(data, 0).Subgraphs(0)
    made = bytearray(data)
    for i, shape in enumerate(shapes):
        tensor = graph.Tensors(i)
        if shape and tensor.ShapeLength() == len(shape):
            table = tensor._tab
            start = table.Vector(table.Offset(_SHAPE_FIELD))
            made[start : start + 4 * len(shape)] = np.asarray(shape, "<i4").tobytes()
    return bytes(made)


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else "no detail"


def _indices(length: int, item: Callable[[int], Any]) -> tuple[int, ...]:
    return tuple(int(item(i)) for i in range(length))


def _parse(data: bytes) -> RawModel:
    model = _tflite.Model.GetRootAsModel(data, 0)
    if model.SubgraphsLength() < 1:
        raise ValueError("no subgraph")
    graph = model.Subgraphs(0)
    tensors = tuple(_tensor(data, model, graph.Tensors(i)) for i in range(graph.TensorsLength()))
    operators = tuple(_operator(model, graph.Operators(i)) for i in range(graph.OperatorsLength()))
    inputs = _indices(graph.InputsLength(), graph.Inputs)
    outputs = _indices(graph.OutputsLength(), graph.Outputs)
    for operator in operators:
        used = [i for i in operator.inputs if i != -1] + list(operator.outputs)
        if any(not 0 <= i < len(tensors) for i in used):
            raise ValueError(f"{operator.kind} names a tensor that does not exist")
    if any(not 0 <= i < len(tensors) for i in inputs + outputs):
        raise ValueError("an input or output names a tensor that does not exist")
    return RawModel(tensors, operators, inputs, outputs, model.SubgraphsLength())


def _tensor(data: bytes, model: Any, tensor: Any) -> RawTensor:
    name = tensor.Name()
    dtype = _TYPES[tensor.Type()]
    shape = _indices(tensor.ShapeLength(), tensor.Shape)
    signature = _indices(tensor.ShapeSignatureLength(), tensor.ShapeSignature)
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    dimension = 0
    quantization = tensor.Quantization()
    if quantization is not None:
        if quantization.ScaleLength():
            scales = tuple(float(scale) for scale in quantization.ScaleAsNumpy())
        if quantization.ZeroPointLength():
            zero_points = tuple(int(point) for point in quantization.ZeroPointAsNumpy())
        dimension = int(quantization.QuantizedDimension())
    raw = _buffer(data, model.Buffers(tensor.Buffer()))
    values: npt.NDArray[np.generic] | None = None
    if raw and (dtype == "INT4" or dtype in _DTYPES):
        flat = (_nibbles(raw, shape) if dtype == "INT4"
                else np.frombuffer(raw, dtype=_DTYPES[dtype]))
        if any(size < 0 for size in shape) or flat.size != int(np.prod(shape, dtype=object)):
            raise ValueError(f"the buffer of tensor {_text(name)} has {flat.size} elements, "
                             f"its shape is {shape}")
        values = flat.reshape(shape)
    return RawTensor(_text(name), shape, signature, dtype, scales, zero_points, dimension, values)


def _buffer(data: bytes, buffer: Any) -> bytes:
    """Return what a buffer holds: inside the flatbuffer or, as newer converters write it, behind.

    Such a buffer has the offset in the file and the size; an offset of 1 stands for none.
    """
    if buffer is None:
        return b""
    if buffer.DataLength():
        raw, size = bytes(buffer.DataAsNumpy()), buffer.DataLength()
    elif buffer.Offset() > 1:
        raw, size = data[buffer.Offset() : buffer.Offset() + buffer.Size()], buffer.Size()
    else:
        return b""
    if len(raw) != size:
        raise ValueError("a buffer ends early")
    return raw


def _nibbles(raw: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Return INT4 values as INT8; two a byte, the first in the low half.

    Source: tensorflow/lite/kernels/internal/portable_tensor_utils.cc, UnpackPackedIntToInt8.
    """
    data = np.frombuffer(raw, np.int8)
    values = np.stack((data << 4 >> 4, data >> 4), 1).reshape(-1)
    return values[:-1] if values.size == prod(shape) + 1 else values


def _text(name: bytes | None) -> str:
    return "" if name is None else name.decode("utf-8")


def _operator(model: Any, operator: Any) -> RawOperator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    kind = _OPERATORS.get(builtin, f"operator code {builtin}")
    if kind == "CUSTOM":
        kind = f"CUSTOM ({_text(code.CustomCode())})"
    options: dict[str, float] | None = None
    if kind in _OPTIONS:
        table = operator.BuiltinOptions()
        name, fields = _OPTIONS[kind]
        if table is not None and operator.BuiltinOptionsType() == getattr(
                _tflite.BuiltinOptions, name):
            accessor = getattr(_tflite, name)()
            accessor.Init(table.Bytes, table.Pos)
            options = {field: getattr(accessor, field)() for field in fields}
    return RawOperator(
        kind,
        _indices(operator.InputsLength(), operator.Inputs),
        _indices(operator.OutputsLength(), operator.Outputs),
        options,
    )
