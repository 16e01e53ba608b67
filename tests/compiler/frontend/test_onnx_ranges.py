"""What an ONNX file leaves in real numbers between two operators: near onnxruntime's.

Quantizers for floating-point accelerators put QuantizeLinear in front of layers alone.
"""

import math
from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest

from hadron.session import Session
from hadron_compiler import compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, compare

Rng = np.random.Generator
CHANNELS = 6


def conv(graph: Graph, rng: Rng, x: str, channels: int = CHANNELS, size: int = 1) -> str:
    weights = graph.weights(rng, channels, CHANNELS, size, size)
    return graph.node("Conv", [x, weights], pads=[size // 2] * 4)


def normalized(graph: Graph, rng: Rng, x: str) -> str:
    numbers = [rng.uniform(-1.5, 1.5, CHANNELS), rng.uniform(-1, 1, CHANNELS),
               rng.normal(0, 0.1, CHANNELS), rng.uniform(0.5, 1.5, CHANNELS)]
    return graph.node("BatchNormalization", [x, *map(graph.reals, numbers)])


def silu(graph: Graph, x: str) -> str:
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])])


def hard_swish(graph: Graph, x: str) -> str:
    """As exporters write it."""
    clipped = graph.node("Clip", [graph.node("Add", [x, graph.reals(3.0)]), graph.reals(0.0),
                                  graph.reals(6.0)])
    return graph.node("Div", [graph.node("Mul", [x, clipped]), graph.reals(6.0)])


FOLDED: dict[str, Callable[[Graph, Rng, str], str]] = {
    "normalization": normalized,
    "normalization, Relu": lambda graph, rng, y: graph.node("Relu", [normalized(graph, rng, y)]),
    "a factor and a summand a channel": lambda graph, rng, y: graph.node("Add", [
        graph.node("Mul", [y, graph.reals(rng.uniform(-2, 2, (CHANNELS, 1, 1)))]),
        graph.reals(rng.uniform(-1, 1, (1, CHANNELS, 1, 1)))]),
    "subtracted from": lambda graph, rng, y: graph.node("Sub", [
        graph.reals(rng.uniform(-1, 1, (1, CHANNELS, 1, 1))), y]),
}


@pytest.mark.parametrize("name", FOLDED)
def test_numbers_of_channels_go_into_the_weights(name: str, rng: Rng) -> None:
    graph = Graph((1, CHANNELS, 9, 11))
    y = FOLDED[name](graph, rng, conv(graph, rng, graph.x, size=3))
    graph.x = graph.requantize(y, 0.1, -4)
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    assert [layer.op for layer in program.layers] == ["CONV_2D"]
    compare(graph, rng, 0.1, optimized=False)


BEHIND: dict[str, Callable[[Graph, Rng, str], str]] = {
    "Add": lambda graph, rng, y: graph.node("Add", [y, graph.x]),
    "Sub": lambda graph, rng, y: graph.node("Sub", [graph.x, y]),
    "Add, Relu": lambda graph, rng, y: graph.node("Relu", [graph.node("Add", [graph.x, y])]),
    "Relu, Add": lambda graph, rng, y: graph.node("Add", [graph.node("Relu", [y]), graph.x]),
    "Add of two": lambda graph, rng, y: graph.node("Add", [y, conv(graph, rng, graph.x)]),
    "Sigmoid": lambda graph, rng, y: graph.node("Sigmoid", [y]),
    "Tanh": lambda graph, rng, y: graph.node("Tanh", [y]),
    "HardSwish": lambda graph, rng, y: graph.node("HardSwish", [y]),
    "HardSigmoid": lambda graph, rng, y: graph.node("HardSigmoid", [y]),
    "x times its sigmoid": lambda graph, rng, y: silu(graph, y),
    "HardSwish of several": lambda graph, rng, y: hard_swish(graph, y),
    "LeakyRelu": lambda graph, rng, y: graph.node("LeakyRelu", [y], alpha=0.1),
    "PRelu": lambda graph, rng, y: graph.node(
        "PRelu", [y, graph.reals(rng.uniform(0.1, 0.3, (CHANNELS, 1, 1)))]),
    "Concat": lambda graph, rng, y: graph.node("Concat", [y, conv(graph, rng, graph.x, 4)], axis=1),
    "Concat of functions": lambda graph, rng, y: graph.node(
        "Concat", [graph.node("Sigmoid", [y]), graph.x], axis=1),
    "a gate": lambda graph, rng, y: graph.node("Mul", [y, graph.node("Sigmoid", [graph.x])]),
    "MaxPool": lambda graph, rng, y: graph.node("Add", [
        graph.node("MaxPool", [y], kernel_shape=[3, 3], pads=[1] * 4), graph.x]),
    "normalization of a sum": lambda graph, rng, y: graph.node("BatchNormalization", [
        graph.node("Add", [y, graph.x]), *(graph.reals(np.full(CHANNELS, value))
                                           for value in (0.7, 0.1, -0.2, 1.0))]),
}


