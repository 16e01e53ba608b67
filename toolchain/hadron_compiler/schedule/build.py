"""Write a network's commands in program order: each layer's loads, work, stores, tile by tile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isqrt

from hadron_compiler.allocate.intervals import align_up
from hadron_compiler.allocate.placement import Layout
from hadron_compiler.allocate.weights import WeightRing
from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Geometry, Region, View
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.schedule.cycles import execute_overhead
from hadron_compiler.schedule.tiles import TilePlan
from hadron_compiler.schedule.transfers import (
    load_bytes,
    load_nibbles,
    load_view,
    store_view,
)
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["MemoryOffsets", "build_commands"]

INPUT_PIECE_ALIGN = 64

MAX_INPUT_PIECES = 8
"""Most pieces in which a resident input is loaded, and the layer that reads it first runs, so that
it starts before the last byte has arrived."""


@dataclass(frozen=True)
class MemoryOffsets:
    """Offsets in the memory region; `tensors` holds inputs, outputs and streamed tensors."""

    tensors: Mapping[Tensor, int]
    constants: Mapping[Constants, int]


def build_commands(graph: Graph, kernels: Sequence[Kernel], layout: Layout, offsets: MemoryOffsets,
                   config: NpuConfig) -> list[Command]:
    """Return all commands but END, in an order in which they could run one after the other."""
    builder = _Builder(graph, kernels, layout, offsets, config)
    for index, (operation, kernel) in enumerate(zip(graph.operations, kernels, strict=True)):
        builder.layer(index, operation, kernel)
    return builder.commands


class _Builder:
    def __init__(self, graph: Graph, kernels: Sequence[Kernel], layout: Layout,
                 offsets: MemoryOffsets, config: NpuConfig) -> None:
        self.graph = graph
        self.kernels = kernels
        self.layout = layout
        self.offsets = offsets
        self.config = config
        self.commands: list[Command] = []
        self.ring = WeightRing(config.weight_steps)
        self.table: Constants | None = None
        # Bytes of resident inputs that have been loaded so far.
        self.loaded = {tensor: 0 for tensor in layout.addresses
                       if tensor in offsets.tensors and (tensor in graph.inputs
                                                         or tensor.data is not None)}
        self.stored = {tensor.storage for tensor in graph.outputs
                       if tensor.storage in layout.addresses}
        self.writer = {operation.outputs[0]: index
                       for index, operation in enumerate(graph.operations)}
        """The last layer that writes a tensor: several may write parts of one."""

    def layer(self, index: int, operation: Operation, kernel: Kernel) -> None:
        """Append the commands of one layer."""
        plan = self.layout.plans[index]
        sources = [tensor.storage for tensor in operation.activations if not tensor.in_memory]
        destination = operation.outputs[0]
        self.ring.begin_layer(plan.parts)
        whole = kernel.geometry.whole
        regions = plan.regions(whole)
        if len(regions) == 1 and any(self._unloaded(tensor) for tensor in sources):
            rows = -(-whole.rows // self._input_pieces(sources))
            regions = [Region((y, min(y + rows, whole.rows)), whole.x)
                       for y in range(0, whole.rows, rows)]
        blocks = [(part,) for part in plan.parts] if plan.channel_tiles else [plan.parts]
        turn = 0
        for image in range(kernel.geometry.images):
            for block in blocks:
                for region in regions:
                    self._tile(_Tile(index, kernel.geometry, plan, block, image, region,
                                     turn % plan.depth), sources, destination)
                    turn += 1
        if destination in self.stored and index == self.writer[destination]:
            self._store_whole(index, destination)

    def _input_pieces(self, sources: Sequence[Tensor]) -> int:
        """Return in how many pieces to load the inputs: with n of them, work waits for the n-th
        part of the bytes, but takes n times the overhead of a command."""
        size = sum(tensor.size - self.loaded[tensor] for tensor in sources
                   if self._unloaded(tensor))
        beats = size / self.config.axi_bytes
        best = isqrt(int(beats / execute_overhead(Opcode.MATRIX, self.config)))
        return min(max(best, 1), MAX_INPUT_PIECES)

    def _unloaded(self, tensor: Tensor) -> bool:
        return tensor in self.loaded and self.loaded[tensor] < tensor.size

    def _tile(self, tile: "_Tile", sources: Sequence[Tensor], destination: Tensor) -> None:
        geometry, plan = tile.geometry, tile.plan
        address = self.layout.workspaces[tile.layer]
        needed = geometry.needed(tile.region)
        if tile.region.columns == geometry.destination[1]:
            needed = Region(needed.y, (0, geometry.source[1]))
        views = []
        for tensor in sources:
            if tensor in self.layout.addresses:
                views.append(_dense(self.layout.addresses[tensor], geometry.source, tile.image))
                end = ((tile.image * geometry.source[0] + needed.y[1])
                       * geometry.source[1] * geometry.source[2])
                self._load_prefix(tile.layer, tensor, end)
                continue
            size = align_up(plan.source.size)
            channels = ((0, geometry.source[2]) if not plan.channel_tiles
                        else tile.parts[0].source_channels)
            offset = self.offsets.tensors[tensor] + _image_offset(geometry.source, tile.image)
            view = self._view(address + tile.turn * size, offset, geometry.source, needed,
                              channels, plan.source.row_pitch, plan.source.pixel_pitch)
            self.commands += load_view(tile.layer, offset, geometry.source, view,
                                       self.config.axi_bytes)
            views.append(view)
            address += plan.depth * size
        scratch = self.layout.workspaces[tile.layer] + plan.workspace - align_up(
            self.kernels[tile.layer].scratch(plan.rows, plan.columns))
        out_channels = (tile.parts[0].channels if plan.channel_tiles
                        else geometry.written)
        streamed = destination not in self.layout.addresses
        offset = 0
        if streamed:
            size = align_up(plan.destination.size)
            offset = (self.offsets.tensors[destination]
                      + _image_offset(geometry.destination, tile.image))
            target = self._view(address + tile.turn * size, offset, geometry.destination,
                                tile.region, out_channels, plan.destination.row_pitch,
                                plan.destination.pixel_pitch)
        else:
            target = _dense(self.layout.addresses[destination], geometry.destination, tile.image)
        for part in tile.parts:
            if part.works_on(tile.region):
                step = self._bring(tile.layer, part.constants)
                self.commands += part.commands(
                    Piece(tile.layer, tile.region, tuple(views), target, step, scratch))
        if streamed:
            self.commands += store_view(tile.layer, offset, geometry.destination, target,
                                        self.config.axi_bytes)

    def _view(self, buffer: int, offset: int, image: tuple[int, int, int], region: Region,
              channels: tuple[int, int], row_pitch: int, pixel_pitch: int) -> View:
        """Return the view of a streamed piece in its buffer, at the offset the bus asks for."""
        first = offset + (region.y[0] * image[1] + region.x[0]) * image[2] + channels[0]
        return View(buffer + first % self.config.axi_bytes, region.y, region.x, channels, row_pitch,
                    pixel_pitch)

    def _load_prefix(self, layer: int, tensor: Tensor, end: int) -> None:
        """Load a resident input up to byte `end`, as far as it has not been."""
        if tensor not in self.loaded:
            return
        start = self.loaded[tensor]
        end = min(align_up(end, INPUT_PIECE_ALIGN), tensor.size)
        if end > start:
            self.commands.append(load_bytes(
                layer, Space.SCRATCHPAD, self.offsets.tensors[tensor] + start,
                self.layout.addresses[tensor] + start, end - start))
            self.loaded[tensor] = end

    def _store_whole(self, layer: int, tensor: Tensor) -> None:
        image = (1, 1, tensor.size)
        view = _dense(self.layout.addresses[tensor], image, 0)
        self.commands += store_view(layer, self.offsets.tensors[tensor], image, view,
                                    self.config.axi_bytes)

    def _bring(self, layer: int, constants: Constants | None) -> int:
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
            self.commands.append(load_bytes(layer, constants.space, offset, step, size,
                                            step_bytes))
            after = step + size // step_bytes
            for tensor, start, size in constants.tail:
                self.commands.append(load_bytes(
                    layer, constants.space, self.offsets.tensors[tensor] + start, after, size,
                    step_bytes))
                after += size // step_bytes
        return step


@dataclass(frozen=True)
class _Tile:
    layer: int
    geometry: Geometry
    plan: TilePlan
    parts: Sequence[Part]
    image: int
    region: Region
    turn: int


def _image_offset(image: tuple[int, int, int], index: int) -> int:
    return index * image[0] * image[1] * image[2]


def _dense(address: int, image: tuple[int, int, int], index: int) -> View:
    height, width, channels = image
    return View(address + _image_offset(image, index), (0, height), (0, width), (0, channels),
                width * channels, channels)
