"""Weight images: parameter steps and packed weight steps, as the array's memory holds them.

Source: hadron_spec.commands.PARAMETERS.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hadron_spec.commands import HEADER_BYTES, WEIGHT_MAX
from hadron_spec.config import NpuConfig

__all__ = ["NibbleGroups", "Weights", "fits_nibbles", "pack_groups", "pack_nibbles",
           "shares_of"]

Weights = npt.NDArray[np.signedinteger]
"""What a kernel multiplies with, before it is packed: of nine bits where a zero point was
subtracted."""

NIBBLE_MIN, NIBBLE_MAX = -8, 7


@dataclass(frozen=True)
class NibbleGroups:
    """How the steps of an image lie whose weights have four bits: those of all groups with
    parameters, which are bytes, then those of all groups with weights, a nibble each.

    `parameters` and `weights` are the steps of one group, which has the former first. The image
    holds `odd_factor` times the weights of odd columns; the nibbles are the weights.
    """

    count: int
    parameters: int
    weights: int
    odd_factor: int = 1


def shares_of(weights: Weights) -> list[Weights]:
    """Return weights that add up to these, one set at least, of numbers that the array multiplies
    with: what they multiply is read as often."""
    shares = [np.clip(weights, -WEIGHT_MAX, WEIGHT_MAX)]
    while (rest := weights - sum(shares)).any():
        shares.append(np.clip(rest, -WEIGHT_MAX, WEIGHT_MAX))
    return shares


def fits_nibbles(weights: Weights) -> bool:
    """Tell whether all weights have four bits."""
    return bool(((weights >= NIBBLE_MIN) & (weights <= NIBBLE_MAX)).all())


def pack_groups(
    config: NpuConfig,
    weights: Weights,
    bias: npt.NDArray[np.int64],
    multiplier: npt.NDArray[np.int64],
    shift: npt.NDArray[np.int64],
) -> bytes:
    """Lay out groups of output channels, each a parameter step and its weight steps.

    Parameters
    ----------
    config : NpuConfig
        Gives lanes and columns.
    weights : (groups, columns, steps, lanes)
        -127 to 127; zero where a column or lane is not used.
    bias, multiplier, shift : int64, (groups, columns)
        Within 32, 32 and 8 bits, signed.
    """
    groups, columns, steps, lanes = weights.shape
    image = np.zeros((groups, 1 + steps, columns, lanes), np.uint8)
    header = np.zeros((groups, columns, HEADER_BYTES), np.uint8)
    header[..., 0:4] = bias.astype("<i4")[..., None].view(np.uint8)
    header[..., 4:8] = multiplier.astype("<i4")[..., None].view(np.uint8)
    header[..., 8] = shift.astype(np.int8).view(np.uint8)
    image[:, 0, :, :HEADER_BYTES] = header
    packed = weights.transpose(0, 2, 1, 3).astype(np.int16)
    packed[:, :, 1::2] -= packed[:, :, 0::2] < 0
    image[:, 1:] = packed.astype(np.int8).view(np.uint8)
    assert image[0, 0].size == config.step_bytes
    return image.tobytes()


def pack_nibbles(config: NpuConfig, image: bytes, groups: NibbleGroups) -> bytes:
    """Return an image of `pack_groups`, or one of more parameter steps a group, with nibbles."""
    steps = np.frombuffer(image, np.uint8).reshape(groups.count, groups.parameters + groups.weights,
                                                   config.columns, config.lanes)
    stored = steps[:, groups.parameters:].view(np.int8).astype(np.int16)
    even = stored[:, :, 0::2]
    odd = (stored[:, :, 1::2] + (even < 0)) // groups.odd_factor
    assert fits_nibbles(even)
    assert fits_nibbles(odd)
    pairs = (even & 15 | (odd & 15) << 4).astype(np.uint8)
    return steps[:, :groups.parameters].tobytes() + pairs.tobytes()
