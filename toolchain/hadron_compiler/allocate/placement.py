"""Decide which tensors live in the scratchpad, and where; the others are streamed from memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hadron_compiler.allocate.intervals import (
    Block,
    Occupancy,
    Placement,
    align_up,
    largest_gap,
    place,
)
from hadron_compiler.allocate.two_ended import largest_free, place_at_ends
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.schedule.bands import BandPlan, Chain
from hadron_compiler.schedule.tiles import TilePlan, Tiler
from hadron_spec.config import NpuConfig

__all__ = ["Choice", "Layout", "Stage", "place_activations"]


@dataclass(frozen=True)
class Stage:
    """Layers `first` to `end` - 1, one or a chain, how they are cut, and where their workspace
    begins."""

    first: int
    end: int
    plan: TilePlan | BandPlan
    workspace: int


@dataclass(frozen=True)
class Choice:
    """What has been decided before placement.

    Parameters
    ----------
    chains : sequence of Chain
        The layers that run band by band; no two have a layer in common.
    streamed : frozenset of Tensor
        What lives in memory; more will where that does not suffice.
    workspaces : mapping of int to int
        Bytes of workspace that a stage, named by its first layer, should have if there is room.
    haste : int
        In which pieces a network input is loaded: see :func:`.schedule.pieces.input_pieces`.
    """

    chains: Sequence[Chain] = ()
    streamed: frozenset[Tensor] = frozenset()
    workspaces: Mapping[int, int] = field(default_factory=dict)
    haste: int = 4


@dataclass
class Layout:
    """Result of :func:`place_activations`.

    `addresses` holds the resident tensors; `lifetimes` all tensors that own bytes for more than
    some rows at a time, as first and last stage. `peak` is the most scratchpad bytes in use at
    once. `haste` is that of the choice.
    """

    addresses: dict[Tensor, int] = field(default_factory=dict)
    lifetimes: dict[Tensor, tuple[int, int]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    peak: int = 0
    haste: int = 0

    @property
    def streamed(self) -> list[Tensor]:
        """The tensors that live in memory, though they need not."""
        return [tensor for tensor in self.lifetimes
                if tensor not in self.addresses and not tensor.in_memory]


class _Layer:
    """A stage of one layer."""

    def __init__(self, tiler: Tiler, operation: Operation, index: int) -> None:
        self.tiler = tiler
        self.operation = operation
        self.name = operation.label
        self.first, self.end = index, index + 1
        self.internal: frozenset[Tensor] = frozenset()

    def _streaming(self, streamed: frozenset[Tensor]) -> Tiler:
        sources = sum(tensor.storage in streamed for tensor in self.operation.activations
                      if not tensor.in_memory)
        return self.tiler.streaming(sources, self.operation.outputs[0].storage in streamed)

    def minimum(self, streamed: frozenset[Tensor], capacity: int) -> int:
        """Return the workspace to ask for."""
        return self._streaming(streamed).minimum(capacity)

    def plan(self, streamed: frozenset[Tensor], busy: Sequence[tuple[int, int]],
             capacity: int) -> tuple[TilePlan | BandPlan, int]:
        """Return the plan in the largest gap that is left, and where that begins."""
        tiler = self._streaming(streamed)
        if not tiler.needs_space:
            return tiler.resident(), 0
        start, end = largest_gap(busy, capacity)
        return tiler.choose(end - start), start


class _Fused:
    """A stage of several layers."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.name = chain.members[0].operation.label
        self.first, self.end = chain.first, chain.end
        self.internal = chain.internal

    def minimum(self, streamed: frozenset[Tensor], capacity: int) -> int:
        """Return the workspace to ask for."""
        return self.chain.minimum(streamed, capacity)

    def plan(self, streamed: frozenset[Tensor], busy: Sequence[tuple[int, int]],
             capacity: int) -> tuple[TilePlan | BandPlan, int]:
        """Return the plan in the largest gap that is left, and where that begins."""
        start, end = largest_gap(busy, capacity)
        return self.chain.choose(streamed, end - start), start


def _lifetimes(graph: Graph, stages: Sequence[_Layer | _Fused]) -> dict[Tensor, tuple[int, int]]:
    lifetimes: dict[Tensor, tuple[int, int]] = {}
    for time, stage in enumerate(stages):
        for operation in graph.operations[stage.first:stage.end]:
            for tensor in [*operation.activations, *operation.outputs]:
                if tensor.storage not in stage.internal:
                    first, _ = lifetimes.get(tensor.storage, (time, time))
                    lifetimes[tensor.storage] = (first, time)
    return lifetimes


