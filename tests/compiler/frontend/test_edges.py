"""What a model has around its INT8 network: left to the host, and reported."""

import numpy as np
import pytest

from hadron import Session
from hadron_compiler import CompileError, HostEdge, Program, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing import oracle
from hadron_testing.large_models import Layers
from hadron_testing.programs import run_program
from hadron_testing.tflite_builder import ModelBuilder, Tensor

SHAPE = (1, 6, 6, 3)


def surrounded(rng: np.random.Generator, dtype: str = "float32", last: str = "DEQUANTIZE") -> bytes:
    """Make a network with QUANTIZE in front of it and something behind it."""
    layers = Layers(rng)
    builder = layers.builder
    if dtype == "float32":
        x = builder.input(SHAPE, dtype=dtype, name="photo")
    else:
        x = builder.input(SHAPE, 1 / 128, 128, dtype=dtype, name="photo")
    quantized = builder.tensor(SHAPE, 1 / 128, 0)
    builder.operator("QUANTIZE", [x], [quantized], "Quantize")
    y = builder.reshape(builder.pool_2d("MAX_POOL_2D", layers.conv(quantized, 5, (3, 3)), (6, 6)),
                        (1, 5))
    return builder.finish([_end(builder, y, last)])


def _end(builder: ModelBuilder, y: Tensor, last: str) -> Tensor:
    if last == "DEQUANTIZE":
        out = builder.tensor((1, 5), dtype="float32", name="scores")
        builder.operator("DEQUANTIZE", [y], [out], "Dequantize")
    elif last == "QUANTIZE":
        out = builder.tensor((1, 5), y.scale, y.zero_point + 128, dtype="uint8", name="scores")
        builder.operator("QUANTIZE", [y], [out], "Quantize")
    else:
        out = builder.tensor((1,), dtype="int32", name="class")
        builder.operator("ARG_MAX", [y, builder.constant(np.array([-1], np.int32))], [out],
                         "ArgMax", outputType=2)
    return out


@pytest.mark.parametrize("last", ["DEQUANTIZE", "QUANTIZE", "ARG_MAX"])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_edges_are_left_to_the_host(dtype: str, last: str, rng: np.random.Generator,
                                    tmp_path) -> None:
    program = compile_model(surrounded(rng, dtype, last), CONFIGS["h64"])
    name = "class" if last == "ARG_MAX" else "scores"
    kind = {"DEQUANTIZE": "float32", "QUANTIZE": "uint8", "ARG_MAX": "int32"}[last]
    assert program.host == (
        HostEdge("QUANTIZE #0", "input", 0, "photo", dtype, 108),
        HostEdge(f"{last} #4", "output", 0, name, kind, 5, 1 if last == "ARG_MAX" else None))
    assert [layer.op for layer in program.layers] == ["CONV_2D", "MAX_POOL_2D"]
    assert (program.inputs[0].name, program.outputs[0].name) == ("photo", name)
    assert str(program.host[0]) == f"QUANTIZE #0: input photo, from {dtype}, 108 elements"
    program.save(tmp_path)
    assert Program.load(tmp_path).host == program.host


def test_other_numbers_in_uint8_are_no_edge(rng: np.random.Generator) -> None:
    builder = ModelBuilder()
    x = builder.input(SHAPE, 0.1, 7, dtype="uint8", name="photo")
    y = builder.tensor(SHAPE, 0.2, 0)
    builder.operator("QUANTIZE", [x], [y], "Quantize")
    model = builder.finish([builder.pool_2d("MAX_POOL_2D", y, (2, 2))])
    program = compile_model(model, CONFIGS["h64"])
    assert [layer.op for layer in program.layers] == ["QUANTIZE", "MAX_POOL_2D"]
    assert program.host == (HostEdge("QUANTIZE", "input", 0, "photo", "uint8", 108),)
    photo = rng.integers(0, 256, SHAPE).astype(np.uint8)
    expected, = oracle.run(model, [photo])
    (got,), _ = run_program(program, [(photo.astype(np.int16) - 128).astype(np.int8)])
    np.testing.assert_array_equal(got, expected)


