"""An AXI4 memory for cocotb with the timing of the fast lane's ``fast`` model, cycle for cycle."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb.triggers import RisingEdge

from hadron_cosim.memory_model import FAST, MemoryModel

__all__ = ["AxiSlave"]

_DECERR = 3


@dataclass
class _Read:
    address: int
    beats: int
    due: int


@dataclass
class _Write:
    address: int
    beats: int
    data: list[tuple[int, int]] = field(default_factory=list)
    due: int | None = None


class AxiSlave:
    """Hold the memory behind ``m_axi`` of an NPU.

    What it drives in a cycle depends on what it saw in earlier ones, as in ``memory.h``.

    Parameters
    ----------
    dut : cocotb handle
        The design, with ports ``m_axi_*`` and ``clk``.
    memory : array of uint8
        Bus addresses 0 to its size; written in place.
    model : MemoryModel
        Latency and outstanding bursts; not an SDRAM.

    Raises
    ------
    ValueError
        When the model is an SDRAM.
    """

    def __init__(self, dut: Any, memory: npt.NDArray[np.uint8], model: MemoryModel = FAST) -> None:
        if model.sdram:
            raise ValueError(f"memory model {model.name!r}: only models without SDRAM")
        self.dut = dut
        self.memory = memory
        self.model = model
        self.size = len(dut.m_axi_wstrb)
        self.read_beats = self.write_beats = 0
        self._reads: deque[_Read] = deque()
        self._writes: deque[_Write] = deque()
        self._now = 0

    def _pin(self, name: str) -> int:
        return int(getattr(self.dut, f"m_axi_{name}").value)

    def _drive(self, **values: int) -> None:
        for name, value in values.items():
            getattr(self.dut, f"m_axi_{name}").value = value

    async def run(self) -> None:
        """Serve the port; start it before the clock's first edge and never stop it."""
        r_valid = b_valid = False
        self._drive(arready=0, rvalid=0, awready=0, wready=0, bvalid=0, rid=0, bid=0)
        ready = {"ar": False, "aw": False, "w": False}
        while True:
            await RisingEdge(self.dut.clk)
            if int(self.dut.rst.value):
                r_valid = b_valid = False
                self._reads.clear()
                self._writes.clear()
            else:
                r_valid = r_valid and not self._take_read()
                b_valid = b_valid and not self._take_response()
                if ready["w"] and self._pin("wvalid"):
                    self._take_data()
                if ready["ar"] and self._pin("arvalid"):
                    self._reads.append(_Read(self._pin("araddr"), self._pin("arlen") + 1,
                                             self._now + self.model.latency))
                if ready["aw"] and self._pin("awvalid"):
                    self._writes.append(_Write(self._pin("awaddr"), self._pin("awlen") + 1))
            self._now += 1
            ready = {"ar": len(self._reads) < self.model.outstanding,
                     "aw": len(self._writes) < self.model.outstanding,
                     "w": self._receiving() is not None}
            if not r_valid and self._reads and self._now >= self._reads[0].due:
                r_valid = True
                self._offer_read()
            due = self._writes[0].due if self._writes else None
            if not b_valid and due is not None and self._now >= due:
                b_valid = True
                self._drive(bresp=self._commit(self._writes[0]))
            self._drive(arready=ready["ar"], awready=ready["aw"], wready=ready["w"],
                        rvalid=r_valid, bvalid=b_valid)

    def _take_read(self) -> bool:
        if not self._pin("rready"):
            return False
        self.read_beats += 1
        read = self._reads[0]
        read.beats -= 1
        read.address = (read.address // self.size + 1) * self.size
        if not read.beats:
            self._reads.popleft()
        return True

    def _take_response(self) -> bool:
        if not self._pin("bready"):
            return False
        self._writes.popleft()
        return True

    def _receiving(self) -> _Write | None:
        return next((write for write in self._writes if write.due is None), None)

    def _take_data(self) -> None:
        write = self._receiving()
        assert write is not None
        self.write_beats += 1
        write.data.append((self._pin("wdata"), self._pin("wstrb")))
        last = len(write.data) == write.beats
        assert self._pin("wlast") == last, "WLAST is not on the last beat"
        if last:
            write.due = self._now + self.model.latency

    def _offer_read(self) -> None:
        read = self._reads[0]
        start = read.address // self.size * self.size
        if start + self.size > self.memory.size:
            data, response = 0, _DECERR
        else:
            data = int.from_bytes(self.memory[start : start + self.size].tobytes(), "little")
            response = 0
        self._drive(rdata=data, rresp=response, rlast=read.beats == 1)

    def _commit(self, write: _Write) -> int:
        start = write.address // self.size * self.size
        response = 0
        for beat, (data, strobe) in enumerate(write.data):
            at = start + beat * self.size
            if strobe and at + self.size > self.memory.size:
                response = _DECERR
                continue
            for lane in range(self.size):
                if strobe >> lane & 1:
                    self.memory[at + lane] = data >> 8 * lane & 0xFF
        return response
