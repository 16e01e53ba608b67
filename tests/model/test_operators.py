"""The golden model's operators against TensorFlow Lite Micro, byte for byte."""

import numpy as np
import pytest

from hadron_model import operators
from hadron_spec import tflite_tables
from hadron_spec.numerics import softmax_table
from hadron_spec.tflite_quantization import (
    activation_range,
    add_parameters,
    convolution_multiplier,
    mean_multiplier,
    squared_difference_parameters,
)
from hadron_testing import oracle
from hadron_testing.random_elementwise import UNARY
from hadron_testing.random_models import GENERATORS, Case
from hadron_testing.random_movement import MOVEMENT
from hadron_testing.tflite_builder import ModelBuilder

CASES = {"SOFTMAX": 150, "RESHAPE": 20, **dict.fromkeys((*MOVEMENT, *UNARY), 60)}


def _multipliers(case: Case):
    x, weights = case.operands[:2]
    pairs = [convolution_multiplier(x.scale, float(scale), case.output.scale)
             for scale in weights.scales]
    return {"multipliers": [m for m, _ in pairs], "shifts": [s for _, s in pairs]}


def _values(case: Case) -> list[np.ndarray]:
    """Return the operands' values: those of the inputs, and of the constants among them."""
    given = dict(zip(case.builder.inputs, case.inputs, strict=True))
    return [given[tensor] if tensor.data is None else tensor.data for tensor in case.operands]


def _table(case: Case) -> list[int]:
    """Return the table of an operator of one operand."""
    x, y = ((tensor.scale, tensor.zero_point) for tensor in (case.operands[0], case.output))
    match case.operator:
        case "RELU" | "RELU6":
            return tflite_tables.relu_table(case.operator, x, y)
        case "LEAKY_RELU":
            return tflite_tables.leaky_relu_table(x, y, **case.attributes)
        case "QUANTIZE":
            return tflite_tables.requantize_table(x, y)
    return getattr(tflite_tables, f"{case.operator.lower()}_table")(x, y)


def out_elements(case: Case) -> int:
    return int(np.prod(case.output.shape))


def evaluate(case: Case) -> np.ndarray | list[np.ndarray]:
    """Run the golden model's operator on a case."""
    attributes = dict(case.attributes)
    out = case.output
    limits = {}
    if "activation" in attributes:
        limits = dict(zip(("minimum", "maximum"),
                          activation_range(attributes.pop("activation"), out.scale,
                                           out.zero_point), strict=True))
    x = case.inputs[0]
    match case.operator:
        case "CONV_2D" | "DEPTHWISE_CONV_2D" | "FULLY_CONNECTED":
            function = {"CONV_2D": operators.conv2d,
                        "DEPTHWISE_CONV_2D": operators.depthwise_conv2d,
                        "FULLY_CONNECTED": operators.fully_connected}[case.operator]
            bias = None if case.operands[2] is None else case.operands[2].data
            return function(x, case.operands[1].data, bias, **_multipliers(case), **limits,
                            input_zero_point=case.operands[0].zero_point,
                            output_zero_point=out.zero_point, **attributes)
        case "TRANSPOSE_CONV":
            weights = case.operands[1]
            pairs = [convolution_multiplier(case.operands[2].scale, float(scale), out.scale)
                     for scale in weights.scales]
            bias = case.operands[3].data if len(case.operands) > 3 else None
            return operators.transpose_conv(
                x, weights.data, bias, size=out.shape[1:3], multipliers=[m for m, _ in pairs],
                shifts=[s for _, s in pairs], input_zero_point=case.operands[2].zero_point,
                output_zero_point=out.zero_point, **attributes, **limits)
        case "AVERAGE_POOL_2D":
            return operators.average_pool2d(x, **attributes, **limits)
        case "MAX_POOL_2D":
            return operators.max_pool2d(x, **attributes, **limits)
        case "ADD" | "SUB" | "MUL":
            a, b = case.operands
            left, right = _values(case)
            points = {"zero_point_a": a.zero_point, "zero_point_b": b.zero_point,
                      "output_zero_point": out.zero_point, **limits}
            if case.operator != "MUL":
                return getattr(operators, case.operator.lower())(
                    left, right, **points,
                    parameters=add_parameters(a.scale, b.scale, out.scale))
            multiplier, shift = convolution_multiplier(a.scale, b.scale, out.scale)
            return operators.mul(left, right, multiplier=multiplier, shift=shift, **points)
        case "SQUARED_DIFFERENCE":
            a, b = case.operands
            return operators.squared_difference(
                *_values(case), zero_point_a=a.zero_point, zero_point_b=b.zero_point,
                output_zero_point=out.zero_point,
                parameters=squared_difference_parameters(a.scale, b.scale, out.scale))
        case "CONCATENATION":
            return operators.concatenation(_values(case), attributes["axis"])
        case "SOFTMAX":
            return operators.softmax(x, softmax_table(float(np.float32(attributes["beta"]))
                                                      * case.operands[0].scale))
        case "RESHAPE" | "SQUEEZE" | "EXPAND_DIMS":
            return operators.reshape(x, out.shape)
        case "MEAN" | "SUM":
            count = x.size // out_elements(case)
            multiplier, shift = mean_multiplier(case.operands[0].scale, out.scale,
                                                count if case.operator == "MEAN" else 1)
            made = operators.mean_or_sum(
                x, attributes["axes"], multiplier=multiplier, shift=shift,
                input_zero_point=case.operands[0].zero_point, output_zero_point=out.zero_point)
            return made.reshape(out.shape)
        case "REDUCE_MAX" | "REDUCE_MIN":
            made = getattr(operators, case.operator.lower())(x, attributes["axes"])
            return made.reshape(out.shape)
        case "BATCH_MATMUL":
            a, b = case.operands
            multiplier, shift = convolution_multiplier(a.scale, b.scale, out.scale)
            return operators.batch_matmul(
                *_values(case), multiplier=multiplier, shift=shift, zero_point_a=a.zero_point,
                zero_point_b=b.zero_point, output_zero_point=out.zero_point, **attributes)
        case "PRELU":
            slope = case.operands[1]
            return operators.prelu(
                x, slope.data, input_zero_point=case.operands[0].zero_point,
                slope_zero_point=slope.zero_point, output_zero_point=out.zero_point,
                positive=convolution_multiplier(case.operands[0].scale, 1.0, out.scale),
                negative=convolution_multiplier(case.operands[0].scale, slope.scale, out.scale))
        case operator if operator in UNARY:
            return operators.table(x, _table(case))
        case "MAXIMUM" | "MINIMUM":
            return getattr(operators, case.operator.lower())(*_values(case))
        case "PACK":
            return operators.pack(_values(case), attributes["axis"])
        case "PAD" | "PADV2":
            return operators.pad(x, **attributes)
        case "SLICE":
            return operators.slice_(x, **attributes)
        case "SPLIT" | "SPLIT_V":
            return operators.split(x, **attributes)
        case "SPACE_TO_BATCH_ND":
            return operators.space_to_batch_nd(x, **attributes, zero_point=out.zero_point)
        case _:
            return getattr(operators, case.operator.lower())(x, **attributes)


