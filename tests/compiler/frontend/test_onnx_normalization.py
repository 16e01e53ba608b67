"""ONNX operators that normalize by what they find, against onnxruntime.

Eight bits between their steps make noise, which is held against that of eight bits for the result.
"""

import numpy as np
import pytest

from hadron_compiler import CompileError, compile_model
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, decibels, run_both

Rng = np.random.Generator


def normalized(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / x.std(axes, keepdims=True)


def quantization(x: np.ndarray) -> tuple[float, int]:
    """Return scale and zero point that keep all of some numbers."""
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    return (high - low) / 255, round(-128 - low / (high - low) * 255)


def made_for(x: np.ndarray, opset: int = 17) -> Graph:
    """Return a graph that takes some numbers, through a pool: its images have channels last."""
    graph = Graph(x.shape, *quantization(x), opset)
    if x.ndim == 4:
        graph.x = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    return graph


ROWS = {
    "alike": lambda rng, x: x,
    "of sizes apart": lambda rng, x: x * np.exp(rng.normal(0, 0.7, (1, x.shape[1], 1))),
    "with a mean": lambda rng, x: x + rng.normal(0, 2, (1, x.shape[1], 1)),
    "positive": lambda rng, x: np.abs(x),
    "with an outlier": lambda rng, x: np.where(np.arange(x.shape[2]) == 5, 6 * x, x),
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows(kind: str, rng: Rng) -> None:
    x = ROWS[kind](rng, rng.normal(0, 1, (1, 40, 64)))
    gain, offset = np.exp(rng.normal(0, 0.4, 64)), rng.normal(0, 0.3, 64)
    graph = made_for(x)
    y = graph.node("LayerNormalization", [graph.x, graph.reals(gain), graph.reals(offset)])
    graph.x = graph.requantize(y, *quantization(normalized(x, (2,)) * gain + offset))
    assert decibels(graph, x) > 25


@pytest.mark.parametrize("config", ["h64", "h256"])
def test_rows_that_are_not_scaled(config: str, rng: Rng) -> None:
    x = rng.normal(0, 1, (3, 10, 32))
    graph = made_for(x)
    y = graph.node("LayerNormalization", [graph.x, graph.reals(np.ones(32))])
    graph.x = graph.requantize(y, *quantization(normalized(x, (2,))))
    assert decibels(graph, x, config) > 31


def test_rows_of_several_axes(rng: Rng) -> None:
    x = rng.normal(0, 1, (2, 4, 6, 5))
    gain = rng.uniform(0.5, 1.5, (4, 6, 5))
    graph = made_for(x)
    y = graph.node("LayerNormalization", [graph.x, graph.reals(gain)], axis=1)
    graph.x = graph.requantize(y, *quantization(normalized(x, (1, 2, 3)) * gain))
    assert decibels(graph, x) > 30


def test_a_result_that_nobody_quantizes(rng: Rng) -> None:
    x = rng.normal(0, 1, (1, 20, 64))
    graph = made_for(x)
    graph.x = graph.node("LayerNormalization", [graph.x, graph.reals(rng.uniform(1, 2, 64))])
    assert decibels(graph, x) > 25


@pytest.mark.parametrize("epsilon", [1e-5, 0.5])
def test_rows_that_are_nearly_constant(epsilon: float, rng: Rng) -> None:
    """Where epsilon is large it counts, where the rows are constant nothing is left of them."""
    x = np.concatenate([rng.normal(0, 1, (1, 10, 32)), rng.normal(0, 0.3, (1, 10, 32)),
                        np.broadcast_to(rng.normal(0, 1, (1, 10, 1)), (1, 10, 32))], 1)
    graph = made_for(x)
    y = graph.node("LayerNormalization", [graph.x, graph.reals(np.ones(32))], epsilon=epsilon)
    graph.x = graph.requantize(y, 0.03, 0)
    assert decibels(graph, x) > 25
    got, _ = run_both(graph, x.astype(np.float32))
    assert (got[:, 20:] == 0).all()


@pytest.mark.parametrize("shape", [(1, 6, 16, 12), (2, 5, 40), (1, 1, 80)])
def test_channels(shape: tuple[int, ...], rng: Rng) -> None:
    channels, axes = shape[1], tuple(range(2, len(shape)))
    along = (channels, *(1,) * len(axes))
    x = rng.normal(0, 1, shape) * rng.uniform(0.5, 2, along)
    gain, offset = rng.uniform(0.5, 1.5, channels), rng.normal(0, 0.3, channels)
    graph = made_for(x)
    y = graph.node("InstanceNormalization", [graph.x, graph.reals(gain), graph.reals(offset)])
    graph.x = graph.requantize(y, *quantization(
        normalized(x, axes) * gain.reshape(along) + offset.reshape(along)))
    assert decibels(graph, x) > 29


def test_one_group_as_exporters_write_it(rng: Rng) -> None:
    """As a row, which no byte of the image is moved for."""
    x = rng.normal(0, 1, (1, 6, 16, 12))
    graph = made_for(x)
    row = graph.node("Reshape", [graph.x, graph.integers(0, 1, -1)])
    y = graph.node("InstanceNormalization", [row, graph.reals([1]), graph.reals([0])])
    y = graph.requantize(y, *quantization(normalized(x, (1, 2, 3))))
    graph.x = graph.node("Reshape", [y, graph.integers(1, 6, 16, 12)])
    assert decibels(graph, x) > 31
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    pixel_moves = [layer for layer in program.layers
                   if layer.op == "TRANSPOSE" and "(turned)" in layer.name]
    assert pixel_moves == []


@pytest.mark.parametrize("groups", [1, 3])
def test_groups(groups: int, rng: Rng) -> None:
    x = rng.normal(0, 1, (2, 6, 8, 7))
    gain, offset = rng.uniform(0.5, 1.5, (2, 6))
    graph = made_for(x, opset=21)
    y = graph.node("GroupNormalization", [graph.x, graph.reals(gain), graph.reals(offset)],
                   num_groups=groups)
    unit = normalized(x.reshape(2, groups, -1), (2,)).reshape(x.shape)
    graph.x = graph.requantize(y, *quantization(
        unit * gain.reshape(6, 1, 1) + offset.reshape(6, 1, 1)))
    assert decibels(graph, x) > 30


def test_refusals(rng: Rng) -> None:
    def refused(graph: Graph) -> str:
        with pytest.raises(CompileError) as caught:
            compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
        return str(caught.value)

    graph = Graph((1, 4, 8))
    y = graph.node("LayerNormalization", [graph.x, graph.x])
    graph.x = graph.requantize(y, 0.02, 0)
    assert refused(graph) == "net.onnx: LayerNormalization #2: scale and bias must be constant"
    graph = Graph((1, 4, 1))
    y = graph.node("LayerNormalization", [graph.x, graph.reals([1])])
    graph.x = graph.requantize(y, 0.02, 0)
    assert refused(graph) == "net.onnx: LayerNormalization #2: one number has no variance"
    graph = Graph((1, 4, 8))
    y, _ = graph.parts("LayerNormalization", [graph.x, graph.reals(np.ones(8))], 2)
    graph.x = graph.requantize(y, 0.02, 0)
    assert "the mean and the deviation are not supported" in refused(graph)