@pytest.mark.parametrize("name", BEHIND)
def test_ranges_follow_from_what_comes_behind(name: str, rng: Rng) -> None:
    """A step more of rounding, at most about as coarse as the output's."""
    graph = Graph((1, CHANNELS, 9, 11))
    y = BEHIND[name](graph, rng, conv(graph, rng, graph.x))
    scale, point = (1 / 256, -128) if "Sigmoid" in name.split(" ")[0] else (0.05, -20)
    if name == "Tanh":
        scale, point = 1 / 128, 0
    graph.x = graph.requantize(y, scale, point)
    compare(graph, rng, scale, unequal=0.8, steps_apart=8 if scale < 0.05 else 2, optimized=False)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "AveragePool"])
def test_an_average_of_what_is_not_quantized(kind: str, rng: Rng) -> None:
    graph = Graph((1, CHANNELS, 9, 11))
    options = {"kernel_shape": [3, 3]} if kind == "AveragePool" else {}
    y = graph.node("Relu", [conv(graph, rng, graph.x)])
    graph.x = graph.requantize(graph.node(kind, [y], **options), 0.03, -100)
    compare(graph, rng, 0.03, unequal=0.6, optimized=False)


def _computed(graph: Graph, name: str, x: np.ndarray) -> np.ndarray:
    """Return what onnxruntime makes of `x` up to a value, operator by operator."""
    graph.x = name
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(graph.model(), options).run(None, {"x": x})[0]


def _residual_network(rng: Rng, sample: np.ndarray, quantized_output: bool) -> Graph:
    """A residual network quantized as for an accelerator of real numbers: in front of each layer,
    with zero points of 0, and its normalizations not folded."""
    graph = Graph(sample.shape)

    def quantized(x: str) -> str:
        return graph.requantize(x, float(np.abs(_computed(graph, x, sample)).max()) / 127, 0)

    def layer(x: str) -> str:
        return normalized(graph, rng, conv(graph, rng, quantized(x), size=3))

    x = graph.node("Relu", [layer(graph.x)])
    for _ in range(2):
        y = layer(graph.node("Relu", [layer(x)]))
        x = graph.node("Relu", [graph.node("Add", [y, x])])
    pooled = graph.node("Flatten", [graph.node("GlobalAveragePool", [x])])
    graph.x = graph.node("Gemm", [quantized(pooled), graph.weights(rng, 10, CHANNELS)], transB=1)
    if quantized_output:
        graph.x = quantized(graph.x)
    return graph


@pytest.mark.parametrize(("quantized_output", "least"), [(True, 25), (False, 18)])
def test_a_network_quantized_in_front_of_layers_alone(quantized_output: bool, least: float,
                                                      rng: Rng) -> None:
    x = rng.uniform(-2, 2, (1, CHANNELS, 12, 12)).astype(np.float32)
    graph = _residual_network(rng, x, quantized_output)
    wanted = _computed(graph, graph.x, x)
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    assert ("that Hadron chose" in program.host[-1].op) is not quantized_output
    got = Session(program).run(x).finished()
    assert 10 * math.log10((wanted**2).sum() / ((got - wanted)**2).sum()) > least


def test_a_joined_input_takes_the_quantization_behind_it(rng: Rng) -> None:
    """Every other pixel beside its neighbours, as YOLOv5 begins."""
    graph = Graph((1, 3, 8, 8))
    graph.nodes.clear()
    parts = [graph.node("Slice", ["x", graph.integers(y, x), graph.integers(99, 99),
                                  graph.integers(2, 3), graph.integers(2, 2)])
             for y in (0, 1) for x in (0, 1)]
    x = graph.requantize(graph.node("Concat", parts, axis=1), 0.02, 3)
    y = graph.node("Conv", [x, graph.weights(rng, 4, 12, 1, 1)])
    graph.x = graph.requantize(y, 0.05, 0)
    compare(graph, rng, 0.05)


def test_weights_that_the_file_quantizes(rng: Rng) -> None:
    """Real numbers behind QuantizeLinear, as training with quantization leaves them."""
    graph = Graph((1, CHANNELS, 9, 11))
    real = graph.reals(rng.uniform(-1, 1, (4, CHANNELS, 3, 3)))
    scales = graph.reals(np.full(4, 1 / 127))
    points = graph.constant(np.zeros(4, np.int8))
    weights = graph.node("DequantizeLinear", [
        graph.node("QuantizeLinear", [real, scales, points], axis=0), scales, points], axis=0)
    graph.x = graph.requantize(graph.node("Conv", [graph.x, weights]), 0.1, 0)
    compare(graph, rng, 0.1)
