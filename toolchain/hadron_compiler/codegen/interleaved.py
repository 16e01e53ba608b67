"""Several kernels that each compute every so manieth row and column of one output."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hadron_compiler.codegen.command import Command
from hadron_compiler.codegen.geometry import Geometry, Region, View, needed_lines
from hadron_compiler.codegen.kernel import Kernel, Part, Piece, WrappedPart
from hadron_compiler.errors import CapacityError

__all__ = ["InterleavedKernel", "Share"]


@dataclass(frozen=True)
class Share:
    """The rows and columns of the output that a kernel computes as its rows 0, 1, ...: from
    `first_y` and `first_x` on, `step_y` and `step_x` apart."""

    kernel: Kernel
    first_y: int
    step_y: int
    first_x: int
    step_x: int

    def local(self, region: Region) -> Region | None:
        """Return the kernel's share in a region, in its own rows and columns."""
        whole = self.kernel.geometry.whole
        own = Region(_local(region.y, self.first_y, self.step_y),
                     _local(region.x, self.first_x, self.step_x))
        return own.intersect(whole)

    def view(self, view: View) -> View:
        """Return the view of the share's pixels in that of the output."""
        whole = self.kernel.geometry.whole
        return replace(view, address=view.locate(self.first_y, self.first_x, view.channel[0]),
                       y=whole.y, x=whole.x, row_pitch=view.row_pitch * self.step_y,
                       pixel_pitch=view.pixel_pitch * self.step_x)


def _local(outer: tuple[int, int], first: int, step: int) -> tuple[int, int]:
    return -(-(outer[0] - first) // step), -(-(outer[1] - first) // step)


@dataclass(frozen=True)
class _Lines:
    """The rows, or the columns, of a share: `count` from `first` on, `step` apart. Each takes
    `span` of the input's, `stride` apart, of which the first begin `pad` before them."""

    first: int
    step: int
    count: int
    stride: int
    pad: int
    span: int

    def needed(self, outer: tuple[int, int], size: int) -> tuple[int, int] | None:
        """Return what its lines in a range take of `size` ones, None where it has none there."""
        begin, end = _local(outer, self.first, self.step)
        begin, end = max(begin, 0), min(end, self.count)
        return (needed_lines((begin, end), self.stride, self.pad, self.span, size)
                if begin < end else None)


def _lines_of(share: Share) -> tuple[_Lines, _Lines]:
    geometry = share.kernel.geometry
    window, (rows, columns, _) = geometry.window, geometry.destination
    return (_Lines(share.first_y, share.step_y, rows, window.stride_y, window.pad_top,
                   window.span_y),
            _Lines(share.first_x, share.step_x, columns, window.stride_x, window.pad_left,
                   window.span_x))


@dataclass(frozen=True)
class _InterleavedGeometry(Geometry):
    lines: tuple[frozenset[_Lines], frozenset[_Lines]] = (frozenset(), frozenset())
    """Of all shares, the rows and the columns: each once, though many shares have them."""

    def needed(self, region: Region) -> Region:
        """See `Geometry.needed`: what any share needs."""
        return Region(self._along(0, region.y), self._along(1, region.x))

    def _along(self, axis: int, outer: tuple[int, int]) -> tuple[int, int]:
        parts = [part for lines in self.lines[axis]
                 if (part := lines.needed(outer, self.source[axis])) is not None]
        return min(part[0] for part in parts), max(part[1] for part in parts)

    def rows_needed(self, rows: int) -> int:
        """See `Geometry.rows_needed`."""
        return self._most(0, rows)

    def columns_needed(self, columns: int) -> int:
        """See `Geometry.columns_needed`."""
        return self._most(1, columns)

    def _most(self, axis: int, count: int) -> int:
        size = self.destination[axis]
        parts = [self._along(axis, (i, min(i + count, size))) for i in range(0, size, count)]
        return max(end - begin for begin, end in parts)


class InterleavedKernel(Kernel):
    """One output made by several kernels; every pixel belongs to one of them.

    Parameters
    ----------
    destination : (int, int, int)
        Rows, columns, channels of the output.
    shares : sequence of Share
        Kernels over the same input.
    """

    writes_gaps = True

    def __init__(self, name: str, destination: tuple[int, int, int],
                 shares: Sequence[Share]) -> None:
        inner = shares[0].kernel.geometry
        self.name = name
        self.shares = tuple(shares)
        rows, columns = zip(*(_lines_of(share) for share in self.shares), strict=True)
        self.geometry = _InterleavedGeometry(inner.images, inner.source, destination,
                                             lines=(frozenset(rows), frozenset(columns)))
        self.macs = sum(share.kernel.macs for share in shares)

    def parts(self, max_steps: int, max_channels: int | None) -> Sequence[Part]:
        """See `Kernel.parts`; channels are not cut, for no part makes all pixels of any."""
        if max_channels is not None:
            raise CapacityError(f"{self.name}: a row of all channels does not fit the scratchpad")
        return [_InterleavedPart(share, part) for share in self.shares
                for part in share.kernel.parts(max_steps, None)]


class _InterleavedPart(WrappedPart):
    def __init__(self, share: Share, part: Part) -> None:
        super().__init__(part)
        self.share = share

    def works_on(self, region: Region) -> bool:
        """Tell whether the part has a share in a region."""
        own = self.share.local(region)
        return own is not None and self.part.works_on(own)

    def commands(self, piece: Piece) -> list[Command]:
        """See `Part.commands`."""
        own = self.share.local(piece.region)
        assert own is not None
        return self.part.commands(replace(piece, region=own,
                                          destination=self.share.view(piece.destination)))
