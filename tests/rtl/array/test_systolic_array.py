"""The array against sums written out in NumPy."""

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hadron_rtl.array import SystolicArray
from hadron_spec.commands import pack_parameters
from hadron_spec.config import NpuConfig

CLOCK = 1e-6


def make_config(**changes):
    return NpuConfig(**{
        "name": "test", "lanes": 16, "columns": 4, "dsp_columns": 2, "act_bytes": 32768,
        "weight_steps": 16, "requant_lanes": 1, "axi_data_width": 64, **changes})


def packed(weights):
    """Lay out weights[column][lane] as a weight step holds them."""
    stored = weights.astype(np.int64)
    stored[1::2] -= stored[0::2] < 0
    return stored.astype(np.int8).tobytes()


def parameter_step(config, parameters):
    """Lay out (bias, multiplier, shift) of each column as a parameter step holds them."""
    return b"".join(
        pack_parameters(*map(int, column)).ljust(config.lanes, b"\xa5") for column in parameters)


class Bench:
    """A SystolicArray with coroutines that fill its weights, give steps and take results."""

    def __init__(self, config, rng):
        self.config = config
        self.rng = rng
        self.dut = SystolicArray(config=config)
        self.reset = Signal()
        self.results = []
        self.credits = self.dut.RESULT_DEPTH

    async def write_weights(self, ctx, address, data):
        """Write bytes to the weight memory, a beat a cycle."""
        stream = self.dut.weights
        beat = self.config.axi_bytes
        for offset in range(0, len(data), beat):
            ctx.set(stream.payload.address, address + offset)
            ctx.set(stream.payload.data,
                    int.from_bytes(data[offset:offset + beat], "little"))
            ctx.set(stream.payload.strobe, (1 << beat) - 1)
            ctx.set(stream.valid, 1)
            assert ctx.get(stream.ready)
            await ctx.tick()
        ctx.set(stream.valid, 0)

    async def give(self, ctx, bubbles=0.0, **step):
        """Give one step, with random bubbles before it and a credit if it ends a result."""
        while self.rng.random() < bubbles or (step.get("last") and not self.credits):
            # Whatever lies on the wires of a cycle without a step must not matter.
            ctx.set(self.dut.step, {
                "valid": 0, "parameters": 1, "first": 1, "last": 1, "weight_step": 0,
                "x": [int(v) for v in self.rng.integers(-128, 128, self.config.lanes)]})
            await ctx.tick()
        self.credits -= step.get("last", 0)
        ctx.set(self.dut.step, {
            "valid": 1, "parameters": 0, "first": 0, "last": 0, "weight_step": 0,
            "x": [int(v) for v in self.rng.integers(-128, 128, self.config.lanes)], **step})
        await ctx.tick()
        ctx.set(self.dut.step.valid, 0)

    async def take(self, ctx, count, stalls=0.0):
        """Take `count` results as (accumulators, parameters or None)."""
        results = self.dut.results
        for _ in range(count):
            while self.rng.random() < stalls:
                await ctx.tick()
            ctx.set(results.ready, 1)
            payload, = await ctx.tick().sample(results.payload).until(results.valid)
            ctx.set(results.ready, 0)
            self.credits += 1
            parameters = None
            if payload.new_parameters:
                parameters = [(column.bias, column.multiplier, column.shift)
                              for column in payload.parameters]
            self.results.append((list(payload.accumulators), parameters))

    def run(self, *coroutines):
        m = Module()
        m.submodules.dut = ResetInserter(self.reset)(self.dut)
        simulator = Simulator(m)
        simulator.add_clock(CLOCK)
        for coroutine in coroutines:
            simulator.add_testbench(coroutine)
        simulator.run()


CONFIGS = {
    "packed and soft": make_config(),
    "all packed, two groups": make_config(dsp_columns=4, axi_data_width=128),
    "all soft, one group": make_config(columns=2, dsp_columns=0, axi_data_width=32),
    "32 lanes": make_config(lanes=32, dsp_columns=4, act_bytes=65536),
}


