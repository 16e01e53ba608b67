"""A cocotb bench for the whole NPU: clock, reset, registers, memory."""

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
import numpy.typing as npt
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge, with_timeout
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from hadron_cosim.axi_slave import AxiSlave
from hadron_cosim.memory_model import FAST, MemoryModel
from hadron_spec.registers import register

__all__ = ["PERIOD_NS", "NpuBench"]

PERIOD_NS = 10


class NpuBench:
    """The NPU between a host and a memory.

    Parameters
    ----------
    dut : cocotb handle
        What :func:`hadron_rtl.export.to_verilog` wrote.

    Attributes
    ----------
    registers : AxiLiteMaster
        The host.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        Clock(dut.clk, PERIOD_NS, unit="ns").start()
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)

    def attach(self, memory: npt.NDArray[np.uint8], model: MemoryModel = FAST) -> AxiSlave:
        """Put a memory with the fast lane's timing behind ``m_axi``."""
        slave = AxiSlave(self.dut, memory, model)
        cocotb.start_soon(slave.run())
        return slave

    def attach_ram(self, memory: npt.NDArray[np.uint8],
                   pauses: dict[str, Iterator[bool]]) -> AxiRam:
        """Put cocotbext-axi's memory behind ``m_axi``, which pauses channels as told.

        Parameters
        ----------
        memory : array of uint8
            What it holds at first; read it back with ``ram.read(0, size)``.
        pauses : dict
            For some of the channels ar, r, aw, w and b: whether to pause, cycle by cycle.
        """
        ram = AxiRam(AxiBus.from_prefix(self.dut, "m_axi"), self.dut.clk, self.dut.rst,
                     size=memory.size)
        ram.write(0, memory.tobytes())
        channels = {"ar": ram.read_if.ar_channel, "r": ram.read_if.r_channel,
                    "aw": ram.write_if.aw_channel, "w": ram.write_if.w_channel,
                    "b": ram.write_if.b_channel}
        for name, pause in pauses.items():
            channels[name].set_pause_generator(pause)
        return ram

    async def reset(self, cycles: int = 4) -> None:
        """Hold ``rst`` for some cycles."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, cycles)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    async def write(self, name: str, value: int) -> None:
        """Write the register called `name`."""
        await self.registers.write_dword(register(name).offset, value)

    async def read(self, name: str) -> int:
        """Read the register called `name`."""
        return int(await self.registers.read_dword(register(name).offset))

    async def start(self, *, command_base: int, command_count: int, memory_base: int,
                    memory_bytes: int) -> None:
        """Write the registers of a program, enable all interrupts and START."""
        for name, value in (("COMMAND_BASE", command_base), ("COMMAND_COUNT", command_count),
                            ("MEMORY_BASE", memory_base), ("MEMORY_BYTES", memory_bytes),
                            ("IRQ_STATUS", 7), ("IRQ_ENABLE", 7), ("CONTROL", 1)):
            await self.write(name, value)

    async def interrupt(self, max_cycles: int) -> None:
        """Wait for ``irq``.

        Raises
        ------
        cocotb.triggers.SimTimeoutError
            When it does not come within `max_cycles`.
        """
        await ReadOnly()
        if not int(self.dut.irq.value):
            await with_timeout(RisingEdge(self.dut.irq), max_cycles * PERIOD_NS, "ns")
        await RisingEdge(self.dut.clk)
