"""ONNX operators as exporters write them, against onnxruntime: within one step of a layer."""

import math
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from hadron.errors import UsageError
from hadron.session import Session
from hadron_compiler import CompileError, Program, compile_model
from hadron_compiler.frontend.onnx import OnnxImporter
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, compare

Rng = np.random.Generator


@pytest.mark.parametrize("options", [
    {"strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"strides": [2, 1], "output_padding": [1, 0], "dilations": [1, 2]},
    {"strides": [2, 2], "auto_pad": "SAME_UPPER"}, {"strides": [3, 3], "output_shape": [14, 20]},
    {"group": 2}, {"group": 6, "strides": [2, 2]}])
def test_transposed_convolution(options: dict, rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    depth = 1 if options.get("group") == 6 else 4
    data = graph.constant(rng.integers(-127, 128, (6, depth, 3, 3)).astype(np.int8))
    weights = graph.dequantize(data, 0.01, 0)
    bias = graph.reals(rng.uniform(-1, 1, depth * options.get("group", 1)))
    graph.x = graph.requantize(graph.node("ConvTranspose", [graph.x, weights, bias], **options),
                               0.07, -4)
    compare(graph, rng, 0.07)


@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "MaxPool", "AveragePool"])
def test_windows_of_one_dimension(kind: str, rng: Rng) -> None:
    graph = Graph((1, 6, 30))
    options = {"pads": [1, 2], "strides": [2]}
    if kind.startswith("Conv"):
        inputs = [graph.x, graph.weights(rng, 6, 6, 5)]
        if kind == "ConvTranspose":
            data = graph.constant(rng.integers(-127, 128, (6, 6, 5)).astype(np.int8))
            inputs[1] = graph.dequantize(data, 0.01, 0)
    else:
        inputs, options = [graph.x], options | {"kernel_shape": [5]}
    y = graph.requantize(graph.node("Relu", [graph.node(kind, inputs, **options)]), 0.03, -100)
    total = graph.requantize(graph.node("Add", [y, y]), 0.06, -100)
    graph.x = graph.requantize(graph.node("Concat", [y, total], axis=2), 0.06, -100)
    compare(graph, rng, 0.06, unequal=0.1)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("options", [
    {"ceil_mode": 1}, {"ceil_mode": 1, "pads": [1, 1, 1, 1]}, {"pads": [1, 0, 0, 1]},
    {"auto_pad": "SAME_LOWER"}])
def test_pools_that_leave_the_image(kind: str, options: dict, rng: Rng) -> None:
    graph = Graph((2, 5, 10, 12))
    y = graph.node(kind, [graph.x], kernel_shape=[3, 3], strides=[2, 2], **options)
    graph.x = graph.requantize(y, 0.02, 3)
    compare(graph, rng, 0.02)


def test_a_pool_that_counts_its_padding(rng: Rng) -> None:
    graph = Graph((1, 5, 10, 12))
    y = graph.node("AveragePool", [graph.x], kernel_shape=[3, 3], pads=[1, 1, 1, 1],
                   count_include_pad=1)
    graph.x = graph.requantize(y, 0.0151, 3)
    compare(graph, rng, 0.0151, unequal=0.2)


