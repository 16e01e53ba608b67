"""MAXIMUM and MINIMUM: two tensors as flat bytes, `columns` at a time."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.elementwise import Run, flat_geometry, runs_of
from hadron_compiler.codegen.kernel import Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_spec.commands import FIELDS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ExtremumKernel"]

MAX_CHUNKS = FIELDS[Opcode.MAX]["count_kg"].maximum


class ExtremumKernel(Kernel):
    """The maximum, or the minimum, over two steps, one of each operand.

    It works on the rows of a tensor as runs of bytes.
    """

    def __init__(self, config: NpuConfig, shape: Sequence[int], least: bool) -> None:
        self.config = config
        self.least = least
        self.geometry = flat_geometry(shape)
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        return [_ExtremumPart(self.config.columns, self.least)]


class _ExtremumPart(Part):
    channels = (0, 1)
    source_channels = (0, 1)
    constants = None

    def __init__(self, columns: int, least: bool) -> None:
        self.columns = columns
        self.least = least

    def commands(self, piece: Piece) -> list[Command]:
        most = MAX_CHUNKS * self.columns
        return [self._command(piece, run, start, min(most, run.size - start))
                for run in runs_of(piece) for start in range(0, run.size, most)]

    def _command(self, piece: Piece, run: Run, start: int, size: int) -> Command:
        """Return the command of `size` bytes from byte `start` of a run on."""
        columns = self.columns
        chunks = -(-size // columns)
        a, b = (source + start for source in run.sources)
        destination = run.destination + start
        fields = {
            **loop_fields({"kg": Loop(chunks, columns, 0, 0, columns), "seg": Loop(2, b - a)},
                          bounded=False),
            "source": a, "destination": destination, "outputs": min(columns, size),
            "last_outputs": size - (chunks - 1) * columns, "least": int(self.least),
            "minimum": -128, "maximum": 127,
        }
        return Command(Opcode.MAX, piece.layer, fields,
                       [Range(Space.SCRATCHPAD, address, address + size) for address in (a, b)],
                       [Range(Space.SCRATCHPAD, destination, destination + size)])
