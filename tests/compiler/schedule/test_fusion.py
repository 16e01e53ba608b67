"""Chains: which rows are made when, what they are thought to cost, and that they save traffic."""

import inspect
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from hadron_compiler import CapacityError, compile_model, compiler
from hadron_compiler.allocate.placement import Choice
from hadron_compiler.codegen.geometry import Region
from hadron_compiler.codegen.lowering import lower
from hadron_compiler.frontend.tflite import import_tflite
from hadron_compiler.ir.graph import Graph
from hadron_compiler.passes import run_passes
from hadron_compiler.schedule.bands import Chain
from hadron_compiler.schedule.estimate import chain_costs
from hadron_compiler.schedule.fusion import candidates
from hadron_compiler.schedule.tiles import Tiler
from hadron_spec.config import CONFIGS
from hadron_testing.chains import inverted_residuals
from hadron_testing.large_models import Layers

H64 = CONFIGS["h64"]


def network(model: bytes) -> tuple[Graph, list[Tiler]]:
    """Return a model as graph, with a tiler for each layer."""
    graph = run_passes(import_tflite("model", model))
    return graph, [Tiler(H64, kernel, operation.label) for kernel, operation in
                   zip(lower(graph, H64), graph.operations, strict=True)]


@pytest.fixture
def residuals(rng: np.random.Generator) -> bytes:
    """A network of inverted residuals that does not fit."""
    layers, outputs = inverted_residuals(rng)
    return layers.builder.finish(outputs)


def test_every_row_is_made_once_and_is_there_when_it_is_read(residuals: bytes) -> None:
    graph, tilers = network(residuals)
    chain = Chain(graph, tilers, H64, 0, len(tilers) - 2)
    for bands in (1, 2, 3, 7, chain.height):
        made = dict.fromkeys([*chain.writers, *chain.readers], 0)
        for band in chain.schedule(bands):
            for tensor, rows in band.items():
                assert rows.start == made[tensor] <= rows.end
                assert rows.keep <= rows.start
            for member in chain.members:
                rows = band[member.destination]
                if rows.start < rows.end:
                    whole = member.geometry.whole
                    first, end = member.geometry.needed(
                        Region((rows.start, rows.end), whole.x)).y
                    for tensor in member.sources:
                        assert band[tensor].keep <= first
                        assert end <= band[tensor].end
            made = {tensor: rows.end for tensor, rows in band.items()}
        for tensor in chain.kept:
            assert made[tensor] == chain.writers[tensor].geometry.destination[0]


def test_shares_of_channels_need_less_room_and_their_halo_is_made_again(
        rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 24, 20, 3))
    x = layers.conv(layers.inputs[0], 8, (3, 3))
    y = layers.depthwise(layers.conv(x, 48, (1, 1)), (3, 3))
    graph, tilers = network(layers.builder.finish([layers.conv(y, 8, (1, 1))]))
    whole = Chain(graph, tilers, H64, 1, 4)
    cut = Chain(graph, tilers, H64, 1, 4, shares=4)
    wide, = cut.shares
    assert not whole.shares
    assert [share.channels for share in cut.shares[wide]] == [(0, 12), (12, 24), (24, 36), (36, 48)]
    plans = [chain.plan(3, frozenset()) for chain in (whole, cut)]
    assert plans[1].workspace < plans[0].workspace
    for before, band in pairwise(plans[1].bands):
        assert band[wide].keep == band[wide].start == before[wide].end - 2


def test_a_layer_that_reads_shares_of_channels_makes_none(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 24, 20, 3))
    y = layers.conv(layers.inputs[0], 8, (3, 3))
    for layer in range(4):
        y = layers.depthwise(y, (3, 3)) if layer else layers.conv(y, 48, (1, 1))
    graph, tilers = network(layers.builder.finish([y]))
    chain = Chain(graph, tilers, H64, 1, 5, shares=4)
    assert [chain.writers[tensor].index for tensor in chain.shares] == [1, 3]


def test_layers_of_several_images_make_no_chain(rng: np.random.Generator) -> None:
    layers = Layers(rng, (2, 9, 9, 4))
    y = layers.conv(layers.conv(layers.inputs[0], 5, (1, 1)), 6, (1, 1))
    graph, tilers = network(layers.builder.finish([y]))
    with pytest.raises(CapacityError, match="CONV_2D #0: not in bands"):
        Chain(graph, tilers, H64, 0, 2)


def test_rows_of_another_width_make_no_chain(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 8, 8, 4))
    y = layers.builder.reshape(layers.conv(layers.inputs[0], 4, (1, 1)), (1, 4, 16, 4))
    graph, tilers = network(layers.builder.finish([layers.conv(y, 6, (1, 1))]))
    with pytest.raises(CapacityError, match="read in other rows than it is written in"):
        Chain(graph, tilers, H64, 0, 2)


def test_a_network_that_fits_is_drafted_once(rng: np.random.Generator) -> None:
    layers = Layers(rng, (1, 20, 20, 4))
    y = layers.conv(layers.conv(layers.inputs[0], 8, (1, 1)), 4, (3, 3))
    graph, tilers = network(layers.builder.finish([y]))
    assert candidates(graph, tilers, H64) == [Choice()]


def test_chains_move_fewer_bytes_in_fewer_cycles(residuals: bytes,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(program: compiler.Program) -> int:
        return sum(layer.bytes_loaded + layer.bytes_stored for layer in program.layers)

    fused = compile_model(residuals, H64)
    monkeypatch.setattr(compiler, "candidates", lambda *_: [Choice()])
    alone = compile_model(residuals, H64)
    assert any(layer.chain != layer.index for layer in fused.layers)
    assert all(layer.chain == layer.index for layer in alone.layers)
    assert moved(fused) < 0.7 * moved(alone)
    assert fused.cycles < alone.cycles


def test_long_paths_are_no_deep_calls(rng: np.random.Generator) -> None:
    """NASNet has more layers than Python has calls within calls: here both are fewer."""
    layers = Layers(rng, (1, 40, 40, 16))
    x = layers.inputs[0]
    for _ in range(60):
        x = layers.conv(x, 16, (1, 1))
    graph, tilers = network(layers.builder.finish([x]))
    small = replace(H64, act_bytes=32 << 10)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 50)
    try:
        assert len(candidates(graph, tilers, small)) > 1
    finally:
        sys.setrecursionlimit(limit)


def test_work_counts_that_few_bands_have(rng: np.random.Generator) -> None:
    """Where the last layer makes two rows of one, the others do nothing in every other band."""
    layers = Layers(rng, (1, 7, 8, 64))
    x = layers.conv(layers.conv(layers.inputs[0], 64, (3, 3)), 64, (1, 1))
    y = layers.builder.tensor((1, 14, 16, 16), x.scale, x.zero_point)
    layers.builder.operator("DEPTH_TO_SPACE", [x], [y], "DepthToSpace", blockSize=2)
    graph, tilers = network(layers.builder.finish([y]))
    chain = Chain(graph, tilers, H64, 0, len(tilers))
    macs = sum(tiler.kernel.macs for tiler in tilers)
    for bands in (2, 3, 5, 14):
        plan = chain.plan(bands, frozenset())
        cost, _ = chain_costs(graph, plan, frozenset(), H64)
        assert macs / 64 < cost.cycles < 2.5 * macs / 64