@pytest.mark.parametrize("kind", ["ReduceMean", "ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("axes", [[2, 3], [1], [1, 3], [-1], [0, 2], None])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(kind: str, axes: list[int] | None, keep: int, rng: Rng) -> None:
    """Of an image, which has its channels last, and then of what is in the file's order. Means of
    an even number of elements are often halves, which ONNX rounds to even."""
    graph = Graph((2, 6, 5, 7))
    pooled = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    options = {} if axes is None else {"axes": axes}
    y = graph.requantize(graph.node(kind, [pooled], keepdims=keep, **options), 0.02, 3)
    flat = graph.node("Reshape", [y, graph.integers(1, -1)])
    other = graph.node(kind, [graph.node("Reshape", [pooled, graph.integers(2, 3, 2, 35)])],
                       keepdims=keep, **options)
    others = graph.node("Reshape", [graph.requantize(other, 0.02, 3), graph.integers(1, -1)])
    graph.x = graph.requantize(graph.node("Concat", [flat, others], axis=1), 0.02, 3)
    compare(graph, rng, 0.02, unequal=0.3)


def test_global_pools_and_sums(rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    largest = graph.requantize(graph.node("GlobalMaxPool", [graph.x]), 0.02, 3)
    mean = graph.requantize(graph.node("GlobalAveragePool", [graph.x]), 0.02, 3)
    total = graph.node("ReduceSum", [graph.x, graph.integers(2, 3)], keepdims=1)
    parts = [largest, mean, graph.requantize(total, 0.3, 0)]
    graph.x = graph.requantize(graph.node("Concat", parts, axis=1), 0.3, 0)
    compare(graph, rng, 0.3)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_softmax_over_any_axis(axis: int, rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    y = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    graph.x = graph.requantize(graph.node("Softmax", [y], axis=axis), 1 / 256, -128)
    compare(graph, rng, 1 / 256, unequal=0.2)


def test_normalization_that_is_not_part_of_a_convolution(rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    numbers = [graph.reals(rng.uniform(low, high, 6))
               for low, high in ((-2, 2), (-1, 1), (-0.5, 0.5), (0.2, 3))]
    y = graph.node("BatchNormalization", [graph.x, *numbers])
    graph.x = graph.requantize(graph.node("Relu", [y]), 0.023, -128)
    compare(graph, rng, 0.023)


def test_slopes_of_channels(rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    y = graph.node("PRelu", [graph.x, graph.reals(rng.uniform(-1, 1, (6, 1, 1)))])
    graph.x = graph.requantize(y, 0.02, 3)
    compare(graph, rng, 0.02)


def gelu(graph: Graph, x: str) -> str:
    y = graph.node("Erf", [graph.node("Div", [x, graph.reals(math.sqrt(2))])])
    y = graph.node("Mul", [x, graph.node("Add", [y, graph.reals(1)])])
    return graph.node("Mul", [y, graph.reals(0.5)])


def hard_swish(graph: Graph, x: str) -> str:
    y = graph.node("Clip", [graph.node("Add", [x, graph.reals(3)]), graph.reals(0),
                            graph.reals(6)])
    return graph.node("Div", [graph.node("Mul", [x, y]), graph.reals(6)])


def mish(graph: Graph, x: str) -> str:
    return graph.node("Mul", [x, graph.node("Tanh", [graph.node("Softplus", [x])])])


def root(graph: Graph, x: str) -> str:
    y = graph.node("Add", [graph.node("Pow", [x, graph.reals(2)]), graph.reals(1)])
    return graph.node("Reciprocal", [graph.node("Sqrt", [y])])


@pytest.mark.parametrize("function", [gelu, hard_swish, mish, root])
def test_functions_of_several_nodes_are_rounded_once(function, rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    turned = graph.node("Transpose", [function(graph, graph.x)], perm=[0, 2, 3, 1])
    graph.x = graph.requantize(turned, 0.013, -20)
    compare(graph, rng, 0.013)


@pytest.mark.parametrize("limits", [(-0.4, 0.7), (0.0, 6.0), (None, 0.5)])
def test_clipping_to_any_limits(limits: tuple[float | None, float], rng: Rng) -> None:
    graph = Graph((1, 6, 5, 5))
    inputs = ["" if limit is None else graph.reals(limit) for limit in limits]
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, 6, 1, 1)])
    y = graph.requantize(graph.node("Clip", [y, *inputs]), 0.05, 0)
    graph.x = graph.requantize(graph.node("Clip", [y, *inputs]), 0.05, 0)
    compare(graph, rng, 0.05)


def test_a_function_that_the_model_does_not_quantize(rng: Rng) -> None:
    """It is quantized over its own range: half of its step more is lost."""
    graph = Graph((1, 6, 5, 7))
    gate = graph.node("Sigmoid", [graph.requantize(graph.node("ReduceMean", [graph.x],
                                                              axes=[2, 3]), 0.01, 0)])
    graph.x = graph.requantize(graph.node("Mul", [gate, graph.x]), 0.015, 3)
    compare(graph, rng, 0.015, unequal=0.2)


@pytest.mark.parametrize("config", ["h64", "h256"])
def test_attention(config: str, rng: Rng) -> None:
    """One step more of a score is several of a chance: onnxruntime differs from itself so, too,
    with and without its optimizations."""
    graph = Graph((1, 17, 32))

    def dense(x: str) -> str:
        y = graph.node("MatMul", [x, graph.dequantize(graph.constant(rng.integers(
            -127, 128, (32, 32)).astype(np.int8)), 0.01, 0)])
        return graph.requantize(graph.node("Add", [graph.reals(rng.uniform(-1, 1, 32)), y]),
                                0.06, 0)

    def heads(order: list[int]) -> str:
        y = graph.node("Reshape", [dense(graph.x), graph.integers(1, 17, 4, 8)])
        return graph.node("Transpose", [y], perm=order)

    q, k, v = heads([0, 2, 1, 3]), heads([0, 2, 3, 1]), heads([0, 2, 1, 3])
    scores = graph.node("Mul", [graph.node("MatMul", [q, k]), graph.reals(8**-0.5)])
    chances = graph.requantize(graph.node("Softmax", [graph.requantize(scores, 0.2, 0)], axis=-1),
                               1 / 256, -128)
    y = graph.requantize(graph.node("MatMul", [chances, v]), 0.05, 0)
    y = graph.node("Transpose", [y], perm=[0, 2, 1, 3])
    graph.x = graph.node("Reshape", [y, graph.integers(1, 17, 32)])
    compare(graph, rng, 0.05, config, 0.1, 16)


def test_constants_that_nobody_quantized(rng: Rng) -> None:
    graph = Graph((1, 16, 8))
    joined = graph.requantize(graph.node("Concat", [graph.reals(rng.uniform(-2, 2, (1, 1, 8))),
                                                    graph.x], axis=1), 0.02, 3)
    total = graph.node("Add", [joined, graph.reals(rng.uniform(-1, 1, (1, 17, 8)))])
    graph.x = graph.requantize(graph.node("Div", [graph.requantize(total, 0.03, 0),
                                                  graph.reals(rng.uniform(1, 2, 8))]), 0.03, 0)
    compare(graph, rng, 0.03, unequal=0.2)


def test_shapes_that_are_computed(rng: Rng) -> None:
    """As exporters write x.view(x.size(0), -1), and sizes taken from another tensor."""
    graph = Graph((1, 6, 4, 6))
    pooled = graph.node("MaxPool", [graph.x], kernel_shape=[2, 2], strides=[2, 2])
    size = graph.node("Slice", [graph.node("Shape", [graph.x]), graph.integers(2),
                                graph.integers(4)])
    rest = graph.node("Cast", [graph.node("Floor", [graph.node("Cast", [size], to=1)])], to=7)
    size = graph.node("Concat", [graph.integers(1, 6), rest], axis=0)
    large = graph.node("Resize", [pooled, "", "", size], mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")
    batch = graph.node("Gather", [graph.node("Shape", [large]),
                                  graph.constant(np.array(0, np.int64))])
    shape = graph.node("Concat", [graph.node("Unsqueeze", [batch, graph.integers(0)]),
                                  graph.integers(-1)], axis=0)
    graph.x = graph.node("Reshape", [large, shape])
    compare(graph, rng, 0.02)


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("axis", [1, -1])
def test_classes_are_left_to_the_host(axis: int, keep: int, rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    y = graph.requantize(graph.node("Conv", [graph.x, graph.weights(rng, 4, 6, 1, 1)]), 0.05, 0)
    graph.x = graph.node("ArgMax", [y], axis=axis, keepdims=keep)
    x = rng.uniform(-2, 2, graph.shape).astype(np.float32)
    model = graph.model()
    program = compile_model(model, CONFIGS["h64"], name="net.onnx")
    assert [edge.op for edge in program.host] == ["QuantizeLinear", "Transpose", "ArgMax #6"]
    got = Session(program).run(x).finished()
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    assert np.mean(got != expected) < 0.05


def quantized_edges(kind: int, point: np.generic | None) -> bytes:
    """Return a model of quantized input and output: ReLU of `kind`."""
    constants = [onnx.numpy_helper.from_array(np.float32(0.02), "s")]
    names = ["s"]
    if point is not None:
        constants.append(onnx.numpy_helper.from_array(np.asarray(point), "z"))
        names.append("z")
    nodes = [helper.make_node("DequantizeLinear", ["x", *names], ["a"]),
             helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("QuantizeLinear", ["b", *names], ["y"])]
    x, y = (helper.make_tensor_value_info(name, kind, [1, 8]) for name in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)],
                             ir_version=8).SerializeToString()


@pytest.mark.parametrize("point", [np.uint8(128), np.uint8(7), None])
def test_inputs_and_outputs_of_uint8(point: np.generic | None) -> None:
    model = quantized_edges(TensorProto.UINT8, point)
    x = np.array([[0, 3, 7, 100, 128, 129, 200, 255]], np.uint8)
    session = Session(compile_model(model, CONFIGS["h64"], name="net.onnx"), pixels="raw")
    got = session.run((x.astype(np.int16) - 128).astype(np.int8)).finished()
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_have_their_channels_last_in_memory(channels: int, rng: Rng) -> None:
    """The host turns what is not; the report says so. Arrays are taken in both orders."""
    graph = Graph((1, channels, 6, 9))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, channels, 3, 3)])
    graph.x = graph.requantize(y, 0.05, 0)
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    assert [layer.op for layer in program.layers] == ["CONV_2D"]
    assert program.inputs[0].shape == (1, 6, 9, channels)
    assert program.outputs[0].shape == (1, 4, 7, 4)
    assert [str(edge) for edge in program.host] == [
        f"QuantizeLinear: input x, from float32, {54 * channels} elements",
        f"Transpose: input x, from channels first, {54 * channels} elements",
        f"Transpose: output {graph.x}, to channels first, 112 elements",
        f"DequantizeLinear: output {graph.x}, to float32, 112 elements"]
    x = rng.uniform(-2, 2, (3, channels, 6, 9)).astype(np.float32)
    session = Session(program)
    several = session.run(x).finished()
    assert several.shape == (3, 4, 4, 7)
    for sample, expected in zip(x, several, strict=True):
        for array in (sample, sample[None], sample.transpose(1, 2, 0)):
            np.testing.assert_array_equal(session.run(array).finished()[0], expected)


def test_a_network_that_has_its_channels_last_is_left_so(rng: Rng) -> None:
    """As converters from TensorFlow write it."""
    graph = Graph((1, 6, 9, 3))
    y = graph.node("Transpose", [graph.x], perm=[0, 3, 1, 2])
    y = graph.requantize(graph.node("Conv", [y, graph.weights(rng, 4, 3, 3, 3)]), 0.05, 0)
    graph.x = graph.node("Transpose", [y], perm=[0, 2, 3, 1])
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    assert [layer.op for layer in program.layers] == ["CONV_2D"]
    assert all(edge.order is None for edge in program.host)
    compare(graph, rng, 0.05)


def test_a_program_keeps_the_order_of_axes(rng: Rng, tmp_path: Path) -> None:
    graph = Graph((1, 3, 6, 9))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, 3, 3, 3)])
    graph.x = graph.requantize(y, 0.05, 0)
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    program.save(tmp_path)
    assert Program.load(tmp_path).host == program.host


