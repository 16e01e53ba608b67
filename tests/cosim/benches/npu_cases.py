"""Cocotb tests of the whole NPU: run the program that ``test_lanes.py`` left for them.

The file BENCH_CASE names holds a memory image and registers; what memory and counters hold at the
end goes to BENCH_RESULT.
"""

import os
import random

import cocotb
import numpy as np

from hadron_cosim.npu_bench import NpuBench
from hadron_cosim.simulator import COUNTERS


async def _run(bench: NpuBench, case) -> dict[str, int]:
    await bench.reset()
    await bench.start(**{name: int(case[name]) for name in (
        "command_base", "command_count", "memory_base", "memory_bytes")})
    await bench.interrupt(int(case["max_cycles"]))
    return {name: await bench.read(name) for name in ("STATUS", *COUNTERS)}


@cocotb.test()
async def fixed_latency(dut):
    case = np.load(os.environ["BENCH_CASE"])
    bench = NpuBench(dut)
    memory = case["memory"].copy()
    bench.attach(memory)
    counters = await _run(bench, case)
    np.savez(os.environ["BENCH_RESULT"], memory=memory, **counters)


@cocotb.test()
async def random_stalls(dut):
    case = np.load(os.environ["BENCH_CASE"])
    bench = NpuBench(dut)

    def pauses(chance: float):
        while True:
            yield random.random() < chance

    ram = bench.attach_ram(case["memory"], {
        channel: pauses(random.choice((0.0, 0.1, 0.5))) for channel in ("ar", "r", "aw", "w", "b")})
    counters = await _run(bench, case)
    memory = np.frombuffer(ram.read(0, case["memory"].size), np.uint8)
    np.savez(os.environ["BENCH_RESULT"], memory=memory, **counters)
