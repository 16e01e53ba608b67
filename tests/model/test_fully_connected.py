"""The LiteRT rounding of FULLY_CONNECTED: IEEE double arithmetic, done on integers."""

import numpy as np

from hadron_model.operators import fully_connected, fully_connected_float64
from hadron_spec.tflite_quantization import convolution_multiplier, float64_scale


def round_half_away(values):
    """Round as C's round() does."""
    whole = np.trunc(values)
    return whole + np.where(np.abs(values - whole) >= 0.5, np.sign(values), 0)


def test_equals_float64_arithmetic(rng):
    for _ in range(200):
        taps, outputs = (int(n) for n in rng.integers(1, 60, 2))
        x = rng.integers(-128, 128, (2, taps)).astype(np.int8)
        weights = rng.integers(-127, 128, (outputs, taps)).astype(np.int8)
        bias = rng.integers(-(1 << 16), 1 << 16, outputs)
        scales = [float(np.float32(v)) for v in rng.uniform(0.001, 1, 2)]
        scales.append(float(np.float32(scales[0] * scales[1] * 2.0 ** rng.uniform(0, 14))))
        zero_point = int(rng.integers(-128, 128))
        total = (x.astype(np.int64) - 3) @ weights.T.astype(np.int64) + bias
        real = scales[0] * scales[1] / scales[2]
        expected = np.clip(round_half_away(total.astype(np.float64) * real) + zero_point,
                           -128, 127)
        actual = fully_connected_float64(
            x, weights, bias, scales=[float64_scale(*scales)], input_zero_point=3,
            output_zero_point=zero_point)
        assert actual.tolist() == expected.tolist()


def test_halves_round_away_from_zero():
    weights = np.array([[1]], np.int8)
    scale = float64_scale(1.0, 0.5, 1.0)
    results = [
        int(fully_connected_float64(np.array([[x]], np.int8), weights, None, scales=[scale],
                                    input_zero_point=0, output_zero_point=0)[0, 0])
        for x in (-3, -1, 1, 3)
    ]
    assert results == [-2, -1, 1, 2]


def test_differs_from_double_rounding_by_one():
    """The two modes exist because they differ."""
    x = np.ones((1, 1), np.int8)
    bias = np.arange(-400, 400)
    weights = np.zeros((len(bias), 1), np.int8)
    scales = 0.3, 0.1, 0.1
    multiplier, shift = convolution_multiplier(*scales)
    common = {"input_zero_point": 0, "output_zero_point": 0}
    one = fully_connected(x, weights, bias, multipliers=[multiplier], shifts=[shift], **common)
    other = fully_connected_float64(x, weights, bias, scales=[float64_scale(*scales)], **common)
    difference = np.abs(one.astype(int) - other)
    assert difference.max() == 1
    assert 0 < np.count_nonzero(difference) < len(bias) // 4


def test_the_product_is_rounded_to_double_precision_first(rng):
    """Close to a half, the double product decides, not the exact one."""
    decided = 0
    for _ in range(300):
        value = int(rng.integers(1 << 20, 1 << 31))
        half = int(rng.integers(0, 127)) + 0.5
        real = half / value
        expected = int(round_half_away(np.float64(value) * np.float64(real)))
        fraction, exponent = np.frexp(real)
        significand = int(fraction * 2.0**53)
        actual = int(fully_connected_float64(
            np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int8), [value],
            scales=[(significand, int(exponent) - 53)], input_zero_point=0,
            output_zero_point=0)[0, 0])
        assert actual == min(expected, 127)
        exact_is_below = significand * value << 1 < int(2 * half) << (53 - int(exponent))
        decided += exact_is_below and expected == half + 0.5
    assert decided > 20
