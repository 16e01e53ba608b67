"""The on-chip memories of an NPU."""

import numpy as np
from numpy.typing import NDArray

from hadron_spec.commands import HEADER_BYTES, PARAMETERS, LocalSpace
from hadron_spec.config import NpuConfig

__all__ = ["TABLE_BYTES", "LocalMemories", "space_bytes"]

TABLE_BYTES = 4 * 256
"""The look-up table: 256 words of 32 bits."""


def space_bytes(config: NpuConfig, space: LocalSpace) -> int:
    """Return the size of an on-chip memory."""
    return {LocalSpace.ACTIVATIONS: config.act_bytes, LocalSpace.WEIGHTS: config.weight_bytes,
            LocalSpace.TABLE: TABLE_BYTES}[space]


class LocalMemories:
    """Scratchpad, weight memory and table, as bytes.

    Attributes
    ----------
    config : NpuConfig
        The instance's sizes.
    spaces : dict of LocalSpace to ndarray
        The bytes, uint8; all zero at first. They outlast programs, as in hardware.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        self.spaces: dict[LocalSpace, NDArray[np.uint8]] = {
            space: np.zeros(space_bytes(config, space), np.uint8) for space in LocalSpace
        }

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

    def _steps(self, steps: NDArray[np.int64]) -> NDArray[np.uint8]:
        config = self.config
        memory = self.spaces[LocalSpace.WEIGHTS].reshape(
            config.weight_steps, config.columns, config.lanes)
        return memory[steps % config.weight_steps]
