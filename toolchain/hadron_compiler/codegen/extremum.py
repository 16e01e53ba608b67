"""MAXIMUM and MINIMUM: two tensors as flat bytes, `columns` at a time."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.elementwise import Run, check_channels, flat_geometry, runs_of
from hadron_compiler.codegen.kernel import Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ExtremumKernel", "ExtremumPart"]

MAX_CHUNKS = FIELDS[Opcode.MAX]["count_kg"].maximum


class ExtremumKernel(Kernel):
    """The maximum, or the minimum, over two steps, one of each operand.

    It works on the rows of a tensor as runs of bytes, with `gaps` on its pixels.
    """

    reads_gaps = writes_gaps = reads_alike = True

    def __init__(self, config: NpuConfig, name: str, shape: Sequence[int], least: bool,
                 gaps: bool = False) -> None:
        self.config = config
        self.name = name
        self.least = least
        self.geometry = flat_geometry(shape, gaps)
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        check_channels(self.name, max_channels)
        return [ExtremumPart(self.config.columns, self.least)]


class ExtremumPart(Part):
    """The only part of an `ExtremumKernel`: a command for a run of bytes. Of one operand it is a
    copy; several lie equally far from one another."""

    channels = (0, 1)
    source_channels = (0, 1)
    constants = None

    def __init__(self, columns: int, least: bool) -> None:
        self.columns = columns
        self.least = least

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`."""
        most = MAX_CHUNKS * self.columns
        return [self._command(piece, run.part(start, min(most, run.size - start)))
                for run in runs_of(piece) for start in range(0, run.size, most)]

    def _command(self, piece: Piece, run: Run) -> Command:
        """Return the command of a run."""
        columns = self.columns
        chunks = -(-run.size // columns)
        first, *others = run.sources
        distance = others[0] - first if others else 0
        fields = {
            **loop_fields({"kg": Loop(chunks, columns, 0, 0, columns),
                           "oy": Loop(run.count, run.source_pitch, 0, 0, run.destination_pitch),
                           "seg": Loop(len(run.sources), distance)}, bounded=False),
            "source": first, "destination": run.destination, "outputs": min(columns, run.size),
            "last_outputs": run.size - (chunks - 1) * columns, "least": int(self.least),
            "minimum": -128, "maximum": 127,
        }
        return Command(Opcode.MAX, piece.layer, fields,
                       [run.reads(place, run.size) for place in range(len(run.sources))],
                       [run.writes(run.size)])
