"""MUL by a factor a channel that the network itself has stored to memory, as weights."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Space
from hadron_compiler.codegen.elementwise import LookupStage
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part
from hadron_compiler.codegen.matrix import MatrixPart
from hadron_compiler.codegen.windowed import WindowedCommand, single_block
from hadron_compiler.errors import CapacityError
from hadron_compiler.ir.graph import Tensor
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ScaledChannelsKernel"]


class ScaledChannelsKernel(Kernel):
    """Blocks of neighbouring channels with diagonal weights, a step for each share of them.

    Parameters
    ----------
    geometry : Geometry
        Of an image to one of the same size.
    parameters : Tensor
        The parameter steps of all blocks, in memory.
    weights : sequence of Tensor
        The steps of all blocks, in memory: of each a share of the weights.
    stage : LookupStage
        What follows the sums; its multiplier and shift are in `parameters`.
    """

    macs = 0
    reads_gaps = writes_gaps = True

    def __init__(self, config: NpuConfig, name: str, geometry: Geometry, parameters: Tensor,
                 weights: Sequence[Tensor], stage: LookupStage) -> None:
        self.config = config
        self.name = name
        self.geometry = geometry
        self.steps = (parameters, *weights)
        self.stage = stage

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`: one for each block of channels."""
        columns, channels = self.config.columns, self.geometry.destination[2]
        if len(self.steps) > max_steps:
            raise CapacityError(f"{self.name}: {columns} channels need {len(self.steps)} steps of "
                                f"weight memory, configuration {self.config.name!r} has "
                                f"weight_steps={self.config.weight_steps}")
        return [self._part(first, min(columns, channels - first))
                for first in range(0, channels, columns)]

    def _part(self, first: int, outputs: int) -> MatrixPart:
        size = self.config.step_bytes
        place = first // self.config.columns * size
        stage = self.stage
        fields = {"wide": int(stage.wide), "zero_point": stage.zero_point,
                  "minimum": stage.minimum, "maximum": stage.maximum}
        constants = Constants(Space.WEIGHTS, b"", len(self.steps),
                              tuple((tensor, place, size) for tensor in self.steps))
        return MatrixPart(WindowedCommand(
            Opcode.MATRIX, self.name, self.geometry, single_block(first, outputs),
            (first, first + outputs), True, 1, self.config.lanes, len(self.steps), fields, 0,
            repeats=len(self.steps) - 1), constants)
