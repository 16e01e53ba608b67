"""Softmax against `hadron_spec.numerics`, which is tested against TensorFlow Lite Micro."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.softmax import Softmax
from hadron_spec import numerics
from hadron_spec.config import NpuConfig


def config(axi_data_width: int = 64, multipliers: int = 4, size: int = 2048) -> NpuConfig:
    return NpuConfig(name="test", lanes=16, columns=4, dsp_columns=0, act_bytes=32 << 10,
                     weight_steps=16, axi_data_width=axi_data_width,
                     softmax_multipliers=multipliers, softmax_elements=size)


def expected(table: list[int], rows) -> list[int]:
    """Restate the three passes in Python's integers."""
    outputs = []
    for row in rows:
        maximum = max(row)
        exps = [table[x - maximum + 255] & 0x7FFF_FFFF for x in row]
        total = sum(numerics.softmax_sum_term(exp) for exp in exps)
        scale, bits = numerics.softmax_reciprocal(total)
        outputs += [numerics.softmax_output(exp, scale, bits) for exp in exps]
    return outputs


def run(table, rows, *, width=64, multipliers=4, size=2048, rng=None, offer=1.0):
    """Return the outputs, the cycles they came at and those each element was taken at."""
    dut = Softmax(config(width, multipliers, size))
    count = len(rows[0])
    elements = [int(x) for row in rows for x in row]
    outputs, came, taken = [], [], []
    loaded = []

    async def load(ctx):
        words = width // 32
        for n in range(0, 256, words):
            ctx.set(dut.table.p, {
                "address": 4 * n, "strobe": (1 << 4 * words) - 1,
                "data": sum(table[n + k] << 32 * k for k in range(words))})
            ctx.set(dut.table.valid, 1)
            await ctx.tick().until(dut.table.ready)
        ctx.set(dut.table.valid, 0)
        loaded.append(True)

    async def push(ctx):
        ctx.set(dut.count, count)
        await load(ctx)
        cycle = 0
        for element in elements:
            while rng is not None and rng.random() >= offer:
                await ctx.tick()
                cycle += 1
            ctx.set(dut.i.payload, element)
            ctx.set(dut.i.valid, 1)
            while True:
                *_, ready = await ctx.tick().sample(dut.i.ready)
                cycle += 1
                if ready:
                    break
            taken.append(cycle - 1)
            ctx.set(dut.i.valid, 0)

    async def pull(ctx):
        while not loaded:
            await ctx.tick()
        cycle = 0
        while len(outputs) < len(elements):
            *_, valid, payload, busy = await ctx.tick().sample(
                dut.o.valid, dut.o.payload, dut.busy)
            if valid:
                assert busy
                outputs.append(payload)
                came.append(cycle)
            cycle += 1
            assert cycle < 4000 + 100 * len(elements), "hangs"
        for _ in range(30):
            *_, valid = await ctx.tick().sample(dut.o.valid)
            assert not valid, "an output too many"
        assert not ctx.get(dut.busy)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(push)
    simulator.add_testbench(pull)
    simulator.run()
    return outputs, np.array(came), np.array(taken)


@pytest.mark.parametrize("multipliers", [1, 4])
@pytest.mark.parametrize(("classes", "rows"), [(1, 70), (2, 70), (3, 40), (10, 20), (37, 8)])
def test_matches_the_rules_for_random_rows(rng, multipliers, classes, rows):
    table = numerics.softmax_table(float(np.exp(rng.uniform(np.log(1e-3), np.log(1.0)))))
    rows = [np.clip(rng.normal(0, rng.choice([3, 40, 200]), classes), -128, 127).astype(int)
            for _ in range(rows)]
    outputs, *_ = run(table, rows, multipliers=multipliers, rng=rng, offer=rng.choice([0.3, 1.0]))
    assert outputs == expected(table, rows)


@pytest.mark.parametrize("width", [32, 64, 128])
def test_loads_its_table_from_any_bus(rng, width):
    table = numerics.softmax_table(0.1)
    rows = [rng.integers(-128, 128, 30)]
    assert run(table, rows, width=width)[0] == expected(table, rows)


def test_corners():
    table = numerics.softmax_table(0.1)
    rows = [[x] * 4 for x in (-128, 0, 127)]
    rows += [[127, -128, -128, -128], [-128, -128, 127, 127], [126, 127, -128, 0]]
    outputs, *_ = run(table, rows)
    assert outputs == expected(table, rows)
    assert outputs[:4] == [-64] * 4


