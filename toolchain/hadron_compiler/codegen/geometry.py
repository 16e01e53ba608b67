"""Where tensors and pieces of them lie: images, regions of their output, views of their bytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import prod

from hadron_compiler.codegen.command import Range, Space
from hadron_compiler.ir.graph import Tensor, Window

__all__ = ["Geometry", "Pitches", "Region", "View", "image_of", "needed_lines", "pitches_of"]


@dataclass(frozen=True)
class Region:
    """Rows and columns of an output image: `y` and `x` are half-open ranges."""

    y: tuple[int, int]
    x: tuple[int, int]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.y[1] - self.y[0]

    @property
    def columns(self) -> int:
        """Number of columns."""
        return self.x[1] - self.x[0]

    def intersect(self, other: "Region") -> "Region | None":
        """Return what both have, None when that is nothing."""
        y = (max(self.y[0], other.y[0]), min(self.y[1], other.y[1]))
        x = (max(self.x[0], other.x[0]), min(self.x[1], other.x[1]))
        return Region(y, x) if y[0] < y[1] and x[0] < x[1] else None


@dataclass(frozen=True)
class Geometry:
    """Shape of an operator: `images` times (height, width, channels) in and out, and the window.

    `channels` are the output channels it computes, half-open; None stands for all. `gaps` tell of
    input and output whether their pixels lie apart: then no two are neighbouring bytes.
    """

    images: int
    source: tuple[int, int, int]
    destination: tuple[int, int, int]
    window: Window = field(default_factory=Window)
    channels: tuple[int, int] | None = None
    gaps: tuple[bool, bool] = (False, False)

    @property
    def source_bytes(self) -> int:
        """Bytes of the input, of one of its planes where it has two."""
        return self.images * prod(self.source)

    @property
    def destination_bytes(self) -> int:
        """Bytes of the output, likewise."""
        return self.images * prod(self.destination)

    @property
    def written(self) -> tuple[int, int]:
        """The output channels it computes, half-open."""
        return self.channels or (0, self.destination[2])

    @property
    def whole(self) -> Region:
        """All of the output image."""
        return Region((0, self.destination[0]), (0, self.destination[1]))

    def needed(self, region: Region) -> Region:
        """Return the input rows and columns that a region of the output reads, inside the image.

        A region that reads nothing but padding gets one row or column of the image.
        """
        w = self.window
        y = needed_lines(region.y, w.stride_y, w.pad_top, w.span_y, self.source[0])
        x = needed_lines(region.x, w.stride_x, w.pad_left, w.span_x, self.source[1])
        return Region(y, x)

    def rows_needed(self, rows: int) -> int:
        """Return the most input rows that any `rows` rows of the output need."""
        return min(self.source[0], (rows - 1) * self.window.stride_y + self.window.span_y)

    def columns_needed(self, columns: int) -> int:
        """Return the most input columns that any `columns` columns of the output need."""
        return min(self.source[1], (columns - 1) * self.window.stride_x + self.window.span_x)

    def needed_by_tile(self, region: Region) -> Region:
        """Return what to bring for a region: whole rows where it has whole rows."""
        needed = self.needed(region)
        if region.columns == self.destination[1]:
            return Region(needed.y, (0, self.source[1]))
        return needed

    def tile_needed(self, rows: int, columns: int) -> tuple[int, int]:
        """Return the most input rows and columns that `needed_by_tile` has of so many."""
        whole = columns == self.destination[1]
        return (self.rows_needed(rows),
                self.source[1] if whole else self.columns_needed(columns))

    def origin(self, region: Region) -> tuple[int, int]:
        """Return the row and column where the first window of a region begins: negative in the
        padding."""
        w = self.window
        return region.y[0] * w.stride_y - w.pad_top, region.x[0] * w.stride_x - w.pad_left

    def touches_padding(self, region: Region) -> bool:
        """Tell whether a region of the output reads outside of the input image."""
        w = self.window
        return (min(self.origin(region)) < 0
                or (region.y[1] - 1) * w.stride_y - w.pad_top + w.span_y > self.source[0]
                or (region.x[1] - 1) * w.stride_x - w.pad_left + w.span_x > self.source[1])


def image_of(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return a tensor of any rank as an image: (height, width, channels)."""
    *outer, width, channels = (1, 1, *shape)
    return prod(outer), width, channels


