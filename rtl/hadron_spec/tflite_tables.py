"""Operators of one INT8 operand as tables: all 256 outputs, as TensorFlow Lite Micro has them.

Entry i is the output of the input i - 128. Most kernels compute in integers, and so do we; those
that compute in single precision are repeated in single precision.
"""

import math
from collections.abc import Callable, Sequence

from hadron_spec.fixed_point import inverse_square_root, logistic, tanh
from hadron_spec.numerics import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from hadron_spec.tflite_quantization import QuantizationError, activation_range, float32

__all__ = [
    "Quantization",
    "abs_table",
    "dequantized",
    "elu_table",
    "exp_table",
    "gelu_table",
    "hard_swish_table",
    "leaky_relu_table",
    "leaky_slope",
    "log_table",
    "logistic_table",
    "prelu_table",
    "quantized",
    "relu_table",
    "requantize_table",
    "rsqrt_table",
    "tanh_table",
]


Quantization = tuple[float, int]
"""Scale and zero point of a tensor."""

_INPUTS = range(-128, 128)


def _clamp(value: int, minimum: int = -128, maximum: int = 127) -> int:
    return min(max(value, minimum), maximum)


def _scaled(value: int, real: float) -> int:
    """Multiply with a real number, rounded twice."""
    return int(multiply_by_quantized_multiplier(value, *quantize_multiplier(real)))


