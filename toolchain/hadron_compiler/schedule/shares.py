"""Layers that pass a tensor on some channels at a time, so that only these need room."""

from collections.abc import Sequence
from dataclasses import dataclass

from hadron_compiler.codegen.kernel import Part
from hadron_compiler.errors import CapacityError
from hadron_compiler.schedule.tiles import Tiler

__all__ = ["ChannelShare", "channel_shares"]


@dataclass(frozen=True)
class ChannelShare:
    """Channels `channels` of a tensor, half-open: the parts that make them, and those that read
    them."""

    channels: tuple[int, int]
    makers: tuple[Part, ...]
    readers: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Number of channels."""
        return self.channels[1] - self.channels[0]


def channel_shares(maker: Tiler, reader: Tiler, most: int) -> tuple[ChannelShare, ...]:
    """Cut the channels that one layer makes and another one reads, into at most about `most`
    shares; one where that cannot be."""
    image, columns = maker.kernel.geometry.destination, maker.config.columns
    if image != reader.kernel.geometry.source or maker.kernel.gap or reader.kernel.gap:
        return ()
    channels = -(-image[2] // most // columns) * columns
    if channels >= image[2]:
        return ()
    try:
        makers, readers = maker.parts(channels), reader.parts(channels)
    except CapacityError:
        return ()
    made = _ends([part.channels for part in makers], image[2])
    read = _ends([part.source_channels for part in readers], image[2])
    shares = []
    first = 0
    for end in sorted(made & read):
        shares.append(ChannelShare(
            (first, end),
            tuple(part for part in makers if first <= part.channels[0] < end),
            tuple(part for part in readers if first <= part.source_channels[0] < end)))
        first = end
    return tuple(shares)


def _ends(channels: Sequence[tuple[int, int]], count: int) -> set[int]:
    """Return where ranges end that follow one another up to `count`; none where they do not."""
    end = 0
    for some in channels:
        if some[0] != end:
            return set()
        end = some[1]
    return {some[1] for some in channels} if end == count else set()
