"""Place blocks with lifetimes in one address range so that none overlap while both live."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

__all__ = ["ALIGN", "Block", "Occupancy", "Placement", "align_up", "largest_gap", "place"]

ALIGN = 32
"""Blocks begin at multiples of this and are rounded up to it: no bus is wider."""


def align_up(value: int, alignment: int = ALIGN) -> int:
    """Round up to a multiple."""
    return -(-value // alignment) * alignment


@dataclass(frozen=True)
class Block:
    """`size` bytes needed from time `first` to time `last`, both included."""

    size: int
    first: int
    last: int

    @property
    def times(self) -> range:
        """The times at which they are needed."""
        return range(self.first, self.last + 1)

    def overlaps(self, other: "Block") -> bool:
        """Tell whether both live at some time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Placement:
    """Start of each block, in the order given, and the end of the highest."""

    addresses: tuple[int, ...]
    size: int


class Occupancy:
    """Ranges of addresses that are taken, by the times at which they are."""

    def __init__(self) -> None:
        self._ranges: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)

    def add(self, times: range, start: int, end: int) -> None:
        """Take a range, half-open."""
        for time in times:
            self._ranges[time].add((start, end))

    def taken(self, times: Iterable[int]) -> list[tuple[int, int]]:
        """Return what is taken at any of some times, by address."""
        return sorted(set().union(*(self._ranges[time] for time in times)))


def _place_in_order(blocks: Sequence[Block], order: Sequence[int], alignment: int) -> Placement:
    addresses = [0] * len(blocks)
    placed = Occupancy()
    top = 0
    for index in order:
        block = blocks[index]
        times = block.times
        size = align_up(block.size, alignment)
        address, best = 0, None
        for start, end in placed.taken(times):
            gap = start - address
            if gap >= size and (best is None or gap < best[0]):
                best = (gap, address)
            address = max(address, end)
        addresses[index] = address if best is None else best[1]
        placed.add(times, addresses[index], addresses[index] + size)
        top = max(top, addresses[index] + size)
    return Placement(tuple(addresses), top)


def place(blocks: Sequence[Block], alignment: int = ALIGN) -> Placement:
    """Place all blocks: best fit, in several orders, of which the one that needs least wins."""
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-blocks[i].size, blocks[i].first),
        lambda i: (blocks[i].first - blocks[i].last, -blocks[i].size),
        lambda i: (blocks[i].first, -blocks[i].size),
        lambda i: (-blocks[i].size * (blocks[i].last - blocks[i].first + 1),),
    )
    candidates = [_place_in_order(blocks, sorted(range(len(blocks)), key=lambda i: (*key(i), i)),
                                  alignment) for key in keys]
    return min(candidates, key=lambda placement: placement.size)


def largest_gap(busy: Sequence[tuple[int, int]], capacity: int) -> tuple[int, int]:
    """Return the largest range below `capacity` outside of `busy`; all are half-open."""
    best = (0, 0)
    address = 0
    for start, end in [*sorted(busy), (capacity, capacity)]:
        if start - address > best[1] - best[0]:
            best = (address, start)
        address = max(address, end)
    return best
