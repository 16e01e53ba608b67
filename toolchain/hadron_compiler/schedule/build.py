"""Write a network's commands in program order: each layer's loads, work, stores, tile by tile."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from hadron_compiler.allocate.intervals import align_up
from hadron_compiler.allocate.placement import Layout
from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Geometry, Pitches, Region, View
from hadron_compiler.codegen.kernel import Kernel, Part, Piece
from hadron_compiler.ir.graph import Graph, Operation, Tensor
from hadron_compiler.schedule.bands import BandPlan
from hadron_compiler.schedule.build_bands import build_chain
from hadron_compiler.schedule.pieces import input_pieces
from hadron_compiler.schedule.tiles import TilePlan
from hadron_compiler.schedule.transfers import LocalLayout, load_view, store_view
from hadron_compiler.schedule.writer import CommandWriter, MemoryOffsets
from hadron_spec.config import NpuConfig

__all__ = ["build_commands"]


def build_commands(graph: Graph, kernels: Sequence[Kernel], layout: Layout, offsets: MemoryOffsets,
                   config: NpuConfig, stream: Tensor | None = None) -> list[Command]:
    """Return all commands but END, in an order in which they could run one after the other.

    `stream` is the input that comes from the stream, if one does.
    """
    writer = CommandWriter(graph, layout, offsets, config, stream)
    builder = _TileBuilder(writer, kernels)
    for number, stage in enumerate(layout.stages):
        if isinstance(stage.plan, BandPlan):
            build_chain(writer, stage.plan, stage.workspace)
        else:
            builder.layer(stage.first, graph.operations[stage.first], stage.plan, stage.workspace)
        writer.finish_stream(number, stage.end - 1)
    return writer.commands


class _TileBuilder:
    """Builds layers that run one at a time."""

    def __init__(self, writer: CommandWriter, kernels: Sequence[Kernel]) -> None:
        self.writer = writer
        self.layout = writer.layout
        self.config = writer.config
        self.kernels = kernels

    def layer(self, index: int, operation: Operation, plan: TilePlan, workspace: int) -> None:
        """Append the commands of one layer."""
        kernel = self.kernels[index]
        sources = [tensor.storage for tensor in operation.activations if not tensor.in_memory]
        destination = operation.outputs[0].storage
        whole = kernel.geometry.whole
        regions = plan.regions(whole)
        repeated = len(regions) * kernel.geometry.images > 1 and not plan.channel_tiles
        self.writer.ring.begin_stage(plan.parts, repeated)
        if len(regions) == 1 and any(self.writer.unloaded(tensor) for tensor in sources):
            regions = input_pieces(plan.parts, kernel, whole, self.config, self.layout.haste)
        tiles = ([(block, region) for region in regions for block in plan.blocks] if plan.in_turn
                 else list(product(plan.blocks, regions)))
        turns = product(range(kernel.geometry.images), tiles)
        for turn, (image, (block, region)) in enumerate(turns):
            self._tile(_Tile(index, kernel.geometry, plan, workspace, block, image, region,
                             turn % plan.depth), sources, destination)
        self.writer.store_output(index, destination)

    def _tile(self, tile: "_Tile", sources: Sequence[Tensor], destination: Tensor) -> None:
        geometry, plan = tile.geometry, tile.plan
        address = tile.workspace
        needed = geometry.needed_by_tile(tile.region)
        views = []
        kernel = self.kernels[tile.layer]
        *placed, written = kernel.placed
        for tensor, pitches, near, local in zip(sources, placed, kernel.on_chip[:-1], plan.sources,
                                                strict=True):
            if tensor in self.layout.addresses:
                views.append(near.view(self.layout.addresses[tensor], geometry.source,
                                          tile.image))
                self.writer.load_prefix(tile.layer, tensor, pitches.end(
                    tile.image, geometry.source, needed.y[1]))
                continue
            size = align_up(local.size)
            channels = ((0, geometry.source[2]) if not plan.channel_tiles
                        else tile.parts[0].source_channels)
            offset = (self.writer.offsets.tensors[tensor] + pitches.offset
                      + tile.image * pitches.image)
            view = self._view(address + tile.turn * size, offset, pitches, needed, channels, local)
            self.writer.commands += load_view(tile.layer, offset, pitches, view,
                                              self.config.axi_bytes, kernel.gap)
            views.append(view)
            address += plan.depth * size
        scratch = tile.workspace + plan.workspace - align_up(
            kernel.scratch(plan.rows, plan.columns))
        out_channels = (tile.parts[0].channels if plan.channel_tiles
                        else geometry.written)
        streamed = destination not in self.layout.addresses
        offset = 0
        if streamed:
            size = align_up(plan.destination.size)
            offset = (self.writer.offsets.tensors[destination] + written.offset
                      + tile.image * written.image)
            target = self._view(address + tile.turn * size, offset, written, tile.region,
                                out_channels, plan.destination)
        else:
            target = written.view(self.layout.addresses[destination], geometry.destination,
                                  tile.image)
        for part in tile.parts:
            if part.works_on(tile.region):
                step = self.writer.bring(tile.layer, part.constants)
                self.writer.commands += part.commands(
                    Piece(tile.layer, tile.region, tuple(views), target, step, scratch))
        if streamed and tile.parts[-1].finishes:
            self.writer.commands += store_view(tile.layer, offset, written, target,
                                               self.config.axi_bytes)

    def _view(self, buffer: int, offset: int, pitches: Pitches, region: Region,
              channels: tuple[int, int], local: LocalLayout) -> View:
        """Return the view of a streamed piece in its buffer, at the offset the bus asks for."""
        first = (offset + region.y[0] * pitches.row + region.x[0] * pitches.pixel + channels[0])
        return View(buffer + first % self.config.axi_bytes, region.y, region.x, channels,
                    local.row_pitch, local.pixel_pitch, local.plane)


@dataclass(frozen=True)
class _Tile:
    layer: int
    geometry: Geometry
    plan: TilePlan
    workspace: int
    parts: Sequence[Part]
    image: int
    region: Region
    turn: int
