"""Streams of a simulated design as ``streams.h`` has them: beats in, beats out, pauses."""

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from hadron_cosim.pauses import Pauses

__all__ = ["BEAT", "RAW_LAST", "RAW_USER", "Stream", "StreamOptions", "StreamStalls",
           "tensor_beats"]

RAW_USER, RAW_LAST = 1 << 16, 1 << 17
"""Flags of a beat of RAW, above the pixel."""

BEAT = np.dtype([("bytes", np.uint8, 16), ("user", np.uint64), ("last", np.uint64),
                 ("cycle", np.uint64)])
"""A beat of a tensor or a picture; of an output, the cycle in which it was taken."""


class Stream(IntEnum):
    """The streams of an NPU, and of the ISP before it."""

    RAW = 0
    TENSOR_IN = 1
    PICTURE = 2
    TENSOR_OUT = 3


@dataclass(frozen=True, kw_only=True)
class StreamStalls(Pauses):
    """Random pauses of the streams; `seed` and `longest` as in `Pauses`.

    Parameters
    ----------
    raw, tensor_in, picture, tensor_out : float
        Chance that a pause begins in a cycle, 0 to 1: of VALID of inputs, of READY of outputs.
    """

    raw: float = 0.1
    tensor_in: float = 0.1
    picture: float = 0.1
    tensor_out: float = 0.1


class StreamOptions(ctypes.Structure):
    """``hadron::StreamOptions`` of ``streams.h``, field by field."""

    _fields_ = (("stall", ctypes.c_uint64 * len(Stream)), ("stall_longest", ctypes.c_uint64),
                ("seed", ctypes.c_uint64))

    @classmethod
    def of(cls, stalls: StreamStalls | None) -> "StreamOptions":
        """Lay out pauses; none unless given."""
        options = cls(stall_longest=1, seed=1)
        if stalls is not None:
            options.stall[:] = [round(getattr(stalls, stream.name.lower()) * 65536)
                                for stream in Stream]
            options.stall_longest = stalls.longest
            options.seed = stalls.seed & (1 << 64) - 1
        return options


def tensor_beats(data: bytes, beat_bytes: int, *, broken: bool = False) -> npt.NDArray[Any]:
    """Return the beats of a tensor, of the type `BEAT`: TLAST, and TUSER if broken, on the last."""
    count = -(-len(data) // beat_bytes)
    beats = np.zeros(count, dtype=BEAT)
    padded = data.ljust(count * beat_bytes, b"\0")
    beats["bytes"][:, :beat_bytes] = np.frombuffer(padded, np.uint8).reshape(count, beat_bytes)
    beats["last"][-1] = 1
    beats["user"][-1] = broken
    return beats
