"""Blocks at both ends leave one piece free between them."""

import numpy as np

from hadron_compiler.allocate.intervals import ALIGN, Block
from hadron_compiler.allocate.two_ended import largest_free, place_at_ends

CAPACITY = 4096


def test_a_tensor_that_is_read_and_one_that_is_written_leave_the_middle() -> None:
    blocks = [Block(1024, i, i + 1) for i in range(6)]
    addresses = place_at_ends(blocks, [2048] * 7, CAPACITY)
    assert addresses is not None
    assert all(largest_free(blocks, addresses, time, CAPACITY) >= 2048 for time in range(7))


def test_random_blocks_do_not_overlap(rng: np.random.Generator) -> None:
    placed = 0
    for _ in range(60):
        blocks = []
        for _ in range(int(rng.integers(1, 12))):
            first = int(rng.integers(0, 8))
            blocks.append(Block(int(rng.integers(1, 1500)), first, first + int(rng.integers(0, 3))))
        addresses = place_at_ends(blocks, [1000] * 12, CAPACITY)
        if addresses is None:
            continue
        placed += 1
        for i, (a, start) in enumerate(zip(blocks, addresses, strict=True)):
            assert start % ALIGN == 0
            assert start + a.size <= CAPACITY
            for b, other in zip(blocks[:i], addresses[:i], strict=True):
                if a.overlaps(b):
                    assert start + a.size <= other or other + b.size <= start
    assert placed > 20


def test_blocks_that_do_not_fit_have_no_place() -> None:
    assert place_at_ends([Block(3000, 0, 1), Block(2000, 1, 2)], [0, 0, 0], CAPACITY) is None
