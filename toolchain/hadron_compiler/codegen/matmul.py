"""FULLY_CONNECTED with weights that the network itself has stored to memory."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command, Space
from hadron_compiler.codegen.elementwise import LookupStage
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.windowed import ChannelBlocks, WindowedCommand, windowed_commands
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Tensor
from hadron_spec.commands import Opcode, pack_parameters
from hadron_spec.config import NpuConfig

__all__ = ["DynamicWeightsKernel"]


class DynamicWeightsKernel(Kernel):
    """Rows times a matrix, whose weights lie in memory: of each group of channels all steps.

    Parameters
    ----------
    rows, taps, channels : int
        Sizes; `taps` is a multiple of the lanes.
    weights : sequence of Tensor
        Shares of the weights: every row is read once for each.
    stage : LookupStage
        What follows the sums.
    """

    def __init__(self, config: NpuConfig, name: str, rows: int, taps: int, channels: int,
                 weights: Sequence[Tensor], stage: LookupStage, macs: int) -> None:
        self.config = config
        self.name = name
        self.geometry = Geometry(1, (rows, 1, taps), (rows, 1, channels))
        self.weights = weights
        self.segments = taps // config.lanes
        self.macs = macs
        self.stage = stage
        parameters = pack_parameters(0, stage.multiplier, stage.shift)
        self.parameters = parameters.ljust(config.lanes, b"\0") * config.columns

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`: one for each group of channels."""
        steps = 1 + len(self.weights) * self.segments
        if steps > max_steps or max_channels is not None:
            raise CapacityError(f"{self.name}: {self.config.columns} columns need {steps} steps of "
                                f"weight memory, configuration {self.config.name!r} has "
                                f"weight_steps={self.config.weight_steps}")
        columns, channels = self.config.columns, self.geometry.destination[2]
        return [self._part(first, min(columns, channels - first), steps)
                for first in range(0, channels, columns)]

    def _part(self, first: int, outputs: int, steps: int) -> "_DynamicPart":
        config, stage = self.config, self.stage
        size = self.segments * config.step_bytes
        group = first // config.columns
        constants = Constants(Space.WEIGHTS, self.parameters, steps,
                              tuple((tensor, group * size, size) for tensor in self.weights))
        fields = {"wide": int(stage.wide), "zero_point": stage.zero_point,
                  "minimum": stage.minimum, "maximum": stage.maximum}
        command = WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry,
            ChannelBlocks(1, 0, 0, first, 0, outputs, outputs), (0, self.geometry.source[2]), True,
            self.segments, config.lanes, steps, fields,
            self.macs // (self.geometry.destination[0] * self.geometry.destination[2]),
            repeats=len(self.weights))
        return _DynamicPart(command, constants)


class _DynamicPart(Part):
    def __init__(self, command: WindowedCommand, constants: Constants) -> None:
        self.channels = command.blocks.channels
        self.source_channels = command.reads
        self.constants = constants
        self.command = command

    def commands(self, piece: Piece) -> list[Command]:
        return windowed_commands(self.command, piece)
