"""Shapes that a TFLite model computes, as converters write them for batches of any size."""

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_compiler.frontend.tflite import operator_outputs
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor


def integers(builder: ModelBuilder, *values: int) -> Tensor:
    return builder.constant(np.asarray(values, np.int32))


def size_of(builder: ModelBuilder, x: Tensor, axis: int) -> Tensor:
    shape = builder.tensor((len(x.shape),), dtype="int32")
    builder.operator("SHAPE", [x], [shape], "Shape", outType=2)
    size = builder.tensor((), dtype="int32")
    builder.operator("STRIDED_SLICE", [shape, integers(builder, axis), integers(builder, axis + 1),
                                       integers(builder, 1)], [size], "StridedSlice",
                     shrinkAxisMask=1)
    return size


def packed(builder: ModelBuilder, *sizes: Tensor) -> Tensor:
    out = builder.tensor((len(sizes),), dtype="int32")
    builder.operator("PACK", sizes, [out], "Pack", valuesCount=len(sizes), axis=0)
    return out


def scalar(builder: ModelBuilder, value: int) -> Tensor:
    return builder.constant(np.array(value, np.int32))


def flattened(builder: ModelBuilder, known: bool) -> Tensor:
    x = builder.input((2, 4, 3, 5), 0.1, 3)
    wanted = (integers(builder, 2, 60) if known else
              packed(builder, size_of(builder, x, 0), scalar(builder, 60)))
    out = builder.tensor((2, 60), 0.1, 3)
    builder.operator("RESHAPE", [x, wanted], [out], "Reshape", newShape=[])
    return out


def transposed_convolution(builder: ModelBuilder, known: bool) -> Tensor:
    """Rows and columns twice as many."""
    x = builder.input((1, 4, 3, 5), 0.1, 3)
    if known:
        wanted = integers(builder, 1, 8, 6, 6)
    else:
        twice = [builder.tensor((), dtype="int32") for _ in range(2)]
        for axis, size in enumerate(twice):
            builder.operator("MUL", [size_of(builder, x, 1 + axis), scalar(builder, 2)], [size],
                             "Mul")
        wanted = packed(builder, size_of(builder, x, 0), *twice, scalar(builder, 6))
    weights = builder.constant(np.arange(-60, 60, dtype=np.int8).reshape(6, 2, 2, 5), 0.01)
    out = builder.tensor((1, 8, 6, 6), 0.3, 2)
    builder.operator("TRANSPOSE_CONV", [wanted, weights, x], [out], "TransposeConv", version=3,
                     padding=0, strideH=2, strideW=2)
    return out


@pytest.mark.parametrize(("make", "kind"), [(flattened, "RESHAPE"),
                                            (transposed_convolution, "TRANSPOSE_CONV")])
def test_sizes_are_computed_when_the_model_is_read(make, kind: str,
                                                   rng: np.random.Generator) -> None:
    model, fixed = (builder.finish([make(builder, known)])
                    for builder, known in ((ModelBuilder(), False), (ModelBuilder(), True)))
    program = compile_model(model, CONFIGS["h64"])
    x = rng.integers(-128, 128, program.inputs[0].shape).astype(np.int8)
    got, result = run_program(program, [x])
    assert result.ok
    np.testing.assert_array_equal(got[0], oracle.run(fixed, [x])[0])
    assert [output.kind for output in operator_outputs("m", model)] == [kind]


def test_sizes_that_are_not_known_are_refused() -> None:
    builder = ModelBuilder()
    x = builder.input((1, 12), 0.1, 3)
    size = builder.input((2,), dtype="int32")
    out = builder.tensor((3, 4), 0.1, 3)
    builder.operator("RESHAPE", [x, size], [out], "Reshape", newShape=[])
    with pytest.raises(CompileError, match=r"RESHAPE #0: tensor tensor_1 is not a constant"):
        compile_model(builder.finish([out]), CONFIGS["h64"])
