"""Chains of layers: networks that have them, and fusing at random where the compiler would not."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from hadron_compiler import CapacityError
from hadron_compiler.allocate.placement import Choice
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.bands import BandPlan, Chain
from hadron_compiler.schedule.tiles import Tiler
from hadron_spec.config import NpuConfig
from hadron_testing.large_models import Layers
from hadron_testing.tflite_builder import Tensor as Made

__all__ = ["inverted_residuals", "random_chains"]

LONGEST = 7


def _block(layers: Layers, x: Made, channels: int, stride: int) -> Made:
    """Add an inverted residual."""
    y = layers.conv(x, 3 * x.shape[3], (1, 1), activation="RELU6")
    y = layers.depthwise(y, (3, 3), stride=(stride, stride), activation="RELU6")
    y = layers.conv(y, channels, (1, 1))
    return layers.add(x, y) if y.shape == x.shape else y


def inverted_residuals(rng: np.random.Generator) -> tuple[Layers, list[Made]]:
    """Return a network of odd sizes whose tensors do not fit, with a branch and a pool."""
    height, width = (int(n) for n in rng.integers(37, 56, 2))
    layers = Layers(rng, (1, height, width, 3))
    x = layers.conv(layers.inputs[0], int(rng.integers(5, 20)), (3, 3),
                    stride=(int(rng.integers(1, 3)), 1))
    for _ in range(2):
        stride = int(rng.integers(1, 3))
        x = _block(layers, x, x.shape[3] if stride == 1 else int(rng.integers(8, 24)), stride)
    side = layers.conv(x, 7, (3, 3), padding=("SAME", "VALID")[int(rng.integers(2))])
    return layers, [layers.builder.pool_2d("MAX_POOL_2D", x, (3, 3), stride=(2, 2)), side]


class _RandomBands(Chain):
    """A chain of as many bands and shares of channels as a generator says, if they fit."""

    def __init__(self, rng: np.random.Generator, *arguments: object) -> None:
        super().__init__(*arguments, shares=int(rng.integers(1, 5)))
        self.wanted = int(rng.integers(1, self.height + 1))

    def minimum(self, streamed: frozenset[Tensor], capacity: int) -> int:
        workspace = self.plan(self.wanted, streamed).workspace
        return workspace if workspace <= capacity else super().minimum(streamed, capacity)

    def choose(self, streamed: frozenset[Tensor], capacity: int) -> BandPlan:
        plan = self.plan(self.wanted, streamed)
        return plan if plan.workspace <= capacity else super().choose(streamed, capacity)


def _chain(rng: np.random.Generator, graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
           first: int, end: int) -> Chain | None:
    """Return a chain of some layers, None where they cannot be one or nothing else would fit."""
    with suppress(CapacityError):
        chain = _RandomBands(rng, graph, tilers, config, first, end)
        if chain.views:
            # They must be resident: sure where all tensors fit side by side.
            tensors = {tensor.storage for operation in graph.operations
                       for tensor in (*operation.activations, *operation.outputs)}
            return chain if sum(some.size for some in tensors) < config.act_bytes // 2 else None
        everything = frozenset([*chain.kept, *chain.readers])
        if chain.plan(chain.height, everything).workspace <= config.act_bytes:
            return chain
    return None


def random_chains(rng: np.random.Generator, seen: list[int]) -> Callable[..., list[Choice]]:
    """Return what may stand for `candidates`: chains drawn from all that there can be.

    The lengths of those drawn are added to `seen`.
    """
    def choose(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig) -> list[Choice]:
        chains = []
        first = 0
        while first < len(tilers):
            end = first + 1
            for other in range(first + int(rng.integers(2, LONGEST + 1)), first + 1, -1):
                if other <= len(tilers):
                    chain = _chain(rng, graph, tilers, config, first, other)
                    if chain is not None:
                        chains.append(chain)
                        end = other
                        seen.append(other - first)
                        break
            first = end
        return [Choice(chains)]

    return choose
