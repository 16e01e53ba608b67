"""A model of real numbers outside: the session quantizes, and ends as the model does."""

from dataclasses import replace

import numpy as np
import pytest

from hadron.session import Session
from hadron.text_report import summary
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import Layers
from hadron_testing.random_deep import classifier


def _model(rng: np.random.Generator, last: str) -> bytes:
    layers = Layers(rng)
    builder = layers.builder
    x = builder.input((1, 6, 6, 3), dtype="float32", name="photo")
    quantized = builder.tensor(x.shape, 1 / 50, 3)
    builder.operator("QUANTIZE", [x], [quantized], "Quantize")
    y = layers.conv(quantized, 5, (3, 3), padding="VALID")
    if last == "DEQUANTIZE":
        out = builder.tensor(y.shape, dtype="float32", name="scores")
        builder.operator("DEQUANTIZE", [y], [out], "Dequantize")
    else:
        out = builder.tensor(y.shape[:3], dtype="int32", name="classes")
        builder.operator("ARG_MAX", [y, builder.constant(np.array([3], np.int32))], [out],
                         "ArgMax", outputType=2)
    return builder.finish([out])


@pytest.mark.parametrize("last", ["DEQUANTIZE", "ARG_MAX"])
def test_real_numbers_in_and_out(last: str, rng: np.random.Generator) -> None:
    model = _model(rng, last)
    x = rng.uniform(-3, 3, (1, 6, 6, 3)).astype(np.float32)
    expected, = oracle.run(model, [x])
    result = Session(model, "h64").run(x)
    finished = result.finished()
    assert finished.dtype == expected.dtype
    np.testing.assert_array_equal(finished, expected)
    assert (f"host    QUANTIZE #0: input photo, from float32, 108 elements\nhost    {last} #2: "
            in summary(result.report))


@pytest.mark.parametrize("last", ["SOFTMAX", "DEQUANTIZE"])
def test_a_classifier_of_16_bits_as_converters_write_it(last: str, rng: np.random.Generator
                                                        ) -> None:
    model, x = classifier(rng, last)
    expected, = oracle.run(model, [x])
    result = Session(model, replace(CONFIGS["h64"], deep=True)).run(x)
    finished = result.finished()
    assert finished.dtype == expected.dtype
    np.testing.assert_array_equal(finished, expected)
    assert "host    SOFTMAX #4: " in summary(result.report)
