"""Whose cycles are whose: every cycle of a run belongs to one layer."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Work", "cycles_of", "spans_of"]


class Work(NamedTuple):
    """A command, or several of a layer: when it ended; `executes` tells which unit ran it."""

    layer: int
    end: int
    executes: bool


def spans_of(chains: Sequence[int], work: Iterable[Work]) -> list[tuple[int, int]]:
    """Return until which cycle what layer had the run for itself, in order.

    A layer has what lies between the end of the layers before it and the end of its last command.
    The layers of a chain take turns: each has the time up to the end of its EXECUTE commands, the
    waits before them included, and the last one what comes after all of them.

    Parameters
    ----------
    chains : sequence of int
        For each layer the first layer of the chain it is fused in; its own number where it is not.
    work : iterable of Work
        What ran; of layers beyond the last nothing is counted.
    """
    ends: dict[int, int] = {}
    turns: dict[int, list[tuple[int, int]]] = {}
    for layer, end, executes in work:
        if layer < len(chains):
            chain = chains[layer]
            ends[chain] = max(ends.get(chain, 0), end)
            if executes:
                turns.setdefault(chain, []).append((end, layer))
    spans: list[tuple[int, int]] = []
    before = 0
    for layer, chain in enumerate(chains):
        if layer + 1 < len(chains) and chains[layer + 1] == chain:
            continue
        last = max(before, ends.get(chain, 0))
        if chain != layer:
            for end, turn in sorted(turns.get(chain, [])):
                if before < end < last:
                    spans.append((end, turn))
                    before = end
        spans.append((last, layer))
        before = last
    return spans


def cycles_of(layers: int, spans: Iterable[tuple[int, int]]) -> list[int]:
    """Return the cycles of each layer."""
    cycles = [0] * layers
    before = 0
    for end, layer in spans:
        cycles[layer] += end - before
        before = end
    return cycles
