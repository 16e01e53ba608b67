"""From TFLite's scales to integers, as TensorFlow Lite Micro's Prepare computes them.

Scales are float32; their products and quotients are taken in double precision unless the reference
kernel takes them in single precision, in which case so do we, rounding by hand. Everything here
runs once, when a network is compiled; what comes out is integers only.
"""

import math
import struct
from typing import Any, NamedTuple

from hadron_spec.numerics import (
    ADD_LEFT_SHIFT,
    SQUARED_DIFFERENCE_LEFT_SHIFT,
    quantize_multiplier,
    rescale_addend,
)

__all__ = [
    "ACTIVATIONS",
    "INT8_MAX",
    "INT8_MIN",
    "AddParameters",
    "QuantizationError",
    "activation_range",
    "add_parameters",
    "average_counts",
    "convolution_multiplier",
    "float32",
    "float64_scale",
    "mean_multiplier",
    "padding_before",
    "squared_difference_parameters",
    "window_output",
]

INT8_MIN = -128
INT8_MAX = 127

ACTIVATIONS = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
"""Fused activations, in the order of the schema's ActivationFunctionType."""


class QuantizationError(ValueError):
    """Scales that the reference kernels refuse."""


class AddParameters(NamedTuple):
    """Integer parameters of ADD; see :func:`add_parameters`."""

    multiplier_a: int
    shift_a: int
    multiplier_b: int
    shift_b: int
    multiplier: int
    shift: int

    def rescaled(self, a: Any, b: Any, left_shift: int = ADD_LEFT_SHIFT) -> tuple[Any, Any]:
        """Return both operands, their zero points removed, at the common scale."""
        return (rescale_addend(a, self.multiplier_a, self.shift_a, left_shift),
                rescale_addend(b, self.multiplier_b, self.shift_b, left_shift))


def float32(value: float) -> float:
    """Round to single precision; infinite where single precision has no such number."""
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)
    return rounded


def convolution_multiplier(input_scale: float, weight_scale: float, output_scale: float
                           ) -> tuple[int, int]:
    """Return multiplier and shift of one channel of CONV_2D or DEPTHWISE_CONV_2D.

    Also those of FULLY_CONNECTED and BATCH_MATMUL: TensorFlow Lite Micro takes the product of the
    scales in double precision, where TensorFlow Lite's GetQuantizedConvolutionMultipler rounds it
    to single for layers of one scale.

    Source: tensorflow/lite/kernels/kernel_util.cc, PopulateConvolutionQuantizationParams;
    tflite-micro kernels/fully_connected_common.cc, CalculateOpDataFullyConnected.
    """
    return quantize_multiplier(_effective_scale(input_scale, weight_scale, output_scale))


def float64_scale(input_scale: float, weight_scale: float, output_scale: float
                  ) -> tuple[int, int]:
    """Return the effective scale as (significand, exponent): exactly significand * 2**exponent.

    LiteRT's reference FULLY_CONNECTED multiplies with it in double precision; `significand` has
    at most 53 bits.

    Source: LiteRT tflite/kernels/internal/reference/integer_ops/fully_connected.h.
    """
    fraction, exponent = math.frexp(_effective_scale(input_scale, weight_scale, output_scale))
    return int(fraction * (1 << 53)), exponent - 53


def add_parameters(a_scale: float, b_scale: float, output_scale: float,
                   left_shift: int = ADD_LEFT_SHIFT) -> AddParameters:
    """Return the multipliers and shifts of ADD (and SUB); of 16 bits, `left_shift` is
    ADD_LEFT_SHIFT_DEEP.

    The operand of larger scale gets multiplier 2**30 and shift 0: exactly one half.

    Raises
    ------
    QuantizationError
        When the output's scale is so small that its multiplier is not below one.

    Source: tflite-micro kernels/add_common.cc, CalculateOpDataAdd.
    """
    return _power_parameters(a_scale, b_scale, output_scale, 1, left_shift, "")


def squared_difference_parameters(a_scale: float, b_scale: float, output_scale: float
                                  ) -> AddParameters:
    """Return the multipliers and shifts of SQUARED_DIFFERENCE: of both operands as those of ADD.

    Raises
    ------
    QuantizationError
        When the output's scale is so small that its multiplier is not below one.

    Source: tflite-micro kernels/squared_difference.cc, SquaredDifferencePrepare.
    """
    return _power_parameters(a_scale, b_scale, output_scale, 2, SQUARED_DIFFERENCE_LEFT_SHIFT,
                             "a squared difference of ")


