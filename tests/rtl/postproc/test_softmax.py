"""Softmax against `hadron_spec.numerics`, which is tested against TensorFlow Lite Micro."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.serial_multiplier import SerialMultiplier
from hadron_rtl.postproc.softmax import Softmax
from hadron_spec import numerics
from hadron_spec.config import NpuConfig


def config(axi_data_width: int) -> NpuConfig:
    return NpuConfig(name="test", lanes=16, columns=4, dsp_columns=0, act_bytes=32 << 10,
                     weight_steps=16, axi_data_width=axi_data_width)


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


def run(table, rows, *, width=64, rng=None, offer=1.0, accept=1.0, limit=None):
    """Return the outputs, the cycles they came at and those each element was taken at."""
    dut = Softmax(config(width))
    count = len(rows[0])
    elements = [int(x) for row in rows for _ in range(3) for x in row]
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
        while len(outputs) < len(elements) // 3:
            take = rng is None or rng.random() < accept
            ctx.set(dut.o.ready, take)
            *_, valid, payload, busy = await ctx.tick().sample(
                dut.o.valid, dut.o.payload, dut.busy)
            if valid:
                assert busy
                if take:
                    outputs.append(payload)
                    came.append(cycle)
            cycle += 1
            assert cycle < 4000 + 100 * len(elements), "hangs"
        ctx.set(dut.o.ready, 1)
        for _ in range(30):
            *_, valid = await ctx.tick().sample(dut.o.valid)
            assert not valid, "an output too many"
        assert not ctx.get(dut.busy)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(push)
    simulator.add_testbench(pull)
    simulator.run()
    return outputs, came, taken


@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("classes", [1, 2, 10, 37])
def test_matches_the_rules_for_random_rows(rng, width, classes):
    table = numerics.softmax_table(float(np.exp(rng.uniform(np.log(1e-3), np.log(1.0)))))
    rows = [np.clip(rng.normal(0, rng.choice([3, 40, 200]), classes), -128, 127).astype(int)
            for _ in range(4)]
    outputs, *_ = run(table, rows, width=width, rng=rng, offer=0.7, accept=0.3)
    assert outputs == expected(table, rows)


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
    for classes in (511, 512, 700):
        outputs, *_ = run(table, [[3] * classes])
        assert outputs == expected(table, [[3] * classes])
        assert outputs == [-127 if classes < 512 else -128] * classes


def test_any_table_is_summed_and_divided_alike(rng):
    """Bit 31 aside, words that no exponential has still follow the rules, as total is not zero."""
    for top in (4, 12, 31):
        table = [int(word) for word in rng.integers(1, 1 << top, 256)]
        table = [word | 1 << 11 for word in table]
        rows = [rng.integers(-128, 128, 6) for _ in range(8)]
        outputs, *_ = run(table, rows)
        assert outputs == expected(table, rows)


def test_a_blocked_output_loses_nothing(rng):
    table = numerics.softmax_table(0.03)
    rows = [rng.integers(-128, 128, 40) for _ in range(2)]
    outputs, *_ = run(table, rows, rng=rng, accept=0.06)
    assert outputs == expected(table, rows)


def test_an_empty_table_does_not_hang():
    outputs, *_ = run([0] * 256, [[1, 2, 3]] * 2)
    assert len(outputs) == 6
    outputs, *_ = run([0xFFFF_FFFF] * 256, [[1, 2, 3]] * 2)
    assert len(outputs) == 6


def test_latency_and_throughput(rng):
    classes = 20
    rows = [rng.integers(-128, 128, classes) for _ in range(3)]
    rows[1][:] = 7
    _, came, taken = run(numerics.softmax_table(0.05), rows)
    passes = np.array(taken).reshape(3, 3, classes)
    assert (np.diff(passes[:, :2].reshape(3, -1)) == 1).all()
    assert (np.diff(passes[:, 2]) == SerialMultiplier.INTERVAL).all()
    assert (np.array(came).reshape(3, classes) - passes[:, 2] == Softmax.LATENCY).all()
    used = 2 * classes + SerialMultiplier.INTERVAL * (classes - 1)
    rows_took = np.diff(passes[:, 0, 0])
    assert (rows_took <= used + Softmax.ROW_OVERHEAD).all()
    assert rows_took.min() > used + Softmax.ROW_OVERHEAD - 13