def test_one_element_has_probability_one():
    outputs, *_ = run(numerics.softmax_table(0.1), [[5], [-128]])
    assert outputs == [127, 127]


def test_many_equal_elements_reach_the_largest_shifts():
    table = numerics.softmax_table(0.1)
    for classes in (511, 512):
        outputs, *_ = run(table, [[3] * classes])
        assert outputs == expected(table, [[3] * classes])
        assert outputs == [-127 if classes < 512 else -128] * classes


@pytest.mark.parametrize(("size", "rows"), [(2048, 2), (4096, 1)])
def test_the_longest_rows_fill_the_buffer(rng, size, rows):
    table = numerics.softmax_table(0.02)
    row = config(size=size).softmax_row
    rows = [np.clip(rng.normal(0, 60, row), -128, 127).astype(int) for _ in range(rows)]
    outputs, *_ = run(table, rows, size=size)
    assert outputs == expected(table, rows)


@pytest.mark.parametrize("size", [2048, 4096])
def test_rows_wait_for_room_in_the_buffer(rng, size):
    table = numerics.softmax_table(0.02)
    rows = [np.clip(rng.normal(0, 60, 700), -128, 127).astype(int)
            for _ in range(size * 3 // 2048)]
    outputs, came, taken = run(table, rows, size=size)
    assert outputs == expected(table, rows)
    # The last row's end finds as much room as outputs have left.
    assert taken[size] > came[0]
    assert taken[size - 1] == taken[0] + size - 1


@pytest.mark.parametrize("multipliers", [1, 4])
def test_any_table_is_summed_and_divided_alike(rng, multipliers):
    """Bit 31 aside, words that no exponential has still follow the rules, as total is not zero."""
    for top in (4, 12, 31):
        table = [int(word) for word in rng.integers(1, 1 << top, 256)]
        table = [word | 1 << 11 for word in table]
        rows = [rng.integers(-128, 128, 6) for _ in range(24)]
        outputs, *_ = run(table, rows, multipliers=multipliers)
        assert outputs == expected(table, rows)


def test_an_empty_table_does_not_hang():
    outputs, *_ = run([0] * 256, [[1, 2, 3]] * 40)
    assert len(outputs) == 120
    outputs, *_ = run([0xFFFF_FFFF] * 256, [[1, 2, 3]] * 2)
    assert len(outputs) == 6


@pytest.mark.parametrize("multipliers", [1, 4])
@pytest.mark.parametrize("classes", [1, 10])
def test_latency_of_a_lone_row(rng, multipliers, classes):
    most = Softmax(config(multipliers=multipliers)).row_latency(classes)
    latencies = []
    for beta in (0.001, 0.05, 0.5):
        _, came, taken = run(numerics.softmax_table(beta), [rng.integers(-128, 128, classes)],
                             multipliers=multipliers)
        latencies.append(came[0] - taken[-1])
    assert max(latencies) <= most
    assert min(latencies) > most - 12


@pytest.mark.parametrize("multipliers", [1, 4])
def test_a_lone_row_takes_as_long_whenever_it_comes(rng, multipliers):
    row = [int(x) for x in rng.integers(-128, 128, 5)]
    dut = Softmax(config(multipliers=multipliers))
    latencies = []

    async def bench(ctx):
        ctx.set(dut.count, len(row))
        for wait in range(1, 40):
            await ctx.tick().repeat(wait)
            for element in row:
                ctx.set(dut.i.payload, element)
                ctx.set(dut.i.valid, 1)
                await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)
            cycles = 0
            while not ctx.get(dut.o.valid):
                await ctx.tick()
                cycles += 1
            latencies.append(cycles)
            while ctx.get(dut.busy):
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(set(latencies)) == 1


@pytest.mark.parametrize("multipliers", [1, 4])
def test_short_rows_follow_one_another(rng, multipliers):
    rows = [rng.integers(-128, 128, 2) for _ in range(120)]
    _, came, _ = run(numerics.softmax_table(0.05), rows, multipliers=multipliers)
    interval = (came[-1] - came[79]) / 80
    unit = Softmax(config(multipliers=multipliers))
    assert interval == pytest.approx(unit.row_interval, rel=0.1)


@pytest.mark.parametrize(("multipliers", "cycles"), [(1, 4), (4, 2)])
def test_long_rows_take_so_many_cycles_an_element(rng, multipliers, cycles):
    rows = [rng.integers(-128, 128, 300) for _ in range(3)]
    _, came, _ = run(numerics.softmax_table(0.05), rows, multipliers=multipliers)
    assert (came[-1] - came[299]) / 600 < 1.05 * cycles
