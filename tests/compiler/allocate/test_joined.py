"""Blocks of groups lie side by side, and no two that live at the same time overlap."""

import numpy as np

from hadron_compiler.allocate.intervals import ALIGN, Block, align_up
from hadron_compiler.allocate.joined import place_joined


def test_random_groups_do_not_overlap(rng: np.random.Generator) -> None:
    for _ in range(60):
        groups = []
        for _ in range(int(rng.integers(1, 9))):
            first = int(rng.integers(0, 6))
            groups.append([
                Block(int(rng.integers(1, 500)), first, first + int(rng.integers(0, 3))),
                Block(int(rng.integers(0, 200)), 0, 9)])
        placement = place_joined(groups)
        assert all(address % ALIGN == 0 for address in placement.addresses)
        taken = [(address, address + group[0].size, group[0])
                 for group, address in zip(groups, placement.addresses, strict=True)]
        taken += [(address + group[0].size, address + group[0].size + group[1].size, group[1])
                  for group, address in zip(groups, placement.addresses, strict=True)]
        assert placement.size == align_up(max(end for _, end, _ in taken))
        for i, (start, end, block) in enumerate(taken):
            for other_start, other_end, other in taken[:i]:
                if block.size and other.size and block.overlaps(other):
                    assert end <= other_start or other_end <= start


def test_what_is_not_used_at_the_same_time_shares_its_room() -> None:
    groups = [[Block(640, 0, 1), Block(32, 0, 9)], [Block(320, 2, 3), Block(32, 0, 9)]]
    assert place_joined(groups).size > 640 + 32
    groups[0][1], groups[1][1] = Block(32, 0, 1), Block(32, 2, 3)
    assert place_joined(groups).size == 640 + 32


def test_nothing_to_place() -> None:
    assert place_joined([()]).size == 0