def test_sixteen_bits_are_refused() -> None:
    model = quantized_edges(TensorProto.INT16, np.int16(0))
    with pytest.raises(CompileError) as caught:
        compile_model(model, CONFIGS["h64"], name="net.onnx")
    assert "DequantizeLinear #0: quantized to INT16; INT8 and UINT8 are supported" in str(
        caught.value)


def test_refusals_say_what_would_do(rng: Rng) -> None:
    def refused(graph: Graph) -> str:
        with pytest.raises(CompileError) as caught:
            compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
        return str(caught.value)

    graph = Graph((1, 6, 5, 5))
    graph.x = graph.node("Div", [graph.reals(1), graph.node("Relu", [graph.x])])
    assert "MUL #3, which is not quantized, is not finite for all inputs" in refused(graph)
    graph = Graph((1, 6, 5, 5))
    graph.x = graph.node("Div", [graph.x, graph.node("GlobalMaxPool", [graph.x])])
    assert "is not quantized, and what follows does not tell its range" in refused(graph)
    graph = Graph((1, 4, 70, 70))
    y = graph.node("Reshape", [graph.x, graph.integers(4, 4900)])
    graph.x = graph.requantize(graph.node("Softmax", [y]), 1 / 256, -128)
    assert refused(graph) == ("net.onnx: Softmax #3: a row has 4900 elements, at most 4095 are "
                              "supported")


