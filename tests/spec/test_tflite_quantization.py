"""Integers from scales: the corners that random models seldom meet."""

import numpy as np
import pytest

from hadron_spec.tflite_quantization import (
    QuantizationError,
    activation_range,
    add_parameters,
    average_counts,
    float32,
    float64_scale,
    padding_before,
    window_output,
)


def test_float32_rounds_like_numpy(rng):
    for value in rng.normal(0, 1, 200) * 2.0 ** rng.integers(-60, 60, 200):
        assert float32(float(value)) == float(np.float32(value))
    assert float32(1e300) == float("inf")
    assert float32(-1e300) == float("-inf")


def test_float64_scale_is_exact(rng):
    for _ in range(100):
        x, w, y = (float(np.float32(v)) for v in rng.uniform(0.001, 1, 3))
        significand, exponent = float64_scale(x, w, y)
        assert significand.bit_length() == 53
        assert significand * 2.0**exponent == x * w / y


def test_the_larger_operand_of_add_is_halved_exactly():
    parameters = add_parameters(0.5, 0.1, 0.3)
    assert (parameters.multiplier_a, parameters.shift_a) == (1 << 30, 0)
    parameters = add_parameters(0.1, 0.5, 0.3)
    assert (parameters.multiplier_b, parameters.shift_b) == (1 << 30, 0)


def test_add_refuses_an_output_scale_that_is_too_small():
    with pytest.raises(QuantizationError, match="output scale 1e-07 is too small"):
        add_parameters(1.0, 1.0, 1e-7)


@pytest.mark.parametrize(("activation", "scale", "zero_point", "expected"), [
    ("NONE", 0.1, 0, (-128, 127)),
    ("RELU", 0.1, -128, (-128, 127)),
    ("RELU", 0.1, 5, (5, 127)),
    ("RELU6", 0.1, -10, (-10, 50)),
    ("RELU6", 0.01, -10, (-10, 127)),
    ("RELU_N1_TO_1", 0.1, 3, (-7, 13)),
    # 6 / 4 and 1 / 2 are halves: away from zero.
    ("RELU6", 4.0, 0, (0, 2)),
    ("RELU_N1_TO_1", 2.0, 0, (-1, 1)),
])
def test_activation_range(activation, scale, zero_point, expected):
    assert activation_range(activation, scale, zero_point) == expected


def test_activation_range_refuses():
    with pytest.raises(QuantizationError, match="unknown activation 'TANH'"):
        activation_range("TANH", 0.1, 0)
    with pytest.raises(QuantizationError, match="scale 1e-12 is too small for RELU6"):
        activation_range("RELU6", 1e-12, 0)


def test_windows():
    assert window_output(96, 3, 2, 1, "SAME") == 48
    assert padding_before(96, 48, 3, 2, 1) == 0
    assert padding_before(95, 48, 3, 2, 1) == 1
    assert window_output(9, 3, 1, 2, "VALID") == 5
    assert window_output(4, 5, 1, 1, "VALID") == 0
    assert average_counts(5, 3, 3, 2, 1) == [2, 3, 2]
    with pytest.raises(ValueError, match="unknown padding 'same'"):
        window_output(9, 3, 1, 1, "same")
