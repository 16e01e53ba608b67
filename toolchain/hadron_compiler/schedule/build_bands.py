"""Write the commands of a chain: band by band, each layer's loads, work and stores."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Pitches, Region, View
from hadron_compiler.codegen.kernel import Part, Piece
from hadron_compiler.codegen.moving import move_bytes
from hadron_compiler.ir.graph import Tensor
from hadron_compiler.schedule.bands import BandPlan, Member, RowBuffer, Rows
from hadron_compiler.schedule.pieces import input_pieces
from hadron_compiler.schedule.shares import ChannelShare
from hadron_compiler.schedule.transfers import store_view
from hadron_compiler.schedule.writer import CommandWriter
from hadron_spec.commands import Unit
from hadron_spec.config import NpuConfig

__all__ = ["ChainBuilder", "build_chain"]


def build_chain(writer: CommandWriter, plan: BandPlan, workspace: int) -> None:
    """Append the commands of a chain whose workspace begins at an address."""
    builder = ChainBuilder(writer, plan, workspace)
    for band in plan.bands:
        builder.band(band)
    for member in plan.members:
        writer.store_output(member.index, member.destination.storage)


class _Window:
    """The rows of a tensor that are in its buffer.

    Row y lies at a distance from the buffer's start that equals its distance from the start of the
    tensor in memory, modulo the bus width: any of them can be moved by LOAD and STORE.

    Parameters
    ----------
    address : int
        Of the buffer.
    memory : int
        Offset of the tensor in memory, 0 where it is never there.
    rows : Rows
        What the first band does to it.
    """

    def __init__(self, buffer: RowBuffer, address: int, memory: int, config: NpuConfig,
                 rows: Rows) -> None:
        self.buffer = buffer
        self.address = address
        self.memory = memory
        self.config = config
        self.first, self.end = rows.keep, rows.start
        if buffer.shared:
            self.first = rows.start - buffer.capacity

    def _locate(self, first: int, y: int) -> int:
        """Return the address of row `y` when the buffer begins with row `first`."""
        pitch = self.buffer.row_bytes
        phase = 0 if self.buffer.shared else (self.memory + first * pitch) % self.config.axi_bytes
        return self.address + phase + (y - first) * pitch

    def advance(self, layer: int, rows: Rows) -> list[Command]:
        """Make room up to row `rows.end`; return the commands that move rows to the front."""
        made: list[Command] = []
        first = self.first
        if self.buffer.shared:
            first = rows.end - self.buffer.capacity
        elif rows.end - self.first > self.buffer.capacity:
            first = rows.keep
        if first != self.first:
            # Rows with gaps between them one by one: nothing has written the gaps.
            kept = rows.start - rows.keep
            together = 1 if self.buffer.gap else kept
            for y in range(rows.keep, rows.start, max(together, 1)):
                made += move_bytes(self.config, layer, self._locate(self.first, y),
                                   self._locate(first, y),
                                   together * self.buffer.row_bytes - self.buffer.gap)
            self.first = first
        self.end = rows.end
        return made

    def view(self, image: tuple[int, int, int], share: ChannelShare | None = None) -> View:
        """Return the view of all rows: of all channels, or of those that there is room for."""
        _, width, channels = image
        first = max(0, self.first)
        return View(self._locate(self.first, first), (first, self.end), (0, width),
                    (0, channels) if share is None else share.channels, self.buffer.row_bytes,
                    channels if share is None else self.buffer.row_bytes // width)


class ChainBuilder:
    """Appends the commands of bands.

    Parameters
    ----------
    first : int
        The band to begin with.
    """

    def __init__(self, writer: CommandWriter, plan: BandPlan, workspace: int,
                 first: int = 0) -> None:
        self.writer = writer
        self.plan = plan
        self.scratch = workspace + plan.scratch
        self.written = {member.destination for member in plan.members}
        offsets = writer.offsets.tensors
        self.windows = {
            tensor: _Window(buffer, workspace + buffer.offset, offsets.get(tensor, 0),
                            writer.config, plan.bands[first][tensor])
            for tensor, buffer in plan.buffers.items()}
        writer.ring.begin_stage(plan.parts, repeated=len(plan.bands) > 1)

    def band(self, band: Mapping[Tensor, Rows]) -> None:
        """Append the commands of the next band."""
        fetched: set[Tensor] = set()
        members = zip(self.plan.members, self.plan.parts_of, strict=True)
        for member, parts in members:
            shares = self.plan.shares.get(member.destination)
            reader = member if shares is None else next(members)[0]
            rows = band[reader.destination]
            if rows.start == rows.end:
                continue
            fresh = [tensor for tensor in dict.fromkeys(member.sources)
                     if tensor not in self.written and tensor not in fetched]
            fetched.update(fresh)
            if shares is not None:
                for tensor in fresh:
                    self._fetch(member, tensor, band[tensor])
                self._compute_shares(member, reader, shares, band)
                continue
            done = {tensor: band[tensor].start for tensor in fresh}
            for piece in self._pieces(member, parts, rows, fresh):
                for tensor in fresh:
                    needed = member.geometry.needed(piece).y[1]
                    end = band[tensor].end if piece.y[1] == rows.end else needed
                    self._fetch(member, tensor, replace(band[tensor], start=done[tensor],
                                                        end=max(end, done[tensor])))
                    done[tensor] = max(end, done[tensor])
                self._advance(member, rows)
                self._compute(member, parts, piece)
                self._store(member, piece)

    def _pieces(self, member: Member, parts: tuple[Part, ...], rows: Rows,
                fresh: list[Tensor]) -> list[Region]:
        """Return the regions in which a member makes its rows of a band: several where the program
        begins with them, with those of an input of the network."""
        region = Region((rows.start, rows.end), member.geometry.whole.x)
        if (self.writer.inputs.isdisjoint(fresh) or rows.start
                or any(command.unit is Unit.EXECUTE for command in self.writer.commands)):
            return [region]
        return input_pieces(parts, member.kernel, region, self.writer.config,
                            self.writer.layout.haste)

    def _fetch(self, member: Member, tensor: Tensor, rows: Rows) -> None:
        """Load the rows of an input that a band adds."""
        image = member.geometry.source
        pitches = member.kernel.placed[member.sources.index(tensor)]
        window = self.windows.get(tensor)
        if window is None:
            self.writer.load_prefix(member.index, tensor.storage, pitches.end(0, image, rows.end))
        elif rows.start < rows.end:
            self.writer.commands += window.advance(member.index, rows)
            view = window.view(image)
            view = view.narrow(Region((rows.start, rows.end), view.x))
            self.writer.load_rows(member.index, tensor, pitches, view)

    def _compute_shares(self, maker: Member, reader: Member, shares: Sequence[ChannelShare],
                        band: Mapping[Tensor, Rows]) -> None:
        """Make the rows of two layers, of which the second reads some channels of the first at a
        time."""
        made, rows = band[maker.destination], band[reader.destination]
        self._advance(maker, made)
        self._advance(reader, rows)
        region = Region((rows.start, rows.end), reader.geometry.whole.x)
        for share in shares:
            self._compute(maker, share.makers, Region((made.start, made.end),
                                                      maker.geometry.whole.x), share)
            self._compute(reader, share.readers, region, share)
        self._store(reader, region)

    def _advance(self, member: Member, rows: Rows) -> None:
        """Make room for the rows of a layer's output in a band."""
        window = self.windows.get(member.destination)
        if window is not None:
            self.writer.commands += window.advance(member.index, rows)

    def _compute(self, member: Member, parts: Sequence[Part], region: Region,
                 share: ChannelShare | None = None) -> None:
        """Make some rows of a layer's output, of some channels."""
        writer, geometry = self.writer, member.geometry
        *placed, written = member.kernel.on_chip
        sources = tuple(self._view(tensor, geometry.source, pitches, share)
                        for tensor, pitches in zip(member.sources, placed, strict=True))
        destination = self._view(member.destination, geometry.destination, written, share)
        for part in parts:
            if part.works_on(region):
                step = writer.bring(member.index, part.constants)
                writer.commands += part.commands(
                    Piece(member.index, region, sources, destination, step, self.scratch))

    def _store(self, member: Member, region: Region) -> None:
        """Store rows of a layer's output where they go to memory."""
        offset = self.writer.offsets.tensors.get(member.destination)
        if member.destination in self.windows and offset is not None:
            written = member.kernel.on_chip[-1]
            view = self._view(member.destination, member.geometry.destination, written)
            self.writer.commands += store_view(member.index, offset, written, view.narrow(region),
                                               self.writer.config.axi_bytes)

    def _view(self, tensor: Tensor, image: tuple[int, int, int], pitches: Pitches,
              share: ChannelShare | None = None) -> View:
        window = self.windows.get(tensor)
        if window is None:
            return pitches.view(self.writer.layout.addresses[tensor.storage], image)
        return window.view(image, share if tensor in self.plan.shares else None)
