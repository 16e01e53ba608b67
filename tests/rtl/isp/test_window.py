"""LineWindow: every neighbourhood of every pixel, whatever the size and the stalls."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_model.isp.windows import neighbours, windows
from hadron_rtl.isp.pixel_stream import Geometry, pixel_stream
from hadron_rtl.isp.result_buffer import ResultBuffer
from hadron_rtl.isp.window import LineWindow
from hadron_testing.isp import run_stage


class WindowStage(wiring.Component):
    """LineWindow and ResultBuffer as a stage has them, the neighbourhood as its result."""

    def __init__(self, *, bits, rows, columns, max_width):
        self.window = LineWindow(shape=bits, rows=rows, columns=columns, max_width=max_width)
        self.flat = data.ArrayLayout(bits, rows * columns + 2)
        super().__init__({"i": In(pixel_stream(bits)), "o": Out(pixel_stream(self.flat)),
                          "geometry": In(Geometry)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.window = window = self.window
        m.submodules.buffer = buffer = ResultBuffer(
            shape=self.flat, latency=0, ahead=window.LATENCY)
        wiring.connect(m, wiring.flipped(self.i), window.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        pixels = [window.o.pixels[row][column]
                  for row in range(window.rows) for column in range(window.columns)]
        m.d.comb += [
            window.geometry.eq(self.geometry),
            window.advance.eq(buffer.room),
            buffer.take.eq(window.take),
            buffer.i_valid.eq(window.o_valid),
            buffer.i_first.eq(window.o.first),
            buffer.i_last.eq(window.o.last),
            *(value.eq(pixel) for value, pixel in zip(
                buffer.i_data, [*pixels, window.o.odd_column, window.o.odd_row], strict=True)),
        ]
        return m


def _expected(frame, rows, columns):
    height, width = frame.shape
    flat = windows(frame, rows, columns).reshape(height, width, rows * columns)
    y, x = np.mgrid[:height, :width] & 1
    return np.concatenate([flat, x[..., None], y[..., None]], axis=2)


def _run(rng, size, *, rows=5, columns=5, bits=12, frames=3, max_width=64, **options):
    height, width = size
    dut = WindowStage(bits=bits, rows=rows, columns=columns, max_width=max_width)
    images = [rng.integers(1 << bits, size=(height, width)) for _ in range(frames)]

    async def setup(ctx):
        ctx.set(dut.geometry.width, width)
        ctx.set(dut.geometry.height, height)

    results = run_stage(dut, images, rng=rng, setup=setup,
                        shapes=[(height, width, rows * columns + 2)] * frames, **options)
    for result, image in zip(results, images, strict=True):
        np.testing.assert_array_equal(result, _expected(image, rows, columns))


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (3, 8), (9, 17), (4, 64)])
@pytest.mark.parametrize("shape", [(5, 5), (3, 3), (3, 5)])
def test_gives_every_neighbourhood(size, shape, rng):
    _run(rng, size, rows=shape[0], columns=shape[1], frames=2)


@pytest.mark.parametrize(("push", "pull"), [(0.3, 0.9), (0.9, 0.3), (0.5, 0.5)])
def test_survives_stalls_on_both_sides(push, pull, rng):
    _run(rng, (8, 11), push=push, pull=pull)


def test_follows_the_geometry_from_frame_to_frame(rng):
    dut = WindowStage(bits=8, rows=5, columns=5, max_width=32)
    sizes = [(8, 32), (5, 9), (12, 16)]
    for height, width in sizes:
        async def setup(ctx, width=width, height=height):
            ctx.set(dut.geometry.width, width)
            ctx.set(dut.geometry.height, height)

        image = rng.integers(256, size=(height, width))
        result, = run_stage(dut, [image], rng=rng, setup=setup, shapes=[(height, width, 27)])
        np.testing.assert_array_equal(result, _expected(image, 5, 5))


def test_gives_a_neighbourhood_a_cycle_once_it_has_begun(rng):
    gaps = []
    _run(rng, (10, 24), frames=1, gaps=gaps)
    assert gaps == []


def test_refuses_even_and_small_sizes():
    for name, value in (("rows", 4), ("columns", 1)):
        with pytest.raises(ValueError, match=f"^{name}={value}, must be odd and at least 3$"):
            LineWindow(**{"shape": 8, "rows": 3, "columns": 3, "max_width": 8, name: value})


def test_neighbours_are_those_of_the_windows(rng):
    image = rng.integers(4096, size=(7, 9))
    around = windows(image, 5, 5)
    offsets = ((-2, 0), (0, 1), (1, -1), (2, 2))
    for plane, (dy, dx) in zip(neighbours(image, offsets), offsets, strict=True):
        np.testing.assert_array_equal(plane, around[..., 2 + dy, 2 + dx])
