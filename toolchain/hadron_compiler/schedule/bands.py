"""Layers that run band by band, one behind the other, so that what passes between them stays small.

A *chain* is a run of neighbouring layers. In each *band* every layer of it makes some rows, of what
the layers before it made in this band and the ones before. Of a tensor that only the chain reads,
no more rows are kept than are still needed: it has a buffer for these, not a place of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from hadron_compiler.allocate.intervals import Block
from hadron_compiler.allocate.joined import place_joined
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Kernel, Part
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.schedule.shares import ChannelShare, channel_shares
from hadron_compiler.schedule.tiles import OVERLAPPED_TILES, Tiler
from hadron_spec.config import NpuConfig

__all__ = ["BandPlan", "Chain", "Member", "RowBuffer", "Rows"]

MOST_BANDS = 16
"""A chain asks for so much scratchpad that it takes no more bands, if that can be had."""


@dataclass(frozen=True)
class Member:
    """A layer of a chain.

    Its tensors are those that own the bytes, but for views, which stand for themselves.
    """

    index: int
    operation: Operation
    tiler: Tiler

    @property
    def kernel(self) -> Kernel:
        """The layer in terms of the hardware."""
        return self.tiler.kernel

    @property
    def geometry(self) -> Geometry:
        """Shape of the layer."""
        return self.kernel.geometry

    @cached_property
    def sources(self) -> tuple[Tensor, ...]:
        """The tensors it reads, in the order of its operands."""
        return tuple(_key(tensor) for tensor in self.operation.activations)

    @cached_property
    def destination(self) -> Tensor:
        """The tensor it writes."""
        return _key(self.operation.outputs[0])


@dataclass(frozen=True)
class Rows:
    """What happens to a tensor in a band: rows `start` to `end` - 1 are made or loaded, those from
    `keep` on must still be there."""

    keep: int
    start: int
    end: int


@dataclass(frozen=True)
class RowBuffer:
    """Room for `capacity` rows of `row_bytes` each, a `gap` at their end included, `offset` bytes
    into the workspace.

    Where it is `shared`, the rows of a band end at its end: there those stay that later bands read.
    Of the rest other tensors of the chain make use while it is not made nor read.
    """

    capacity: int
    row_bytes: int
    offset: int
    gap: int = 0
    shared: bool = False


@dataclass(frozen=True)
class BandPlan:
    """How a chain runs: the rows of every tensor in each band, and where they are kept.

    `members` and `parts_of` belong together; `scratch` is what the kernels need beside, `offset`
    bytes into the workspace. `shares` are those of tensors that are made and read some channels at
    a time, by a member and the next one.
    """

    members: tuple[Member, ...]
    parts_of: tuple[tuple[Part, ...], ...]
    bands: tuple[dict[Tensor, Rows], ...]
    buffers: dict[Tensor, RowBuffer]
    scratch: int
    workspace: int
    shares: dict[Tensor, tuple[ChannelShare, ...]]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts of all layers."""
        return tuple(part for parts in self.parts_of for part in parts)


