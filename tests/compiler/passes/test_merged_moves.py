"""Movements one behind the other: one movement, where that moves longer runs."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor


def transpose(builder: ModelBuilder, x: Tensor, *order: int) -> Tensor:
    out = builder.tensor([x.shape[axis] for axis in order], x.scale, x.zero_point)
    builder.operator("TRANSPOSE", [x, builder.constant(np.asarray(order, np.int32))], [out],
                     "Transpose")
    return out


def detection_head(builder: ModelBuilder) -> list[Tensor]:
    """(rows, columns, anchors x values) by way of channels first."""
    x = transpose(builder, builder.input((1, 20, 10, 24), 0.1, 3), 0, 3, 1, 2)
    return [transpose(builder, builder.reshape(x, (1, 3, 8, 20, 10)), 0, 1, 3, 4, 2)]


def there_and_back(builder: ModelBuilder) -> list[Tensor]:
    x = transpose(builder, builder.input((1, 6, 5, 7), 0.1, 3), 0, 3, 1, 2)
    return [builder.binary("ADD", transpose(builder, x, 0, 2, 3, 1), builder.inputs[0], 0.2, 1)]


def padded_and_cut(builder: ModelBuilder) -> list[Tensor]:
    x = transpose(builder, builder.input((1, 6, 5, 7), 0.1, 3), 0, 2, 1, 3)
    return [builder.strided_slice(builder.pad(x, ((0, 0), (1, 2), (0, 0), (2, 1))), (0, 2, 1, 0),
                                  (1, 1, 2, 1))]


def no_sum_of_axes(builder: ModelBuilder) -> list[Tensor]:
    x = transpose(builder, builder.input((1, 6, 5, 7), 0.1, 3), 0, 2, 1, 3)
    return [transpose(builder, builder.reshape(x, (1, 3, 10, 7)), 0, 2, 1, 3)]


def read_twice(builder: ModelBuilder) -> list[Tensor]:
    x = transpose(builder, builder.input((1, 6, 5, 7), 0.1, 3), 0, 3, 1, 2)
    return [transpose(builder, x, 0, 2, 1, 3), x]


@pytest.mark.parametrize(("make", "layers"), [
    (detection_head, 1), (there_and_back, 1), (padded_and_cut, None), (no_sum_of_axes, 2),
    (read_twice, 2)])
def test_the_bytes_are_those_of_both(make, layers: int | None, rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    outputs = make(builder)
    model = builder.finish(outputs)
    x = rng.integers(-128, 128, builder.inputs[0].shape).astype(np.int8)
    program = compile_model(model, CONFIGS["h64"])
    assert layers in (None, sum(layer.op == "TRANSPOSE" for layer in program.layers)
                      + (make is there_and_back))
    got, result = run_program(program, [x])
    assert result.ok
    assert not result.hazards
    for ours, wanted in zip(got, oracle.run(model, [x], outputs=len(outputs)), strict=True):
        np.testing.assert_array_equal(ours.ravel(), wanted.ravel())
