"""In which pieces to load a network input: the layer that reads it starts before its last byte."""

from collections.abc import Sequence

from hadron_compiler.codegen.geometry import Region
from hadron_compiler.codegen.kernel import Kernel, Part
from hadron_compiler.schedule.cycles import LOAD_OVERHEAD, MEMORY_LATENCY, command_cycles
from hadron_spec.config import NpuConfig

__all__ = ["SLOW_MEMORY", "input_pieces"]

SLOW_MEMORY = 2
"""Bytes a cycle of the memory that is thought of beside one that is as fast as the bus: a 16-bit
SDRAM's."""

MAX_PIECES = 8
"""Most pieces."""

RATIOS = (0.5, 1, 1.5, 2, 3, 4, 6, 8, 12)
"""By how much a piece may be larger than the one before: while the layer works on one, which takes
longer than to load it, more of the next comes."""


def input_pieces(parts: Sequence[Part], kernel: Kernel, region: Region, config: NpuConfig,
                 haste: int) -> list[Region]:
    """Cut rows of a layer's output so that they are made soonest, its input being loaded alike.

    Each piece costs a LOAD of its own, and of every part the overhead of a command. `haste` is
    how many cycles with a slow memory count as one with a memory as fast as the bus.
    """
    geometry = kernel.geometry
    piece = kernel.sample(region)
    costs = [command_cycles(command, config) for part in parts if part.works_on(region)
             for command in part.commands(piece)]
    fixed = sum(cost.fixed for cost in costs)
    work = sum(cost.work for cost in costs) / region.rows
    needed = geometry.needed(region)
    size = len(piece.sources) * geometry.source[1] * geometry.source[2] * needed.rows / region.rows

    def cycles(pieces: Sequence[Region], rate: float) -> float:
        loaded = made = 0.0
        for some in pieces:
            loaded += MEMORY_LATENCY + LOAD_OVERHEAD + some.rows * size / rate
            made = max(made, loaded) + fixed + some.rows * work
        return made

    drafts: list[list[Region]] = []
    for count in range(1, MAX_PIECES + 1):
        drafts += [_cut(region, count, ratio) for ratio in RATIOS]
    return min(drafts, key=lambda pieces: (
        haste * cycles(pieces, config.axi_bytes) + cycles(pieces, SLOW_MEMORY)))


def _cut(region: Region, count: int, ratio: float) -> list[Region]:
    """Return about `count` pieces, each so many times as large as the one before."""
    weights = [ratio ** i for i in range(count)]
    ends = [region.y[0] + max(1, round(region.rows * sum(weights[:i + 1]) / sum(weights)))
            for i in range(count)]
    starts = [region.y[0], *ends]
    return [Region((start, end), region.x) for start, end in zip(starts, ends, strict=False)
            if start < end]