def needed_lines(out: tuple[int, int], stride: int, pad: int, span: int,
                 size: int) -> tuple[int, int]:
    """Return which rows or columns of `size` a range of outputs takes: one at least."""
    first = out[0] * stride - pad
    end = (out[1] - 1) * stride - pad + span
    first = min(max(first, 0), size - 1)
    return first, max(min(end, size), first + 1)


@dataclass(frozen=True)
class Pitches:
    """Where the images of an operand lie in the tensor that owns its bytes: the first one, and the
    distances between images, rows and pixels."""

    offset: int
    image: int
    row: int
    pixel: int
    plane: int = 0
    """From low to high bytes of 16-bit activations; 0 of others."""

    def apart(self, gap: int, rows: int) -> "Pitches":
        """Return the pitches of images of so many rows with a gap behind each."""
        return replace(self, image=self.image + rows * gap, row=self.row + gap)

    def end(self, index: int, image: tuple[int, int, int], rows: int) -> int:
        """Return where the first `rows` rows of one of the images end."""
        _, width, channels = image
        return (self.offset + index * self.image + (rows - 1) * self.row
                + (width - 1) * self.pixel + channels)

    def view(self, address: int, image: tuple[int, int, int], index: int = 0) -> "View":
        """Return the view of one of the images of a tensor at an address."""
        height, width, channels = image
        return View(address + self.offset + index * self.image, (0, height), (0, width),
                    (0, channels), self.row, self.pixel, self.plane)


def pitches_of(tensor: Tensor, images: int, image: tuple[int, int, int]) -> Pitches | None:
    """Return how a tensor lies that is read or written as images (height, width, channels).

    None where its channels are no neighbours, or images, rows or pixels not equally far apart.
    """
    placed = tensor.strided((images, *image))
    if placed is None:
        return None
    offset, strides = placed
    height, width, channels = image
    if channels > 1 and strides[3] != 1:
        return None
    # Of a single one the distance is any.
    pixel = strides[2] if width > 1 else max(channels, strides[2])
    row = strides[1] if height > 1 else max(width * pixel, strides[1])
    return Pitches(offset, strides[0] if images > 1 else height * row, row, pixel)


@dataclass(frozen=True)
class View:
    """Bytes of an image in the scratchpad: where row `y`, column `x`, channel `channel` begins.

    `y`, `x` and `channel` are half-open ranges of the image that the view holds; its first byte is
    at `address`. Rows are `row_pitch`, pixels `pixel_pitch` bytes apart. Of 16-bit activations
    these are the low bytes; the high ones lie `plane` bytes behind them.
    """

    address: int
    y: tuple[int, int]
    x: tuple[int, int]
    channel: tuple[int, int]
    row_pitch: int
    pixel_pitch: int
    plane: int = 0

    def plane_of(self, place: int) -> "View":
        """Return the view of the low bytes (0) or of the high ones (1)."""
        return replace(self, address=self.address + place * self.plane, plane=0)

    @property
    def rows(self) -> int:
        """Rows the view holds."""
        return self.y[1] - self.y[0]

    @property
    def width_bytes(self) -> int:
        """Bytes of a row of the view, the gap after its last pixel included."""
        return (self.x[1] - self.x[0]) * self.pixel_pitch

    def locate(self, y: int, x: int, channel: int) -> int:
        """Return the address of a byte; it may lie outside of the view (padding)."""
        return (self.address + (y - self.y[0]) * self.row_pitch
                + (x - self.x[0]) * self.pixel_pitch + channel - self.channel[0])

    def narrow(self, region: Region) -> "View":
        """Return the view of some of its rows and columns."""
        return replace(self, address=self.locate(region.y[0], region.x[0], self.channel[0]),
                       y=region.y, x=region.x)

    def bytes_of(self, region: Region, channel: tuple[int, int]) -> Range:
        """Return the smallest range that holds these rows, columns and channels."""
        start = self.locate(region.y[0], region.x[0], channel[0])
        end = self.locate(region.y[1] - 1, region.x[1] - 1, channel[1] - 1) + 1
        return Range(Space.SCRATCHPAD, start, end)
