"""Tensors on a stream: what the NPU reads from `s_axis`.

Mirrors `hadron_rtl.control.stream_reader`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hadron_model.program import CommandFailureError
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["InputStream", "StreamTensor"]


@dataclass(frozen=True)
class StreamTensor:
    """A tensor: its bytes, and whether the sender marked it as broken."""

    data: bytes
    broken: bool = False


class InputStream:
    """Tensors one after the other, in beats; what is wrong is reported as the hardware does.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    tensors : sequence of bytes or StreamTensor
        What comes; the last beat of each is filled up with zeros.
    """

    def __init__(self, config: NpuConfig, tensors: Sequence[bytes | StreamTensor]):
        self.beat = config.axi_bytes
        self._tensors = [tensor if isinstance(tensor, StreamTensor) else StreamTensor(tensor)
                         for tensor in tensors]
        self._position = 0

    def read(self, size: int, ends: bool) -> bytes:
        """Read as many beats as hold `size` bytes; `ends`: the tensor ends with them.

        Raises
        ------
        CommandFailureError
            STREAM_SHORT, STREAM_LONG or STREAM_BROKEN.
        ValueError
            When there is no tensor: the hardware would wait for one.
        """
        if not self._tensors:
            raise ValueError("the program waits for a tensor on the input stream")
        tensor = self._tensors[0]
        start = self._position
        end = start + -(-size // self.beat) * self.beat
        length = -(-len(tensor.data) // self.beat) * self.beat
        self._position = end
        if end < length and ends:
            raise CommandFailureError(ErrorCode.STREAM_LONG, f"more than {end} bytes")
        if end >= length:
            self._tensors.pop(0)
            self._position = 0
            if tensor.broken:
                raise CommandFailureError(ErrorCode.STREAM_BROKEN, "marked as broken")
            if end > length or not ends:
                raise CommandFailureError(ErrorCode.STREAM_SHORT, f"{length} bytes")
        return tensor.data[start:end].ljust(end - start, b"\0")
