"""Operators with activations of 16 bits against TensorFlow Lite Micro, value for value."""

import numpy as np
import pytest

from hadron_model import operators
from hadron_model.operators.deep_lines import logistic_lines, tanh_lines
from hadron_spec.numerics import (
    ADD_LEFT_SHIFT_DEEP,
    multiply_rounding_once,
    quantize_multiplier,
    reduced_multiplier,
)
from hadron_spec.tflite_quantization import (
    activation_range,
    add_parameters,
    convolution_multiplier,
    float32,
    mean_multiplier,
)
from hadron_testing import oracle
from hadron_testing.random_deep import DEEP, DEEP_ON_HOST, DeepCase

FUNCTIONS = {"CONV_2D": operators.deep_conv2d,
             "DEPTHWISE_CONV_2D": operators.deep_depthwise_conv2d,
             "TRANSPOSE_CONV": operators.deep_transpose_conv,
             "FULLY_CONNECTED": operators.deep_fully_connected}
LINES = {"LOGISTIC": logistic_lines, "TANH": tanh_lines}


def evaluate(case: DeepCase) -> np.ndarray:
    (x, *constants), y = case.operands, case.output
    if case.operator == "TRANSPOSE_CONV":
        _, weights, x, bias = case.operands
        constants = [weights, bias]
    given = sorted((operand for operand in case.operands if operand.data is None),
                   key=lambda operand: operand.index)
    values = [case.inputs[given.index(operand)] if operand in given else operand.data
              for operand in case.operands]
    if case.operator in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        minimum, maximum = activation_range(case.attributes.pop("activation"), y.scale, 0, bits=16)
        pool = getattr(operators, case.operator.lower().replace("_2d", "2d"))
        return pool(case.inputs[0], **case.attributes, minimum=minimum, maximum=maximum)
    if case.operator in ("ADD", "SUB"):
        minimum, maximum = activation_range(case.attributes["activation"], y.scale, 0, bits=16)
        parameters = add_parameters(x.scale, constants[0].scale, y.scale, ADD_LEFT_SHIFT_DEEP)
        return operators.deep_add(*values, parameters=parameters, minimum=minimum,
                                  maximum=maximum, sign=1 if case.operator == "ADD" else -1)
    if case.operator == "MUL":
        minimum, maximum = activation_range(case.attributes["activation"], y.scale, 0, bits=16)
        scale = convolution_multiplier(x.scale, constants[0].scale, y.scale)
        return operators.deep_mul(*values, scale, minimum=minimum, maximum=maximum)
    if case.operator in ("MAXIMUM", "MINIMUM"):
        return getattr(operators, case.operator.lower())(*values)
    if case.operator in LINES:
        return operators.deep_lines(values[0], LINES[case.operator](x.scale, y.scale))
    if case.operator in ("LEAKY_RELU", "ABS"):
        right = quantize_multiplier(float32(x.scale) / float32(y.scale))
        if case.operator == "ABS":
            return operators.deep_abs(values[0], right)
        return operators.deep_leaky_relu(values[0], right, quantize_multiplier(
            x.scale * case.attributes["alpha"] / y.scale))
    if case.operator in ("MEAN", "SUM"):
        count = x.shape[1] * x.shape[2] if case.operator == "MEAN" else 1
        return operators.deep_mean(case.inputs[0], (1, 2),
                                   mean_multiplier(x.scale, y.scale, count))
    if case.operator in ("RELU", "RELU6"):
        minimum, maximum = activation_range(case.operator, y.scale, 0, bits=16)
        multiplier, shift = quantize_multiplier(float32(x.scale) / float32(y.scale))
        return np.clip(operators.rescale(
            case.inputs[0], multiplier=multiplier, shift=shift, input_zero_point=0,
            output_zero_point=0, deep=True), minimum, maximum)
    if case.operator == "SOFTMAX":
        return operators.deep_softmax(case.inputs[0], x.scale, **case.attributes)
    if case.operator == "PAD":
        return operators.pad(case.inputs[0], **case.attributes, value=0)
    if case.operator == "CONCATENATION":
        return operators.concatenation(case.inputs, **case.attributes)
    if case.operator not in FUNCTIONS:
        multiplier, shift = quantize_multiplier(float32(x.scale) / float32(y.scale))
        return operators.rescale(
            case.inputs[0], multiplier=multiplier, shift=shift, input_zero_point=x.zero_point,
            output_zero_point=y.zero_point, deep=y.dtype == "int16")
    weights, bias = (*constants, None)[:2]
    pairs = [convolution_multiplier(x.scale, float(scale), y.scale) for scale in weights.scales]
    once = bias is None or bias.dtype == "int64"
    attributes = dict(case.attributes)
    minimum, maximum = activation_range(attributes.pop("activation", "NONE"), y.scale, 0, bits=16)
    return FUNCTIONS[case.operator](
        case.inputs[0], weights.data, bias and bias.data, once=once, shifts=[s for _, s in pairs],
        multipliers=[reduced_multiplier(m) if once else m for m, _ in pairs], minimum=minimum,
        maximum=maximum, **attributes)


@pytest.mark.parametrize("operator", [*DEEP, *DEEP_ON_HOST])
def test_equals_the_reference_kernel(operator, rng):
    for _ in range(100):
        case = (DEEP | DEEP_ON_HOST)[operator](rng)
        (expected,) = oracle.run(case.model, case.inputs)
        made = evaluate(case)
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made.ravel(), expected.ravel())


def test_rounding_once_is_tflites_rule_for_64_bits(rng):
    for _ in range(2000):
        x = int(rng.integers(-1 << 31, 1 << 31))
        multiplier, shift = int(rng.integers(1 << 30, 1 << 31)), -int(rng.integers(0, 24))
        reduced = (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF
        total = 15 - shift
        expected = (x * reduced + (1 << (total - 1))) >> total
        assert multiply_rounding_once(x, reduced_multiplier(multiplier), shift) == expected
