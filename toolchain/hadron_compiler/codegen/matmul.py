"""FULLY_CONNECTED with weights that the network itself has stored to memory."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Space
from hadron_compiler.codegen.elementwise import LookupStage
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part
from hadron_compiler.codegen.matrix import MatrixPart, most_steps
from hadron_compiler.codegen.windowed import (
    ChannelBlocks,
    WindowedCommand,
    WindowPart,
    cut_window,
)
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
        """See `Kernel.parts`: one for each group of channels, or several that add up its sums."""
        steps = 1 + len(self.weights) * self.segments
        long = steps > most_steps(self.config, self.geometry)
        columns, channels = self.config.columns, self.geometry.destination[2]
        if (steps > max_steps or max_channels is not None) and not long:
            raise CapacityError(f"{self.name}: {self.config.columns} columns need {steps} steps of "
                                f"weight memory, configuration {self.config.name!r} has "
                                f"weight_steps={self.config.weight_steps}")
        parts = cut_window(1, 1, self.segments, max_steps - 1 if long else self.segments, True)
        shares = [(tensor,) for tensor in self.weights] if long else [tuple(self.weights)]
        pieces = [(tensors, part) for tensors in shares for part in parts]
        return [self._part(first, min(columns, channels - first), *piece, piece == pieces[0],
                           piece == pieces[-1])
                for first in range(0, channels, columns) for piece in pieces]

    def _part(self, first: int, outputs: int, tensors: Sequence[Tensor], part: WindowPart,
              begins: bool, ends: bool) -> MatrixPart:
        """Return the part that adds up some segments times some shares of the weights."""
        config, stage = self.config, self.stage
        start, end = (segment * config.step_bytes for segment in part.segments)
        group = first // config.columns * self.segments * config.step_bytes
        steps = int(begins) + len(tensors) * part.steps
        constants = Constants(Space.WEIGHTS, self.parameters if begins else b"", steps,
                              tuple((tensor, group + start, end - start) for tensor in tensors))
        fields = {"wide": int(stage.wide), "zero_point": stage.zero_point,
                  "minimum": stage.minimum, "maximum": stage.maximum,
                  **({} if begins else {"continues": 1})}
        reads = (part.segments[0] * config.lanes, part.segments[1] * config.lanes)
        return MatrixPart(WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry,
            ChannelBlocks(1, 0, 0, first, 0, outputs, outputs if ends else 0), reads, True,
            self.segments, config.lanes, steps, fields,
            self.macs // (self.geometry.destination[0] * self.geometry.destination[2]),
            repeats=len(tensors), part=None if begins and ends else part), constants)
