"""Cut a layer whose tensors do not all fit the scratchpad into tiles that do."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from math import prod

from hadron_compiler.allocate.intervals import align_up
from hadron_compiler.allocate.weights import held_constants
from hadron_compiler.codegen.geometry import Region
from hadron_compiler.codegen.kernel import Kernel, Part
from hadron_compiler.errors import CapacityError
from hadron_compiler.schedule.cycles import command_cycles
from hadron_compiler.schedule.transfers import LocalLayout, local_layout
from hadron_spec.config import NpuConfig

__all__ = ["SHARES", "TilePlan", "Tiler", "weight_loads"]

SHARES = ((4, 2, 1), (2, 1))
"""What part of the weight memory the weights of a part may take: small parts are loaded under the
work of others, large ones take fewer commands."""

OVERLAPPED_TILES = 4
"""Tiles a streamed layer is cut into at least, so that transfers run under the work of others."""


@dataclass(frozen=True)
class TilePlan:
    """How a layer is cut.

    `parts` are its channels; with `channel_tiles`, each part has tiles of its own. Where sums take
    several parts, all parts make one tile, of one output, before the next. A tile has at most
    `rows` x `columns` outputs. `depth` buffers take turns for every operand in memory. `sources`
    are the layouts that inputs have when they come from there.
    """

    parts: tuple[Part, ...]
    rows: int
    columns: int
    channel_tiles: bool
    depth: int
    sources: tuple[LocalLayout, ...]
    destination: LocalLayout
    workspace: int

    @property
    def in_turn(self) -> bool:
        """Whether every tile takes all parts in turn, because of their sums."""
        return not all(part.finishes for part in self.parts)

    @property
    def blocks(self) -> list[tuple[Part, ...]]:
        """The parts that make a tile together: with `channel_tiles` those of the same channels,
        each of which may work on some pixels only."""
        if not self.channel_tiles:
            return [self.parts]
        if self.in_turn:
            return [(part,) for part in self.parts]
        return [tuple(block) for _, block in groupby(
            self.parts, lambda part: (part.channels, part.source_channels))]

    @property
    def source_size(self) -> int:
        """Bytes of the largest input of a tile."""
        return max((layout.size for layout in self.sources), default=0)

    def regions(self, whole: Region) -> list[Region]:
        """Return the tiles of an image in the order in which they run."""
        return [Region((y, min(y + self.rows, whole.y[1])), (x, min(x + self.columns, whole.x[1])))
                for y in range(0, whole.y[1], self.rows)
                for x in range(0, whole.x[1], self.columns)]


class Tiler:
    """Chooses tiles of one layer.

    Parameters
    ----------
    kernel : Kernel
        The layer.
    name : str
        What messages call it.
    sources : int
        How many of its inputs are streamed from memory.
    destination : bool
        Whether its output is streamed to memory.
    shares : sequence of int
        Parts take no more than such a part of the weight memory, the first that is possible.
    """

    def __init__(self, config: NpuConfig, kernel: Kernel, name: str, sources: int = 0,
                 destination: bool = False, shares: Sequence[int] = SHARES[0]) -> None:
        self.config = config
        self.kernel = kernel
        self.name = name
        self.sources = sources
        self.destination = destination
        self.shares = shares
        self.whole = kernel.geometry.whole
        self._parts: dict[int | None, tuple[Part, ...]] = {}
        self._known_cycles: dict[object, float] = {}

    @property
    def needs_space(self) -> bool:
        """Whether the layer needs scratchpad beside its resident tensors."""
        return bool(self.sources or self.destination or self.kernel.scratch(1, 1))

    @cached_property
    def rows_needed(self) -> tuple[list[int], list[int]]:
        """For y from 0 to the height of the output: the first input row that its rows from y on
        need, and the end of those that its rows before y need."""
        geometry, height = self.kernel.geometry, self.whole.rows
        starts = [geometry.needed(Region((y, height), self.whole.x)).y[0] for y in range(height)]
        ends = [geometry.needed(Region((0, y + 1), self.whole.x)).y[1] for y in range(height)]
        return [*starts, geometry.source[0]], [0, *ends]

    def streaming(self, sources: int, destination: bool) -> "Tiler":
        """Return a tiler of the same layer, and the same parts, with other operands in memory."""
        other = copy(self)
        other.sources, other.destination = sources, destination
        return other

    def sharing(self, shares: Sequence[int]) -> "Tiler":
        """Return a tiler of the same layer whose parts take other shares."""
        return self if shares == self.shares else Tiler(
            self.config, self.kernel, self.name, self.sources, self.destination, shares)

    def parts(self, max_channels: int | None = None) -> tuple[Part, ...]:
        """Return the parts of the layer, as small as lets weights load under the work of others."""
        if max_channels not in self._parts:
            steps = self.config.weight_steps
            self._parts[max_channels] = tuple(
                _first_that_fits(self.kernel, [steps // share for share in self.shares],
                                 max_channels))
        return self._parts[max_channels]

    def _plan(self, rows: int, columns: int, max_channels: int | None, depth: int) -> TilePlan:
        geometry, bus = self.kernel.geometry, self.config.axi_bytes
        channels = geometry.source[2]
        parts = self.parts(max_channels)
        if not all(part.finishes for part in parts):
            rows = columns = 1
        tiles = max_channels is not None
        out_channels = (max(part.channels[1] - part.channels[0] for part in parts)
                        if tiles else geometry.written[1] - geometry.written[0])
        in_channels = (max(part.source_channels[1] - part.source_channels[0] for part in parts)
                       if tiles else channels)
        in_rows, in_columns = geometry.tile_needed(rows, columns)
        *placed, written = self.kernel.placed
        sources = tuple(local_layout(pitches, in_rows, in_columns, in_channels, bus,
                                     self.kernel.gap) for pitches in placed)
        destination = local_layout(written, rows, columns, out_channels, bus)
        largest = max((layout.size for layout in sources), default=0)
        workspace = depth * (self.sources * align_up(largest)
                             + self.destination * align_up(destination.size))
        workspace += align_up(self.kernel.scratch(rows, columns))
        return TilePlan(parts, rows, columns, tiles, depth, sources, destination, workspace)

    def _rows(self, depth: int, rows: int) -> TilePlan:
        return self._plan(rows, self.whole.columns, None, depth)

    def _columns(self, max_channels: int | None, depth: int, columns: int) -> TilePlan:
        return self._plan(1, columns, max_channels, depth)

    def resident(self, rows: int | None = None) -> TilePlan:
        """Return the plan of a layer with all its tensors in the scratchpad."""
        return self._plan(rows or self.whole.rows, self.whole.columns, None, 1)

    def minimum(self, capacity: int) -> int:
        """Return the workspace to ask for: that of one row, or those that the kernel wants, double
        buffered where it fits."""
        rows = min(self.kernel.rows_wanted, self.whole.rows)
        for depth in (2, 1):
            plan = self._plan(rows, self.whole.columns, None, depth)
            if plan.workspace <= capacity:
                return plan.workspace
        return self.choose(capacity).workspace

    def choose(self, capacity: int) -> TilePlan:
        """Return the best plan whose workspace is at most `capacity` bytes.

        Raises
        ------
        CapacityError
            When not even one output of one group of channels fits.
        """
        plan = self._choose_pixels(capacity)
        if plan.channel_tiles or plan.in_turn or not (self.sources or self.destination):
            return plan
        plans = [plan]
        at_once = self._plan(self.whole.rows, self.whole.columns, None, 1)
        if at_once.workspace <= capacity:
            plans.append(at_once)
        some_channels = self._some_channels(capacity)
        if some_channels is not None:
            plans.append(some_channels)
        return min(plans, key=self._cycles)

    def _some_channels(self, capacity: int) -> TilePlan | None:
        """Return the plan whose tiles are all pixels of some channels each, double buffered; None
        where there is none, or a pixel would be a transfer of its own."""
        kernel, bus = self.kernel, self.config.axi_bytes
        first, end = kernel.geometry.written
        if (kernel.gap or kernel.scratch(1, 1)
                or any(pitches.pixel % bus for pitches in kernel.placed)):
            return None
        pixels = (self.sources * prod(kernel.geometry.source[:2])
                  + self.destination * prod(kernel.geometry.destination[:2]))
        most = min(align_up(-(-(end - first) // OVERLAPPED_TILES), bus),
                   capacity // (2 * pixels) // bus * bus)
        for channels in range(most, 0, -bus):
            try:
                plan = self._plan(self.whole.rows, self.whole.columns, channels, 2)
            except CapacityError:
                return None
            if plan.in_turn:
                return None
            if plan.workspace <= capacity:
                return plan
        return None

    def _cycles(self, plan: TilePlan) -> float:
        """Return about how many cycles an image takes: those of its work, or of its transfers."""
        key = (self.sources, self.destination, plan.rows, plan.columns, plan.channel_tiles,
               plan.depth, len(plan.parts))
        if key not in self._known_cycles:
            region = Region((0, min(plan.rows, self.whole.rows)),
                            (0, min(plan.columns, self.whole.columns)))
            piece = self.kernel.sample(region)
            regions = len(plan.regions(self.whole))
            work = regions * sum(
                command_cycles(command, self.config).total for part in plan.parts
                if part.works_on(region) for command in part.commands(piece))
            tiles = regions * len(plan.blocks)
            constants = {part.constants for part in plan.parts} - {None}
            weights = sum(len(some.image) for some in constants if some is not None)
            again = 1 if plan.channel_tiles else weight_loads(plan.parts, self.config, regions)
            bus = self.config.axi_bytes
            moved = tiles * (self.sources * plan.source_size
                             + self.destination * plan.destination.size) / bus
            loaded = again * weights / bus
            self._known_cycles[key] = (max(work, moved + loaded) if plan.depth > 1
                                       else max(work, loaded) + moved)
        return self._known_cycles[key]

    def _choose_pixels(self, capacity: int) -> TilePlan:
        """Return the best plan of tiles of all channels; of some, of few pixels, if none fits."""
        rows, columns = self.whole.rows, self.whole.columns
        streams = self.sources or self.destination
        if self.kernel.turns and streams:
            return self._turned(capacity)
        preferred = max(1, -(-rows // OVERLAPPED_TILES)) if streams else rows
        for depth in (2, 1):
            best = self._largest(preferred, partial(self._rows, depth), capacity)
            if best is not None:
                return best
        for depth in (2, 1):
            best = self._largest(columns, partial(self._columns, None, depth), capacity)
            if best is not None:
                return best
        first, end = self.kernel.geometry.written
        smallest = self._plan(1, 1, None, 1)
        if smallest.in_turn:
            # The parts of a sum read parts of the input.
            for depth in (2, 1):
                smallest = self._plan(1, 1, end - first, depth)
                if smallest.workspace <= capacity:
                    return smallest
        channels = (end - first) // 2
        while channels:
            try:
                plan = self._plan(1, 1, channels, 1)
            except CapacityError:
                break
            if plan.workspace <= capacity:
                wider = self._largest(columns, partial(self._columns, channels, 1), capacity)
                return wider or plan
            smallest = plan
            channels //= 2
        return self._least(smallest, capacity)

    def _least(self, plan: TilePlan, capacity: int) -> TilePlan:
        """Return the least plan there is, or refuse it."""
        if plan.workspace <= capacity:
            return plan
        raise CapacityError(
            f"{self.name}: one output needs {plan.workspace} bytes of scratchpad, {capacity} "
            f"are free (configuration {self.config.name!r} has act_bytes={self.config.act_bytes})")

    def _turned(self, capacity: int) -> TilePlan:
        """Return the plan with the fewest rows to load and to store, of tiles of whole rows and of
        whole columns."""
        rows, columns = self.whole.rows, self.whole.columns
        plans = [plan for depth in (2, 1) for plan in (
            self._largest(-(-rows // OVERLAPPED_TILES), partial(self._rows, depth), capacity),
            self._largest(-(-columns // OVERLAPPED_TILES), partial(self._tall, depth), capacity),
        ) if plan is not None]
        if not plans:
            return self._least(self._plan(1, 1, None, 1), capacity)
        return min(plans, key=lambda plan: (
            -(-rows // plan.rows) * -(-columns // plan.columns) * (plan.rows + plan.columns)))

    def _tall(self, depth: int, columns: int) -> TilePlan:
        return self._plan(self.whole.rows, columns, None, depth)

    @staticmethod
    def _largest(most: int, plan: Callable[[int], TilePlan], capacity: int) -> TilePlan | None:
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if plan(middle).workspace <= capacity:
                low = middle
            else:
                high = middle - 1
        return plan(low) if low else None


def weight_loads(parts: Sequence[Part], config: NpuConfig, turns: int) -> float:
    """Return how often a byte of the weights of a stage is loaded, on average, that uses them so
    many times."""
    wanted = {part.constants for part in parts if part.constants is not None}
    total = sum(some.steps for some in wanted)
    if turns == 1 or total <= config.weight_steps:
        return 1
    held = sum(some.steps for some in held_constants(parts, config.weight_steps))
    return turns - (turns - 1) * held / total


def _first_that_fits(kernel: Kernel, limits: Sequence[int],
                     max_channels: int | None) -> Sequence[Part]:
    for limit in limits[:-1]:
        try:
            return kernel.parts(limit, max_channels)
        except CapacityError:
            continue
    return kernel.parts(limits[-1], max_channels)
