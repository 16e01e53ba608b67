"""PixelPairs against NumPy."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.pixel_pairs import PixelPairs
from hadron_spec.config import CONFIGS

COLUMNS = CONFIGS["h64"].columns


def run(results, rng, *, enable, pairs=1, odd=0, gaps=0.0, tall=0, single=0):
    """Return (cycle, values) of what comes out, and the cycles of what went in."""
    dut = PixelPairs(CONFIGS["h64"])
    out, given = [], []

    async def testbench(ctx):
        ctx.set(dut.enable, enable)
        ctx.set(dut.pairs, pairs)
        ctx.set(dut.odd, odd)
        ctx.set(dut.tall, tall)
        ctx.set(dut.single, single)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        queue = [row.tolist() for row in results]
        for cycle in range(10 * len(results) + 10):
            if ctx.get(dut.o.valid):
                out.append((cycle, list(ctx.get(dut.o["values"]))))
            # Tall results do not follow one another in the next cycle.
            go = queue and rng.random() >= gaps and not (tall and given[-1:] == [cycle - 1])
            ctx.set(dut.i.valid, int(bool(go)))
            if go:
                given.append(cycle)
                ctx.set(dut.i["values"], queue.pop(0))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return out, given


@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("pairs", [1, 3])
def test_makes_pixels_of_all_channels(rng, pairs, odd, gaps):
    rows = 4
    results = rng.integers(-128, 128, (rows, pairs, 2, COLUMNS // 2, 2))
    out, _ = run(results.reshape(-1, COLUMNS), rng, enable=1, pairs=pairs, odd=odd, gaps=gaps)
    # [row, pair, half, channel, pixel] to [row, pixel, channel]
    pixels = results.transpose(0, 1, 4, 2, 3).reshape(rows, 2 * pairs, COLUMNS)
    wanted = pixels[:, :2 * pairs - odd].reshape(-1, COLUMNS)
    np.testing.assert_array_equal([values for _, values in out], wanted)


@pytest.mark.parametrize("gaps", [0.0, 0.5])
@pytest.mark.parametrize(("single", "odd"), [(0, 0), (0, 1), (1, 0)])
def test_makes_pixels_of_tall_results(rng, single, odd, gaps):
    rows, pairs = 4, 3
    results = rng.integers(-128, 128, (rows, pairs, COLUMNS // 2, 2))
    out, given = run(results.reshape(-1, COLUMNS), rng, enable=1, pairs=pairs, odd=odd, gaps=gaps,
                     tall=1, single=single)
    pixels = results.swapaxes(2, 3)
    wanted = pixels[:, :, :1] if single else pixels.reshape(rows, 2 * pairs, -1)[:, :6 - odd]
    np.testing.assert_array_equal([values[:COLUMNS // 2] for _, values in out],
                                  wanted.reshape(-1, COLUMNS // 2))
    assert out[0][0] == given[0] + PixelPairs.LATENCY + 1


def test_passes_results_when_not_enabled(rng):
    results = rng.integers(-128, 128, (20, COLUMNS))
    out, given = run(results, rng, enable=0, gaps=0.3)
    np.testing.assert_array_equal([values for _, values in out], results)
    assert [cycle for cycle, _ in out] == [cycle + PixelPairs.LATENCY for cycle in given]


def test_pixels_come_a_cycle_each(rng):
    results = rng.integers(-128, 128, (24, COLUMNS))
    out, given = run(results, rng, enable=1, pairs=3)
    assert [cycle for cycle, _ in out] == [given[1] + PixelPairs.LATENCY + i for i in range(24)]
