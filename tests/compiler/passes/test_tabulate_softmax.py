"""SOFTMAX over two elements is looked up, and changes no byte."""

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.passes.tabulate_softmax import LEAST_ROWS
from hadron_compiler.program import Program
from hadron_spec.commands import Opcode, iterate
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.draws import activations
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder


def opcodes(program: Program) -> set[Opcode]:
    start = program.command_offset
    commands = program.memory[start:start + 128 * program.command_count]
    return {Opcode(values["opcode"]) for values in iterate(commands)}


def softmax(shape: tuple[int, ...], scale: float, beta: float = 1.0) -> bytes:
    builder = ModelBuilder()
    return builder.finish([builder.softmax(builder.input(shape, scale, 7), beta=beta)])


@pytest.mark.parametrize("scale", [1e-6, 0.01, 0.0437, 0.25, 3.0])
def test_all_pairs_equal_the_oracle(scale: float) -> None:
    values = np.arange(-128, 128, dtype=np.int8)
    pairs = np.stack(np.meshgrid(values, values, indexing="ij"), axis=-1)[None]
    model = softmax(pairs.shape, scale)
    program = compile_model(model, CONFIGS["h256"])
    assert Opcode.SOFTMAX not in opcodes(program)
    (got,), result = run_program(program, [pairs])
    assert result.ok
    np.testing.assert_array_equal(got, oracle.run(model, [pairs])[0])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("shape", [(1, 1118, 2), (1, 9, 11, 2), (LEAST_ROWS, 2)])
def test_rows_of_any_shape_equal_the_oracle(config: str, shape: tuple[int, ...],
                                            rng: np.random.Generator) -> None:
    model = softmax(shape, 0.08, beta=0.7)
    program = compile_model(model, CONFIGS[config])
    assert Opcode.SOFTMAX not in opcodes(program)
    x = activations(rng, shape)
    (got,), result = run_program(program, [x])
    assert result.ok
    assert not result.hazards
    np.testing.assert_array_equal(got, oracle.run(model, [x])[0])


@pytest.mark.parametrize("shape", [(LEAST_ROWS - 1, 2), (200, 3)])
def test_others_are_left_to_the_unit(shape: tuple[int, ...]) -> None:
    assert Opcode.SOFTMAX in opcodes(compile_model(softmax(shape, 0.1), CONFIGS["h64"]))
