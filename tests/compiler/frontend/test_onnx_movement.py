"""ONNX operators that move bytes, against onnxruntime."""

import numpy as np
import pytest

from hadron_testing.onnx_builder import Graph, compare

Rng = np.random.Generator


def test_bytes_that_move_before_they_are_quantized(rng: Rng) -> None:
    """A product times a number, an activation and movements, then QuantizeLinear."""
    graph = Graph((1, 6, 5, 5))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 8, 6, 1, 1)])
    y = graph.node("Relu", [graph.node("Mul", [y, graph.reals(0.3)])])
    a, b = graph.parts("Split", [graph.node("MaxPool", [y], kernel_shape=[2, 2])], 2, axis=1)
    a = graph.node("Reshape", [a, graph.integers(1, -1)])
    b = graph.node("Flatten", [graph.node("Transpose", [b], perm=[0, 2, 3, 1])])
    parts = [graph.requantize(part, 0.02, -128) for part in (a, b)]
    graph.x = graph.requantize(graph.node("Concat", parts, axis=1), 0.02, -128)
    compare(graph, rng, 0.02)


@pytest.mark.parametrize("kind", ["SpaceToDepth", "Split", "Gather"])
def test_bytes_of_an_input_that_move_before_they_are_quantized(kind: str, rng: Rng) -> None:
    """As the fused Slices of YOLO's Focus do; two readers may quantize them in two ways."""
    graph = Graph((1, 3, 6, 8))
    graph.nodes.clear()
    if kind == "SpaceToDepth":
        parts = [graph.node(kind, ["x"], blocksize=2)]
    elif kind == "Split":
        parts = graph.parts(kind, ["x"], 2, axis=3)
    else:
        parts = [graph.node(kind, ["x", graph.integers(2, 1, 0)], axis=1)]
    made = []
    for part, scale in zip(parts, (0.02, 0.03), strict=False):
        graph.x = graph.requantize(part, scale, 3)
        channels = 12 if kind == "SpaceToDepth" else 3
        y = graph.node("Conv", [graph.x, graph.weights(rng, 8, channels, 1, 1)])
        made.append(graph.requantize(y, 0.05, -4))
    if len(made) > 1:
        graph.x = graph.requantize(graph.node("Add", made), 0.077, 0)
    else:
        graph.x = made[0]
    compare(graph, rng, 0.077 if len(made) > 1 else 0.05, unequal=0.6)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_padding(mode: str, rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    y = graph.node("MaxPool", [graph.x], kernel_shape=[1, 1])
    value = [graph.reals(0.7)] if mode == "constant" else []
    y = graph.node("Pad", [y, graph.integers(0, 1, 2, 0, 0, 0, -1, 3), *value], mode=mode)
    y = graph.node("Pad", [y, graph.integers(0, 0, 1, 1, 0, 0, 2, 2)])
    y = graph.node("Conv", [y, graph.weights(rng, 4, 7, 3, 3)])
    graph.x = graph.requantize(y, 0.1, 3)
    compare(graph, rng, 0.1)


def test_padding_with_a_number_beyond_the_range(rng: Rng) -> None:
    """As linear attention pads with ones: they are there once quantized like the result."""
    graph = Graph((1, 4, 6, 5), scale=0.005, zero_point=0)
    y = graph.node("Pad", [graph.x, graph.integers(0, 0, 0, 0, 0, 0, 1, 0), graph.reals(1)])
    graph.x = graph.requantize(y, 0.012, 3)
    compare(graph, rng, 0.012)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_blocks(mode: str, rng: Rng) -> None:
    graph = Graph((1, 12, 4, 6))
    y = graph.node("DepthToSpace", [graph.x], blocksize=2, mode=mode)
    z = graph.node("SpaceToDepth", [y], blocksize=2)
    graph.x = graph.requantize(graph.node("Concat", [z, graph.x], axis=1), 0.02, 3)
    compare(graph, rng, 0.02)


@pytest.mark.parametrize(("coordinates", "rounding"), [
    ("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"), ("align_corners", "ceil")])
@pytest.mark.parametrize("size", [(10, 21), (3, 4), (8, 9)])
def test_nearest_neighbours_of_any_size(size: tuple[int, int], coordinates: str, rounding: str,
                                        rng: Rng) -> None:
    graph = Graph((1, 3, 5, 7))
    graph.x = graph.node("Resize", [graph.x, "", "", graph.integers(1, 3, *size)], mode="nearest",
                         coordinate_transformation_mode=coordinates, nearest_mode=rounding)
    compare(graph, rng, 0.02)


def test_elements_that_are_chosen_and_repeated(rng: Rng) -> None:
    graph = Graph((1, 6, 5, 7))
    a = graph.node("Gather", [graph.x, graph.integers(-1, 0, 3)], axis=1)
    b = graph.node("Gather", [graph.x, graph.constant(np.array(2, np.int64))], axis=3)
    b = graph.node("Expand", [graph.node("Unsqueeze", [b, graph.integers(3)]),
                              graph.integers(1, 1, 1, 7)])
    c = graph.node("Tile", [graph.node("Slice", [graph.x, graph.integers(0), graph.integers(1),
                                                 graph.integers(2)]), graph.integers(1, 1, 5, 1)])
    graph.x = graph.requantize(graph.node("Concat", [a, b, c], axis=1), 0.02, 3)
    compare(graph, rng, 0.02)