def requantize_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of QUANTIZE from INT8 to INT8.

    Source: tflite-micro kernels/quantize_common.cc; reference/requantize.h, Requantize.
    """
    real = float32(x[0]) / float32(y[0])
    return [_clamp(_scaled(i - x[1], real) + y[1]) for i in _INPUTS]


def relu_table(activation: str, x: Quantization, y: Quantization) -> list[int]:
    """Return the table of RELU, RELU6 or RELU_N1_TO_1 (an activation's name), which rescales.

    TensorFlow Lite Micro has no RELU_N1_TO_1, and its RELU6 does not rescale: where scales differ,
    this is what TensorFlow Lite does (kernels/activations.cc, QuantizedReluX).

    Source: tflite-micro kernels/activations_common.cc, ReluQuantized.
    """
    real = float32(x[0]) / float32(y[0])
    minimum, maximum = activation_range(activation, *y)
    return [_clamp(_scaled(i - x[1], real) + y[1], minimum, maximum) for i in _INPUTS]


def leaky_slope(input_scale: float, output_scale: float, alpha: float) -> float:
    """Return what LEAKY_RELU multiplies values below zero with."""
    return float32(input_scale) * float32(alpha) / float32(output_scale)


def leaky_relu_table(x: Quantization, y: Quantization, alpha: float) -> list[int]:
    """Return the table of LEAKY_RELU.

    Source: tflite-micro kernels/leaky_relu_common.cc; reference/leaky_relu.h, QuantizeLeakyRelu.
    """
    positive = float32(x[0]) / float32(y[0])
    negative = leaky_slope(x[0], y[0], alpha)
    return [_clamp(_signed_scaled(i - x[1], positive if i >= x[1] else negative) + y[1])
            for i in _INPUTS]


def prelu_table(x: Quantization, y: Quantization, alpha: Quantization, slope: int) -> list[int]:
    """Return the table of PRELU for a channel whose slope, quantized like `alpha`, is `slope`.

    Source: tflite-micro kernels/prelu_common.cc; reference/prelu.h, Prelu.
    """
    positive = float32(x[0]) / float32(y[0])
    negative = float32(x[0]) * float32(alpha[0]) / float32(y[0])
    return [_clamp((_scaled(i - x[1], positive) if i >= x[1] else
                    _scaled((i - x[1]) * (slope - alpha[1]), negative)) + y[1]) for i in _INPUTS]


def _signed_scaled(value: int, real: float) -> int:
    """Multiply with a real number of any sign. Source: QuantizeMultiplier, which keeps the sign."""
    if real >= 0:
        return _scaled(value, real)
    multiplier, shift = quantize_multiplier(-real)
    return int(multiply_by_quantized_multiplier(value, -multiplier, shift))


def abs_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of ABS, which rescales where the scales differ.

    Source: tflite-micro kernels/elementwise.cc, AbsEvalQuantized.
    """
    real = float32(x[0]) / float32(y[0])
    same = float32(x[0]) == float32(y[0])
    return [_clamp((abs(i - x[1]) if same else _scaled(abs(i - x[1]), real)) + y[1])
            for i in _INPUTS]


def _sigmoid_table(x: Quantization, y: Quantization, wanted: Quantization, output_bits: int,
                   function: Callable[[int], int]) -> list[int]:
    """Return the table of a function of Q4.27 to Q0.31; far from zero it is one of its limits."""
    if (float32(y[0]), y[1]) != wanted:
        raise QuantizationError(f"output scale {y[0]} and zero point {y[1]}, must be "
                                f"1/{round(1 / wanted[0])} and {wanted[1]}")
    integer_bits = 4
    multiplier, shift = quantize_multiplier(float32(x[0]) * (1 << (31 - integer_bits)))
    # Source: quantization_util.cc, CalculateInputRadius.
    radius = int(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) // 2**shift)
    table = []
    for i in _INPUTS:
        value = i - x[1]
        if abs(value) >= radius:
            table.append(-128 if value <= -radius else 127)
            continue
        scaled = int(multiply_by_quantized_multiplier(value, multiplier, shift))
        table.append(_clamp(rounding_divide_by_pot(function(scaled), 31 - output_bits) + y[1]))
    return table


def logistic_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of LOGISTIC; the output's scale is 1/256, its zero point -128.

    Source: tflite-micro kernels/logistic_common.cc; reference/integer_ops/logistic.h, Logistic.
    """
    return _sigmoid_table(x, y, (1 / 256, -128), 8, logistic)


def tanh_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of TANH; the output's scale is 1/128, its zero point 0.

    Source: tflite-micro kernels/tanh.cc; reference/integer_ops/tanh.h, Tanh.
    """
    return _sigmoid_table(x, y, (1 / 128, 0), 7, tanh)


def hard_swish_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of HARD_SWISH, x * min(max(x + 3, 0), 6) / 6, in 16-bit fixed point.

    Source: tflite-micro kernels/hard_swish_common.cc; reference/hard_swish.h, HardSwish.

    Raises
    ------
    QuantizationError
        When the output's scale is less than 1/128 of the input's.
    """
    hires = float32(x[0]) / 128
    output_multiplier, output_exponent = _multiplier16(hires / float32(y[0]))
    if output_exponent > 0:
        raise QuantizationError(f"output scale {y[0]} is too small for an input of "
                                f"scale {x[0]}")
    reluish_multiplier, reluish_exponent = _multiplier16(hires / (3 / 32768))
    table = []
    for i in _INPUTS:
        value = (i - x[1]) << 7
        preshift = _high_mul16(value, output_multiplier)
        reluish = value
        if reluish_exponent > 0:
            reluish = _saturate16(reluish << (reluish_exponent - 1))
        reluish = _high_mul16(reluish, reluish_multiplier)
        if reluish_exponent > 0:
            reluish = _saturate16(reluish << 1)
        if reluish_exponent < 0:
            reluish = rounding_divide_by_pot(reluish, -reluish_exponent)
        reluish = (reluish + (1 << 15)) >> 1
        # Towards zero: SaturatingDoublingHighMul does not round.
        product = int(math.copysign(abs(reluish * preshift) >> 15, preshift))
        table.append(_clamp(rounding_divide_by_pot(product, -output_exponent) + y[1]))
    return table


def _multiplier16(real: float) -> tuple[int, int]:
    """Source: hard_swish_common.cc and common.h, DownScaleInt32ToInt16Multiplier."""
    multiplier, exponent = quantize_multiplier(real)
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), exponent


def _saturate16(value: int) -> int:
    return _clamp(value, -1 << 15, (1 << 15) - 1)


def _high_mul16(a: int, b: int) -> int:
    """Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul of 16 bits; b > 0."""
    return (a * b + (1 << 14)) >> 15


def dequantized(x: Quantization) -> list[float]:
    """Return the real numbers of all INT8 values, in single precision.

    Source: reference/dequantize.h, Dequantize.
    """
    return [float32(x[0] * (i - x[1])) for i in _INPUTS]


def quantized(values: Sequence[float], y: Quantization) -> list[int]:
    """Return the INT8 values of real numbers; of what is none, the least.

    Source: reference/quantize.h, AffineQuantize.
    """
    return [-128 if math.isnan(value) else _rounded(float32(value / float32(y[0])), y[1])
            for value in values]


def _rounded(scaled: float, zero_point: int) -> int:
    """Round to the nearest, halves away from zero."""
    nearest = math.copysign(math.floor(min(abs(scaled), 1e6) + 0.5), scaled)
    return _clamp(int(nearest) + zero_point)


def _float_table(x: Quantization, y: Quantization, function: Callable[[float], float]
                 ) -> list[int]:
    """Return the table of a function in single precision.

    Source: tensorflow/lite/kernels/internal/common.h, LUTPopulate.
    """
    inverse = float32(1 / float32(y[0]))
    table = []
    for i in _INPUTS:
        value = float32(function(float32(float32(x[0]) * (i - x[1]))))
        table.append(_rounded(float32(value * inverse), y[1]))
    return table


def elu_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of ELU.

    Source: tflite-micro kernels/elu.cc, PopulateLookupTable.
    """
    return _float_table(x, y, lambda value: value if value >= 0
                        else float32(math.exp(value)) - 1)


def exp_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of EXP, which TensorFlow Lite Micro does not have.

    Source: tensorflow/lite/kernels/exp.cc, ExpPrepare.
    """
    return _float_table(x, y, math.exp)


def log_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of LOG, which TensorFlow Lite Micro does not have: of what is not positive,
    the least.

    Source: tensorflow/lite/kernels/elementwise.cc, LogPrepare.
    """
    least = (-128 - y[1]) * y[0]
    return _float_table(x, y, lambda value: math.log(value) if value > 0 else least)


def rsqrt_table(x: Quantization, y: Quantization) -> list[int]:
    """Return the table of RSQRT: of what is not positive, the largest.

    Source: tflite-micro kernels/elementwise.cc, RsqrtEvalQuantized and SetRsqrtOutputMultiplier.
    """
    guard = 20
    multiplier, shift = quantize_multiplier(
        1 / float32(float32(math.sqrt(float32(x[0]))) * float32(y[0])))
    table = []
    for i in _INPUTS:
        value = i - x[1]
        if value <= 0:
            table.append(127)
            continue
        root, root_shift = inverse_square_root(value)
        scaled = multiply_by_quantized_multiplier(1, root, root_shift + guard)
        table.append(_clamp(int(multiply_by_quantized_multiplier(
            scaled, multiplier, shift - guard)) + y[1]))
    return table


def gelu_table(x: Quantization, y: Quantization, *, approximate: bool) -> list[int]:
    """Return the table of GELU, by the error function or its approximation by tanh.

    TensorFlow Lite Micro has no such kernel: this is TensorFlow Lite's.
    Source: tensorflow/lite/kernels/internal/reference/gelu.h; kernels/activations.cc, GeluPrepare.
    """
    def exact(value: float) -> float:
        return value * 0.5 * math.erfc(-value * math.sqrt(0.5))

    def tanh_approximation(value: float) -> float:
        return 0.5 * value * (1 + math.tanh(math.sqrt(2 / math.pi)
                                            * (value + 0.044715 * value**3)))

    return _float_table(x, y, tanh_approximation if approximate else exact)
