"""Place blocks at both ends of an address range, so that one large piece stays free between."""

from collections.abc import Sequence

from hadron_compiler.allocate.intervals import ALIGN, Block, Occupancy, align_up, largest_gap

__all__ = ["largest_free", "place_at_ends"]


def largest_free(blocks: Sequence[Block], addresses: Sequence[int], time: int,
                 capacity: int) -> int:
    """Return the size of the largest piece that is free at some time beside placed blocks."""
    start, end = largest_gap([
        (address, address + align_up(block.size))
        for block, address in zip(blocks, addresses, strict=False)
        if block.first <= time <= block.last], capacity)
    return end - start


def place_at_ends(blocks: Sequence[Block], wanted: Sequence[int], capacity: int
                  ) -> tuple[int, ...] | None:
    """Place all blocks one after the other by their first time, each as low or as high as it can
    be: where more is left of what is `wanted` in one piece at each time. None where one does not
    fit."""
    placed = Occupancy()
    addresses = [0] * len(blocks)
    order = sorted(range(len(blocks)), key=lambda i: (blocks[i].first, -blocks[i].size, i))
    for index in order:
        block = blocks[index]
        times = block.times
        size = align_up(block.size)
        fits = []
        low = 0
        for start, end in [*placed.taken(times), (capacity, capacity)]:
            if start - low >= size:
                fits += [low, (start - size) // ALIGN * ALIGN]
            low = max(low, end)
        if not fits:
            return None

        def missing(address: int, times: range = times, size: int = size) -> int:
            gaps = [largest_gap([*placed.taken([time]), (address, address + size)], capacity)
                    for time in times]
            return sum(max(0, wanted[time] - (end - start))
                       for time, (start, end) in zip(times, gaps, strict=True))

        address = min((min(fits), max(fits)), key=missing)
        addresses[index] = address
        placed.add(times, address, address + size)
    return tuple(addresses)
