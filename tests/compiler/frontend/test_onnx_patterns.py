"""Normalizations written as many nodes, against onnxruntime."""

from collections.abc import Callable

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, decibels

Rng = np.random.Generator
Quantize = Callable[[Graph, str, float, int], str]


def as_it_is(graph: Graph, x: str, scale: float, zero_point: int) -> str:
    return x


def quantized(graph: Graph, x: str, scale: float, zero_point: int) -> str:
    return graph.requantize(x, scale, zero_point)


def written_out(graph: Graph, axes: list[int], quantize: Quantize, squared: str = "Pow",
                exponent: float = 2.0) -> str:
    """Return a normalization as PyTorch exports it, with QuantizeLinear where onnxruntime puts
    it or without."""
    x = graph.x

    def mean(value: str) -> str:
        return graph.node("ReduceMean", [value], axes=axes)

    around = graph.node("Sub", [x, mean(x)])
    power = [around, around] if squared == "Mul" else [around, graph.reals(exponent)]
    variance = quantize(graph, mean(graph.node(squared, power)), 0.02, -128)
    total = quantize(graph, graph.node("Add", [variance, graph.reals(1e-3)]), 0.02, -128)
    return graph.node("Div", [around, graph.node("Sqrt", [total])])


@pytest.mark.parametrize("quantize", [as_it_is, quantized])
@pytest.mark.parametrize("squared", ["Pow", "Mul"])
def test_rows(quantize: Quantize, squared: str, rng: Rng) -> None:
    """Also closer to the real numbers than the eight bits of a variance."""
    graph = Graph((1, 30, 48))
    y = graph.requantize(written_out(graph, [-1], quantize, squared), 0.03, 0)
    y = graph.requantize(graph.node("Mul", [y, graph.reals(rng.uniform(1, 2, 48))]), 0.05, 0)
    graph.x = graph.requantize(graph.node("Add", [y, graph.reals(rng.uniform(-1, 1, 48))]), 0.05, 0)
    check(graph, rng)


def test_channels_of_an_image(rng: Rng) -> None:
    graph = Graph((1, 24, 6, 5))
    graph.x = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    graph.x = graph.requantize(written_out(graph, [1], as_it_is), 0.03, 0)
    check(graph, rng)


def check(graph: Graph, rng: Rng) -> None:
    """Hold the noise against that of eight bits."""
    assert decibels(graph, rng.normal(0, 0.7, graph.shape)) > 28


@pytest.mark.parametrize(("axes", "exponent", "message"), [
    ([-1], 3.0, "is not quantized"),
    ([2], 2.0, "over axes [2]; the last ones, or that of channels, are supported")])
def test_what_is_none_stays_as_it_is(axes: list[int], exponent: float, message: str) -> None:
    graph = Graph((1, 4, 6, 5))
    graph.x = graph.requantize(written_out(graph, axes, as_it_is, exponent=exponent), 0.03, 0)
    with pytest.raises(CompileError) as caught:
        compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    assert message in str(caught.value)


@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("form", ["written out", "one node"])
def test_lengths(form: str, axis: int, rng: Rng) -> None:
    graph = Graph((1, 12, 20, 16))
    graph.x = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    if form == "one node":
        y = graph.node("LpNormalization", [graph.x], axis=axis)
    else:
        length = graph.node("ReduceL2", [graph.x], axes=[axis])
        length = graph.node("Clip", [length, graph.reals(1e-12)])
        length = graph.node("Expand", [length, graph.node("Shape", [graph.x])])
        y = graph.node("Div", [graph.x, length])
    graph.x = graph.requantize(y, 0.8 / 127, 0)
    check(graph, rng)
