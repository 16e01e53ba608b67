"""About what a stage costs, without placing it: to choose stages by."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import filterfalse

from hadron_compiler.allocate.placement import Layout
from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Region
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.bands import BandPlan
from hadron_compiler.schedule.build_bands import ChainBuilder
from hadron_compiler.schedule.cycles import command_cycles, head_start
from hadron_compiler.schedule.tiles import TilePlan, Tiler, weight_loads
from hadron_compiler.schedule.writer import CommandWriter, MemoryOffsets
from hadron_spec.commands import COMMAND_BYTES, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["Cost", "chain_costs", "layer_cost"]


EXPOSED = 0.2
"""What part of transfers from a slow memory is not hidden by work of its stage, about, nor work by
transfers: its first and its last."""


@dataclass(frozen=True)
class Cost:
    """Cycles of EXECUTE, cycles in which its results take the scratchpad's port, bytes that pass
    that port, and bytes that pass the memory port."""

    cycles: float = 0
    results: float = 0
    moved: float = 0
    bytes: float = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cycles + other.cycles, self.results + other.results,
                    self.moved + other.moved, self.bytes + other.bytes)

    def times(self, count: float) -> "Cost":
        """Return the cost of doing it `count` times."""
        return Cost(self.cycles * count, self.results * count, self.moved * count,
                    self.bytes * count)

    def fast(self, config: NpuConfig) -> float:
        """Return the cycles with a memory as fast as the bus."""
        return max(self.cycles, self.results + self.moved / config.axi_bytes,
                   self.bytes / config.axi_bytes)

    def slow(self, bytes_per_cycle: float) -> float:
        """Return the cycles with a memory of so many bytes a cycle."""
        moving = self.bytes / bytes_per_cycle
        return max(self.cycles, moving) + EXPOSED * min(self.cycles, moving)


def _cost(commands: Iterable[Command], config: NpuConfig) -> Cost:
    cost = Cost()
    for command in commands:
        cycles = command_cycles(command, config)
        if command.unit is Unit.EXECUTE:
            # What comes before is most often of its kind, and read by neither at once.
            gained = head_start(command, command, config)
            cost += Cost(cycles.total - gained, cycles.results, 0, COMMAND_BYTES)
        else:
            size = command.fields["row_bytes"] * command.fields["rows"]
            cost += Cost(0, 0, size if cycles.port else 0, size + COMMAND_BYTES)
    return cost


def _is_constant(command: Command) -> bool:
    return command.opcode is Opcode.LOAD and command.writes[0].space is not Space.SCRATCHPAD


def chain_costs(graph: Graph, plan: BandPlan, streamed: frozenset[Tensor],
                config: NpuConfig) -> tuple[Cost, Cost]:
    """Return about what a chain costs, twice: by all kinds of its bands, each as many times as
    there are, and by the middle one alone."""
    tensors = {tensor for rows in plan.bands[:1] for tensor in rows}
    layout = Layout(addresses={tensor.storage: 0 for tensor in tensors - streamed})
    offsets = MemoryOffsets(dict.fromkeys(tensors & streamed, 0), defaultdict(int))
    count = len(plan.bands)
    loads = weight_loads(plan.parts, config, count)
    kinds: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, band in enumerate(plan.bands):
        kinds[tuple(rows.end - rows.start for rows in band.values())].append(place)
    work, constants, most = Cost(), Cost(), Cost()
    for numbers in kinds.values():
        writer = CommandWriter(graph, layout, offsets, config)
        number = numbers[len(numbers) // 2]
        ChainBuilder(writer, plan, 0, number).band(plan.bands[number])
        one = _cost(filterfalse(_is_constant, writer.commands), config)
        own = _cost(filter(_is_constant, writer.commands), config)
        work += one.times(len(numbers))
        constants += own.times(len(numbers) / count)
        most = max(most, own, key=lambda cost: cost.bytes)
        if count // 2 in numbers:
            rows = plan.bands[count // 2][plan.members[-1].destination]
            height = plan.members[-1].geometry.destination[0]
            middle = one.times(height / max(1, rows.end - rows.start)) + own.times(loads)
    return work + (most if loads == 1 else constants.times(loads)), middle


def layer_cost(tiler: Tiler, plan: TilePlan, config: NpuConfig) -> Cost:
    """Return about what a layer costs that runs by itself, tile by tile."""
    geometry = tiler.kernel.geometry
    whole = geometry.whole
    tiles = len(plan.regions(whole)) * geometry.images
    region = Region((0, min(plan.rows, whole.rows)), (0, min(plan.columns, whole.columns)))
    piece = tiler.kernel.sample(region)
    cost = _cost((command for part in plan.parts if part.works_on(region)
                  for command in part.commands(piece)), config)
    cost = cost.times(geometry.images * whole.rows * whole.columns / region.rows / region.columns)
    if plan.channel_tiles:
        tiles *= len(plan.parts)
    moved = tiles * (tiler.sources * plan.source_size + tiler.destination * plan.destination.size)
    transfers = tiles * (tiler.sources + tiler.destination)
    loads = 1 if plan.channel_tiles else weight_loads(plan.parts, config, tiles)
    weights = sum(len(some.image) for some in {part.constants for part in plan.parts}
                  if some is not None)
    return cost + Cost(0, 0, moved, moved + transfers * COMMAND_BYTES + loads * weights)
