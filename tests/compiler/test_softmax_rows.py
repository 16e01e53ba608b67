"""Rows of SOFTMAX up to what the configuration's unit holds; longer ones are refused."""

import dataclasses

import numpy as np
import pytest

from hadron_compiler import CapacityError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import check_program
from hadron_testing.tflite_builder import ModelBuilder


def _model(elements: int) -> bytes:
    builder = ModelBuilder()
    return builder.finish([builder.softmax(builder.input((2, elements), 0.02, 0, name="x"))])


@pytest.mark.parametrize(("size", "elements"), [(2048, 2047), (4096, 2048), (4096, 4095)])
def test_the_longest_rows_are_exact(size: int, elements: int, rng: np.random.Generator) -> None:
    config = dataclasses.replace(CONFIGS["h64"], softmax_elements=size)
    model = _model(elements)
    # Few of them are large, so that not all outputs are zero.
    value = np.full((2, elements), -128, np.int8)
    value[:, ::97] = rng.integers(-20, 128, value[:, ::97].shape)
    expected, = oracle.run(model, [value])
    assert len(np.unique(expected)) > 2
    check_program(model, config, [value], expected)


@pytest.mark.parametrize("elements", [2048, 4095])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_longer_row_is_refused_with_the_option_that_helps(name: str, elements: int) -> None:
    with pytest.raises(CapacityError) as caught:
        compile_model(_model(elements), CONFIGS[name], name="net.tflite")
    assert str(caught.value) == (
        f"net.tflite: SOFTMAX #0: a row of x has {elements} elements, at most 2047 fit "
        f"(configuration {name!r} has softmax_elements=2048; with 4096 they fit)")
