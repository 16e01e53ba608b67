"""Operators of one operand with a table for each channel: PRELU."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.windowed import ChannelBlocks, WindowedCommand, windowed_commands
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import Opcode, pack_parameters
from hadron_spec.config import NpuConfig

__all__ = ["ChannelTablesKernel"]


class ChannelTablesKernel(Kernel):
    """Entries as they are, each column of the array with a table of its own.

    Parameters
    ----------
    tables : int64, (channels, 256)
        Outputs of the inputs -128 to 127.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry,
                 tables: npt.NDArray[np.int64]) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.tables = tables
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`: one for each group of channels."""
        steps = 1 + self.config.table_steps
        if steps > max_steps:
            raise CapacityError(f"{self.name}: a table needs {steps} steps of weight memory, at "
                                f"most {max_steps} are free")
        size = min(self.config.columns, max_channels or self.config.columns)
        channels = len(self.tables)
        return [self._part(first, min(first + size, channels))
                for first in range(0, channels, size)]

    def _part(self, first: int, end: int) -> "_ChannelTablesPart":
        config = self.config
        image = np.zeros((1 + config.table_steps, config.columns, config.lanes), np.uint8)
        parameters = np.frombuffer(pack_parameters(0, 1 << 30, 1), np.uint8)
        image[0, :, :parameters.size] = parameters
        entries = self.tables[first:end].astype("<i4").view(np.uint8)
        image[1:, :end - first] = entries.reshape(end - first, config.table_steps,
                                                  config.lanes).swapaxes(0, 1)
        blocks = ChannelBlocks(1, first, 0, first, 0, end - first, end - first)
        command = WindowedCommand(
            Opcode.LOOKUP, self.name, self.geometry, blocks, (first, end), False, 1, config.lanes,
            len(image), {"minimum": -128, "maximum": 127}, 0)
        return _ChannelTablesPart((first, end), command, image.tobytes())


class _ChannelTablesPart(Part):
    def __init__(self, channels: tuple[int, int], command: WindowedCommand, image: bytes) -> None:
        self.channels = self.source_channels = channels
        self.constants = Constants(Space.WEIGHTS, image, command.weight_steps)
        self.command = command

    def commands(self, piece: Piece) -> list[Command]:
        return windowed_commands(self.command, piece)
