"""Blocks that live at the same time never overlap."""

import numpy as np

from hadron_compiler.allocate.intervals import ALIGN, Block, align_up, largest_gap, place


def test_random_blocks_do_not_overlap(rng: np.random.Generator) -> None:
    for _ in range(60):
        blocks = []
        for _ in range(int(rng.integers(1, 25))):
            first = int(rng.integers(0, 12))
            blocks.append(Block(int(rng.integers(1, 500)), first, first + int(rng.integers(0, 5))))
        placement = place(blocks)
        assert all(address % ALIGN == 0 for address in placement.addresses)
        ends = [address + block.size
                for address, block in zip(placement.addresses, blocks, strict=True)]
        assert align_up(max(ends)) == placement.size
        for i, a in enumerate(blocks):
            for j, b in enumerate(blocks[:i]):
                if a.overlaps(b):
                    assert (ends[i] <= placement.addresses[j]
                            or ends[j] <= placement.addresses[i])


def test_a_chain_needs_two_neighbours() -> None:
    blocks = [Block(size, i, i + 1) for i, size in enumerate((320, 640, 160, 480))]
    assert place(blocks).size == 320 + 640


def test_reuses_the_gap_that_fits_best() -> None:
    blocks = [Block(320, 0, 3), Block(96, 0, 0), Block(320, 0, 3), Block(64, 0, 0),
              Block(320, 0, 3), Block(64, 1, 3)]
    placement = place(blocks)
    assert placement.size == 320 * 3 + 96 + 64


def test_nothing_to_place() -> None:
    assert place([]).size == 0


def test_largest_gap() -> None:
    assert largest_gap([(0, 32), (96, 128)], 256) == (128, 256)
    assert largest_gap([(32, 64), (64, 240)], 256) == (0, 32)
    assert largest_gap([], 256) == (0, 256)
    assert largest_gap([(0, 256)], 256) == (0, 0)
