"""The array against sums written out in NumPy."""

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hadron_model.planes import join_shallow
from hadron_rtl.array import Sums, SystolicArray
from hadron_spec.commands import SHALLOW_ODD, pack_parameters
from hadron_spec.config import NpuConfig

CLOCK = 1e-6


def make_config(**changes):
    return NpuConfig(**{
        "name": "test", "lanes": 16, "columns": 4, "dsp_columns": 2, "act_bytes": 32768,
        "weight_steps": 16, "axi_data_width": 64, **changes})


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

    async def write_weights(self, ctx, address, data, *, tables=0):
        """Write bytes to the weight memory, a beat a cycle."""
        ctx.set(self.dut.weights.payload.tables, tables)
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
        """Give one step, with random bubbles before it."""
        while self.rng.random() < bubbles:
            # Whatever lies on the wires of a cycle without a step must not matter.
            ctx.set(self.dut.step, {
                "valid": 0, "parameters": 1, "first": 1, "last": 1, "weight_step": 0,
                "x": [int(v) for v in self.rng.integers(-128, 128, self.config.lanes)]})
            await ctx.tick()
        ctx.set(self.dut.step, {
            "valid": 1, "parameters": 0, "first": 0, "last": 0, "weight_step": 0,
            "x": [int(v) for v in self.rng.integers(-128, 128, self.config.lanes)], **step})
        await ctx.tick()
        ctx.set(self.dut.step.valid, 0)

    async def take(self, ctx, count):
        """Take `count` results, as they come, as (accumulators, parameters)."""
        dut = self.dut
        ctx.set(dut.results.ready, 1)
        self.waited = 0
        accumulators = None
        while count or accumulators:
            if accumulators:
                parameters = [(column.bias, column.multiplier, column.shift)
                              for column in ctx.get(dut.parameters)]
                self.results.append((accumulators, parameters))
            accumulators = None
            if count and ctx.get(dut.results.valid):
                accumulators = list(ctx.get(dut.results.payload))
                count -= 1
            await ctx.tick()
            self.waited += 1
            assert self.waited < 2000, "no result"

    def run_plan(self, image, plan, count, *, bubbles, sums=Sums.PRODUCTS):
        """Write weights, give steps and take all their results, `count` of them."""
        async def issue(ctx):
            await self.write_weights(ctx, 0, image)
            ctx.set(self.dut.sums, sums)
            for step in plan:
                await self.give(ctx, bubbles=bubbles, **step)

        async def collect(ctx):
            await self.take(ctx, count)
            assert not ctx.get(self.dut.busy)
            assert not ctx.get(self.dut.results.valid)

        self.run(issue, collect)

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


@pytest.mark.parametrize("bubbles", [0.0, 0.5], ids=["dense", "sparse"])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_sums_random_results(config, bubbles, rng):
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
    for n in range(40):
        if n == 0 or rng.random() < 0.5:
            step = int(rng.choice(list(parameters)))
            plan.append({"parameters": 1, "weight_step": step})
            held = [tuple(map(int, column)) for column in parameters[step]]
        length = int(rng.choice([1, 1, 2, 5]))
        total = np.zeros(config.columns, dtype=np.int64)
        for i in range(length):
            step = int(rng.choice([s for s in range(config.weight_steps) if s not in parameters]))
            x = rng.choice([-128, -127, -1, 0, 1, 127, *rng.integers(-128, 128, 8)], config.lanes)
            plan.append({"weight_step": step, "x": [int(v) for v in x],
                         "first": int(i == 0), "last": int(i == length - 1)})
            total += memory[step] @ x
        expected.append(([int(v) for v in total], held))

    bench.run_plan(bytes(image), plan, len(expected), bubbles=bubbles)
    assert bench.results == expected


@pytest.mark.parametrize("bubbles", [0.0, 0.5], ids=["dense", "sparse"])
def test_makes_two_results_of_two_activations_a_byte(bubbles, rng):
    config = make_config(shallow=True)
    memory = rng.integers(-7, 8, (config.weight_steps, config.columns, config.lanes))
    stored = memory.copy()
    stored[:, 1::2] *= SHALLOW_ODD
    image = bytearray(b"".join(packed(step) for step in stored))
    parameters = [(n, 2 * n, 3) for n in range(config.columns)]
    image[:config.step_bytes] = parameter_step(config, parameters)
    bench = Bench(config, rng)
    plan, expected = [{"parameters": 1, "weight_step": 0}], []
    for _ in range(40):
        totals = np.zeros((2, config.columns), dtype=np.int64)
        length = int(rng.choice([2, 2, 3, 5]))
        for i in range(length):
            step = int(rng.integers(1, config.weight_steps))
            x = rng.choice([-8, -7, -1, 0, 1, 7, *rng.integers(-8, 8, 4)], (2, config.lanes))
            plan.append({"weight_step": step, "x": join_shallow(*x).tolist(),
                         "first": int(i == 0), "last": int(i == length - 1)})
            totals += x @ memory[step].T
        expected += totals.tolist()

    bench.run_plan(bytes(image), plan, len(expected), bubbles=bubbles, sums=Sums.SHALLOW)
    assert bench.results == [(sums, parameters) for sums in expected]


