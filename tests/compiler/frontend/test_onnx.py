"""ONNX models in QDQ form against onnxruntime: within one step of a layer, and by class."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from hadron.session import Session
from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, compare
from hadron_testing.programs import run_program


@pytest.mark.parametrize("options", [
    {}, {"pads": [1, 0, 2, 1]}, {"strides": [2, 3], "pads": [1, 1, 1, 1]},
    {"auto_pad": "SAME_UPPER"}, {"group": 2}, {"group": 6, "pads": [1, 1, 1, 1]}])
def test_convolution(options: dict, rng: np.random.Generator) -> None:
    graph = Graph((1, 6, 9, 11))
    groups = options.get("group", 1)
    weights = graph.weights(rng, 12, 6 // groups, 3, 3)
    bias = graph.constant(rng.uniform(-1, 1, 12).astype(np.float32))
    graph.x = graph.requantize(graph.node("Conv", [graph.x, weights, bias], **options), 0.1, -4)
    compare(graph, rng, 0.1)


@pytest.mark.parametrize("depthwise", [True, False])
@pytest.mark.parametrize("scale", [1e-9, 1e-13])
def test_a_channel_of_tiny_weights_and_a_bias(scale: float, depthwise: bool,
                                              rng: np.random.Generator) -> None:
    """Training switches channels off: their bias then takes more than 32 bits at their scale.
    onnxruntime's integers overflow."""
    graph = Graph((1, 6, 5, 7))
    scales = np.full(6, 0.01, np.float32)
    scales[[1, 4]] = scale
    data = graph.constant(rng.integers(-127, 128, (6, 1 if depthwise else 6, 3, 3)).astype(np.int8))
    weights = graph.dequantize(data, scales, np.zeros(6), axis=0)
    bias = graph.constant(rng.uniform(1, 3, 6).astype(np.float32))
    graph.x = graph.requantize(
        graph.node("Conv", [graph.x, weights, bias], group=6 if depthwise else 1), 0.1, -4)
    compare(graph, rng, 0.1, optimized=False)


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_fused_activations(activation: str, rng: np.random.Generator) -> None:
    graph = Graph((1, 6, 5, 5))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, 6, 1, 1)])
    limits = [graph.constant(np.float32(value)) for value in (0, 6)] if activation == "Clip" else []
    graph.x = graph.requantize(graph.node(activation, [y, *limits]), 0.05, -100)
    compare(graph, rng, 0.05)


def test_a_classifier(rng: np.random.Generator) -> None:
    """Convolution, residual, pools, a flattening that moves bytes, and a matrix."""
    graph = Graph((1, 3, 12, 12))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 8, 3, 3, 3)], pads=[1, 1, 1, 1])
    skip = graph.requantize(graph.node("Relu", [y]), 0.03, -128)
    pooled = graph.node("MaxPool", [skip], kernel_shape=[2, 2], strides=[2, 2])
    again = graph.requantize(graph.node("Conv", [pooled, graph.weights(rng, 8, 8, 1, 1)]), 0.1, 5)
    total = graph.requantize(graph.node("Add", [pooled, again]), 0.12, 0)
    smaller = graph.requantize(graph.node("AveragePool", [total], kernel_shape=[2, 2],
                                          strides=[2, 2]), 0.1, 3)
    flat = graph.node("Flatten", [smaller])
    graph.x = graph.requantize(graph.node("Gemm", [flat, graph.weights(rng, 10, 72)], transB=1),
                               0.5, 0)
    compare(graph, rng, 0.5, "h256", 0.6)


@pytest.mark.parametrize("config", ["h64", "h256"])
def test_a_matrix_of_more_inputs_than_the_weight_memory_takes(config: str,
                                                              rng: np.random.Generator) -> None:
    graph = Graph((1, 9001))
    graph.x = graph.requantize(
        graph.node("Gemm", [graph.x, graph.weights(rng, 11, 9001)], transB=1), 0.6, 0)
    compare(graph, rng, 0.6, config)


