"""WindowSequencer against the outputs of a strip as the golden model counts them."""

import pytest
from amaranth.sim import Simulator

from hadron_model.strips import Strip
from hadron_rtl.control.window_sequencer import WindowSequencer


@pytest.mark.parametrize(("wide", "tall"), [(0, 0), (1, 0), (0, 1)])
@pytest.mark.parametrize("stride_y", [0, 1])
@pytest.mark.parametrize("stride_x", [0, 1])
def test_multiplies_where_windows_end(rng, stride_x, stride_y, wide, tall):
    dut = WindowSequencer()
    rows, pixels = int(rng.integers(3, 8)) + 2 * tall, int(rng.integers(5 + tall, 17))
    strip = Strip({"count_ox": rows, "count_kx": pixels, "stride_x": stride_x,
                   "stride_y": stride_y, "odd": 0, "tall": tall})
    places = {(row, pixel) for row in strip.last_rows for pixel in strip.last_pixels}
    seen, halves, cycle = [], [], 0

    async def testbench(ctx):
        nonlocal cycle
        ctx.set(dut.stride_x, stride_x)
        ctx.set(dut.stride_y, stride_y)
        ctx.set(dut.wide, wide)
        ctx.set(dut.tall, tall)

        async def tick():
            nonlocal cycle
            if ctx.get(dut.multiply) and ctx.get(dut.half):
                halves.append(cycle)
            await ctx.tick()
            cycle += 1

        for _ in range(2):
            for row in range(rows):
                for pixel in range(pixels):
                    ctx.set(dut.pixel_valid, 1)
                    ctx.set(dut.row_ends, pixel == pixels - 1)
                    ctx.set(dut.strip_ends, row == rows - 1)
                    completes = (row, pixel) in places
                    assert ctx.get(dut.pixel) == pixel
                    if ctx.get(dut.multiply) and not ctx.get(dut.half):
                        seen.append((row, pixel, cycle))
                    await tick()
                    if wide and (completes if stride_x else row in strip.last_rows):
                        ctx.set(dut.pixel_valid, 0)
                        await tick()
        ctx.set(dut.pixel_valid, 0)
        for _ in range(3):
            await tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert len(seen) == 2 * len(places)
    assert {(row, pixel) for row, pixel, _ in seen} == places
    assert halves == [when + 1 + wide for *_, when in seen]
