"""What builders of tiles and of bands share: commands so far, what is on chip, where bytes lie."""

from collections.abc import Mapping
from dataclasses import dataclass

from hadron_compiler.allocate.intervals import align_up
from hadron_compiler.allocate.placement import Layout
from hadron_compiler.allocate.weights import WeightRing
from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Pitches, Region, View
from hadron_compiler.codegen.kernel import Constants
from hadron_compiler.ir.graph import Graph, Tensor
from hadron_compiler.schedule.streams import receive, receive_to_memory
from hadron_compiler.schedule.transfers import (
    MAX_ROWS,
    load_bytes,
    load_nibbles,
    load_view,
    store_bytes,
)
from hadron_spec.config import NpuConfig

__all__ = ["CommandWriter", "MemoryOffsets"]

INPUT_PIECE_ALIGN = 64


@dataclass(frozen=True)
class MemoryOffsets:
    """Offsets in the memory region; `tensors` holds inputs, outputs and streamed tensors."""

    tensors: Mapping[Tensor, int]
    constants: Mapping[Constants, int]


class CommandWriter:
    """Appends commands in program order, and LOADs before them of what is not on chip yet.

    `stream` is the input that comes from the stream: straight to where it is resident or, if it
    has a place in memory, through there.
    """

    def __init__(self, graph: Graph, layout: Layout, offsets: MemoryOffsets,
                 config: NpuConfig, stream: Tensor | None = None) -> None:
        self.layout = layout
        self.offsets = offsets
        self.config = config
        self.commands: list[Command] = []
        self.inputs = frozenset(tensor.storage for tensor in graph.inputs)
        self.ring = WeightRing(config.weight_steps)
        self.table: Constants | None = None
        # Bytes of resident inputs that have been loaded so far.
        self.loaded = {tensor: 0 for tensor in layout.addresses
                       if tensor in offsets.tensors and (tensor in graph.inputs
                                                         or tensor.data is not None)}
        self.stream = None if stream in offsets.tensors else stream
        # Bytes of it that have been taken, and where the last ones went.
        self.received = 0
        self._room = (0, 0)
        if self.stream in layout.addresses:
            assert self.stream is not None
            self.loaded[self.stream] = 0
        elif self.stream is None and stream is not None:
            self.commands += receive_to_memory(offsets.tensors[stream], stream.size, config)
        self.stored = {tensor.storage for tensor in graph.outputs
                       if tensor.storage in layout.addresses}
        self.writer = {operation.outputs[0].storage: index
                       for index, operation in enumerate(graph.operations)}
        """The last layer that writes a tensor: several may write parts of one."""

    def unloaded(self, tensor: Tensor) -> bool:
        """Tell whether bytes of a resident input are still missing."""
        return tensor in self.loaded and self.loaded[tensor] < tensor.size

    def load_prefix(self, layer: int, tensor: Tensor, end: int) -> None:
        """Load a resident input up to byte `end`, as far as it has not been."""
        if tensor not in self.loaded:
            return
        start = self.loaded[tensor]
        # The planes of 16-bit activations are read side by side.
        piece = tensor.row if tensor.gap else INPUT_PIECE_ALIGN
        end = tensor.size if tensor.deep else min(align_up(end, piece), tensor.size)
        if end > start and tensor.gap:
            row = tensor.row
            image = (tensor.size // row, 1, row)
            dense = Pitches(0, tensor.size, row, row)
            view = dense.apart(tensor.gap, image[0]).view(self.layout.addresses[tensor], image)
            self.load_rows(layer, tensor, dense, view.narrow(
                Region((start // row, end // row), view.x)))
            self.loaded[tensor] = end
        elif end > start:
            local = self.layout.addresses[tensor] + start
            if tensor is self.stream:
                self.receive(layer, local, end - start)
            else:
                self.commands.append(load_bytes(
                    layer, Space.SCRATCHPAD, self.offsets.tensors[tensor] + start, local,
                    end - start))
            self.loaded[tensor] = end

    def load_rows(self, layer: int, tensor: Tensor, pitches: Pitches, view: View) -> None:
        """Load whole rows of an input, from memory or from the stream."""
        if tensor is not self.stream:
            self.commands += load_view(layer, self.offsets.tensors[tensor], pitches, view,
                                       self.config.axi_bytes, gap=tensor.gap)
        elif not tensor.gap:
            self.receive(layer, view.address, view.rows * view.row_pitch)
        else:
            for y in range(0, view.rows, MAX_ROWS):
                count = min(MAX_ROWS, view.rows - y)
                self.receive(layer, view.address + y * view.row_pitch, tensor.row, count,
                             view.row_pitch)

    def receive(self, layer: int, local: int, size: int, rows: int = 1, pitch: int = 0) -> None:
        """Take the next rows of the stream's tensor; whole beats but for its end."""
        assert self.stream is not None
        self.received += rows * size
        self.commands.append(receive(layer, local, size, self.received == self.stream.size, rows,
                                     pitch))
        self._room = (local, (rows - 1) * pitch + size)

    def finish_stream(self, stage: int, layer: int) -> None:
        """Take what no stage up to this one has read of the stream's tensor: it ends with its last
        byte."""
        if self.stream is None or self.layout.lifetimes[self.stream][1] != stage:
            return
        self.load_prefix(layer, self.stream, self.stream.size)
        local, room = self._room
        while self.received < self.stream.size:
            self.receive(layer, local, min(room, self.stream.size - self.received))

    def store_output(self, layer: int, tensor: Tensor) -> None:
        """Store a resident output once its last layer has been written."""
        if tensor not in self.stored or layer != self.writer[tensor]:
            return
        self.commands.append(store_bytes(layer, self.offsets.tensors[tensor],
                                         self.layout.addresses[tensor], tensor.size))

    def bring(self, layer: int, constants: Constants | None) -> int:
        """Make sure that a part's constants are on chip; return their first step."""
        if constants is None:
            return 0
        offset = self.offsets.constants[constants]
        if constants.space is Space.TABLE:
            if self.table is not constants:
                self.table = constants
                self.commands.append(load_bytes(layer, Space.TABLE, offset, 0,
                                                len(constants.image)))
            return 0
        step, present = self.ring.find(constants)
        if not present and constants.nibbles is not None:
            self.commands += load_nibbles(layer, offset, step, constants.nibbles, self.config)
        elif not present:
            size = len(constants.image)
            step_bytes = self.config.step_bytes if constants.tail else size // constants.steps
            if size:
                self.commands.append(load_bytes(layer, constants.space, offset, step, size,
                                                step_bytes))
            after = step + size // step_bytes
            for tensor, start, size in constants.tail:
                self.commands.append(load_bytes(
                    layer, constants.space, self.offsets.tensors[tensor] + start, after, size,
                    step_bytes))
                after += size // step_bytes
        return step
