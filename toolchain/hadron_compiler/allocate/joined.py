"""Place blocks that lie side by side though they live for different times."""

from collections.abc import Callable, Sequence
from itertools import accumulate

from hadron_compiler.allocate.intervals import ALIGN, Block, Placement, align_up

__all__ = ["place_joined"]

_Busy = tuple[int, int, int, int]
"""Start, end, and the first and the last time of bytes that are taken."""


def place_joined(groups: Sequence[Sequence[Block]], alignment: int = ALIGN) -> Placement:
    """Place groups of blocks, each block right behind the one before it: first fit, in several
    orders, of which the one that needs least wins. A group begins at a multiple of `alignment`.
    """
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda i: (-sum(block.size for block in groups[i]),),
        lambda i: (-max((block.size for block in groups[i]), default=0),),
        lambda i: (min((block.first for block in groups[i]), default=0),),
    )
    orders = {tuple(sorted(range(len(groups)), key=lambda i: (*key(i), i))) for key in keys}
    candidates = [_place_in_order(groups, order, alignment) for order in sorted(orders)]
    return min(candidates, key=lambda placement: placement.size)


def _place_in_order(groups: Sequence[Sequence[Block]], order: Sequence[int], alignment: int
                    ) -> Placement:
    busy: list[_Busy] = []
    addresses = [0] * len(groups)
    for index in order:
        group = groups[index]
        starts = list(accumulate((block.size for block in group), initial=0))
        # Where one of its blocks would overlap one that is taken, from and to.
        barred = sorted(
            (start - offset - block.size, end - offset)
            for block, offset in zip(group, starts, strict=False) if block.size
            for start, end, first, last in busy if first <= block.last and block.first <= last)
        address = 0
        for begin, end in barred:
            if begin < address < end:
                address = align_up(end, alignment)
        addresses[index] = address
        busy += [(address + offset, address + offset + block.size, block.first, block.last)
                 for block, offset in zip(group, starts, strict=False) if block.size]
    return Placement(tuple(addresses), align_up(max((end for _, end, _, _ in busy), default=0),
                                                alignment))
