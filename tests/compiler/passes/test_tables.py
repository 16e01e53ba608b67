"""Constants of one value and functions of functions become tables, and change no byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

H64 = CONFIGS["h64"]
SHAPE = (1, 4, 5, 3)


def executed(model: bytes) -> list[Opcode]:
    program = compile_model(model, H64)
    start = program.command_offset
    commands = program.memory[start:start + 128 * program.command_count]
    opcodes = [Opcode(values["opcode"]) for values in iterate(commands)]
    return [opcode for opcode in opcodes
            if opcode not in (Opcode.LOAD, Opcode.STORE, Opcode.END)]


def check(model: bytes, outputs: int = 1) -> None:
    """Compare all inputs that there are, one after the other."""
    x = np.resize(np.arange(-128, 128), (5, *SHAPE)).astype(np.int8)
    program = compile_model(model, H64)
    for image in x:
        got, result = run_program(program, [image])
        assert result.ok
        for array, wanted in zip(got, oracle.run(model, [image], outputs=outputs), strict=True):
            np.testing.assert_array_equal(array.ravel(), wanted.ravel())


def constant(builder: ModelBuilder, *values: int) -> Tensor:
    return builder.constant(np.array(values, np.int8), 0.02, -7)


@pytest.mark.parametrize("operator", ["ADD", "SUB", "MUL"])
@pytest.mark.parametrize("activation", ["NONE", "RELU"])
@pytest.mark.parametrize("first", [False, True])
def test_a_constant_of_one_value_makes_a_table(operator: str, activation: str, first: bool,
                                               rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input(SHAPE, 0.03, 5)
    operands = [constant(builder, int(rng.integers(-128, 128))), x]
    y = builder.binary(operator, *(operands if first else operands[::-1]), 0.05, -3,
                       activation=activation)
    model = builder.finish([y])
    check(model)
    # Whole groups of columns and the rest, one step a result.
    assert set(executed(model)) == {Opcode.LOOKUP}
    assert len(executed(model)) == 1 + (60 % H64.columns > 0)


def test_functions_of_functions_are_one_table() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 9), 0.01, 3)
    y = builder.binary("SUB", y, constant(builder, 80), 0.02, 0)
    model = builder.finish([builder.binary("ADD", constant(builder, -3), y, 0.02, 1)])
    check(model)
    assert len(executed(model)) == 1 + (60 % H64.columns > 0)


def test_an_output_in_between_is_kept() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 9), 0.01, 3)
    z = builder.binary("SUB", y, constant(builder, 80), 0.02, 0)
    model = builder.finish([y, z])
    check(model, outputs=2)


def test_a_function_read_twice_stays() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 9), 0.01, 3)
    z = builder.binary("SUB", y, constant(builder, 80), 0.02, 0)
    model = builder.finish([builder.pool_2d("MAX_POOL_2D", y, (2, 2)), z])
    check(model, outputs=2)


def test_a_function_read_under_another_shape_stays() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 9), 0.01, 3)
    z = builder.binary("SUB", y, constant(builder, 80), 0.02, 0)
    wide = builder.reshape(y, (1, 5, 4, 3))
    model = builder.finish([z, builder.pool_2d("MAX_POOL_2D", wide, (2, 2))])
    check(model, outputs=2)


def test_constants_of_several_values_stay_operands() -> None:
    builder = ModelBuilder()
    x = builder.input(SHAPE, 0.03, 5)
    model = builder.finish([builder.binary("ADD", x, constant(builder, 1, 2, 3), 0.05, -3)])
    check(model)


def test_an_identity_takes_no_command() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 43), 0.03, 5)
    model = builder.finish([builder.pool_2d("MAX_POOL_2D", y, (2, 2))])
    check(model)
    assert set(executed(model)) == {Opcode.MAX}


def test_an_identity_that_makes_an_output_stays() -> None:
    builder = ModelBuilder()
    y = builder.binary("MUL", builder.input(SHAPE, 0.03, 5), constant(builder, 43), 0.03, 5)
    model = builder.finish([y])
    check(model)
    assert set(executed(model)) == {Opcode.LOOKUP}


def _silu(builder: ModelBuilder, x: Tensor) -> Tensor:
    gate = builder.unary("LOGISTIC", x, 1 / 256, -128)
    return builder.binary("MUL", x, gate, 0.03, -100)


def _hard_swish(builder: ModelBuilder, x: Tensor) -> Tensor:
    """As PyTorch exports it: x * relu6(x + 3) / 6."""
    moved = builder.binary("ADD", x, constant(builder, 127), 0.04, -110, activation="RELU6")
    return builder.binary("MUL", builder.binary("MUL", moved, x, 0.1, -90), constant(builder, 2),
                          0.03, -100)


def _distance(builder: ModelBuilder, x: Tensor) -> Tensor:
    return builder.binary("SUB", builder.unary("TANH", x, 1 / 128, 0), x, 0.03, 9)


def _clamped(builder: ModelBuilder, x: Tensor) -> Tensor:
    y = builder.tensor(SHAPE, x.scale, x.zero_point)
    wave = builder.unary("LEAKY_RELU", x, x.scale, x.zero_point, "LeakyRelu", alpha=-0.3)
    builder.operator("MAXIMUM", [wave, x], [y], "MaximumMinimum")
    return y


def _squared(builder: ModelBuilder, x: Tensor) -> Tensor:
    out = builder.tensor(x.shape, 0.05, -128)
    builder.operator("SQUARED_DIFFERENCE", [x, builder.unary("TANH", x, 1 / 128, 0)], [out])
    return out


@pytest.mark.parametrize("make", [_silu, _hard_swish, _distance, _clamped, _squared],
                         ids=lambda make: make.__name__[1:])
def test_two_functions_of_one_tensor_are_one_table(make) -> None:
    builder = ModelBuilder()
    model = builder.finish([make(builder, builder.input(SHAPE, 0.03, 5))])
    check(model)
    assert len(executed(model)) == 1 + (60 % H64.columns > 0)


def test_functions_of_two_tensors_are_no_table(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    a, b = builder.input(SHAPE, 0.03, 5), builder.input(SHAPE, 0.03, 5)
    gate = builder.unary("LOGISTIC", b, 1 / 256, -128)
    model = builder.finish([builder.binary("MUL", a, gate, 0.03, -100)])
    images = [rng.integers(-128, 128, SHAPE).astype(np.int8) for _ in range(2)]
    [got], result = run_program(compile_model(model, H64), images)
    assert result.ok
    [wanted] = oracle.run(model, images)
    np.testing.assert_array_equal(got.ravel(), wanted.ravel())
