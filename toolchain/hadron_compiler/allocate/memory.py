"""The memory region: constants first, then tensors."""

from hadron_compiler.allocate.intervals import Block, align_up, place

__all__ = ["MEMORY_ALIGN", "MemoryImage", "place_tensors"]

MEMORY_ALIGN = 64
"""Tensors and constants begin at multiples of this: a cache line of most hosts."""


class MemoryImage:
    """Constants in the order in which they were added; equal ones are kept once."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._offsets: dict[bytes, int] = {}

    def add(self, data: bytes) -> int:
        """Return the offset of `data`."""
        if data not in self._offsets:
            self._data += bytes(-len(self._data) % MEMORY_ALIGN)
            self._offsets[data] = len(self._data)
            self._data += data
        return self._offsets[data]

    @property
    def data(self) -> bytes:
        """All constants, padded to the alignment."""
        return bytes(self._data) + bytes(-len(self._data) % MEMORY_ALIGN)


def place_tensors(base: int, fixed: list[int], shared: list[Block]) -> tuple[list[int], list[int],
                                                                            int]:
    """Place tensors from offset `base` on.

    Parameters
    ----------
    fixed : list of int
        Sizes of tensors that share their bytes with none: inputs and outputs.
    shared : list of Block
        Tensors that only live for some layers.

    Returns
    -------
    tuple
        Offsets of the fixed, offsets of the shared, end.
    """
    offset = align_up(base, MEMORY_ALIGN)
    offsets = []
    for size in fixed:
        offsets.append(offset)
        offset = align_up(offset + size, MEMORY_ALIGN)
    placement = place(shared, MEMORY_ALIGN)
    return offsets, [offset + address for address in placement.addresses], offset + placement.size
