"""Cocotb tests that pass, fail and never end, for the test of the runner."""

import os
import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from hadron_cosim.npu_bench import NpuBench
from hadron_spec.registers import ID


@cocotb.test()
async def passes(dut):
    bench = NpuBench(dut)
    await bench.reset()
    assert await bench.read("ID") == ID
    assert os.environ["BENCH_WORD"] == "word"
    dut._log.info("drew %d", random.getrandbits(30))


@cocotb.test()
async def fails(dut):
    bench = NpuBench(dut)
    await bench.reset()
    assert await bench.read("ID") == 0, "the reason it fails"


@cocotb.test()
async def never_ends(dut):
    NpuBench(dut)
    while True:
        await ClockCycles(dut.clk, 100)
        await RisingEdge(dut.clk)
