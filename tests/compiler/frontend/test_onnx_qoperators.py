"""ONNX models in the QOperator form, against onnxruntime; and weights of any zero point."""

import numpy as np
import pytest
from onnx import helper

from hadron_compiler import UnsupportedError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, compare

Rng = np.random.Generator


class IntegerGraph(Graph):
    """A graph of operators on integers; `q` is the name of the last ones, `scale` and `zero_point`
    their quantization."""

    def __init__(self, shape: tuple[int, ...], kind: type[np.integer]) -> None:
        super().__init__(shape)
        self.kind = kind
        self.nodes.clear()
        self.scale, self.zero_point = 0.02, 3
        self.q = self.node("QuantizeLinear", ["x", *self.quantization()])

    def quantization(self) -> list[str]:
        offset = 128 if self.kind is np.uint8 else 0
        return [self.constant(np.float32(self.scale)),
                self.constant(np.asarray(self.zero_point + offset, self.kind))]

    def operand(self) -> list[str]:
        """Return the last integers with their quantization."""
        return [self.q, *self.quantization()]

    def becomes(self, scale: float, zero_point: int) -> list[str]:
        """Quantize what comes next; return that quantization."""
        self.scale, self.zero_point = scale, zero_point
        return self.quantization()

    def integers_of(self, kind: str, inputs: list[str], **attributes: object) -> None:
        domain = {} if kind in ("QLinearConv", "QLinearMatMul") else {"domain": "com.microsoft"}
        self.q = self.node(kind, inputs, **domain, **attributes)

    def matrix(self, rng: Rng, shape: tuple[int, ...], channels: int,
               kind: type[np.integer] = np.int8) -> list[str]:
        """Return weights with scales and zero points, by channel if there are any."""
        info = np.iinfo(kind)
        data = rng.integers(info.min, info.max + 1, shape).astype(kind)
        scales = (0.01 * rng.uniform(0.5, 1, channels)).astype(np.float32)
        points = np.zeros(channels, kind)
        if kind is np.uint8:
            scales, points = np.float32(0.01), np.uint8(rng.integers(256))
        return [self.constant(data), self.constant(scales), self.constant(points)]

    def compare(self, rng: Rng, **options: object) -> None:
        self.x = self.node("DequantizeLinear", self.operand())
        compare(self, rng, self.scale, **options)


KINDS = pytest.mark.parametrize("kind", [np.int8, np.uint8])


@pytest.mark.parametrize(("kind", "weights"), [
    (np.int8, np.int8), (np.uint8, np.int8), (np.uint8, np.uint8)])
@pytest.mark.parametrize("options", [
    {"pads": [1, 1, 1, 1]}, {"strides": [2, 1], "dilations": [1, 2]}, {"group": 8},
    {"group": 8, "dilations": [2, 2]}, {"group": 2}])
def test_convolution(kind: type, weights: type, options: dict, rng: Rng) -> None:
    graph = IntegerGraph((1, 8, 9, 7), kind)
    depth = 8 // options.get("group", 1)
    source = graph.operand()
    constants = graph.matrix(rng, (8, depth, 3, 3), 8, weights)
    bias = graph.constant(rng.integers(-3000, 3000, 8).astype(np.int32))
    graph.integers_of("QLinearConv", [*source, *constants, *graph.becomes(0.1, -20), bias],
                      **options)
    graph.compare(rng)


@KINDS
@pytest.mark.parametrize("transposed", [0, 1])
def test_matrices(kind: type, transposed: int, rng: Rng) -> None:
    graph = IntegerGraph((5, 24), kind)
    source = graph.operand()
    constants = graph.matrix(rng, (24, 12), 12, np.uint8 if kind is np.uint8 else np.int8)
    graph.integers_of("QLinearMatMul", [*source, *constants, *graph.becomes(0.1, 5)])
    source = graph.operand()
    constants = graph.matrix(rng, (9, 12) if transposed else (12, 9), 9)
    bias = graph.constant(rng.integers(-3000, 3000, 9).astype(np.int32))
    graph.integers_of("QGemm", [*source, *constants, bias, *graph.becomes(0.4, 5)],
                      transB=transposed)
    graph.compare(rng, steps_apart=2)


