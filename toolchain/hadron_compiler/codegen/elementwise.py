"""ADD: two tensors as flat bytes, `columns` at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_compiler.codegen.packing import pack_groups
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["AddKernel", "AddStage"]

MAX_CHUNKS = FIELDS[Opcode.ADD]["count_ox"].maximum


@dataclass(frozen=True)
class AddStage:
    """Integers of ADD. `a` is the position of the operand of larger scale among the inputs."""

    a: int
    zero_point_a: int
    zero_point_b: int
    multiplier_b: int
    shift_b: int
    multiplier: int
    shift: int
    zero_point: int
    minimum: int
    maximum: int


class AddKernel(Kernel):
    """ADD over an image of one row and one channel, as wide as the tensor has bytes.

    What is left over when `columns` does not divide that is a command of its own.
    """

    def __init__(self, config: NpuConfig, name: str, elements: int, stage: AddStage) -> None:
        self.config = config
        self.name = name
        self.geometry = Geometry(1, (1, elements, 1), (1, elements, 1))
        self.stage = stage
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        return [_AddPart(self.config, self.stage)]


class _AddPart(Part):
    channels = (0, 1)
    source_channels = (0, 1)

    def __init__(self, config: NpuConfig, stage: AddStage) -> None:
        self.config = config
        self.stage = stage
        columns = config.columns
        image = pack_groups(
            config, np.zeros((1, columns, 0, config.lanes), np.int8),
            np.zeros((1, columns), np.int64),
            np.full((1, columns), stage.multiplier), np.full((1, columns), stage.shift))
        self.constants = Constants(Space.WEIGHTS, image, 1)

    def commands(self, piece: Piece) -> list[Command]:
        columns = self.config.columns
        first, end = piece.region.x
        whole = first + (end - first) // columns * columns
        made = [self._command(piece, start, min(MAX_CHUNKS, (whole - start) // columns), columns)
                for start in range(first, whole, MAX_CHUNKS * columns)]
        if whole < end:
            made.append(self._command(piece, whole, 1, end - whole))
        return made

    def _command(self, piece: Piece, start: int, chunks: int, outputs: int) -> Command:
        """Return the command of some chunks from byte `start` on."""
        stage, columns = self.stage, self.config.columns
        a, b = (view.locate(0, start, 0)
                for view in (piece.sources[stage.a], piece.sources[1 - stage.a]))
        destination = piece.destination.locate(0, start, 0)
        fields = {
            **loop_fields({"ox": Loop(chunks, columns, 0, 0, columns), "seg": Loop(2, b - a)},
                          bounded=False),
            "source": a, "destination": destination, "outputs": outputs,
            "last_outputs": outputs, "weight_step": piece.weight_step,
            "zero_point_a": stage.zero_point_a, "zero_point_b": stage.zero_point_b,
            "multiplier_b": stage.multiplier_b, "shift_b": stage.shift_b,
            "zero_point": stage.zero_point, "minimum": stage.minimum, "maximum": stage.maximum,
        }
        size = (chunks - 1) * columns + outputs
        reads = [Range(Space.SCRATCHPAD, a, a + size), Range(Space.SCRATCHPAD, b, b + size),
                 Range(Space.WEIGHTS, piece.weight_step, piece.weight_step + 1)]
        writes = [Range(Space.SCRATCHPAD, destination, destination + size)]
        return Command(Opcode.ADD, piece.layer, fields, reads, writes)
