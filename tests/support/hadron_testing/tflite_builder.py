"""Build TFLite models tensor by tensor and operator by operator.

A builder holds one subgraph. Each operator method appends the operator and returns its output
tensor; anything without a method goes through :meth:`ModelBuilder.operator`, which takes an
operator's and its options' names from the TFLite schema.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

__all__ = ["ModelBuilder", "Tensor", "output_size"]

_DTYPES = {
    "int8": "INT8", "uint8": "UINT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "float32": "FLOAT32", "float16": "FLOAT16", "bool": "BOOL", "int4": "INT4",
}
Numbers = float | Sequence[float] | np.ndarray


@dataclass(eq=False)
class Tensor:
    """A tensor of the model: shape, type, quantization, and for a constant its data."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: np.ndarray
    """float32; empty when the tensor is not quantized, one when per tensor."""
    zero_points: np.ndarray
    axis: int = 0
    data: np.ndarray | None = None

    @property
    def scale(self) -> float:
        """The one scale of a tensor quantized per tensor."""
        assert self.scales.size == 1, f"{self.name} has {self.scales.size} scales"
        return float(self.scales[0])

    @property
    def zero_point(self) -> int:
        """The zero point all channels share."""
        return int(self.zero_points[0])


def output_size(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Return the output rows or columns TFLite computes for a sliding window."""
    span = (kernel - 1) * dilation + 1
    return -(-size // stride) if padding == "SAME" else (size - span) // stride + 1


@dataclass
class ModelBuilder:
    """One-subgraph TFLite model under construction; :meth:`finish` gives its bytes."""

    description: str = "made by the Hadron test library"
    tensors: list[Tensor] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    operators: list[schema.OperatorT] = field(default_factory=list)
    codes: dict[tuple[int, str | None, int], int] = field(default_factory=dict)
    weight_bits: int = 8
    """Bits of the weights of convolutions and fully connected layers: 8, or 4 to store them as
    INT4."""
    bias_bits: int = 32
    """Bits of their biases, 32 or, of 16-bit activations, 64."""

    def tensor(self, shape: Sequence[int], scale: Numbers | None = None,
               zero_point: int | Sequence[int] = 0, *, dtype: str = "int8", axis: int = 0,
               data: np.ndarray | None = None, name: str | None = None) -> Tensor:
        """Add a tensor; `scale` None leaves it unquantized, a sequence quantizes per `axis`."""
        scales = np.atleast_1d(np.asarray([] if scale is None else scale, np.float32))
        zero_points = np.broadcast_to(np.asarray(zero_point, np.int64), scales.shape).copy()
        index = len(self.tensors)
        tensor = Tensor(index, name or f"tensor_{index}", tuple(int(n) for n in shape), dtype,
                        scales, zero_points, axis, data)
        self.tensors.append(tensor)
        return tensor

    def input(self, shape: Sequence[int], scale: Numbers | None = None, zero_point: int = 0, *,
              dtype: str = "int8", name: str | None = None) -> Tensor:
        """Add an input of the model."""
        tensor = self.tensor(shape, scale, zero_point, dtype=dtype, name=name)
        self.inputs.append(tensor)
        return tensor

    def constant(self, data: np.ndarray, scale: Numbers | None = None,
                 zero_point: int | Sequence[int] = 0, *, axis: int = 0,
                 name: str | None = None) -> Tensor:
        """Add a tensor with data; its type is the array's."""
        return self.tensor(data.shape, scale, zero_point, dtype=data.dtype.name, axis=axis,
                           data=np.ascontiguousarray(data), name=name)

    def operator(self, opcode: str, inputs: Sequence[Tensor | None], outputs: Sequence[Tensor],
                 options: str | None = None, *, version: int = 1, custom_code: str | None = None,
                 **values: object) -> Sequence[Tensor]:
        """Add any operator.

        Parameters
        ----------
        opcode : str
            Name in the schema's BuiltinOperator, as "RESIZE_BILINEAR".
        inputs : sequence of Tensor or None
            None is an optional input left out.
        outputs : sequence of Tensor
            Returned as given.
        options : str or None
            The options table's name without its suffix, as "ResizeBilinear".
        version : int
            Version of the operator.
        custom_code : str or None
            Name of a CUSTOM operator.
        values
            Members of the options table.
        """
        code = getattr(schema.BuiltinOperator, opcode)
        key = (code, custom_code, version)
        made = schema.OperatorT()
        made.opcodeIndex = self.codes.setdefault(key, len(self.codes))
        made.inputs = [-1 if t is None else t.index for t in inputs]
        made.outputs = [t.index for t in outputs]
        if options is not None:
            table = getattr(schema, f"{options}OptionsT")()
            for name, value in values.items():
                if not hasattr(table, name):
                    raise AttributeError(f"{options}Options has no member {name!r}")
                setattr(table, name, value)
            made.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
            made.builtinOptions = table
        self.operators.append(made)
        return outputs

    def conv_2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray | None,
                weight_scales: Numbers, scale: float, zero_point: int, *,
                stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1),
                padding: str = "SAME", activation: str = "NONE") -> Tensor:
        """Add CONV_2D; `weights` is INT8 OHWI, `stride` and `dilation` are (rows, columns)."""
        kernel, bias_tensor = self._weights(x, weights, bias, weight_scales, 0)
        out, window = self._window(x, weights.shape[1:3], weights.shape[0], scale, zero_point,
                                   stride, dilation, padding, activation)
        self.operator("CONV_2D", [x, kernel, bias_tensor], [out], "Conv2D", version=3,
                      dilationHFactor=dilation[0], dilationWFactor=dilation[1], **window)
        return out

    def depthwise_conv_2d(self, x: Tensor, weights: np.ndarray, bias: np.ndarray | None,
                          weight_scales: Numbers, scale: float, zero_point: int, *,
                          stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1),
                          padding: str = "SAME", activation: str = "NONE") -> Tensor:
        """Add DEPTHWISE_CONV_2D; `weights` is INT8 1HWO, O a multiple of the input channels."""
        kernel, bias_tensor = self._weights(x, weights, bias, weight_scales, 3)
        channels = weights.shape[3]
        out, window = self._window(x, weights.shape[1:3], channels, scale, zero_point, stride,
                                   dilation, padding, activation)
        self.operator("DEPTHWISE_CONV_2D", [x, kernel, bias_tensor], [out], "DepthwiseConv2D",
                      version=3, depthMultiplier=channels // x.shape[3],
                      dilationHFactor=dilation[0], dilationWFactor=dilation[1], **window)
        return out

    def fully_connected(self, x: Tensor, weights: np.ndarray, bias: np.ndarray | None,
                        weight_scales: Numbers, scale: float, zero_point: int, *,
                        activation: str = "NONE") -> Tensor:
        """Add FULLY_CONNECTED; `weights` is INT8 (outputs, inputs)."""
        kernel, bias_tensor = self._weights(x, weights, bias, weight_scales, 0)
        outputs, taps = weights.shape
        out = self.tensor((int(np.prod(x.shape)) // taps, outputs), scale, zero_point,
                          dtype=x.dtype)
        self.operator("FULLY_CONNECTED", [x, kernel, bias_tensor], [out], "FullyConnected",
                      version=4, fusedActivationFunction=_activation(activation))
        return out

    def pool_2d(self, opcode: str, x: Tensor, size: tuple[int, int], *,
                stride: tuple[int, int] = (1, 1), padding: str = "VALID",
                activation: str = "NONE") -> Tensor:
        """Add AVERAGE_POOL_2D or MAX_POOL_2D; the output is quantized like the input."""
        out, window = self._window(x, size, x.shape[3], x.scales if x.scales.size else None,
                                   x.zero_point if x.scales.size else 0, stride, (1, 1), padding,
                                   activation)
        self.operator(opcode, [x], [out], "Pool2D", version=2, filterHeight=size[0],
                      filterWidth=size[1], **window)
        return out

    def binary(self, opcode: str, a: Tensor, b: Tensor, scale: float, zero_point: int, *,
               activation: str = "NONE") -> Tensor:
        """Add ADD, SUB or MUL with NumPy's broadcasting."""
        out = self.tensor(np.broadcast_shapes(a.shape, b.shape), scale, zero_point, dtype=a.dtype)
        self.operator(opcode, [a, b], [out], opcode.capitalize(), version=2,
                      fusedActivationFunction=_activation(activation))
        return out

    def reshape(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """Add RESHAPE; the output is quantized like the input."""
        out = self._like(x, shape)
        target = self.constant(np.asarray(shape, np.int32))
        self.operator("RESHAPE", [x, target], [out], "Reshape",
                      newShape=[int(n) for n in shape])
        return out

    def softmax(self, x: Tensor, *, beta: float = 1.0) -> Tensor:
        """Add SOFTMAX over the last axis; INT8 output of scale 1/256 and zero point -128."""
        out = self.tensor(x.shape, 1 / 256, -128)
        self.operator("SOFTMAX", [x], [out], "Softmax", version=2, beta=beta)
        return out

    def pad(self, x: Tensor, paddings: Sequence[tuple[int, int]]) -> Tensor:
        """Add PAD; `paddings` is (before, after) for each axis."""
        out = self._like(x, [n + a + b for n, (a, b) in zip(x.shape, paddings, strict=True)])
        self.operator("PAD", [x, self.constant(np.asarray(paddings, np.int32))], [out], "Pad",
                      version=2)
        return out

    def concatenation(self, parts: Sequence[Tensor], scale: float, zero_point: int, *,
                      axis: int = 3, activation: str = "NONE") -> Tensor:
        """Add CONCATENATION along `axis`."""
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        out = self.tensor(shape, scale, zero_point, dtype=parts[0].dtype)
        self.operator("CONCATENATION", parts, [out], "Concatenation", version=2, axis=axis,
                      fusedActivationFunction=_activation(activation))
        return out

    def split(self, x: Tensor, count: int = 2, *, axis: int = 3) -> list[Tensor]:
        """Add SPLIT into equal parts along `axis`."""
        shape = list(x.shape)
        shape[axis] //= count
        parts = [self._like(x, shape) for _ in range(count)]
        self.operator("SPLIT", [self.constant(np.asarray(axis, np.int32)), x], parts, "Split",
                      numSplits=count)
        return parts

    def strided_slice(self, x: Tensor, begin: Sequence[int], strides: Sequence[int]) -> Tensor:
        """Add STRIDED_SLICE from `begin` to the end of every axis."""
        out = self._like(x, [len(range(first, n, step)) for first, n, step
                             in zip(begin, x.shape, strides, strict=True)])
        self.operator("STRIDED_SLICE", [x, *(self.constant(np.asarray(values, np.int32))
                                             for values in (begin, x.shape, strides))], [out],
                      "StridedSlice")
        return out

    def shuffle(self, x: Tensor) -> Tensor:
        """Interleave the halves of the channels, as exporters write it: RESHAPE, TRANSPOSE,
        RESHAPE."""
        *outer, channels = x.shape
        turned = self._like(x, (*outer, channels // 2, 2))
        order = [*range(len(outer)), len(outer) + 1, len(outer)]
        self.operator("TRANSPOSE", [self.reshape(x, (*outer, 2, channels // 2)),
                                    self.constant(np.asarray(order, np.int32))], [turned],
                      "Transpose")
        return self.reshape(turned, x.shape)

    def mean(self, x: Tensor, axes: Sequence[int], scale: float, zero_point: int, *,
             keep_dims: bool = False) -> Tensor:
        """Add MEAN over `axes`."""
        shape = [1 if i in axes else n for i, n in enumerate(x.shape)
                 if keep_dims or i not in axes]
        out = self.tensor(shape, scale, zero_point, dtype=x.dtype)
        self.operator("MEAN", [x, self.constant(np.asarray(axes, np.int32))], [out], "Reducer",
                      version=2, keepDims=keep_dims)
        return out

    def unary(self, opcode: str, x: Tensor, scale: float, zero_point: int,
              options: str | None = None, **values: object) -> Tensor:
        """Add an operator of one input and an output of its shape, as LOGISTIC or HARD_SWISH."""
        out = self.tensor(x.shape, scale, zero_point, dtype=x.dtype)
        self.operator(opcode, [x], [out], options, **values)
        return out

    def finish(self, outputs: Sequence[Tensor]) -> bytes:
        """Return the model's bytes."""
        model = schema.ModelT()
        model.version = 3
        model.description = self.description
        model.operatorCodes = []
        for code, custom_code, version in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = code
            entry.deprecatedBuiltinCode = min(code, 127)
            entry.customCode = custom_code
            entry.version = version
            model.operatorCodes.append(entry)
        model.buffers = [schema.BufferT()]
        graph = schema.SubGraphT()
        graph.name = "main"
        graph.tensors = [self._pack(tensor, model.buffers) for tensor in self.tensors]
        graph.inputs = [tensor.index for tensor in self.inputs]
        graph.outputs = [tensor.index for tensor in outputs]
        graph.operators = self.operators
        model.subgraphs = [graph]
        packer = flatbuffers.Builder(4096)
        packer.Finish(model.Pack(packer), b"TFL3")
        return bytes(packer.Output())

    def _pack(self, tensor: Tensor, buffers: list[schema.BufferT]) -> schema.TensorT:
        made = schema.TensorT()
        made.name = tensor.name
        made.shape = list(tensor.shape)
        made.type = getattr(schema.TensorType, _DTYPES[tensor.dtype])
        made.buffer = 0
        if tensor.data is not None:
            made.buffer = len(buffers)
            buffer = schema.BufferT()
            data = tensor.data.tobytes() if tensor.dtype != "int4" else _nibbles(tensor.data)
            buffer.data = np.frombuffer(data, np.uint8)
            buffers.append(buffer)
        if tensor.scales.size:
            quantization = schema.QuantizationParametersT()
            quantization.scale = tensor.scales
            quantization.zeroPoint = tensor.zero_points
            quantization.quantizedDimension = tensor.axis
            made.quantization = quantization
        return made

    def _like(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        return self.tensor(shape, x.scales if x.scales.size else None,
                           x.zero_points if x.scales.size else 0, dtype=x.dtype)

    def _weights(self, x: Tensor, weights: np.ndarray, bias: np.ndarray | None,
                 scales: Numbers, axis: int) -> tuple[Tensor, Tensor | None]:
        kernel = self.tensor(weights.shape, scales, dtype=f"int{self.weight_bits}", axis=axis,
                             data=weights.astype(np.int8))
        if bias is None:
            return kernel, None
        product = np.float32(x.scale) * kernel.scales
        return kernel, self.constant(np.asarray(bias, f"int{self.bias_bits}"), product)

    def _window(self, x: Tensor, kernel: Sequence[int], channels: int, scale: Numbers | None,
                zero_point: int, stride: tuple[int, int], dilation: tuple[int, int],
                padding: str, activation: str) -> tuple[Tensor, Mapping[str, int]]:
        rows, columns = (output_size(x.shape[1 + i], kernel[i], stride[i], dilation[i], padding)
                         for i in range(2))
        out = self.tensor((x.shape[0], rows, columns, channels), scale, zero_point, dtype=x.dtype)
        return out, {
            "padding": getattr(schema.Padding, padding),
            "strideH": stride[0],
            "strideW": stride[1],
            "fusedActivationFunction": _activation(activation),
        }


def _nibbles(data: np.ndarray) -> bytes:
    """Lay out INT4 values, two a byte, the first in the low half."""
    values = np.resize(data.reshape(-1), data.size + data.size % 2).astype(np.uint8) & 15
    return (values[0::2] | values[1::2] << 4).astype(np.uint8).tobytes()


def _activation(name: str) -> int:
    return getattr(schema.ActivationFunctionType, name)
