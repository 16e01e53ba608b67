"""One operator while it is being imported: its options, and whether anything was wrong with it."""

import numpy as np

from hadron_compiler.frontend.problems import Problems
from hadron_compiler.ir.graph import Activation, DType, Operation, Padding, Tensor, Window

__all__ = ["Checker", "Options", "extent"]

Options = dict[str, float]

_ACTIVATIONS = {0: Activation.NONE, 1: Activation.RELU, 2: Activation.RELU_N1_TO_1,
                3: Activation.RELU6}
_ACTIVATION_NAMES = {4: "TANH", 5: "SIGN_BIT"}
_PADDINGS = {0: Padding.SAME, 1: Padding.VALID}


class Checker:
    """One operator being imported: its options, and whether anything was wrong with it."""

    def __init__(self, operation: Operation, options: Options, problems: Problems) -> None:
        self.operation = operation
        self.options = options
        self.problems = problems
        self.sound = True

    def require(self, ok: bool, problem: str) -> bool:
        if not ok:
            self.sound = False
            self.problems.add(f"{self.operation.label}: {problem}")
        return ok

    def option(self, name: str) -> int:
        return int(self.options[name])

    def activation(self) -> Activation:
        code = self.option("FusedActivationFunction")
        name = _ACTIVATION_NAMES.get(code, f"code {code}")
        self.require(code in _ACTIVATIONS, f"fused activation {name} is not supported; NONE, RELU, "
                                           "RELU6 and RELU_N1_TO_1 are")
        return _ACTIVATIONS.get(code, Activation.NONE)

    def rank(self, tensor: Tensor, rank: int) -> bool:
        return self.require(len(tensor.shape) == rank, f"tensor {tensor.name} has the shape "
                            f"{list(tensor.shape)}; {rank} dimensions are supported")

    def output_shape(self, expected: tuple[int, ...]) -> bool:
        output = self.operation.outputs[0]
        return self.require(output.shape == expected, f"output {output.name} has the shape "
                            f"{list(output.shape)}, must be {list(expected)}")

    def window(self, kernel_y: int, kernel_x: int, dilation_y: int = 1,
               dilation_x: int = 1) -> Window | None:
        """Return the window, and check that the output has the size it makes."""
        source, output = self.operation.required(0), self.operation.outputs[0]
        stride_y, stride_x = self.option("StrideH"), self.option("StrideW")
        padding = _PADDINGS.get(self.option("Padding"))
        sizes = (kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x)
        if not self.require(padding is not None and all(1 <= n <= 32767 for n in sizes),
                            "kernel size, stride, dilation and padding must be 1 to 32767 and "
                            "SAME or VALID"):
            return None
        height, before_y = extent(source.shape[1], kernel_y, stride_y, dilation_y, padding)
        width, before_x = extent(source.shape[2], kernel_x, stride_x, dilation_x, padding)
        if not self.require(output.shape[:3] == (source.shape[0], height, width),
                            f"output {output.name} has the shape {list(output.shape)}, the window "
                            f"makes {[source.shape[0], height, width]} of it"):
            return None
        return Window(kernel_y, kernel_x, stride_y, stride_x, dilation_y, dilation_x,
                      before_y, before_x)

    def weights(self, channel_axis: int) -> None:
        """Check weights and bias: INT8 or, of some operators, INT4, per tensor or per output
        channel."""
        weights = self.operation.required(1)
        channels = weights.shape[channel_axis]
        # Of 16 bits are those that a zero point was subtracted from.
        self.require(weights.dtype in (DType.INT4, DType.INT8, DType.INT16),
                     f"weights {weights.name} are {weights.dtype.name}; INT8 weights are supported")
        self.require(all(point == 0 for point in weights.zero_points),
                     f"weights {weights.name} have a zero point other than 0")
        scales = weights.scales
        if self.require(len(scales) > 0, f"weights {weights.name} have no quantization: scale and "
                        "zero point are missing"):
            self.require(len(scales) in (1, channels), f"weights {weights.name} have {len(scales)} "
                         f"scales, must be 1 or {channels}")
            self.require(len(scales) == 1 or weights.quantized_dimension == channel_axis,
                         f"weights {weights.name} are quantized along axis "
                         f"{weights.quantized_dimension}, must be {channel_axis}")
            self.require(all(np.isfinite(scale) and scale > 0 for scale in scales),
                         f"weights {weights.name} have a scale that is not positive")
        bias = self.operation.inputs[2] if len(self.operation.inputs) > 2 else None
        if bias is not None:
            deep = self.operation.required(0).deep
            self.require(bias.dtype is DType.INT32 or (deep and bias.dtype is DType.INT64),
                         f"bias {bias.name} is {bias.dtype.name}; INT32 biases are supported, and "
                         "INT64 ones of 16-bit activations")
            self.require(bias.elements == channels,
                         f"bias {bias.name} has {bias.elements} elements, must be {channels}")
        self.same_type()

    def deep_bias(self) -> None:
        """Check the bias of an operator that has no kernel for INT32 ones of 16-bit activations."""
        bias = self.operation.inputs[2] if len(self.operation.inputs) > 2 else None
        self.require(not self.operation.required(0).deep or bias is None
                     or bias.dtype is DType.INT64, "16-bit activations need a bias of INT64")

    def same_type(self, position: int = 0) -> None:
        """Check that an input and the output are of one type."""
        source, output = self.operation.required(position), self.operation.outputs[0]
        self.require(source.dtype is output.dtype, f"input {source.name} is {source.dtype.name}, "
                     f"output {output.name} is {output.dtype.name}")

    def same_quantization(self, position: int = 0) -> None:
        source, output = self.operation.required(position), self.operation.outputs[0]
        self.same_type(position)
        same = source.scale == output.scale and source.zero_point == output.zero_point
        self.require(same, f"quantization of input {source.name} and output {output.name} differ")


def extent(size: int, kernel: int, stride: int, dilation: int,
            padding: Padding | None) -> tuple[int, int]:
    """Return output size and padding before; source: tensorflow/lite/kernels/padding.h."""
    span = (kernel - 1) * dilation + 1
    if padding is Padding.SAME:
        result = -(-size // stride)
        return result, max(0, (result - 1) * stride + span - size) // 2
    return max(0, -(-(size - span + 1) // stride)), 0
