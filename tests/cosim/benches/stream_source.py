"""A sender of tensors on `s_axis`, which pauses at random."""

import random
from collections import deque
from collections.abc import Iterator

import cocotb
from cocotb.triggers import FallingEdge

__all__ = ["StreamSource"]


class StreamSource:
    """Offer the beats of tensors in order; a beat that is offered stays until it is taken.

    Parameters
    ----------
    dut : cocotb handle
        With the port `s_axis`.
    beat_bytes : int
        Bytes of a beat.
    rng : random.Random
        What fills up last beats.
    pauses : iterator of bool
        Whether to pause, cycle by cycle.
    """

    def __init__(self, dut, beat_bytes: int, rng: random.Random, pauses: Iterator[bool]) -> None:
        self.dut = dut
        self.beat_bytes = beat_bytes
        self.rng = rng
        self.pauses = pauses
        self.beats: deque[tuple[int, bool, bool]] = deque()
        cocotb.start_soon(self._run())

    def put(self, tensor: bytes, *, broken: bool = False, ends: bool = True) -> None:
        """Append a tensor, or only the beginning of one that does not end."""
        padded = tensor + self.rng.randbytes(-len(tensor) % self.beat_bytes)
        for start in range(0, len(padded), self.beat_bytes):
            last = ends and start + self.beat_bytes == len(padded)
            data = int.from_bytes(padded[start : start + self.beat_bytes], "little")
            self.beats.append((data, last, broken and last))

    async def _run(self) -> None:
        dut = self.dut
        offered = False
        dut.s_axis_tvalid.value = 0
        while True:
            await FallingEdge(dut.clk)
            if int(dut.rst.value):
                self.beats.clear()
                offered = False
            elif offered and int(dut.s_axis_tready.value):
                self.beats.popleft()
                offered = False
            offered = offered or (bool(self.beats) and not next(self.pauses))
            dut.s_axis_tvalid.value = offered
            if offered:
                data, last, broken = self.beats[0]
                dut.s_axis_tdata.value = data
                dut.s_axis_tlast.value = last
                dut.s_axis_tuser.value = broken