def test_models_that_are_not_quantized_are_refused_with_a_way_out() -> None:
    def refused(*kinds: str) -> str:
        nodes = [helper.make_node(kind, ["x"] * 8, ["y"]) for kind in kinds]
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
        model = helper.make_model(helper.make_graph(nodes, "g", [x], [y]))
        with pytest.raises(CompileError) as caught:
            OnnxImporter("net.onnx", onnx, model).build()
        return str(caught.value)

    assert refused("Relu") == (
        "net.onnx: the model is not quantized: quantize it first, with hadron quantize or "
        "onnxruntime.quantization.quantize_static")
    assert refused("DynamicQuantizeLinear", "MatMulInteger") == (
        "net.onnx: the model has DynamicQuantizeLinear, MatMulInteger: it is quantized "
        "dynamically, while it runs; quantize it with onnxruntime.quantization.quantize_static")


def test_an_array_of_another_shape_is_told_both_orders(rng: Rng) -> None:
    graph = Graph((1, 3, 6, 9))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, 3, 3, 3)])
    graph.x = graph.requantize(y, 0.05, 0)
    session = Session(compile_model(graph.model(), CONFIGS["h64"], name="net.onnx"))
    with pytest.raises(UsageError) as caught:
        session.run(np.zeros((1, 3, 5, 9), np.float32))
    assert str(caught.value) == ("array: the array has the shape [1, 3, 5, 9], input x has "
                                 "[1, 3, 6, 9] or [1, 6, 9, 3]")


@pytest.mark.parametrize("shape", [(1, 4, 30, 8), (1, 4, 30, 1), (8,)])
def test_quotients_of_two_tensors(shape: tuple[int, ...], rng: Rng) -> None:
    """Of numbers that one step apart tells from each other: within a part of what it makes."""
    graph = Graph((1, 4, 30, 8))
    divisor = graph.requantize(graph.node("Sigmoid", [graph.x]), 1 / 256, -128)
    divisor = graph.node("Slice", [divisor, graph.integers(*[0] * 4), graph.integers(
        *(1,) * (4 - len(shape)), *shape)])
    graph.x = graph.requantize(graph.node("Div", [graph.x, divisor]), 0.07, 0)
    compare(graph, rng, 0.07, unequal=0.5, steps_apart=2)