@KINDS
def test_elements(kind: type, rng: Rng) -> None:
    graph = IntegerGraph((1, 8, 6, 6), kind)
    first = graph.operand()
    graph.integers_of("QLinearLeakyRelu", [*first, *graph.becomes(0.015, -60)], alpha=0.1)
    second = graph.operand()
    graph.integers_of("QLinearSigmoid", [*second, *graph.becomes(1 / 256, -128)])
    gate = graph.operand()
    graph.integers_of("QLinearAdd", [*first, *second, *graph.becomes(0.03, -10)])
    total = graph.operand()
    graph.integers_of("QLinearMul", [*total, *gate, *graph.becomes(0.02, -15)])
    product = graph.operand()
    graph.integers_of("QLinearConcat", [*graph.becomes(0.03, -10), *total, *product], axis=1)
    graph.compare(rng, steps_apart=2, unequal=0.1)


@KINDS
@pytest.mark.parametrize(("operator", "options"), [
    ("QLinearAveragePool", {"kernel_shape": [3, 3], "strides": [2, 2]}),
    ("QLinearGlobalAveragePool", {"channels_last": 0})])
def test_averages(kind: type, operator: str, options: dict, rng: Rng) -> None:
    graph = IntegerGraph((1, 8, 12, 12), kind)
    source = graph.operand()
    graph.integers_of(operator, [*source, *graph.becomes(0.015, 4)], **options)
    graph.compare(rng, unequal=0.15)


@KINDS
def test_softmax(kind: type, rng: Rng) -> None:
    graph = IntegerGraph((4, 10), kind)
    source = graph.operand()
    graph.integers_of("QLinearSoftmax", [*source, *graph.becomes(1 / 256, -128)], axis=-1,
                      opset=13)
    graph.compare(rng)


@KINDS
@pytest.mark.parametrize("value", [None, -30])
def test_padding_with_an_integer(kind: type, value: int | None, rng: Rng) -> None:
    graph = IntegerGraph((1, 3, 6, 6), kind)
    offset = 128 if kind is np.uint8 else 0
    pads = graph.integers(0, 0, 1, 2, 0, 0, 0, 1)
    point = graph.zero_point if value is None else value
    graph.q = graph.node("Pad", [graph.q, pads, graph.constant(np.asarray(point + offset, kind))])
    graph.q = graph.node("MaxPool", [graph.q], kernel_shape=[2, 2])
    graph.compare(rng)


@pytest.mark.parametrize("zero_point", [0, 7, 128, 200, 255])
@pytest.mark.parametrize("kind", ["Conv", "ConvTranspose", "Gemm", "MatMul"])
def test_weights_of_uint8(kind: str, zero_point: int, rng: Rng) -> None:
    """In the QDQ form: of any zero point, one for all channels."""
    matrix = kind in ("Gemm", "MatMul")
    graph = Graph((5, 24) if matrix else (1, 6, 9, 8))
    shape = (24, 12) if matrix else (6, 6, 3, 3)
    data = graph.constant(rng.integers(0, 256, shape).astype(np.uint8))
    weights = graph.node("DequantizeLinear", [data, graph.constant(np.float32(0.01)),
                                              graph.constant(np.uint8(zero_point))])
    graph.x = graph.requantize(graph.node(kind, [graph.x, weights]), 0.2, -20)
    compare(graph, rng, 0.2)


def test_channels_last_are_not_supported(rng: Rng) -> None:
    graph = IntegerGraph((1, 8, 12, 12), np.int8)
    source = graph.operand()
    graph.integers_of("QLinearGlobalAveragePool", [*source, *graph.becomes(0.01, 0)],
                      channels_last=1)
    graph.nodes.append(helper.make_node("QLinearConv", [
        *graph.operand(), *graph.matrix(rng, (4, 8, 1, 1), 4), *graph.quantization()], ["c"]))
    graph.q = "c"
    graph.x = graph.node("DequantizeLinear", graph.operand())
    with pytest.raises(UnsupportedError, match="QLinearGlobalAveragePool #1: operator not supp"):
        compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