@pytest.mark.parametrize("operator", GENERATORS)
def test_equals_the_reference_kernel(operator, rng):
    spread = 0
    for number in range(CASES.get(operator, 300)):
        case = GENERATORS[operator](rng)
        made = evaluate(case)
        results = made if isinstance(made, list) else [made]
        wanted = oracle.run(case.model, case.inputs, outputs=case.outputs)
        for actual, expected in zip(results, wanted, strict=True):
            assert actual.dtype == np.int8
            assert actual.shape == expected.shape
            where = np.argwhere(actual != expected)
            assert not where.size, (
                f"case {number}: {case.attributes}, {len(where)} of {actual.size} differ, first "
                f"at {tuple(where[0])}: {actual[tuple(where[0])]}, not {expected[tuple(where[0])]}")
            spread += len(np.unique(expected))
    assert spread > 2 * CASES.get(operator, 300), "the cases say too little"


@pytest.mark.parametrize("operator", ["FULLY_CONNECTED", "BATCH_MATMUL"])
def test_products_of_scales_are_not_rounded_to_single_precision(operator, rng):
    """They would give one half exactly, and odd sums another rounding."""
    x = np.arange(-127, 128, 2, dtype=np.int8).reshape(-1, 1)
    one = np.ones((1, 1), np.int8)
    differ = 0
    for _ in range(20):
        scales = [float(np.float32(value)) for value in rng.uniform(0.01, 0.1, 2)]
        scale = 2 * float(np.float32(scales[0] * scales[1]))
        builder = ModelBuilder()
        a = builder.input(x.shape, scales[0])
        if operator == "FULLY_CONNECTED":
            y = builder.fully_connected(a, one, None, scales[1], scale, 0)
            (expected,) = oracle.run(builder.finish([y]), [x])
        else:
            y = builder.tensor(x.shape, scale)
            b = builder.input(one.shape, scales[1])
            builder.operator(operator, [a, b], [y], "BatchMatMul", adjX=False, adjY=False)
            (expected,) = oracle.run(builder.finish([y]), [x, one])
        results = []
        for multiplier, shift in (convolution_multiplier(*scales, scale),
                                  convolution_multiplier(1.0, 0.5, 1.0)):
            results.append(operators.fully_connected(
                x, one, None, multipliers=[multiplier], shifts=[shift], input_zero_point=0,
                output_zero_point=0))
        assert np.array_equal(results[0], expected)
        differ += not np.array_equal(*results)
    assert differ > 0
