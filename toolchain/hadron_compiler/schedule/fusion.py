"""Choose the stages of a network that does not fit: which layers run band by band, what streams."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

from hadron_compiler.allocate.intervals import align_up
from hadron_compiler.allocate.placement import Choice
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.bands import Chain
from hadron_compiler.schedule.estimate import Cost, chain_costs, layer_cost
from hadron_compiler.schedule.pieces import SLOW_MEMORY
from hadron_compiler.schedule.tiles import Tiler
from hadron_spec.config import NpuConfig

__all__ = ["candidates", "crowded_tensors"]

LONGEST = 9
"""Layers of a chain, at most."""

MOST_OPTIONS = 3
"""Tensors of a stage for which both places are tried; of any more, the smallest stay on chip."""

SHARES = (1, 4, 12)
"""Shares of channels in which tensors of a chain are made and read, at most: all are tried."""

MOST_NODES = 32
"""Nodes of a layer that are followed, the best ones: many live tensors make many of them."""

Tensors = frozenset[Tensor]


def _tight(spans: Mapping[Tensor, tuple[int, int]], config: NpuConfig) -> set[int]:
    """Return the layers at which not all that lives fits the scratchpad."""
    load: Counter[int] = Counter()
    for tensor, (first, last) in spans.items():
        if not tensor.in_memory:
            for index in range(first, last + 1):
                load[index] += align_up(tensor.footprint)
    return {index for index, size in load.items() if size > config.act_bytes}


def _crowded(spans: Mapping[Tensor, tuple[int, int]], tight: Set[int]) -> Tensors:
    """Return the tensors that live at one of these layers."""
    return frozenset(tensor for tensor, (first, last) in spans.items()
                     if not tensor.in_memory and not tight.isdisjoint(range(first, last + 1)))


def crowded_tensors(graph: Graph, config: NpuConfig) -> Tensors:
    """Return the tensors that live while not all do fit."""
    spans = graph.spans()
    return _crowded(spans, _tight(spans, config))


def candidates(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig) -> list[Choice]:
    """Return what is worth drafting: nothing decided, and, where tensors do not all fit, the best
    stages of single layers and of chains, by estimate.

    They are shortest paths. A node is the layer that comes next and which tensors that are still
    read are on chip; an edge is a stage, in the scratchpad that these leave it.
    """
    search = _Search(graph, tilers, config)
    if not search.tight:
        return [Choice()]
    alone = search.run(1, lambda cost: cost.fast(config) + cost.slow(SLOW_MEMORY))
    if alone is None:
        return [Choice()]
    costs = [stage.cost for stage in alone.stages()]
    fast = sum(cost.fast(config) for cost in costs)
    slow = sum(cost.slow(SLOW_MEMORY) for cost in costs)

    def both(cost: Cost) -> float:
        # About the product of both: what counts is by how much of it each falls.
        return cost.fast(config) / fast + cost.slow(SLOW_MEMORY) / slow

    def slowly(cost: Cost) -> float:
        return cost.slow(SLOW_MEMORY)

    # What is estimated is not what comes out: several views of it bring several to try.
    fused = [search.run(LONGEST, value, shares, roughly=roughly)
             for shares in range(1, len(SHARES) + 1)
             for value, roughly in ((both, False), (both, True), (slowly, False))]
    # By their stages: a path's own hash would go down as many calls as it has stages.
    different = {tuple(path.stages()): path for path in (alone, *fused) if path is not None}
    return [Choice(), *(path.choice() for path in different.values())]


@dataclass(frozen=True)
class _Stage:
    """Layers from `first` on, what they cost, and which of their tensors are in memory."""

    first: int
    chain: Chain | None
    workspace: int
    cost: Cost
    streamed: Tensors


@dataclass(frozen=True, eq=False)
class _Path:
    """The best way to a node: its value, the last stage, and the way before."""

    value: float = 0
    stage: _Stage | None = None
    before: "_Path | None" = None

    def stages(self) -> list[_Stage]:
        """Return the stages in order."""
        path: _Path | None = self
        stages = []
        while path is not None:
            if path.stage is not None:
                stages.append(path.stage)
            path = path.before
        return stages[::-1]

    def choice(self) -> Choice:
        """Return the path as a choice."""
        stages = self.stages()
        return Choice(tuple(stage.chain for stage in stages if stage.chain is not None),
                      frozenset().union(*(stage.streamed for stage in stages)),
                      {stage.first: stage.workspace for stage in stages})


class _Search:
    def __init__(self, graph: Graph, tilers: Sequence[Tiler], config: NpuConfig) -> None:
        self.graph = graph
        self.tilers = tilers
        self.config = config
        self.touched = [
            list(dict.fromkeys(tensor.storage for tensor in (*operation.activations,
                                                             *operation.outputs)))
            for operation in graph.operations]
        self.spans = graph.spans()
        self.in_memory: Tensors = frozenset(some for some in self.spans if some.in_memory)
        self.tight = _tight(self.spans, config)
        self.flexible: Tensors = frozenset(
            tensor for tensor in _crowded(self.spans, self.tight) if not tensor.deep)
        self.outside = {tensor.storage for tensor in graph.outputs}
        self.chains: dict[tuple[int, int], Sequence[Chain]] = {}
        self.layer_costs: dict[object, Cost] = {}
        self.chain_costs: dict[object, tuple[Cost, Cost]] = {}

    def run(self, longest: int, value: Callable[[Cost], float], shares: int = 1, *,
            roughly: bool = False) -> _Path | None:
        """Return the best path of stages of at most so many layers, with the first so many of
        `SHARES`; None where there is none. `roughly`: chains by their middle band alone."""
        count = len(self.tilers)
        nodes: list[dict[Tensors, _Path]] = [{} for _ in range(count + 1)]
        nodes[0][frozenset()] = _Path()
        for first in range(count):
            paths = sorted(nodes[first].items(), key=lambda node: node[1].value)
            for resident, path in paths[:MOST_NODES]:
                for stage, end, left in self._edges(first, resident, longest, shares, roughly):
                    total = path.value + value(stage.cost)
                    known = nodes[end].get(left)
                    if known is None or total < known.value:
                        nodes[end][left] = _Path(total, stage, path)
        return min(nodes[count].values(), key=lambda path: path.value, default=None)

    def _edges(self, first: int, resident: Tensors, longest: int, shares: int, roughly: bool
               ) -> Iterator[tuple[_Stage, int, Tensors]]:
        """Yield the stages that may come next, the layer after each, and what is on chip then."""
        for end in range(first + 1, min(len(self.tilers), first + longest) + 1):
            chains: Sequence[Chain] = ()
            internal: Tensors = frozenset()
            if end > first + 1:
                chains = self._chains(first, end)
                if not chains:
                    return
                internal = chains[0].internal
                if not internal or self.tight.isdisjoint(range(first, end)):
                    continue
            touched = dict.fromkeys(tensor for index in range(first, end)
                                    for tensor in self.touched[index] if tensor not in internal)
            before = frozenset(some for some in touched if self.spans[some][0] < first)
            new = [some for some in touched if some not in before and some not in self.in_memory]
            free = sorted((some for some in new if some in self.flexible),
                          key=lambda tensor: -tensor.size)[:MOST_OPTIONS]
            for places in product((False, True), repeat=len(free)):
                streamed = (before - resident) | {
                    tensor for tensor, place in zip(free, places, strict=True) if place}
                on_chip = resident | (frozenset(new) - streamed)
                left = frozenset(some for some in on_chip if self.spans[some][1] >= end)
                for stage in self._stages(first, end, chains[:shares], streamed, on_chip,
                                          roughly):
                    yield stage, end, left

    def _chains(self, first: int, end: int) -> Sequence[Chain]:
        """Return the chains of some layers, with tensors in shares and without: none where they
        cannot be one."""
        if (first, end) not in self.chains:
            chains = []
            with suppress(CapacityError):
                for shares in SHARES:
                    chain = Chain(self.graph, self.tilers, self.config, first, end, shares,
                                  self.spans)
                    if shares == 1 or chain.shares:
                        chains.append(chain)
            self.chains[first, end] = chains
        return self.chains[first, end]

    def _stages(self, first: int, end: int, chains: Sequence[Chain], streamed: Tensors,
                on_chip: Tensors, roughly: bool) -> Iterator[_Stage]:
        """Yield the stages of some layers beside what is on chip: none where that leaves too
        little, several chains where shares of channels need fewer bands."""
        capacity = self.config.act_bytes - sum(align_up(tensor.footprint) for tensor in on_chip)
        if capacity < 0:
            return
        edges = self._edge_bytes(first, end, on_chip)
        moved = Cost(0, 0, edges, edges)
        if not chains:
            with suppress(CapacityError):
                workspace, cost = self._layer(first, streamed, capacity)
                yield _Stage(first, None, workspace, cost + moved, streamed)
        fewest: int | None = None
        for chain in chains:
            with suppress(CapacityError):
                plan = chain.choose(streamed, capacity)
                bands = len(plan.bands)
                if fewest is not None and bands >= fewest:
                    continue
                fewest = bands
                key = (chain, streamed, bands)
                if key not in self.chain_costs:
                    self.chain_costs[key] = chain_costs(self.graph, plan, streamed, self.config)
                cost = self.chain_costs[key][roughly]
                yield _Stage(first, chain, plan.workspace, cost + moved, streamed)

    def _layer(self, index: int, streamed: Tensors, capacity: int) -> tuple[int, Cost]:
        """Return workspace and cost of a layer by itself."""
        operation = self.graph.operations[index]
        operands = [tensor.storage for tensor in operation.activations if not tensor.in_memory]
        tiler = self.tilers[index].streaming(
            sum(tensor in streamed for tensor in operands),
            operation.outputs[0].storage in streamed or operation.outputs[0].in_memory)
        plan = tiler.choose(capacity) if tiler.needs_space else tiler.resident()
        key = (index, tiler.sources, tiler.destination, plan.rows, plan.columns, plan.channel_tiles,
               len(plan.parts))
        if key not in self.layer_costs:
            self.layer_costs[key] = layer_cost(tiler, plan, self.config)
        return plan.workspace, self.layer_costs[key]

    def _edge_bytes(self, first: int, end: int, on_chip: Tensors) -> int:
        """Return the bytes of network inputs and outputs on chip that are loaded or stored."""
        inputs = sum(tensor.size for tensor in on_chip
                     if (tensor in self.graph.inputs or tensor.data is not None)
                     and first <= self.spans[tensor][0] < end)
        written = [operation.outputs[0] for operation in self.graph.operations[first:end]]
        outputs = sum(tensor.size for tensor in written
                      if tensor.storage in self.outside and tensor.storage in on_chip)
        return inputs + outputs