def place_activations(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
                      choice: Choice) -> Layout:
    """Keep in the scratchpad what fits; stream the largest tensors where all do not.

    Parameters
    ----------
    tilers : sequence of Tiler
        One for each layer.
    choice : Choice
        What has been decided before.

    Raises
    ------
    CapacityError
        When the smallest tile of a layer does not fit the scratchpad.
    """
    stages: list[_Layer | _Fused] = [_Fused(chain) for chain in choice.chains]
    fused = {index for chain in choice.chains for index in range(chain.first, chain.end)}
    stages += [_Layer(tiler, operation, index) for index, (tiler, operation) in enumerate(
        zip(tilers, graph.operations, strict=True)) if index not in fused]
    stages.sort(key=lambda stage: stage.first)
    layout = Layout(lifetimes=_lifetimes(graph, stages), haste=choice.haste)
    streamed = choice.streamed | {tensor for tensor in layout.lifetimes if tensor.in_memory}
    wanted = [choice.workspaces.get(stage.first, 0) for stage in stages]
    while True:
        minimums = [stage.minimum(streamed, config.act_bytes) for stage in stages]
        residents = [tensor for tensor in layout.lifetimes if tensor not in streamed]
        blocks = [Block(tensor.footprint, *layout.lifetimes[tensor]) for tensor in residents]
        spaces, placement = _place_all(blocks, minimums, wanted, config.act_bytes)
        if placement.size <= config.act_bytes:
            break
        streamed |= {_victim(residents, blocks + spaces, placement.addresses, config,
                             [(stage.name, minimum) for stage, minimum in
                              zip(stages, minimums, strict=True)])}
    layout.addresses = dict(zip(residents, placement.addresses, strict=False))
    placed = Occupancy()
    for tensor, address in layout.addresses.items():
        first, last = layout.lifetimes[tensor]
        placed.add(range(first, last + 1), address, address + align_up(tensor.footprint))
    for index, stage in enumerate(stages):
        busy = placed.taken([index])
        plan, start = stage.plan(streamed, busy, config.act_bytes)
        layout.stages.append(Stage(stage.first, stage.end, plan, start))
        used = sum(stop - begin for begin, stop in busy) + plan.workspace
        layout.peak = max(layout.peak, used)
    return layout


def _place_all(blocks: Sequence[Block], minimums: Sequence[int], wanted: Sequence[int],
               capacity: int) -> tuple[list[Block], Placement]:
    """Place tensors and a workspace for each stage, of the size it wants if there is room, but no
    less than its minimum. Return the workspaces, and where all lie.

    Where all do not get what they want, tensors are put to both ends of the scratchpad, too, so
    that what is free lies in the middle: the way that leaves less wanting wins.
    """
    sizes = [max(some) for some in zip(minimums, wanted, strict=True)]
    spaces, placement = _shrink(blocks, minimums, sizes, capacity)
    got = [0] * len(sizes)
    for space in spaces:
        got[space.first] = space.size
    if placement.size <= capacity and got == sizes:
        return spaces, placement
    both = place_at_ends(blocks, sizes, capacity)
    if both is not None:
        gaps = [min(size, largest_free(blocks, both, time, capacity))
                for time, size in enumerate(sizes)]
        enough = all(gap >= least for gap, least in zip(gaps, minimums, strict=True))
        if enough and (placement.size > capacity or sum(gaps) > sum(got)):
            return [], Placement(both, capacity)
    return spaces, placement


def _shrink(blocks: Sequence[Block], minimums: Sequence[int], sizes: Sequence[int], capacity: int
            ) -> tuple[list[Block], Placement]:
    """Place tensors and workspaces; those that live where they are too much take less."""
    while True:
        spaces = [Block(size, index, index) for index, size in enumerate(sizes) if size]
        everything = [*blocks, *spaces]
        placement = place(everything)
        over = [(address + block.size - capacity, block) for block, address in zip(
            everything, placement.addresses, strict=True) if address + block.size > capacity]
        smaller = list(sizes)
        for excess, block in over:
            for index in range(block.first, block.last + 1):
                smaller[index] = min(smaller[index], max(minimums[index], sizes[index] - excess))
        if smaller == list(sizes):
            return spaces, placement
        sizes = smaller


def _victim(residents: list[Tensor], blocks: list[Block], addresses: tuple[int, ...],
            config: NpuConfig, stages: list[tuple[str, int]]) -> Tensor:
    """Return the largest resident tensor that lives while the scratchpad overflows."""
    times = range(len(stages))
    load = [sum(align_up(block.size) for block in blocks if block.first <= time <= block.last)
            for time in times]
    worst = max(times, key=lambda time: load[time])
    if load[worst] <= config.act_bytes:
        # Enough bytes in all, not in one piece: relieve the block that ended up highest.
        top = max(range(len(blocks)), key=lambda i: addresses[i] + blocks[i].size)
        worst = blocks[top].first
    live = [tensor for tensor, block in zip(residents, blocks, strict=False)
            if block.first <= worst <= block.last]
    if not live:
        name, minimum = stages[worst]
        raise CapacityError(
            f"{name}: a tile needs {minimum} bytes "
            f"of scratchpad, configuration {config.name!r} has act_bytes={config.act_bytes}")
    return max(live, key=lambda tensor: tensor.size)
