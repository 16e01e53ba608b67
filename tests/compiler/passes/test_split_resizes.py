"""RESIZE_BILINEAR in two passes: as exact as in one, and taken where it is faster."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.codegen.bilinear import digits
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import check_program
from hadron_testing.tflite_builder import ModelBuilder


def resize(before: tuple[int, int], after: tuple[int, int], channels: int, images: int = 1,
           **options: bool) -> bytes:
    builder = ModelBuilder()
    x = builder.input((images, *before, channels), 0.1, 3)
    y = builder.tensor((images, *after, channels), 0.1, 3)
    builder.operator("RESIZE_BILINEAR", [x, builder.constant(np.array(after, np.int32))], [y],
                     "ResizeBilinear", version=3, **options)
    return builder.finish([y])


@pytest.mark.parametrize("units", [(1024, 8), (1024, 128), (1024, 64, 4), (1024, 16, 1)])
def test_digits_of_two_products_add_up_to_digits_of_their_sum(units: tuple[int, ...]) -> None:
    for weight in range(units[-1], 1024, units[-1]):
        a = np.array(digits(1024 - weight, units, up=True))
        b = np.array(digits(weight, units, up=False))
        sums = a[:, :, None] + b[:, None, :]
        assert sums.min() >= -128
        assert sums.max() <= 127
        exact = (1024 - weight) * np.arange(-128, 128)[:, None] + weight * np.arange(-128, 128)
        np.testing.assert_array_equal(np.tensordot(units, sums, 1), exact)


@pytest.mark.parametrize("config", [CONFIGS["h64"], CONFIGS["h256"]], ids=lambda c: c.name)
@pytest.mark.parametrize(("before", "after", "channels", "images", "options"), [
    ((7, 7), (10, 10), 16, 1, {"halfPixelCenters": True}),
    ((5, 6), (15, 18), 3, 2, {"halfPixelCenters": True}),
    ((9, 4), (20, 13), 21, 1, {"alignCorners": True}),
    ((8, 8), (64, 64), 2, 1, {"halfPixelCenters": True}),
    ((13, 30), (10, 23), 5, 1, {}),
    ((20, 20), (33, 33), 32, 1, {"halfPixelCenters": True}),
], ids=str)
def test_factors_of_long_weights_equal_the_oracle(before, after, channels, images, options,
                                                  config, rng: np.random.Generator) -> None:
    model = resize(before, after, channels, images, **options)
    for extreme in (False, True):
        values = rng.integers(-128, 128, (images, *before, channels))
        if extreme:
            values = np.where(values < 0, -128, 127)
        data = [values.astype(np.int8)]
        program = check_program(model, config, data, oracle.run(model, data)[0])
    assert len(program.layers) == 2


def test_a_factor_of_three_takes_a_table_a_row_and_a_column() -> None:
    program = compile_model(resize((20, 20), (60, 60), 16, halfPixelCenters=True), CONFIGS["h256"])
    assert program.command_count < 700
    assert program.cycles < 90_000


def test_a_factor_of_two_takes_one_pass() -> None:
    program = compile_model(resize((20, 20), (40, 40), 16, halfPixelCenters=True), CONFIGS["h256"])
    assert len(program.layers) == 1
