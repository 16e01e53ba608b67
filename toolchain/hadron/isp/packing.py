"""RAW bytes as sensors send them: MIPI CSI-2 packing, and one pixel in one or two bytes.

Source: MIPI CSI-2 v1.3, sections 11.4.2 to 11.4.4 (RAW8, RAW10, RAW12).
"""

import numpy as np
import numpy.typing as npt

__all__ = ["PACKINGS", "line_bytes", "pack", "unpack", "whole_groups"]

PACKINGS = ("mipi", "unpacked")
"""``mipi``: 4 pixels of RAW10 in 5 bytes, 2 of RAW12 in 3. ``unpacked``: RAW8 in one byte a pixel,
RAW10 and RAW12 in the lower bits of two, low byte first."""

_GROUPS = {8: (1, 1), 10: (4, 5), 12: (2, 3)}
"""Pixels and bytes that belong together."""

Bytes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint16]


def line_bytes(width: int, bits: int, packing: str) -> int:
    """Return the bytes of a line.

    Raises
    ------
    ValueError
        When bits or packing is unknown or a line is no whole number of groups.
    """
    if packing not in PACKINGS:
        raise ValueError(f"packing {packing!r}, must be one of {', '.join(PACKINGS)}")
    if bits not in _GROUPS:
        raise ValueError(f"bits={bits!r}, must be 8, 10 or 12")
    if packing == "unpacked":
        return width * (1 if bits == 8 else 2)
    pixels, size = _GROUPS[bits]
    if width % pixels:
        raise ValueError(f"width {width}, must be a multiple of {pixels} in packed RAW{bits}")
    return width // pixels * size


def whole_groups(width: int, bits: int, packing: str) -> int:
    """Return the pixels of a line that is filled up to whole groups."""
    pixels = _GROUPS[bits][0] if packing == "mipi" else 1
    return -(-width // pixels) * pixels


def unpack(data: Bytes, width: int, bits: int, packing: str) -> Pixels:
    """Return the pixels of whole lines, (rows, columns).

    Raises
    ------
    ValueError
        See :func:`line_bytes`; also when an unpacked pixel has more than `bits` bits.
    """
    lines = data.reshape(-1, line_bytes(width, bits, packing))
    if packing == "unpacked":
        wide = lines if bits == 8 else np.ascontiguousarray(lines).view("<u2")
        return _checked(wide.astype(np.uint16), bits)
    if bits == 8:
        return lines.astype(np.uint16)
    count, size = _GROUPS[bits]
    groups = lines.reshape(len(lines), -1, size).astype(np.uint16)
    low_bits = bits - 8
    low = groups[..., size - 1, None] >> (low_bits * np.arange(count)).astype(np.uint16)
    pixels = groups[..., :count] << low_bits | low & (1 << low_bits) - 1
    return pixels.astype(np.uint16).reshape(len(lines), width)


def pack(pixels: Pixels, bits: int, packing: str) -> bytes:
    """Return the bytes of pixels (rows, columns).

    Raises
    ------
    ValueError
        See :func:`line_bytes`; also when a pixel has more than `bits` bits.
    """
    height, width = pixels.shape
    line_bytes(width, bits, packing)
    _checked(pixels, bits)
    if bits == 8:
        return pixels.astype(np.uint8).tobytes()
    if packing == "unpacked":
        return pixels.astype("<u2").tobytes()
    count, _ = _GROUPS[bits]
    low_bits = bits - 8
    groups = pixels.astype(np.uint16).reshape(height, -1, count)
    shifts = (low_bits * np.arange(count)).astype(np.uint16)
    low = ((groups & (1 << low_bits) - 1) << shifts).sum(axis=-1, keepdims=True)
    return np.concatenate([groups >> low_bits, low], axis=-1).astype(np.uint8).tobytes()


def _checked(pixels: Pixels, bits: int) -> Pixels:
    largest = int(pixels.max(initial=0))
    if largest >> bits:
        raise ValueError(f"a pixel is {largest}, must be at most {(1 << bits) - 1} in RAW{bits}")
    return pixels
