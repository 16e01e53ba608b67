"""SOFTMAX: rows of elements."""

from collections.abc import Sequence

from hadron_compiler.codegen.command import Command, Range, Space
from hadron_compiler.codegen.geometry import Geometry, Region
from hadron_compiler.codegen.kernel import Constants, Kernel, Part, Piece
from hadron_compiler.codegen.loops import Loop, loop_fields
from hadron_spec.commands import FIELDS, Opcode

__all__ = ["SoftmaxKernel"]

ZERO_POINT = -128

MAX_ROWS = FIELDS[Opcode.SOFTMAX]["count_kg"].maximum


class SoftmaxKernel(Kernel):
    """SOFTMAX over an image whose rows are the tensor's, one pixel each, its elements channels.

    Parameters
    ----------
    rows, elements : int
        Shape of the tensor, its last axis and all others together.
    table : sequence of int
        256 words of 32 bits. Source: hadron_spec.numerics.softmax_table.
    """

    reads_gaps = writes_gaps = True

    def __init__(self, rows: int, elements: int, table: Sequence[int]) -> None:
        self.geometry = Geometry(1, (rows, 1, elements), (rows, 1, elements))
        self.table = Constants(
            Space.TABLE, b"".join(int(word).to_bytes(4, "little") for word in table), 0)
        self.macs = 0

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; there is one."""
        return [_SoftmaxPart(self.geometry.destination[2], self.table)]


class _SoftmaxPart(Part):
    def __init__(self, elements: int, table: Constants) -> None:
        self.channels = self.source_channels = (0, elements)
        self.constants = table

    def commands(self, piece: Piece) -> list[Command]:
        first, end = piece.region.y
        return [self._command(piece, Region((row, min(row + MAX_ROWS, end)), piece.region.x))
                for row in range(first, end, MAX_ROWS)]

    def _command(self, piece: Piece, region: Region) -> Command:
        elements = self.channels[1]
        source, destination = piece.sources[0], piece.destination
        loops = {
            "kg": Loop(region.rows, source.row_pitch, 0, 0, destination.row_pitch),
            "ox": Loop(elements, 1, 0, 0, 1),
        }
        fields = loop_fields(loops, bounded=False)
        fields |= {
            "source": source.locate(region.y[0], 0, 0),
            "destination": destination.locate(region.y[0], 0, 0),
            "outputs": 1, "last_outputs": 1,
            "zero_point": ZERO_POINT, "minimum": -128, "maximum": 127,
        }
        reads = [source.bytes_of(region, self.channels), Range(Space.TABLE, 0, 1024)]
        writes = [destination.bytes_of(region, self.channels)]
        return Command(Opcode.SOFTMAX, piece.layer, fields, reads, writes)