@pytest.mark.parametrize("lanes", [16, 32])
def test_adds_up_table_entries(rng, lanes):
    config = make_config(lanes=lanes, act_bytes=65536, weight_steps=256)
    tables = rng.integers(-1 << 31, 1 << 31, (3, 256))
    bench = Bench(config, rng)
    first, steps = 7, config.table_steps
    plan, expected = [], []
    for _ in range(30):
        x = rng.integers(-128, 128, (int(rng.integers(1, 4)), lanes))
        for i, activations in enumerate(x):
            plan.append({"weight_step": (first + i * steps) % config.weight_steps,
                         "x": [int(v) for v in activations],
                         "first": int(i == 0), "last": int(i == len(x) - 1)})
        total = sum(tables[i][activations + 128] for i, activations in enumerate(x))
        total = (total[:config.columns] + (1 << 31)) % (1 << 32) - (1 << 31)
        expected.append([int(v) for v in total])

    async def issue(ctx):
        # One table in each column's own words, the others in all columns at once.
        for i, table in enumerate(tables):
            entries = table.astype("<i4").tobytes()
            if i == 0:
                for step in range(steps):
                    row = entries[step * lanes:(step + 1) * lanes] * config.columns
                    await bench.write_weights(ctx, (first + step) * config.step_bytes, row)
            else:
                address = (first + i * steps) % config.weight_steps * lanes
                await bench.write_weights(ctx, address, entries, tables=1)
        ctx.set(bench.dut.sums, Sums.ENTRIES)
        for step in plan:
            await bench.give(ctx, bubbles=0.2, **step)

    async def collect(ctx):
        await bench.take(ctx, len(expected))

    bench.run(issue, collect)
    assert [accumulators for accumulators, _ in bench.results] == expected


@pytest.mark.parametrize("sums", [Sums.PRODUCTS, Sums.ENTRIES])
def test_result_comes_after_the_latency(rng, sums):
    bench = Bench(make_config(), rng)
    dut = bench.dut

    async def testbench(ctx):
        ctx.set(dut.sums, sums)
        ctx.set(dut.results.ready, 1)
        ctx.set(dut.step.valid, 1)
        ctx.set(dut.step.first, 1)
        ctx.set(dut.step.last, 1)
        await ctx.tick()
        ctx.set(dut.step.valid, 0)
        for _ in range(dut.latency(sums) - 1):
            assert ctx.get(dut.busy)
            assert not ctx.get(dut.results.valid)
            await ctx.tick()
        assert ctx.get(dut.results.valid)
        assert not ctx.get(dut.busy)

    bench.run(testbench)


@pytest.mark.parametrize("columns", [2, 16])
def test_every_result_may_have_parameters_of_its_own(rng, columns):
    """A parameter step every other cycle: the oldest are needed when the newest arrive."""
    config = make_config(columns=columns, dsp_columns=columns, weight_steps=64, axi_data_width=128)
    bench = Bench(config, rng)
    parameters = [[(100 * step + column, -step, step - column) for column in range(columns)]
                  for step in range(63)]

    async def issue(ctx):
        for step, values in enumerate(parameters):
            await bench.write_weights(ctx, step * config.step_bytes,
                                      parameter_step(config, values))
        for step in range(len(parameters)):
            await bench.give(ctx, parameters=1, weight_step=step)
            await bench.give(ctx, first=1, last=1, weight_step=63)

    async def collect(ctx):
        await bench.take(ctx, len(parameters))

    bench.run(issue, collect)
    assert bench.results == [([0] * columns, values) for values in parameters]


def test_reports_results_that_nobody_takes(rng):
    bench = Bench(make_config(columns=2), rng)

    async def issue(ctx):
        for _ in range(bench.dut.RESULT_CYCLES + 1):
            await bench.give(ctx, first=1, last=1)
        for _ in range(bench.dut.latency(Sums.PRODUCTS)):
            await ctx.tick()

    with pytest.raises(AssertionError, match="a result was not taken in time"):
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

    async def collect(ctx):
        await bench.take(ctx, 2)

    bench.run(issue, collect)
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
    assert [sums for sums, _ in bench.results] == [
        (weights @ ([1, 10] * (config.lanes // 2))).tolist()]


def test_reset_drops_everything_but_the_weights(rng):
    config = make_config()
    bench = Bench(config, rng)
    dut = bench.dut
    weights = rng.integers(-127, 128, (config.columns, config.lanes))
    x = rng.integers(-128, 128, config.lanes)
    given = {"x": [int(v) for v in x], "weight_step": 3}

    async def issue(ctx):
        await bench.write_weights(ctx, 3 * config.step_bytes, packed(weights))
        for before in range(0, 24, 3):
            # Steps at every stage, and a result without its end.
            ctx.set(dut.results.ready, 1)
            for _ in range(before):
                await bench.give(ctx, parameters=1)
                await bench.give(ctx, first=1, last=1)
            await bench.give(ctx, first=1)
            ctx.set(bench.reset, 1)
            await ctx.tick()
            ctx.set(bench.reset, 0)
            assert not ctx.get(dut.busy)
            await bench.give(ctx, first=1, **given)
            await bench.give(ctx, last=1, **given)
            await bench.take(ctx, 1)
            assert not ctx.get(dut.results.valid)

    bench.run(issue)
    assert [sums for sums, _ in bench.results] == [(2 * weights @ x).tolist()] * 8
