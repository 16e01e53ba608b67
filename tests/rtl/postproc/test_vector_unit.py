"""VectorUnit and its result queue against Python."""

import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.vector_unit import VectorUnit
from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_spec.config import NpuConfig

CONFIG = NpuConfig(name="test", lanes=16, columns=4, dsp_columns=4, act_bytes=32 << 10,
                   weight_steps=16, axi_data_width=64)
DEPTH = 8


def run(results, rng, *, gaps, stalls, least=False):
    """Feed the steps of `results`; return the results that come out, and when."""
    dut = VectorUnit(CONFIG, result_depth=DEPTH)
    steps = [(i == 0, i == len(group) - 1, x) for group in results for i, x in enumerate(group)]
    seen = []
    issued = []

    async def bench(ctx):
        held, cycle = 0, 0
        ctx.set(dut.least, int(least))
        queue = list(steps)
        while len(seen) < len(results):
            assert cycle < 2000
            go = queue and rng.random() >= gaps and (held < DEPTH or not queue[0][1])
            if go:
                first, last, x = queue.pop(0)
                ctx.set(dut.step, {"valid": 1, "first": first, "last": last, "x": x})
                held += last
                if last:
                    issued.append(cycle)
            else:
                ctx.set(dut.step, {"valid": 0, "first": 1, "last": 1, "x": [99] * CONFIG.columns})
            ready = rng.random() >= stalls
            ctx.set(dut.results.ready, int(ready))
            if ready and ctx.get(dut.results.valid):
                seen.append((cycle, list(ctx.get(dut.results.payload))))
                held -= 1
            await ctx.tick()
            cycle += 1

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen, issued


def random_results(rng, count, steps):
    return [rng.integers(-128, 128, (int(rng.integers(*steps)), CONFIG.columns)).tolist()
            for _ in range(count)]


@pytest.mark.parametrize("gaps", [0, 0.4])
@pytest.mark.parametrize("stalls", [0, 0.5])
@pytest.mark.parametrize("least", [False, True])
def test_takes_the_extremum_of_the_steps_of_each_result(rng, gaps, stalls, least):
    results = random_results(rng, 40, (1, 5))
    seen, _ = run(results, rng, gaps=gaps, stalls=stalls, least=least)
    choose = min if least else max
    for (_, values), group in zip(seen, results, strict=True):
        assert values == [choose(column) for column in zip(*group, strict=True)]


def test_latency_and_throughput(rng):
    results = random_results(rng, 20, (1, 2))
    seen, issued = run(results, rng, gaps=0, stalls=0)
    assert seen[0][0] - issued[0] == VectorUnit.LATENCY
    assert [cycle for cycle, _ in seen] == list(range(seen[0][0], seen[0][0] + len(seen)))


def test_queue_depth_must_be_a_power_of_two():
    with pytest.raises(ValueError, match=r"^depth=6, must be a power of two, at least 2$"):
        ReservedFifo(shape=8, depth=6)