@pytest.mark.parametrize(("bubbles", "stalls"), [(0.0, 0.0), (0.5, 0.9)], ids=["dense", "sparse"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_sums_random_results(config, bubbles, stalls, rng):
    memory = rng.integers(-127, 128, (config.weight_steps, config.columns, config.lanes))
    image = bytearray(b"".join(packed(step) for step in memory))
    parameters = {}
    for step in (0, 5):
        parameters[step] = np.stack([
            rng.integers(-1 << 31, 1 << 31, config.columns),
            rng.integers(-1 << 31, 1 << 31, config.columns),
            rng.integers(-128, 128, config.columns)], axis=1)
        image[step * config.step_bytes:(step + 1) * config.step_bytes] = parameter_step(
            config, parameters[step])

    bench = Bench(config, rng)
    expected = []
    plan = []
    for _ in range(12):
        fresh = None
        if rng.random() < 0.5:
            step = int(rng.choice(list(parameters)))
            plan.append({"parameters": 1, "weight_step": step})
            fresh = [tuple(map(int, column)) for column in parameters[step]]
        length = int(rng.integers(1, 6))
        total = np.zeros(config.columns, dtype=np.int64)
        for i in range(length):
            step = int(rng.choice([s for s in range(config.weight_steps) if s not in parameters]))
            x = rng.choice([-128, -127, -1, 0, 1, 127, *rng.integers(-128, 128, 8)], config.lanes)
            plan.append({"weight_step": step, "x": [int(v) for v in x],
                         "first": int(i == 0), "last": int(i == length - 1)})
            total += memory[step] @ x
        expected.append(([int(v) for v in total], fresh))

    async def issue(ctx):
        await bench.write_weights(ctx, 0, bytes(image))
        for step in plan:
            await bench.give(ctx, bubbles=bubbles, **step)

    async def collect(ctx):
        await bench.take(ctx, len(expected), stalls=stalls)
        assert not ctx.get(bench.dut.busy)
        assert not ctx.get(bench.dut.results.valid)

    bench.run(issue, collect)
    assert bench.results == expected


def test_result_comes_after_the_latency(rng):
    bench = Bench(make_config(), rng)
    dut = bench.dut

    async def testbench(ctx):
        ctx.set(dut.step.valid, 1)
        ctx.set(dut.step.first, 1)
        ctx.set(dut.step.last, 1)
        await ctx.tick()
        ctx.set(dut.step.valid, 0)
        for _ in range(dut.LATENCY - 1):
            assert ctx.get(dut.busy)
            assert not ctx.get(dut.results.valid)
            await ctx.tick()
        assert ctx.get(dut.results.valid)
        assert not ctx.get(dut.busy)

    bench.run(testbench)


def test_holds_all_credits_and_the_next_parameters(rng):
    config = make_config(columns=2, weight_steps=32)
    bench = Bench(config, rng)
    depth = bench.dut.RESULT_DEPTH
    parameters = [[(100 * step + column, -step, step - column) for column in range(2)]
                  for step in range(depth + 1)]

    async def issue(ctx):
        for step, columns in enumerate(parameters):
            await bench.write_weights(ctx, step * config.step_bytes,
                                      parameter_step(config, columns))
        # The parameters of the last result arrive while the queues hold all the others.
        for step in range(depth):
            await bench.give(ctx, parameters=1, weight_step=step)
            await bench.give(ctx, first=1, last=1, weight_step=31)
        await bench.give(ctx, parameters=1, weight_step=depth)
        await ctx.tick().repeat(bench.dut.LATENCY)
        assert not bench.credits
        await bench.take(ctx, depth)
        await bench.give(ctx, first=1, last=1, weight_step=31)
        await bench.take(ctx, 1)

    bench.run(issue)
    assert bench.results == [([0, 0], columns) for columns in parameters]


def test_reports_results_without_credit(rng):
    bench = Bench(make_config(columns=2), rng)

    async def issue(ctx):
        bench.credits = 1000
        for _ in range(bench.dut.RESULT_DEPTH + 2):
            await bench.give(ctx, first=1, last=1)
        for _ in range(bench.dut.LATENCY):
            await ctx.tick()

    with pytest.raises(AssertionError, match="more results than RESULT_DEPTH"):
        bench.run(issue)


def test_step_sees_the_beat_before_it(rng):
    config = make_config(axi_data_width=128)
    bench = Bench(config, rng)
    weights = rng.integers(-127, 128, (2, config.columns, config.lanes))
    x = rng.integers(-128, 128, config.lanes)

    async def issue(ctx):
        for version in weights:
            await bench.write_weights(ctx, 3 * config.step_bytes, packed(version))
            await bench.give(ctx, weight_step=3, first=1, last=1, x=[int(v) for v in x])
        await bench.take(ctx, 2)

    bench.run(issue)
    assert [result for result, _ in bench.results] == (weights @ x).tolist()


def test_writes_bytes_under_the_strobe_alone(rng):
    config = make_config()
    bench = Bench(config, rng)
    weights = rng.integers(0, 128, (config.columns, config.lanes))

    async def issue(ctx):
        await bench.write_weights(ctx, 0, packed(weights))
        stream = bench.dut.weights
        ctx.set(stream.valid, 1)
        ctx.set(stream.payload, {"address": 2 * config.lanes, "data": 0x0101_0101_0101_0101,
                                 "strobe": 0b1000_0010})
        await ctx.tick()
        ctx.set(stream.valid, 0)
        weights[2, [1, 7]] = 1
        await bench.give(ctx, first=1, last=1, x=[1, 10] * (config.lanes // 2))
        await bench.take(ctx, 1)

    bench.run(issue)
    assert bench.results == [((weights @ ([1, 10] * (config.lanes // 2))).tolist(), None)]


def test_reset_drops_everything_but_the_weights(rng):
    config = make_config()
    bench = Bench(config, rng)
    dut = bench.dut
    weights = rng.integers(-127, 128, (config.columns, config.lanes))
    x = rng.integers(-128, 128, config.lanes)
    given = {"x": [int(v) for v in x], "weight_step": 3}

    async def issue(ctx):
        await bench.write_weights(ctx, 3 * config.step_bytes, packed(weights))
        for before in range(0, dut.RESULT_DEPTH, 3):
            # Steps at every stage, results in the queue, and one without its end.
            for _ in range(before):
                await bench.give(ctx, parameters=1)
                await bench.give(ctx, first=1, last=1)
            await bench.give(ctx, first=1)
            ctx.set(bench.reset, 1)
            await ctx.tick()
            ctx.set(bench.reset, 0)
            bench.credits = dut.RESULT_DEPTH
            assert not ctx.get(dut.busy)
            await bench.give(ctx, first=1, **given)
            await bench.give(ctx, last=1, **given)
            await bench.take(ctx, 1)
            assert not ctx.get(dut.results.valid)

    bench.run(issue)
    assert bench.results == [((2 * weights @ x).tolist(), None)] * len(bench.results)
    assert bench.results
