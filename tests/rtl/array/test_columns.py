"""The ways of multiplying two columns: all the same, cycle for cycle."""

from functools import partial
from itertools import product

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.array.halved_columns import HalvedColumns
from hadron_rtl.array.packed_columns import PackedColumns
from hadron_rtl.array.plain_columns import PlainColumns
from hadron_rtl.array.soft_columns import SoftColumns
from hadron_spec.commands import SHALLOW_ODD

OF_8_BITS = {"plain": PlainColumns, "packed": PackedColumns, "soft": SoftColumns}
OF_4_BITS = {"plain_4": partial(PlainColumns, shallow=True),
             "packed_4": partial(PackedColumns, shallow=True), "halved": HalvedColumns}
ENDS_8, ENDS_4 = ((-128, 127), (-127, 127)), ((-8, 7), (-7, 7))


def draw(rng, lanes, count, ends):
    """Return activations (count, 2, lanes) and weights (count, 2, lanes): the largest sums of
    either sign, small ones with zeros and signs in every combination, and others."""
    xs, ws = ends
    combinations = np.array(list(product(xs, xs, ws, ws)))
    values = np.empty((count, 4, lanes), np.int64)
    values[:] = [[rng.integers(low, high + 1, lanes) for low, high in (xs, xs, ws, ws)]
                 for _ in range(count)]
    values[:16] = combinations[..., None]
    values[16:24] = rng.integers(-1, 2, (8, 4, lanes))
    return values[:, :2], values[:, 2:]


def check(dut, x, weights, *, shallow=False):
    """Give a vector a cycle; compare the sums of each activation that there is."""
    expected = np.einsum("tcl,tal->tac", weights, x)
    stored = weights.copy()
    if shallow:
        stored[:, 1] *= SHALLOW_ODD
    stored[:, 1] -= weights[:, 0] < 0
    number = 128 * x[:, 1] + x[:, 0]

    async def testbench(ctx):
        if shallow:
            ctx.set(dut.shallow, 1)
        for i in range(len(x) + dut.LATENCY + 1):
            if i < len(x):
                ctx.set(dut.x, (number[i] >> 4 if shallow else x[i, 0]).tolist())
                ctx.set(dut.weights, (stored[i] & 0xFF).tolist())
                if shallow:
                    ctx.set(dut.x_low, (number[i] & 15).tolist())
            if 0 <= i - dut.LATENCY < len(x):
                assert list(ctx.get(dut.sums)) == expected[i - dut.LATENCY, 0].tolist()
            if shallow and i > dut.LATENCY:
                assert list(ctx.get(dut.second_sums)) == expected[i - dut.LATENCY - 1, 1].tolist()
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("lanes", [2, 16, 32])
@pytest.mark.parametrize("columns", OF_8_BITS)
def test_gives_dot_products_after_the_latency(columns, lanes, rng):
    check(OF_8_BITS[columns](lanes=lanes), *draw(rng, lanes, 40, ENDS_8))


@pytest.mark.parametrize("lanes", [2, 16, 32])
@pytest.mark.parametrize("columns", OF_4_BITS)
def test_gives_dot_products_of_two_activations_a_lane(columns, lanes, rng):
    count = 1000 if lanes == 2 else 40
    check(OF_4_BITS[columns](lanes=lanes), *draw(rng, lanes, count, ENDS_4), shallow=True)


@pytest.mark.parametrize("columns", OF_4_BITS)
def test_those_for_two_activations_a_lane_take_one(columns, rng):
    check(OF_4_BITS[columns](lanes=2), *draw(rng, 2, 300, ENDS_8))


def test_more_than_32_lanes_take_no_two_activations():
    with pytest.raises(ValueError, match=r"^lanes=64, must be at most 32 with shallow=True$"):
        PackedColumns(lanes=64, shallow=True)
