"""ScalerWalk against the golden model's walk, at the sizes of real frames and networks."""

import pytest
from amaranth.sim import Simulator

from hadron_model.isp.scaler import walk
from hadron_rtl.isp.scaler_walk import ScalerWalk
from hadron_spec.isp.picture import ScalerMode


@pytest.mark.parametrize("mode", [ScalerMode.BOX, ScalerMode.BILINEAR])
@pytest.mark.parametrize(("size", "output", "skip"), [
    (1920, 224, 0), (1080, 1080, 0), (640, 96, 7), (255, 1, 1), (500, 499, 0), (1024, 512, 3),
    (1000, 333, 0)])
def test_gives_the_weights_of_every_pixel(mode, size, output, skip):
    dut = ScalerWalk()
    step = (size << 16) // output
    wanted = walk(size, output, step, mode)
    found = []

    async def bench(ctx):
        ctx.set(dut.step, step)
        ctx.set(dut.bilinear, mode)
        ctx.set(dut.skip, skip)
        ctx.set(dut.count, output)
        ctx.set(dut.load, 1)
        await ctx.tick().repeat(4)
        ctx.set(dut.load, 0)
        ctx.set(dut.go, 1)
        for _ in range(skip + size + 2):
            found.append((ctx.get(dut.inside), ctx.get(dut.first), ctx.get(dut.completes),
                          ctx.get(dut.final)))
            weights.append((ctx.get(dut.ending), ctx.get(dut.beginning)))
            await ctx.tick()

    weights = []
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    late = weights[ScalerWalk.LATENCY:]
    used = [i for i, (inside, *_) in enumerate(found[:len(late)]) if inside]
    assert used == list(range(skip, skip + len(wanted.ending)))
    completes = [i for i, n in enumerate(used) if found[n][2]]
    assert completes == wanted.last.tolist()
    assert [late[n][0] for n in used] == wanted.ending.tolist()
    assert [late[used[i]][1] for i in completes] == wanted.beginning.tolist()
    assert [i for i, n in enumerate(used) if found[n][1]] == [0]
    finals = [i for i, n in enumerate(used) if found[n][3]]
    begins = int(wanted.last[-2]) + 1 if output > 1 else 0
    assert finals == list(range(begins, len(used)))
