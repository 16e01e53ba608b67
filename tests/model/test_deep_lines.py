"""LOGISTIC and TANH of 16 bits, of every input, against TensorFlow Lite Micro."""

from collections.abc import Callable

import numpy as np
import pytest

from hadron_model.operators.deep_lines import (
    MAX_SLOPE,
    Lines,
    deep_lines,
    logistic_lines,
    tanh_lines,
)
from hadron_spec.tflite_quantization import QuantizationError
from hadron_testing import oracle
from hadron_testing.tflite_builder import ModelBuilder

ALL = np.arange(-1 << 15, 1 << 15).astype(np.int16)
FUNCTIONS = {"LOGISTIC": logistic_lines, "TANH": tanh_lines}
SCALES = (2.0**-12, 2.0**-11, 2.0**-11 * 1.0005, 2.0**-10, 1.3e-6, 1.3)
"""Powers of two that the kernels treat apart, ones close to them, and the least and most."""


@pytest.mark.parametrize("operator", FUNCTIONS)
def test_every_input(operator: str, rng: np.random.Generator) -> None:
    for scale in (*SCALES, *(float(2.0**x) for x in rng.uniform(-18, 0, 20))):
        builder = ModelBuilder()
        y = builder.unary(operator, builder.input((1, ALL.size), scale, dtype="int16"),
                          1 / 32768, 0)
        (expected,) = oracle.run(builder.finish([y]), [ALL[None]])
        made = deep_lines(ALL, FUNCTIONS[operator](scale, 1 / 32768))
        np.testing.assert_array_equal(made, expected.ravel(), err_msg=str(scale))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_lines_rise_no_more_than_they_may(function: Callable[[float, float], Lines]) -> None:
    slopes = function(0.001, 1 / 32768).slopes
    assert min(slopes) == 0
    assert 512 < max(slopes) <= MAX_SLOPE


def test_scales_that_are_refused() -> None:
    for given, made, message in (
            (0.001, 1 / 256, "output scale 0.00390625, must be 1/32768"),
            (1.4, 1 / 32768, "input scale 1.4, must be 1.27e-06 to 1.33"),
            (1e-6, 1 / 32768, "input scale 1e-06, must be 1.27e-06 to 1.33")):
        with pytest.raises(QuantizationError) as caught:
            tanh_lines(given, made)
        assert str(caught.value) == message