def test_bytes_that_move(rng: np.random.Generator) -> None:
    graph = Graph((1, 4, 6, 5))
    x = graph.x
    turned = graph.node("Transpose", [x], perm=[0, 2, 3, 1])
    back = graph.node("Transpose", [turned], perm=[0, 3, 1, 2])
    sliced = graph.node("Slice", [back, graph.constant(np.array([1], np.int64)),
                                  graph.constant(np.array([3], np.int64)),
                                  graph.constant(np.array([1], np.int64))])
    joined = graph.requantize(graph.node("Concat", [back, sliced, x], axis=1), 0.02, 3)
    large = graph.node("Resize", [joined, "", graph.constant(np.array([1, 1, 2, 3], np.float32))],
                       mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")
    graph.x = graph.node("Reshape", [large, graph.constant(np.array([2, -1, 15], np.int64))])
    compare(graph, rng, 0.02)


@pytest.mark.parametrize(("function", "options"), [
    ("Sigmoid", {}), ("Tanh", {}), ("LeakyRelu", {"alpha": 0.2}), ("HardSwish", {}),
    ("HardSigmoid", {}), ("Elu", {}), ("Softplus", {}), ("Abs", {}), ("Neg", {}), ("Relu", {})])
def test_functions(function: str, options: dict, rng: np.random.Generator) -> None:
    graph = Graph((2, 300))
    graph.x = graph.requantize(graph.node(function, [graph.x], **options), 0.013, -20)
    compare(graph, rng, 0.013)


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Max", "Min"])
@pytest.mark.parametrize("shape", [(1, 6, 5, 5), (1, 6, 1, 1), (6, 1, 1), (1,)])
def test_two_operands(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    """The second is a constant, quantized otherwise, or made of the first."""
    graph = Graph((1, 6, 5, 5))
    pooled = graph.requantize(graph.node("MaxPool", [graph.x], kernel_shape=[1, 1]), 0.0313, 0)
    data = graph.constant(rng.integers(-128, 128, shape).astype(np.int8))
    other = graph.dequantize(data, 0.01973, 7)
    y = graph.requantize(graph.node(kind, [pooled, other]), 0.04177, -5)
    # A product would enlarge the step by which its factor may differ.
    again = "Add" if kind == "Mul" else kind
    graph.x = graph.requantize(graph.node(again, [y, pooled]), 0.0611, 3)
    compare(graph, rng, 0.0611, unequal=0.1)


@pytest.mark.parametrize("mode", ["half_pixel", "align_corners", "asymmetric"])
def test_linear_resize(mode: str, rng: np.random.Generator) -> None:
    graph = Graph((1, 4, 5, 6), 0.0197)
    large = graph.node("Resize", [graph.x, "", graph.constant(np.array([1, 1, 2, 3], np.float32))],
                       mode="linear", coordinate_transformation_mode=mode)
    graph.x = graph.requantize(large, 0.0197, 3)
    compare(graph, rng, 0.0197, unequal=0.3)


def test_joined_tensors_are_requantized(rng: np.random.Generator) -> None:
    graph = Graph((1, 4, 5, 5))
    other = graph.requantize(graph.node("Sigmoid", [graph.x]), 1 / 256, -128)
    graph.x = graph.requantize(graph.node("Concat", [graph.x, other], axis=1), 0.03, 1)
    compare(graph, rng, 0.03)


def refused(graph: Graph) -> str:
    with pytest.raises(CompileError) as caught:
        compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    return str(caught.value)


def test_refusals_name_node_and_reason(rng: np.random.Generator) -> None:
    graph = Graph((1, 6, 5, 5))
    graph.x = graph.node("Det", [graph.x])
    assert refused(graph) == "net.onnx: Det #2: operator not supported"
    graph = Graph((1, 6, 5, 5))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 4, 6, 1, 1)])
    graph.x = graph.node("Conv", [y, graph.weights(rng, 4, 4, 1, 1)])
    assert "net.onnx: Conv #5: v11, which it reads, is not quantized, and what follows does not " \
           "tell its range" in refused(graph)


def test_what_comes_last_and_is_not_there_is_left_out(rng: np.random.Generator) -> None:
    graph = Graph((1, 3, 6, 5))
    y = graph.requantize(graph.node("Conv", [graph.x, graph.weights(rng, 4, 3, 1, 1)]), 0.05, 3)
    left = graph.requantize(graph.node("Sigmoid", [y]), 1 / 256, -128)
    values, _ = graph.parts("TopK", [graph.node("Reshape", [left, graph.integers(-1)]),
                                     graph.integers(3)], 2)
    graph.x = graph.node("Add", [values, graph.reals([1.0])])
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    [behind] = [edge for edge in program.host if edge.behind]
    assert behind.op.startswith("TopK #")
    assert behind.op.endswith(" and 1 more")
    assert behind.elements == 120
    graph.x = left
    x = rng.uniform(-2, 2, graph.shape).astype(np.float32)
    wanted = onnxruntime.InferenceSession(graph.model()).run(None, {"x": x})[0]
    got = Session(program).run(x).finished()
    assert np.abs(got - wanted.ravel()).max() < 1.5 / 256


