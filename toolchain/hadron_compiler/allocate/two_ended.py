"""Place blocks at both ends of an address range, so that one large piece stays free between."""

from collections.abc import Sequence

from hadron_compiler.allocate.intervals import ALIGN, Block, align_up, largest_gap

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
    placed: list[Block] = []
    addresses: list[int] = []
    order = sorted(range(len(blocks)), key=lambda i: (blocks[i].first, -blocks[i].size, i))
    for index in order:
        block = blocks[index]
        size = align_up(block.size)
        busy = sorted((address, address + align_up(other.size))
                      for other, address in zip(placed, addresses, strict=True)
                      if other.overlaps(block))
        fits = []
        low = 0
        for start, end in [*busy, (capacity, capacity)]:
            if start - low >= size:
                fits += [low, (start - size) // ALIGN * ALIGN]
            low = max(low, end)
        if not fits:
            return None

        def missing(address: int, block: Block = block) -> int:
            return sum(max(0, wanted[time] - largest_free(
                [*placed, block], [*addresses, address], time, capacity))
                for time in range(block.first, block.last + 1))

        best = min((min(fits), max(fits)), key=missing)
        placed.append(block)
        addresses.append(best)
    found = dict(zip(order, addresses, strict=True))
    return tuple(found[index] for index in range(len(blocks)))