def _scores(rng: np.random.Generator) -> tuple[ModelBuilder, Tensor, Layers]:
    layers = Layers(rng, SHAPE)
    return layers.builder, layers.conv(layers.inputs[0], 5, (3, 3)), layers


def _real(builder: ModelBuilder, x: Tensor, name: str) -> Tensor:
    y = builder.tensor(x.shape, dtype="float32", name=name)
    builder.operator("DEQUANTIZE", [x], [y], "Dequantize")
    return y


def test_what_comes_last_and_is_not_there_is_left_out(rng: np.random.Generator) -> None:
    """As detectors end: boxes and scores as real numbers, then an operator that picks some."""
    builder, x, _ = _scores(rng)
    boxes, scores = _real(builder, x, "boxes"), _real(builder, builder.unary("RELU", x, 0.1, 0),
                                                      "scores")
    outs = [builder.tensor((1, 10, n), dtype="float32") for n in (4, 1)]
    builder.operator("CUSTOM", [boxes, scores, builder.constant(np.ones((3, 4), np.float32))],
                     outs, custom_code="TFLite_Detection_PostProcess")
    last = builder.tensor((1, 10, 1), dtype="float32")
    builder.operator("SIN", [outs[1]], [last])
    model = builder.finish([outs[0], last])
    program = compile_model(model, CONFIGS["h64"])
    assert [binding.name for binding in program.outputs] == ["boxes", "scores"]
    count = x.shape[1] * x.shape[2] * 5
    behind = "CUSTOM (TFLite_Detection_PostProcess) #4 and 1 more"
    assert set(program.host) == {
        HostEdge("DEQUANTIZE #1", "output", 0, "boxes", "float32", count),
        HostEdge("DEQUANTIZE #3", "output", 1, "scores", "float32", count),
        HostEdge(behind, "output", 0, "boxes", "float32", count, behind=True),
        HostEdge(behind, "output", 1, "scores", "float32", count, behind=True)}
    assert f"{behind}: not run, reads output boxes, {count} elements" in map(str, program.host)
    result = Session(program).run(rng.integers(-128, 128, program.inputs[0].shape).astype(np.int8))
    np.testing.assert_array_equal(result.finished("scores"),
                                  result.dequantized("scores").astype(np.float32))


def test_a_normalization_of_the_output_is_left_out(rng: np.random.Generator) -> None:
    builder, x, _ = _scores(rng)
    y = builder.tensor(x.shape, 1 / 128, 0, name="y")
    builder.operator("L2_NORMALIZATION", [x], [y], "L2Norm")
    program = compile_model(builder.finish([x, y]), CONFIGS["h64"])
    [edge] = program.host
    assert (edge.op, edge.position, edge.name, edge.behind) == ("L2_NORMALIZATION #1", 0, x.name,
                                                                True)
    assert len(program.outputs) == 1


def test_a_layer_that_is_not_there_in_the_middle_is_no_edge(rng: np.random.Generator) -> None:
    builder, x, layers = _scores(rng)
    z = builder.tensor(x.shape, dtype="float32", name="z")
    axis = builder.constant(np.array(1, np.int32))
    builder.operator("CUMSUM", [_real(builder, x, "y"), axis], [z], "Cumsum")
    again = builder.tensor(x.shape, 0.1, 0)
    builder.operator("QUANTIZE", [z], [again], "Quantize")
    model = builder.finish([layers.conv(again, 3, (1, 1))])
    with pytest.raises(CompileError) as caught:
        compile_model(model, CONFIGS["h64"], name="net.tflite")
    assert "CUMSUM #2: operator not supported" in str(caught.value)


def test_a_network_of_real_numbers_is_no_edge() -> None:
    builder = ModelBuilder()
    x = builder.input(SHAPE, dtype="float32", name="x")
    y = builder.tensor(SHAPE, dtype="float32", name="y")
    builder.operator("SIN", [x], [y])
    with pytest.raises(CompileError, match="SIN #0: operator not supported"):
        compile_model(builder.finish([y]), CONFIGS["h64"])