def test_what_is_not_there_in_front_of_a_layer_is_refused(rng: np.random.Generator) -> None:
    graph = Graph((1, 3, 6, 5))
    y = graph.requantize(graph.node("Conv", [graph.x, graph.weights(rng, 4, 3, 1, 1)]), 0.05, 3)
    y = graph.requantize(graph.node("Sin", [graph.node("Cos", [y])]), 0.01, 3)
    graph.x = graph.node("Conv", [y, graph.weights(rng, 4, 4, 1, 1)])
    assert refused(graph) == "net.onnx: Cos #6: operator not supported"


def test_a_damaged_file() -> None:
    with pytest.raises(CompileError, match=r"net\.onnx: not an ONNX model, or a damaged one"):
        compile_model(b"nothing of the kind", CONFIGS["h64"], name="net.onnx")


def test_constants_in_a_file_beside_the_model(tmp_path: Path, rng: np.random.Generator) -> None:
    """As PyTorch exports them; wherever the model is compiled from."""
    graph = Graph((1, 3, 6, 5))
    graph.x = graph.requantize(graph.node("Conv", [graph.x, graph.weights(rng, 4, 3, 3, 3)]),
                               0.05, 3)
    model = graph.model()
    path = tmp_path / "net.onnx"
    onnx.save(onnx.load_model_from_string(model), path, save_as_external_data=True,
              location="net.onnx.data", size_threshold=0)
    assert compile_model(path, CONFIGS["h64"]).memory == compile_model(
        model, CONFIGS["h64"], name="net.onnx").memory
    (tmp_path / "net.onnx.data").unlink()
    with pytest.raises(CompileError, match=r"should be stored in .*net\.onnx\.data"):
        compile_model(path, CONFIGS["h64"])


def _layers(model: onnx.ModelProto) -> list[tuple[list[str], str]]:
    """Return, for every QuantizeLinear but the first, its output and the ones it depends on."""
    makers = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear":
            continue
        sources: list[str] = []
        pending = [node.input[0]]
        while pending:
            maker = makers.get(pending.pop())
            if maker is None:
                continue
            if maker.op_type == "QuantizeLinear":
                sources.append(maker.output[0])
            else:
                pending += list(maker.input)
        if sources:
            found.append((sorted(set(sources)), node.output[0]))
    return found


def test_every_layer_of_a_third_party_network(shared: Path) -> None:
    """Each layer, given the inputs it has in onnxruntime, is within one step."""
    path = shared / "models/kj_v13_ic_resnet8.onnx"
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    layers = _layers(model)
    assert len(layers) == 14
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    quantized = sorted({name for sources, output in layers for name in (*sources, output)})
    known = {value.name: value for value in model.graph.value_info}
    whole.graph.output.extend(known[name] for name in quantized)
    x = np.load(shared / "inputs/ic_cfu.npz")["x"][:1].astype(np.float32) + 128
    values = dict(zip(quantized, onnxruntime.InferenceSession(whole.SerializeToString()).run(
        quantized, {"input_1": x}), strict=True))
    extractor = onnx.utils.Extractor(model)
    for sources, output in layers:
        part = extractor.extract_model(sources, [output])
        program = compile_model(part.SerializeToString(), CONFIGS["h256"], name="part.onnx")
        orders = {(edge.side, edge.position): edge.order for edge in program.host if edge.order}
        inputs = []
        for place, name in enumerate(sources):
            order = orders.get(("input", place), range(values[name].ndim))
            inputs.append(values[name].transpose(np.argsort(order)))
        (got,), result = run_program(program, inputs, check_hazards=False)
        assert result.ok
        got = got.transpose(orders.get(("output", 0), range(got.ndim)))
        difference = np.abs(got.astype(int) - values[output])
        assert difference.max() <= 1, output
        assert np.count_nonzero(difference) < 0.1 * difference.size, output


def test_the_classes_of_a_third_party_network(shared: Path) -> None:
    path = shared / "models/kj_v13_ic_resnet8.onnx"
    data = np.load(shared / "inputs/ic_cfu.npz")
    x = data["x"].astype(np.float32) + 128
    session = onnxruntime.InferenceSession(path)
    expected = [session.run(None, {"input_1": sample[None]})[0].argmax() for sample in x]
    got = Session(path, "h256").run(x).dequantized().argmax(1)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(got, data["label"])