class Chain:
    """Neighbouring layers that can run band by band.

    Parameters
    ----------
    tilers : sequence of Tiler
        One for each layer of the graph.
    first, end : int
        The layers, half-open.
    shares : int
        In how many shares of its channels a tensor is made and read, at most, where two neighbours
        can do so: there is only room for one then. Rows that later bands read again are made again.
        Layers take turns in pairs, so one that reads shares makes none.
    spans : mapping of Tensor to (int, int), or None
        The graph's, for who makes many chains.

    Raises
    ------
    CapacityError
        When they cannot: one computes more than an image, or its operands in other rows than the
        ones they are made in.
    """

    def __init__(self, graph: Graph, tilers: Sequence[Tiler], config: NpuConfig, first: int,
                 end: int, shares: int = 1,
                 spans: Mapping[Tensor, tuple[int, int]] | None = None) -> None:
        self.config = config
        self.first, self.end = first, end
        self.members = tuple(Member(i, graph.operations[i], tilers[i])
                             for i in range(first, end))
        self.writers = {member.destination: member for member in self.members}
        self.readers: dict[Tensor, list[Member]] = {}
        for member in self.members:
            for tensor in dict.fromkeys(member.sources):
                self.readers.setdefault(tensor, []).append(member)
        outside = {tensor.storage for tensor in graph.outputs}
        spans = spans or graph.spans()
        for tensor in (*self.writers, *self.readers):
            begins, ends = spans.get(tensor.storage, (first, first))
            if begins < first or ends >= end:
                outside.add(tensor.storage)
        self.views = frozenset(tensor for tensor in (*self.writers, *self.readers)
                               if tensor.is_view)
        """Tensors that are some bytes of others, which must be resident."""
        outside |= self.views
        self.internal = frozenset(self.writers) - outside
        """Tensors that nobody reads but the chain."""
        self.kept = frozenset(self.writers) & outside
        self._plans: dict[tuple[int, frozenset[Tensor]], BandPlan] = {}
        self._schedules: dict[int, tuple[dict[Tensor, Rows], ...]] = {}
        self._check(outside)
        inputs = {tensor.storage for tensor in graph.inputs}
        self.shares: dict[Tensor, tuple[ChannelShare, ...]] = {}
        for maker, reader in pairwise(self.members):
            if (shares > 1 and maker.destination in self.internal
                    and self.readers[maker.destination] == [reader]
                    and self.shares.keys().isdisjoint(maker.sources)
                    and inputs.isdisjoint(maker.sources)):
                cut = channel_shares(maker.tiler, reader.tiler, shares)
                if len(cut) > 1:
                    self.shares[maker.destination] = cut

    def _check(self, outside: set[Tensor]) -> None:
        for member in self.members:
            geometry, tensor = member.geometry, member.destination
            readers = self.readers.get(tensor, [])
            sound = (
                geometry.images == 1 and geometry.channels is None and not tensor.in_memory
                and not any(source.in_memory for source in member.sources)
                and not any(some.deep for some in (tensor, *member.sources))
                and all(part.finishes for part in member.tiler.parts())
                and (tensor in outside or readers)
                and all(reader.index > member.index for reader in readers))
            if not sound or len(self.writers) != len(self.members):
                raise CapacityError(f"{member.operation.label}: not in bands")
        for tensor, readers in self.readers.items():
            images = {_rows_of(reader.geometry.source) for reader in readers}
            if tensor in self.writers:
                images.add(_rows_of(self.writers[tensor].geometry.destination))
            if len(images) > 1:
                raise CapacityError(f"{tensor.name}: read in other rows than it is written in")
        # Rows of a tensor and of what shows some of its bytes are not told from one another.
        owners = [tensor.storage for tensor in {*self.writers, *self.readers}
                  if tensor.storage in {view.storage for view in self.views}]
        written = {tensor.storage for tensor in self.writers}
        if any(owner in written and owners.count(owner) > 1 for owner in owners):
            raise CapacityError("a tensor and a view of it are not in bands")

    @cached_property
    def height(self) -> int:
        """Rows that the last layer makes."""
        return self.members[-1].geometry.destination[0]

    @cached_property
    def parts_of(self) -> tuple[tuple[Part, ...], ...]:
        """The parts of each layer: as few as there can be where the weights of all fit at once."""
        steps = self.config.weight_steps
        known: dict[int, tuple[Part, ...]] = {}
        for member in self.members:
            for share in self.shares.get(member.destination, ()):
                known[member.index] = (*known.get(member.index, ()), *share.makers)
                known[member.index + 1] = (*known.get(member.index + 1, ()), *share.readers)
        try:
            whole = tuple(known.get(member.index) or tuple(member.kernel.parts(steps, None))
                          for member in self.members)
        except CapacityError:
            whole = ()
        constants = {part.constants for parts in whole for part in parts}
        total = sum(0 if some is None else some.steps for some in constants)
        if whole and total <= steps:
            return whole
        return tuple(known.get(member.index) or member.tiler.parts() for member in self.members)

    def schedule(self, bands: int) -> tuple[dict[Tensor, Rows], ...]:
        """Return the rows of all tensors, band by band.

        The last layer makes its output in `bands` about equal shares, every other as many rows as
        those behind it need.
        """
        done = dict.fromkeys([*self.writers, *self.readers], 0)
        made = []
        for band in range(bands):
            ends: dict[Tensor, int] = {}
            for member in reversed(self.members):
                tensor, height = member.destination, member.geometry.destination[0]
                readers = self.readers.get(tensor, [])
                end = max((self._end(reader, ends) for reader in readers),
                          default=-(-height * (band + 1) // bands))
                if tensor in self.kept and band == bands - 1:
                    end = height
                ends[tensor] = max(end, done[tensor])
            for tensor, readers in self.readers.items():
                if tensor not in self.writers:
                    ends[tensor] = max(done[tensor],
                                       *(self._end(reader, ends) for reader in readers))
            # What is made again begins with the first row that is read again.
            begun = done | {tensor: self._keep(tensor, done) for tensor in self.shares}
            made.append({tensor: Rows(min(begun[tensor], self._keep(tensor, begun)), begun[tensor],
                                      end) for tensor, end in ends.items()})
            done = ends
        return tuple(made)

    @staticmethod
    def _end(reader: Member, ends: dict[Tensor, int]) -> int:
        return reader.tiler.rows_needed[1][ends[reader.destination]]

    def _keep(self, tensor: Tensor, done: dict[Tensor, int]) -> int:
        """Return the first row that is read from now on; `done` rows of all have been made."""
        rows = [reader.tiler.rows_needed[0][done[reader.destination]]
                for reader in self.readers.get(tensor, [])]
        return min([done[tensor], *rows])

    def plan(self, bands: int, streamed: frozenset[Tensor]) -> BandPlan:
        """Return the plan of so many bands when some tensors live in memory."""
        if any(view.storage in streamed for view in self.views):
            raise CapacityError(f"{self.members[0].operation.label}: a view in memory is not in "
                                "bands")
        mine = streamed & frozenset([*self.writers, *self.readers])
        known = self._plans.get((bands, mine))
        if known is None:
            known = self._plans[bands, mine] = self._make(bands, mine)
        return known

    def _make(self, bands: int, streamed: frozenset[Tensor]) -> BandPlan:
        if bands not in self._schedules:
            self._schedules[bands] = self.schedule(bands)
        schedule = self._schedules[bands]
        buffers: dict[Tensor, RowBuffer] = {}
        groups: list[tuple[Block, ...]] = []
        for tensor in schedule[0]:
            if tensor not in self.internal and tensor not in streamed:
                continue
            rows = [band[tensor] for band in schedule]
            shared = tensor not in streamed
            capacity = max(some.end - some.keep for some in rows)
            if not shared:
                # The rows of the band before, or of the next, are on their way.
                capacity += max(some.end - some.start for some in rows)
            writer = self.writers.get(tensor)
            image = (self.readers[tensor][0].geometry.source if writer is None
                     else writer.geometry.destination)
            capacity = min(capacity, image[0])
            channels = max((share.size for share in self.shares.get(tensor, ())),
                           default=image[2])
            row = image[1] * channels + tensor.gap
            buffers[tensor] = RowBuffer(capacity, row, 0, tensor.gap, shared)
            kept = max(some.start - some.keep for some in rows) if shared else capacity
            groups.append((self._while_used(tensor, (capacity - kept) * row),
                           self._always(kept * row + (0 if shared else self.config.axi_bytes))))
        scratch = max(
            member.kernel.scratch(max(rows[member.destination].end - rows[member.destination].start
                                      for rows in schedule), member.geometry.destination[1])
            for member in self.members)
        placement = place_joined([*groups, (self._always(scratch),)])
        *offsets, last = placement.addresses
        buffers = {tensor: replace(buffer, offset=offset) for (tensor, buffer), offset in zip(
            buffers.items(), offsets, strict=True)}
        return BandPlan(self.members, self.parts_of, schedule, buffers, last, placement.size,
                        self.shares)

    def _always(self, size: int) -> Block:
        return Block(size, self.first, self.end)

    def _while_used(self, tensor: Tensor, size: int) -> Block:
        """Return a block that lives from when a tensor is made in a band until it is read."""
        writer = self.writers.get(tensor)
        readers = [self._time(reader) for reader in self.readers.get(tensor, [])]
        return Block(size, self.first if writer is None else self._time(writer),
                     max(readers, default=self.end))

    def _time(self, member: Member) -> int:
        """Return when a member works: with the one whose channels it takes turns with."""
        return member.index - any(source in self.shares for source in member.sources)

    def minimum(self, streamed: frozenset[Tensor], capacity: int) -> int:
        """Return the workspace to ask for."""
        for bands in (min(MOST_BANDS, self.height), self.height):
            plan = self.plan(bands, streamed)
            if plan.workspace <= capacity:
                break
        return plan.workspace

    def choose(self, streamed: frozenset[Tensor], capacity: int) -> BandPlan:
        """Return the plan of the fewest bands whose workspace is at most `capacity` bytes.

        Raises
        ------
        CapacityError
            When not even bands of one row fit.
        """
        least = OVERLAPPED_TILES if streamed & (self.kept | frozenset(self.readers)) else 1
        low, high = 1, max(1, -(-self.height // least))
        best = None
        while low <= high:
            middle = (low + high) // 2
            plan = self.plan(-(-self.height // middle), streamed)
            if plan.workspace <= capacity:
                best, low = plan, middle + 1
            else:
                high = middle - 1
        if best is None:
            raise CapacityError(f"{self.members[0].operation.label}: a band does not fit")
        return best


def _key(tensor: Tensor) -> Tensor:
    return tensor if tensor.is_view else tensor.storage


def _rows_of(image: tuple[int, int, int]) -> tuple[int, int]:
    return image[0], image[1] * image[2]
