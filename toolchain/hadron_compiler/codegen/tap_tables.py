"""Sums over a window with a table for each tap: weights of any length, alike for all channels."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.elementwise import LookupStage, Table
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.windowed import WindowedCommand, channel_runs, windowed_commands
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import Opcode, pack_parameters
from hadron_spec.config import NpuConfig

__all__ = ["TapTablesKernel"]


class TapTablesKernel(Kernel):
    """The sum of an entry for every tap of the window, from the same tables for all channels.

    Parameters
    ----------
    tables : sequence of int64, (256,)
        One for each tap, row by row.
    stage : LookupStage
        What follows the sum.
    """

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, tables: Sequence[Table],
                 stage: LookupStage) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.macs = 0
        parameters = pack_parameters(0, stage.multiplier, stage.shift)
        image = parameters.ljust(config.lanes, b"\0") + b"".join(
            table.astype("<i4").tobytes() for table in tables)
        self.constants = Constants(Space.TABLES, image, 1 + len(tables) * config.table_steps)
        self.fields = {"wide": int(stage.wide), "zero_point": stage.zero_point,
                       "minimum": stage.minimum, "maximum": stage.maximum}

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        if self.constants.steps > max_steps or max_channels is not None:
            raise CapacityError(f"{self.name}: a row of all channels and {self.constants.steps} "
                                "steps of weight memory are needed at once")
        return [_TapTablesPart(self)]


class _TapTablesPart(Part):
    def __init__(self, kernel: TapTablesKernel) -> None:
        self.kernel = kernel
        self.constants: Constants = kernel.constants
        self.channels = self.source_channels = (0, kernel.geometry.destination[2])

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`: all blocks of channels share the tables."""
        kernel = self.kernel
        made = []
        for blocks, level in channel_runs(self.channels, kernel.config.columns, piece.region):
            command = WindowedCommand(
                Opcode.LOOKUP, kernel.name, kernel.geometry, blocks, blocks.channels, False, 1,
                kernel.config.lanes, self.constants.steps, kernel.fields, 0, level)
            made += windowed_commands(command, piece)
        return made
