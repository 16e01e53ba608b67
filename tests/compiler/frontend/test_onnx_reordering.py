"""Reshape and Transpose of ONNX, against onnxruntime: the same bytes, moved as seldom as can be."""

from collections.abc import Sequence
from math import prod

import numpy as np
import pytest

from hadron_compiler import compile_model
from hadron_compiler.frontend.onnx_reordering import _joined
from hadron_spec.config import CONFIGS
from hadron_testing.onnx_builder import Graph, compare

Rng = np.random.Generator
SCALE, POINT = 0.02, 3


def convolution(graph: Graph, rng: Rng, sources: int, channels: int) -> str:
    y = graph.node("Conv", [graph.x, graph.weights(rng, channels, sources, 1, 1)])
    return graph.requantize(y, SCALE, POINT)


def moved(graph: Graph, kind: str, inputs: Sequence[str], **options: object) -> str:
    """Append a movement with quantizers behind it, as quantizers of networks do."""
    return graph.requantize(graph.node(kind, [graph.x, *inputs], **options), SCALE, POINT)


def turns(graph: Graph) -> int:
    """Return how many operators of the program move bytes and do nothing else."""
    program = compile_model(graph.model(), CONFIGS["h64"], name="net.onnx")
    return sum(layer.op == "TRANSPOSE" for layer in program.layers)


@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("quantized", [True, False])
def test_a_channel_shuffle_is_one_move(groups: int, quantized: bool, rng: Rng) -> None:
    channels, rows, columns = 4 * groups, 5, 7
    graph = Graph((1, 3, rows, columns))
    graph.x = convolution(graph, rng, 3, channels)
    cut = graph.integers(1, groups, channels // groups, rows, columns)
    steps = [("Reshape", [cut], {}), ("Transpose", [], {"perm": [0, 2, 1, 3, 4]}),
             ("Reshape", [graph.integers(1, -1, rows, columns)], {})]
    for kind, inputs, options in steps:
        graph.x = (moved(graph, kind, inputs, **options) if quantized
                   else graph.node(kind, [graph.x, *inputs], **options))
    first, second = graph.parts("Split", [graph.x], 2, axis=1)
    graph.x = graph.requantize(first, SCALE, POINT)
    graph.x = graph.requantize(
        graph.node("Add", [convolution(graph, rng, channels // 2, channels // 2),
                           graph.requantize(second, SCALE, POINT)]), 0.031, 0)
    assert turns(graph) == 1
    compare(graph, rng, 0.031, unequal=0.2)


@pytest.mark.parametrize("deeper", [True, False])
def test_channels_and_pixels_are_exchanged_in_one_move(deeper: bool, rng: Rng) -> None:
    rows, columns, channels, block = (6, 4, 2, 2) if deeper else (3, 4, 8, 2)
    graph = Graph((1, 3, rows, columns))
    graph.x = convolution(graph, rng, 3, channels)
    if deeper:
        cut = (1, channels, rows // block, block, columns // block, block)
        perm, joined = (0, 1, 3, 5, 2, 4), (1, channels * block ** 2, rows // block,
                                            columns // block)
    else:
        left = channels // block ** 2
        cut = (1, left, block, block, rows, columns)
        perm, joined = (0, 1, 4, 2, 5, 3), (1, left, rows * block, columns * block)
    graph.x = moved(graph, "Reshape", [graph.integers(*cut)])
    graph.x = moved(graph, "Transpose", [], perm=perm)
    graph.x = moved(graph, "Reshape", [graph.integers(*joined)])
    graph.x = convolution(graph, rng, joined[1], 4)
    assert turns(graph) == 1
    compare(graph, rng, SCALE, unequal=0.2)


@pytest.mark.parametrize("_", range(25))
def test_random_cuts_turns_and_joints(_: int, rng: Rng) -> None:
    """Any shapes, quantized on the way or at the end, and read by what knows no orders."""
    shape = tuple(int(n) for n in rng.choice([1, 2, 3, 4, 6], 3))
    graph = Graph((1, 3, *shape[1:]))
    graph.x = convolution(graph, rng, 3, shape[0])
    now: tuple[int, ...] = (1, *shape)
    for _ in range(rng.integers(2, 6)):
        if len(now) < 6 and rng.random() < 0.4:
            axis = int(rng.integers(len(now)))
            factor = int(rng.choice([n for n in range(1, now[axis] + 1) if now[axis] % n == 0]))
            now = (*now[:axis], factor, now[axis] // factor, *now[axis + 1:])
            graph.x = moved(graph, "Reshape", [graph.integers(*now)])
        elif len(now) > 2 and rng.random() < 0.4:
            axis = int(rng.integers(len(now) - 1))
            now = (*now[:axis], now[axis] * now[axis + 1], *now[axis + 2:])
            graph.x = moved(graph, "Reshape", [graph.integers(*now)])
        else:
            perm = [int(axis) for axis in rng.permutation(len(now))]
            now = tuple(now[axis] for axis in perm)
            graph.x = moved(graph, "Transpose", [], perm=perm)
    last = rng.choice(["none", "Sigmoid", "Add", "Slice", "Flatten"])
    if last == "Sigmoid":
        graph.x = graph.requantize(graph.node("Sigmoid", [graph.x]), 1 / 256, -128)
    elif last == "Add":
        graph.x = graph.requantize(graph.node("Add", [graph.x, graph.x]), 0.031, 3)
    elif last == "Slice":
        axis = int(rng.integers(len(now)))
        graph.x = moved(graph, "Slice", [graph.integers(now[axis] // 2),
                                         graph.integers(now[axis]), graph.integers(axis)])
    elif last == "Flatten":
        graph.x = moved(graph, "Flatten", [], axis=int(rng.integers(1, len(now) + 1)))
    # The sum of a value and itself doubles the step that the convolution may be apart.
    compare(graph, rng, {"Sigmoid": 1 / 256, "Add": 0.031}.get(str(last), SCALE), unequal=0.3,
            steps_apart=2 if last == "Add" else 1)


def test_axes_are_joined_of_those_that_follow_each_other() -> None:
    assert _joined((1, 24, 5, 7), (1, 2, 12, 5, 7)) == [
        range(1), range(1, 3), range(3, 4), range(4, 5)]
    assert _joined((6, 4), (2, 1, 3, 4, 1)) == [range(3), range(3, 5)]
    assert _joined((1, 4), (4,)) == [range(0), range(1)]
    assert _joined((4, 6), (2, 3, 4)) is None
    assert _joined((4, 6), (4, 6, 2)) is None
    for shape in ((3, 1, 4), (1, 1), (2, 3)):
        assert prod(prod(shape[i] for i in axes) for axes in _joined(shape, shape)) == prod(shape)


def test_a_pool_of_what_was_cut_and_joined_before_it_is_quantized(rng: Rng) -> None:
    graph = Graph((1, 3, 6, 4))
    y = graph.node("Conv", [graph.x, graph.weights(rng, 8, 3, 1, 1)])
    y = graph.node("Reshape", [y, graph.integers(1, 2, 4, 6, 4)])
    y = graph.node("Transpose", [y], perm=[0, 2, 1, 3, 4])
    y = graph.node("Reshape", [y, graph.integers(1, 8, 4, 6)])
    graph.x = graph.requantize(graph.node("MaxPool", [y], kernel_shape=[2, 2]), SCALE, POINT)
    compare(graph, rng, SCALE)
