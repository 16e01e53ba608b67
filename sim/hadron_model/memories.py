"""The on-chip memories of an NPU."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hadron_spec.commands import (
    HEADER_BYTES,
    LOOKUP_ENTRIES,
    PARAMETERS,
    SHALLOW_ODD,
    LocalSpace,
)
from hadron_spec.config import NpuConfig

__all__ = ["Carried", "LocalMemories", "expand_nibbles"]


_COPIES = (LocalSpace.TABLES, LocalSpace.NIBBLES, LocalSpace.SHALLOW_NIBBLES)
"""Ways to write the weight memory."""


def expand_nibbles(data: NDArray[np.uint8], odd_factor: int = 1) -> NDArray[np.uint8]:
    """Return what the weight memory holds of pairs of 4-bit weights, the second of a pair so many
    times as large: [pair, column]."""
    low, high = ((data.astype(np.int64) >> shift & 15 ^ 8) - 8 for shift in (0, 4))
    high *= odd_factor
    stored = np.stack((low, high - (low < 0)), 1).astype(np.int8)
    return stored.view(np.uint8)


class Carried(NamedTuple):
    """The last sums of MATRIX, by column, and their parameters: bias, multiplier and shift."""

    sums: NDArray[np.int64]
    parameters: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


class LocalMemories:
    """Scratchpad, weight memory and softmax table, as bytes, and what the array keeps.

    Attributes
    ----------
    config : NpuConfig
        The instance's sizes.
    spaces : dict of LocalSpace to ndarray
        The bytes of each memory, uint8; all zero at first. They outlast programs, as in hardware.
        TABLES and both kinds of NIBBLES are no memories, but ways to write the weight memory.
    carried : Carried
        What a command that `continues` goes on with.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        self.spaces: dict[LocalSpace, NDArray[np.uint8]] = {
            space: np.zeros(config.space_bytes(space), np.uint8) for space in LocalSpace
            if space not in _COPIES
        }
        nothing = np.zeros(config.columns, np.int64)
        self.carried = Carried(nothing, (nothing, nothing, nothing))

    def load(self, space: LocalSpace, start: int, data: NDArray[np.uint8]
             ) -> tuple[LocalSpace, slice | NDArray[np.int64]]:
        """Write bytes to a space; return the memory that holds them, and which bytes of it."""
        config = self.config
        if space not in _COPIES:
            inside = slice(start, start + len(data))
            self.spaces[space][inside] = data
            return space, inside
        memory = self.spaces[LocalSpace.WEIGHTS]
        row, lane = np.divmod(np.arange(start, start + len(data))[:, None], config.lanes)
        if space is LocalSpace.TABLES:
            # A byte is in every column.
            where = row * config.step_bytes + np.arange(config.columns) * config.lanes + lane
            memory[where] = data[:, None]
        else:
            # A row of lanes becomes two, those of a pair of columns.
            where = (2 * row + np.arange(2)) * config.lanes + lane
            factor = SHALLOW_ODD if space is LocalSpace.SHALLOW_NIBBLES else 1
            memory[where] = expand_nibbles(data, factor)
        return LocalSpace.WEIGHTS, where.reshape(-1)

    @property
    def scratchpad(self) -> NDArray[np.uint8]:
        """The activation scratchpad."""
        return self.spaces[LocalSpace.ACTIVATIONS]

    @property
    def table(self) -> NDArray[np.int64]:
        """The 256 words of the table."""
        return self.spaces[LocalSpace.TABLE].view("<u4").astype(np.int64)

    def weights(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the weights of these steps, unpacked: [..., column, lane], -128 to 128.

        Column 2i + 1 is stored less one where the weight of column 2i is negative.
        """
        stored = self._steps(steps).view(np.int8).astype(np.int64)
        stored[..., 1::2, :] += stored[..., 0::2, :] < 0
        return stored

    def parameters(self, steps: NDArray[np.int64]
                   ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return bias, multiplier and shift of these parameter steps, each [..., column]."""
        stored = self._steps(steps)[..., :HEADER_BYTES]
        bias, multiplier, shift = (
            np.ascontiguousarray(stored[..., offset : offset + size]).view(f"<i{size}")[..., 0]
            .astype(np.int64)
            for offset, size in PARAMETERS.values())
        return bias, multiplier, shift

    def look_up(self, table: int, x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the entries of activations [..., column] in the table at a step."""
        config = self.config
        words = config.lanes // 4
        memory = self.spaces[LocalSpace.WEIGHTS].view("<i4").reshape(
            config.weight_steps, config.columns, words)
        step, word = np.divmod(x + LOOKUP_ENTRIES // 2, words)
        entries: NDArray[np.int64] = memory[
            (table + step) % config.weight_steps, np.arange(config.columns), word].astype(np.int64)
        return entries

    def _steps(self, steps: NDArray[np.int64]) -> NDArray[np.uint8]:
        config = self.config
        memory = self.spaces[LocalSpace.WEIGHTS].reshape(
            config.weight_steps, config.columns, config.lanes)
        return memory[steps % config.weight_steps]