def _power_parameters(a_scale: float, b_scale: float, output_scale: float, power: int,
                      left_shift: int, of: str) -> AddParameters:
    """Return the parameters of a power of a sum, which `of` names where the output does not fit."""
    a, b, output = float32(a_scale), float32(b_scale), float32(output_scale)
    twice_max = 2 * max(a, b)
    real = twice_max**power / ((1 << power * left_shift) * output)
    if real >= 1:
        raise QuantizationError(f"output scale {output_scale} is too small for {of}inputs of scale "
                                f"{a_scale} and {b_scale}")
    return AddParameters(*quantize_multiplier(a / twice_max), *quantize_multiplier(b / twice_max),
                         *quantize_multiplier(real))


def mean_multiplier(input_scale: float, output_scale: float, count: int) -> tuple[int, int]:
    """Return multiplier and shift of MEAN over `count` elements: the division is part of them.

    The sum they apply to has the input's zero point removed `count` times. Such a multiplier is
    not normalised: it may be as small as 2**29.

    Source: tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum;
    tflite-micro kernels/reduce_common.cc, PrepareMeanOrSumHelper.
    """
    multiplier, shift = quantize_multiplier(float32(input_scale) / float32(output_scale))
    folded = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << folded) // count, shift - folded


def activation_range(activation: str, scale: float, zero_point: int, *, bits: int = 8
                     ) -> tuple[int, int]:
    """Return the smallest and the largest output of 8 or 16 bits that a fused activation lets
    through.

    The bounds may cross when zero is outside of the output's range; the kernels then take the
    upper bound, having applied the lower one first.

    Raises
    ------
    QuantizationError
        When the activation is none of `ACTIVATIONS`, or a bound is beyond 32 bits.

    Source: tensorflow/lite/kernels/kernel_util.cc, CalculateActivationRangeQuantized.
    """
    def quantize(real: float) -> int:
        quotient = float32(real / float32(scale))
        if not abs(quotient) <= 1 << 31:
            raise QuantizationError(f"scale {scale} is too small for {activation}")
        # std::round in single precision: halves away from zero, no wrong carry from adding 0.5.
        whole = math.floor(abs(quotient))
        whole += abs(quotient) - whole >= 0.5
        return zero_point + int(math.copysign(whole, quotient))

    lowest, highest = -1 << (bits - 1), (1 << (bits - 1)) - 1
    match activation:
        case "NONE":
            return lowest, highest
        case "RELU":
            return max(lowest, quantize(0.0)), highest
        case "RELU6":
            return max(lowest, quantize(0.0)), min(highest, quantize(6.0))
        case "RELU_N1_TO_1":
            return max(lowest, quantize(-1.0)), min(highest, quantize(1.0))
    raise QuantizationError(f"unknown activation {activation!r}")


def window_output(size: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    """Return the output rows (or columns) of a sliding window; 0 or less when it does not fit.

    Source: tensorflow/lite/kernels/padding.h, ComputeOutSize.
    """
    span = (kernel - 1) * dilation + 1
    if padding == "SAME":
        return -(-size // stride)
    if padding == "VALID":
        return (size + stride - span) // stride
    raise ValueError(f"unknown padding {padding!r}")


def padding_before(size: int, output: int, kernel: int, stride: int, dilation: int) -> int:
    """Return the rows (or columns) of padding before the first input row (or column).

    Source: tensorflow/lite/kernels/padding.h, ComputePaddingWithOffset.
    """
    span = (kernel - 1) * dilation + 1
    return max(0, (output - 1) * stride + span - size) // 2


def average_counts(size: int, output: int, kernel: int, stride: int, before: int) -> list[int]:
    """Return how many rows (or columns) inside the input each output of a pool averages."""
    starts = [i * stride - before for i in range(output)]
    return [min(size, start + kernel) - max(0, start) for start in starts]


def _effective_scale(input_scale: float, weight_scale: float, output_scale: float) -> float:
    return float32(input_scale) * float32(weight_scale) / float32(output_scale)
