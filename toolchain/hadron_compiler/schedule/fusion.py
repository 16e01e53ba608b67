"""Choose the layers that run band by band, where tensors do not all fit the scratchpad."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from math import inf

from hadron_compiler.allocate.placement import Layout
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.bands import Chain
from hadron_compiler.schedule.tiles import Tiler
from hadron_spec.config import NpuConfig

__all__ = ["choose_chains"]

Ranges = tuple[tuple[int, int], ...]
"""First layer and the one behind the last of each chain, in order."""

Spans = tuple[tuple[int, int], ...]
"""Of tensors that go through memory: the layer that writes them, the one behind the last reader."""

Draft = Callable[[Sequence[Chain]], tuple[float, Layout]]
"""Places and predicts the network with these chains: the cost, and where tensors live."""

REACH = 2
"""Layers by which a chain is made longer at a time, at most."""

ROUNDS = 4
"""How often all chains are looked at again."""


def choose_chains(graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
                  draft: Draft) -> list[Chain]:
    """Return the chains with which a network costs least, as far as a search finds them.

    Every tensor that goes to memory though a layer of the network reads it is a reason to try: its
    writer and readers become a chain, or part of one. Then chains are made longer, shorter and cut
    in two while that helps.
    """
    return _Search(graph, tilers, config, draft).run()


class _Search:
    def __init__(self, graph: Graph, tilers: Sequence[Tiler], config: NpuConfig,
                 draft: Draft) -> None:
        self.graph = graph
        self.tilers = tilers
        self.config = config
        self.draft = draft
        self.chains: dict[tuple[int, int], Chain | None] = {}
        self.known: dict[Ranges, tuple[float, Spans]] = {}

    def run(self) -> list[Chain]:
        """Return the best chains found."""
        best: Ranges = ()
        tried: set[tuple[int, int]] = set()
        while left := [spill for spill in self._evaluate(best)[1] if spill not in tried]:
            first, end = left[0]
            tried.add((first, end))
            wider = [(first - before, end + after) for after in range(REACH + 1)
                     for before in range(REACH)]
            best = self._better(best, [_with(best, new) for new in wider])
        for _ in range(ROUNDS):
            before = best
            for chain in best:
                best = self._better(best, list(_changed(best, chain)))
            if best == before:
                break
        return [chain for chain in map(self._chain, best) if chain is not None]

    def _better(self, best: Ranges, candidates: Sequence[Ranges]) -> Ranges:
        """Return the best of all."""
        return min([best, *candidates], key=lambda ranges: self._evaluate(ranges)[0])

    def _evaluate(self, ranges: Ranges) -> tuple[float, Spans]:
        """Return the cost, and from which layer to which tensors go through memory."""
        if ranges not in self.known:
            self.known[ranges] = self._draft(ranges)
        return self.known[ranges]

    def _draft(self, ranges: Ranges) -> tuple[float, Spans]:
        chains = [chain for chain in map(self._chain, ranges) if chain is not None]
        if len(chains) < len(ranges):
            return inf, ()
        try:
            cost, layout = self.draft(chains)
        except CapacityError:
            if not ranges:
                raise
            return inf, ()
        spans = [self._span(tensor) for tensor in layout.streamed]
        return cost, tuple(sorted(span for span in spans if span[1] - span[0] > 1))

    def _span(self, tensor: Tensor) -> tuple[int, int]:
        """Return the layers from the one that writes a tensor to the last that reads it."""
        uses = [i for i, operation in enumerate(self.graph.operations)
                if tensor in (some.storage for some in (*operation.activations,
                                                        *operation.outputs))]
        return uses[0], uses[-1] + 1

    def _chain(self, ends: tuple[int, int]) -> Chain | None:
        """Return the chain of a range of layers, None where there is none."""
        if ends not in self.chains:
            self.chains[ends] = None
            first, end = ends
            if 0 <= first < end - 1 < len(self.tilers):
                with suppress(CapacityError):
                    self.chains[ends] = Chain(self.graph, self.tilers, self.config, first, end)
        return self.chains[ends]


def _with(ranges: Ranges, new: tuple[int, int]) -> Ranges:
    """Add a chain, one with those that it has layers in common with."""
    first, end = new
    apart = []
    for other in ranges:
        if other[0] < end and first < other[1]:
            first, end = min(first, other[0]), max(end, other[1])
        else:
            apart.append(other)
    return tuple(sorted([*apart, (first, end)]))


def _changed(ranges: Ranges, chain: tuple[int, int]) -> Iterator[Ranges]:
    """Return what else could become of a chain."""
    if chain not in ranges:
        return
    rest = tuple(other for other in ranges if other != chain)
    first, end = chain
    yield rest
    for reach in range(1, REACH + 1):
        yield _with(ranges, (first - reach, end))
        yield _with(ranges, (first, end + reach))
        yield from (tuple(sorted([*rest, part])) for part in
                    ((first + reach, end), (first, end - reach)) if part[0] < part[1])
    for middle in range(first + 1, end):
        yield tuple(sorted([*rest, *(part for part in ((first, middle), (middle, end))
                                     if part[1] - part[0] > 1)]))
