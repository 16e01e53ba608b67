"""CONCATENATION: a tensor copied, pixel by pixel, into channels of a larger one."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Kernel, Part, Piece
from hadron_compiler.codegen.windowed import ChannelBlocks, WindowedCommand, windowed_commands
from hadron_compiler.errors import CapacityError
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["CopyKernel"]

MAX_BLOCKS = FIELDS[Opcode.MAX]["count_kg"].maximum


class CopyKernel(Kernel):
    """The maximum over one element, `columns` channels at once.

    The source has as many channels as the geometry's `written`; they become those of the output.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`."""
        columns = self.config.columns
        offset, end = self.geometry.written
        channels = end - offset
        most = channels if max_channels is None else max_channels
        if most < 1:
            raise CapacityError(f"{self.name}: one channel at once is more than fits")
        size = min(most, MAX_BLOCKS * columns)
        if size < channels and size > columns:
            size -= size % columns
        return [self._part(first, min(first + size, channels))
                for first in range(0, channels, size)]

    def _part(self, first: int, end: int) -> "_CopyPart":
        """Return the part of some channels of the source."""
        columns = self.config.columns
        count = -(-(end - first) // columns)
        blocks = ChannelBlocks(count, first, columns, self.geometry.written[0] + first, columns,
                               min(columns, end - first), end - first - (count - 1) * columns)
        return _CopyPart((first, end), WindowedCommand(
            Opcode.MAX, self.name, self.geometry, blocks, (first, end), False, 1,
            self.config.lanes, 0, {"minimum": -128, "maximum": 127}, 0))


class _CopyPart(Part):
    constants = None

    def __init__(self, source_channels: tuple[int, int], command: WindowedCommand) -> None:
        self.channels = command.blocks.channels
        self.source_channels = source_channels
        self.command = command

    def commands(self, piece: Piece) -> list[Command]:
        return windowed_commands(self.command, piece)
