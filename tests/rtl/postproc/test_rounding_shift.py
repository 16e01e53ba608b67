"""RoundingShift and WideMultiplier, the parts that requantizer and softmax are made of."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.rounding_shift import RoundingShift
from hadron_rtl.postproc.wide_multiplier import WideMultiplier
from hadron_spec import numerics


def simulate(dut, bench):
    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize(("width", "result_width", "shift_max"),
                         [(39, 10, 38), (29, 29, 31), (32, 10, 35), (16, 10, 8), (20, 9, 23)])
def test_divides_like_the_rule(rng, width, result_width, shift_max):
    dut = RoundingShift(width=width, result_width=result_width, shift_max=shift_max)
    half = 1 << (width - 1)
    dividends, shifts = [], []
    for shift in range(shift_max + 1):
        unit = 1 << shift
        near = [n * unit // 2 + d for n in (-3, -2, -1, 0, 1, 2, 3, 255, -257) for d in (-1, 0, 1)]
        near += [-half, half - 1, *rng.integers(-half, half, 4)]
        near += [int(v) >> int(rng.integers(width)) for v in rng.integers(-half, half, 4)]
        for dividend in near:
            if -half <= dividend < half:
                dividends.append(int(dividend))
                shifts.append(shift)

    async def bench(ctx):
        for n in range(len(dividends) + dut.LATENCY):
            if n < len(dividends):
                ctx.set(dut.i, dividends[n])
                ctx.set(dut.shift, shifts[n])
            if n >= dut.LATENCY:
                dividend, shift = dividends[n - dut.LATENCY], shifts[n - dut.LATENCY]
                limit = 1 << (result_width - 1)
                down = min(max(dividend >> shift, -limit), limit - 1)
                assert ctx.get(dut.o) == down, (dividend, shift)
                if down == dividend >> shift:
                    assert down + ctx.get(dut.increment) == numerics.rounding_divide_by_pot(
                        dividend, shift), (dividend, shift)
            await ctx.tick()

    simulate(dut, bench)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"width": 8, "result_width": 8, "shift_max": 8}, "width=8, must be more than 8"),
    ({"width": 16, "result_width": 17, "shift_max": 8}, "result_width=17, must be 1 to width=16"),
    ({"width": 16, "result_width": 0, "shift_max": 8}, "result_width=0, must be 1 to width=16"),
    ({"width": 16, "result_width": 8, "shift_max": 7}, "shift_max=7, must be at least 8"),
])
def test_refuses_sizes_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        RoundingShift(**arguments)


@pytest.mark.parametrize("multipliers", [1, 4])
def test_multiplies_like_the_rule(rng, multipliers):
    corners = [-(1 << 31), -(1 << 31) + 1, (1 << 31) - 1, 0, 1, -1, 1 << 17, (1 << 17) - 1]
    pairs = [(a, b) for a in corners for b in corners if not a == b == corners[0]]
    pairs += [tuple(map(int, pair)) for pair in rng.integers(-1 << 31, 1 << 31, (300, 2))]
    dut = WideMultiplier(multipliers=multipliers)
    products = []

    async def push(ctx):
        for a, b in pairs:
            ctx.set(dut.a, a)
            ctx.set(dut.b, b)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(dut.interval - 1 + int(rng.integers(2))):
                await ctx.tick()

    async def pull(ctx):
        cycle = 0
        while len(products) < len(pairs):
            if ctx.get(dut.valid):
                products.append(ctx.get(dut.o))
                if len(products) == 1:
                    assert cycle == dut.latency
            await ctx.tick()
            cycle += 1
            assert cycle < 10 * len(pairs)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(push)
    simulator.add_testbench(pull)
    simulator.run()
    want = [numerics.saturating_rounding_doubling_high_mul(a, b) for a, b in pairs]
    np.testing.assert_array_equal(products, want)


def test_refuses_other_numbers_of_multipliers():
    with pytest.raises(ValueError, match=r"^multipliers=2, must be 1 or 4$"):
        WideMultiplier(multipliers=2)
