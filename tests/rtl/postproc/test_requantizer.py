"""Requantizer against `hadron_spec.numerics`: every mode, its corners, stalls, latency and rate."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.requantizer import Mode, Requantizer
from hadron_spec import numerics
from hadron_spec.config import NpuConfig

INT32 = np.array([-1 << 31, (1 << 31) - 1, (-1 << 31) + 1, -1, 0, 1, 127, 128, -128, -129])
SHIFTS = np.arange(numerics.SHIFT_MIN, numerics.SHIFT_MAX + 1)


def config(columns: int, requant_lanes: int) -> NpuConfig:
    return NpuConfig(name="test", lanes=16, columns=columns, dsp_columns=0, act_bytes=32 << 10,
                     weight_steps=16, requant_lanes=requant_lanes)


def command(**fields: int) -> dict[str, int]:
    return {"zero_point": 0, "minimum": -128, "maximum": 127, "zero_point_a": 0,
            "zero_point_b": 0, "multiplier_b": 1 << 30, "shift_b": 0} | fields


def expected(mode: Mode, fields: dict[str, int], values, bias, multiplier, shift) -> np.ndarray:
    """Restate the modes with the project's rounding rules, on arrays of Python's integers.

    A rail times a left shift times a multiplier is more than int64 holds.
    """
    match mode:
        case Mode.REQUANTIZE:
            scaled = numerics.multiply_by_quantized_multiplier(values + bias, multiplier, shift)
        case Mode.AVERAGE:
            scaled = numerics.average_divide(values, bias, multiplier)
        case Mode.ADD:
            a, b = (((values >> low & 0xFF) ^ 0x80) - 0x80 for low in (0, 8))
            total = ((a - fields["zero_point_a"]) << 19) + numerics.rescale_addend(
                b - fields["zero_point_b"], fields["multiplier_b"], fields["shift_b"])
            scaled = numerics.multiply_by_quantized_multiplier(total, multiplier, shift)
        case Mode.CLAMP:
            return np.clip(values, fields["minimum"], fields["maximum"])
    return np.clip(scaled + fields["zero_point"], fields["minimum"], fields["maximum"])


def python_integers(values) -> np.ndarray:
    return np.array([int(value) for value in np.atleast_1d(values)], dtype=object)


class Bench:
    """Pushes results in and pulls outputs out, each with gaps; notes the cycle of every event."""

    def __init__(self, columns: int, requant_lanes: int):
        self.dut = Requantizer(config(columns, requant_lanes))
        self.columns = columns

    def run(self, mode, fields, results, *, rng=None, offer=1.0, accept=1.0):
        """Return the outputs, the cycles they came at, and those their results were first valid.

        `results` is a list of (values, parameters or None), parameters (bias, multiplier, shift).
        """
        dut, outputs, came, offered = self.dut, [], [], []

        async def push(ctx):
            cycle = 0
            ctx.set(dut.mode, mode)
            for name, value in fields.items():
                ctx.set(getattr(dut.command, name), value)
            for values, parameters in results:
                while rng is not None and rng.random() >= offer:
                    await ctx.tick()
                    cycle += 1
                ctx.set(dut.i.p.values, [int(v) for v in values])
                ctx.set(dut.i.p.new_parameters, parameters is not None)
                junk = ((-1, 5, 3),) * self.columns
                rows = junk if parameters is None else zip(*parameters, strict=True)
                ctx.set(dut.i.p.parameters, [
                    dict(zip(("bias", "multiplier", "shift"), map(int, row), strict=True))
                    for row in rows])
                ctx.set(dut.i.valid, 1)
                offered.append(cycle)
                while True:
                    *_, ready = await ctx.tick().sample(dut.i.ready)
                    cycle += 1
                    if ready:
                        break
                ctx.set(dut.i.valid, 0)

        async def pull(ctx):
            cycle = 0
            while len(outputs) < len(results):
                take = rng is None or rng.random() < accept
                ctx.set(dut.o.ready, take)
                *_, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
                if valid and take:
                    outputs.append(list(payload))
                    came.append(cycle)
                cycle += 1
                assert cycle < 200 + 60 * len(results), "hangs"
            ctx.set(dut.o.ready, 1)
            assert not ctx.get(dut.busy)
            for _ in range(40):
                *_, valid = await ctx.tick().sample(dut.o.valid)
                assert not valid, "an output too many"

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(push)
        simulator.add_testbench(pull)
        simulator.run()
        return np.array(outputs), came, offered

    def check(self, mode, fields, results, **kwargs):
        outputs, *_ = self.run(mode, fields, results, **kwargs)
        held = None
        for n, (values, parameters) in enumerate(results):
            held = parameters if parameters is not None else held
            want = expected(mode, fields, python_integers(values),
                            *(python_integers(p) for p in held or (0, 0, 0)))
            np.testing.assert_array_equal(
                outputs[n], want.astype(int), f"result {n} {mode} {fields} {values=} {held=}")


def random_parameters(rng, columns):
    """Parameters of every column; the multiplier is normalised, at times at its ends."""
    multiplier = rng.integers(1 << 30, 1 << 31, columns)
    multiplier[rng.random(columns) < 0.2] = rng.choice([1 << 30, (1 << 31) - 1, 0])
    return rng.integers(-1 << 20, 1 << 20, columns), multiplier, rng.choice(SHIFTS, columns)


def interesting_values(rng, columns, shift, bias):
    """Accumulators of which most come out between the rails, some at the int32 rails."""
    exponent = np.clip(rng.integers(0, 11, columns) - shift, 0, 31)
    values = rng.integers(-1 << 32, 1 << 32, columns) >> (32 - exponent)
    rail = rng.random(columns) < 0.1
    values[rail] = rng.choice(INT32, columns)[rail]
    return np.clip(values + bias, INT32[0], INT32[1]) - bias


def random_results(rng, columns, count, renew=0.2):
    results, held = [], None
    for n in range(count):
        fresh = n == 0 or rng.random() < renew
        if fresh:
            held = random_parameters(rng, columns)
        values = interesting_values(rng, columns, held[2], held[0])
        bad = (values < INT32[0]) | (values > INT32[1])
        values[bad] = -held[0][bad]
        results.append((values, held if fresh else None))
    return results


SHAPES = [(4, 2), (8, 1), (4, 4), (8, 2)]


@pytest.mark.parametrize(("columns", "lanes"), SHAPES)
def test_requantizes_like_the_reference(rng, columns, lanes):
    bench = Bench(columns, lanes)
    fields = command(zero_point=int(rng.integers(-128, 128)), minimum=-100, maximum=119)
    bench.check(Mode.REQUANTIZE, fields, random_results(rng, columns, 800 // columns),
                rng=rng, offer=0.7, accept=0.8)


def test_requantizes_rails_with_every_shift():
    bench = Bench(16, 2)
    results = []
    for shift in SHIFTS:
        for multiplier in (1 << 30, (1 << 31) - 1):
            values = np.resize(INT32, 16)
            results.append((values, (np.zeros(16, int), [multiplier] * 16, [shift] * 16)))
    bench.check(Mode.REQUANTIZE, command(zero_point=-128), results)


def test_rounds_halves_exactly(rng):
    bench = Bench(16, 2)
    results = []
    for shift in range(-24, 8):
        # multiplier 2**30 halves: x * 2**(shift - 1) has halves wherever x is odd enough.
        wanted = rng.integers(-40, 40, 16) * 2 + 1
        values = wanted << -shift if shift < 0 else wanted
        offset = rng.integers(-1, 2, 16)
        results.append((values + offset, (np.zeros(16, int), [1 << 30] * 16, [shift] * 16)))
    bench.check(Mode.REQUANTIZE, command(), results)


@pytest.mark.parametrize(("columns", "lanes"), [(4, 4), (8, 2)])
def test_averages_like_the_reference(rng, columns, lanes):
    bench = Bench(columns, lanes)
    results = []
    counts = 2, 3, 4, 7, 9, 16, 49, 64, 100, 1000, 1024, 4095, 4096
    for count in (*counts, *rng.integers(2, 4097, 30)):
        try:
            multiplier = numerics.average_multiplier(int(count))
        except ValueError:
            continue
        parameters = [count // 2] * columns, [multiplier] * columns, [0] * columns
        ends = np.array([-128 * count, 127 * count, -count, -count // 2, count // 2, 0, -1, 1])
        # One more than a multiple of the count: the least that must not round to it.
        ends = np.append(ends, count // 2 + 1 - count * np.arange(121, 129))
        for n in range(1 + len(ends) // columns):
            values = rng.integers(-128 * count, 127 * count + 1, columns)
            if n:
                values = ends[columns * (n - 1): columns * n]
            results.append((values, None if n else parameters))
    bench.check(Mode.AVERAGE, command(maximum=120), results, rng=rng, offer=0.9, accept=0.9)


@pytest.mark.parametrize("shift_b", [0, -1, -2, -7, -8, -15, -16, -20, -28, -29, -30, -31])
def test_adds_like_the_reference(rng, shift_b):
    columns, lanes = SHAPES[-shift_b % len(SHAPES)]
    bench = Bench(columns, lanes)
    fields = command(
        zero_point=int(rng.integers(-128, 128)), zero_point_a=int(rng.choice([-128, 127, 3])),
        zero_point_b=int(rng.choice([-128, 127, -7])), shift_b=shift_b,
        multiplier_b=int(rng.choice([1 << 30, (1 << 31) - 1, rng.integers(1 << 30, 1 << 31)])))
    results = []
    for n in range(240 // columns):
        fresh = n == 0 or rng.random() < 0.2
        parameters = None
        if fresh:
            bias, multiplier, _ = random_parameters(rng, columns)
            parameters = bias, multiplier, rng.integers(-22, -15, columns)
        values = rng.integers(0, 1 << 16, columns)
        values[rng.random(columns) < 0.2] = rng.choice([0x8080, 0x7F7F, 0x807F, 0x7F80, 0])
        values |= rng.integers(-1 << 15, 1 << 15, columns) << 16
        results.append((values, parameters))
    bench.check(Mode.ADD, fields, results, rng=rng, offer=0.8, accept=0.8)


def test_adds_to_the_last_bit(rng):
    """A cancels, B is scaled to a few units, and the output shows every one of them."""
    fields = command(zero_point_a=9, shift_b=-21, multiplier_b=int(rng.integers(1 << 30, 1 << 31)))
    values = (rng.integers(0, 256, (100, 4)) << 8) + 9
    parameters = [0] * 4, [1 << 30, (1 << 31) - 1] * 2, [1, 0, 0, -1]
    Bench(4, 2).check(Mode.ADD, fields, [(row, None if n else parameters)
                                         for n, row in enumerate(values)])


def test_clamps(rng):
    values = [rng.integers(-128, 128, 4) for _ in range(50)]
    values += [rng.choice(INT32, 4) for _ in range(20)]
    Bench(4, 2).check(Mode.CLAMP, command(zero_point=55, minimum=-3, maximum=90),
                      [(v, None) for v in values], rng=rng, offer=0.8, accept=0.8)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(("columns", "lanes"), SHAPES)
def test_latency_and_throughput(mode, columns, lanes):
    bench = Bench(columns, lanes)
    count = 2 * bench.dut.depth
    zeros = [0] * columns
    results = [(zeros, (zeros, [1 << 30] * columns, zeros) if n == 0 else None)
               for n in range(count)]
    _, came, offered = bench.run(mode, command(), results)
    groups = columns // lanes
    loading = groups if mode is Mode.ADD else 0
    assert came[0] - offered[0] == bench.dut.latency(mode) + loading
    assert np.diff(came).tolist() == [groups] * (count - 1)
    assert np.diff(offered[1:]).tolist() == [groups] * (count - 2)


def test_new_parameters_with_every_result_cost_nothing(rng):
    bench = Bench(8, 2)
    results = random_results(rng, 8, 30, renew=1.0)
    _, came, _ = bench.run(Mode.REQUANTIZE, command(), results)
    assert np.diff(came).tolist() == [4] * 29


def test_a_blocked_output_loses_nothing(rng):
    bench = Bench(4, 4)
    bench.check(Mode.REQUANTIZE, command(), random_results(rng, 4, 100), rng=rng, accept=0.1)
