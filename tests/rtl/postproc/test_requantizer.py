"""Requantizer against `hadron_spec.numerics`: every mode, its corners, latency and rate."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.postproc.requantizer import Mode, Requantizer
from hadron_spec import numerics
from hadron_spec.config import NpuConfig

INT32 = np.array([-1 << 31, (1 << 31) - 1, (-1 << 31) + 1, -1, 0, 1, 127, 128, -128, -129,
                  -1 << 17, (1 << 17) - 1, 1 << 17, (-1 << 17) - 1, 1 << 18])
SHIFTS = np.arange(numerics.SHIFT_MIN, numerics.SHIFT_MAX + 1)
NARROW_LIMIT = 1 << numerics.NARROW_BITS - 1
SCALING = [Mode.NARROW, Mode.WIDE]


def config(columns: int) -> NpuConfig:
    return NpuConfig(name="test", lanes=16, columns=columns, dsp_columns=0, act_bytes=32 << 10,
                     weight_steps=16)


def command(**fields: int) -> dict[str, int]:
    return {"zero_point": 0, "minimum": -128, "maximum": 127} | fields


def expected(mode: Mode, fields: dict[str, int], values, bias, multiplier, shift) -> np.ndarray:
    """Restate the modes with the project's rounding rules, on arrays of Python's integers.

    A rail times a multiplier is more than int64 holds.
    """
    if mode is Mode.CLAMP:
        return np.clip(values, fields["minimum"], fields["maximum"])
    values = values + bias
    if mode is Mode.NARROW:
        values = np.clip(values, -NARROW_LIMIT, NARROW_LIMIT - 1)
    else:
        shift = np.minimum(shift, 0)
    scaled = numerics.multiply_by_quantized_multiplier(values, multiplier, shift)
    return np.clip(scaled + fields["zero_point"], fields["minimum"], fields["maximum"])


def python_integers(values) -> np.ndarray:
    return np.array([int(value) for value in np.atleast_1d(values)], dtype=object)


class Bench:
    """Offers results, with gaps, as the array does: their parameters follow a cycle later."""

    def __init__(self, columns: int):
        self.dut = Requantizer(config(columns))
        self.columns = columns

    def run(self, runs, *, rng=None, offer=1.0):
        """Return the outputs of each run, the cycles they came at, and those of the transfers.

        A run is (mode, fields, results), a result (values, (bias, multiplier, shift)). The mode
        changes as soon as the last result of a run has come out, a cycle before the next is
        offered.
        """
        dut = self.dut
        outputs, came, taken = [[]], [], []
        cycle = 0

        async def push(ctx):
            nonlocal cycle

            async def tick():
                nonlocal cycle
                valid, values, ready, offered = (
                    ctx.get(dut.o.valid), list(ctx.get(dut.o["values"])), ctx.get(dut.i.ready),
                    ctx.get(dut.i.valid))
                if valid:
                    outputs[-1].append(values)
                    came.append(cycle)
                if ready and offered:
                    taken.append(cycle)
                await ctx.tick()
                cycle += 1
                return ready

            for mode, fields, results in runs:
                outputs.append([])
                ctx.set(dut.mode, mode)
                for name, value in fields.items():
                    ctx.set(getattr(dut.command, name), value)
                await tick()
                for values, parameters in results:
                    while rng is not None and rng.random() >= offer:
                        await tick()
                    ctx.set(dut.i.payload, [int(v) for v in values])
                    ctx.set(dut.i.valid, 1)
                    while True:
                        ready = await tick()
                        ctx.set(dut.parameters, [
                            dict(zip(("bias", "multiplier", "shift"), map(int, row), strict=True))
                            for row in zip(*parameters, strict=True)])
                        if ready:
                            break
                    ctx.set(dut.i.valid, 0)
                begin = cycle
                while len(outputs[-1]) < len(results):
                    await tick()
                    assert cycle < begin + 40, "hangs"
            outputs.append([])
            for _ in range(40):
                await tick()

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(push)
        simulator.run()
        assert outputs[0] == outputs[-1] == [], "an output too many"
        return [np.array(values) for values in outputs[1:-1]], came, taken

    def check(self, *runs, **kwargs):
        found, *_ = self.run(runs, **kwargs)
        for (mode, fields, results), outputs in zip(runs, found, strict=True):
            assert len(outputs) == len(results)
            for n, (values, parameters) in enumerate(results):
                want = expected(mode, fields, python_integers(values),
                                *(python_integers(p) for p in parameters))
                np.testing.assert_array_equal(
                    outputs[n], want.astype(int),
                    f"result {n} {mode} {fields} {values=} {parameters=}")


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
    return np.clip(values, INT32[0], INT32[1]) - bias


def random_results(rng, columns, count):
    results = []
    for _ in range(count):
        parameters = random_parameters(rng, columns)
        values = interesting_values(rng, columns, parameters[2], parameters[0])
        bad = (values < INT32[0]) | (values > INT32[1])
        values[bad] = -parameters[0][bad]
        results.append((values, parameters))
    return results


def zeros(columns):
    return [0] * columns, ([0] * columns, [1 << 30] * columns, [0] * columns)


@pytest.mark.parametrize("mode", SCALING)
@pytest.mark.parametrize("offer", [1.0, 0.7])
def test_requantizes_like_the_reference(rng, mode, offer):
    fields = command(zero_point=int(rng.integers(-128, 128)), minimum=-100, maximum=119)
    Bench(8).check((mode, fields, random_results(rng, 8, 120)), rng=rng, offer=offer)


@pytest.mark.parametrize("mode", SCALING)
def test_requantizes_rails_with_every_shift(mode):
    results = [
        (np.resize(INT32, 16), ([0] * 16, [multiplier] * 16, [shift] * 16))
        for shift in SHIFTS for multiplier in (1 << 30, (1 << 31) - 1)]
    Bench(16).check((mode, command(zero_point=-128), results))


@pytest.mark.parametrize("mode", SCALING)
def test_rounds_halves_exactly(rng, mode):
    results = []
    for shift in range(-24, 8 if mode is Mode.NARROW else 1):
        # multiplier 2**30 halves: x * 2**(shift - 1) has halves wherever x is odd enough.
        wanted = rng.integers(-40, 40, 16) * 2 + 1
        values = wanted << -shift if shift < 0 else wanted
        offset = rng.integers(-1, 2, 16)
        results.append((values + offset, ([0] * 16, [1 << 30] * 16, [shift] * 16)))
    Bench(16).check((mode, command(), results))


def test_a_small_scale_leaves_the_same_narrow_and_wide(rng):
    """What saturates to 18 bits is out of INT8's range at a scale of 2**-9 or more."""
    columns = 8
    results = []
    for _ in range(100):
        multiplier = rng.integers(1 << 30, 1 << 31, columns)
        values = rng.integers(-1 << 31, 1 << 31, columns) >> rng.integers(0, 20, columns)
        results.append((values, ([0] * columns, multiplier, rng.integers(-8, 1, columns))))
    fields = command(zero_point=int(rng.choice([-128, 127, 0])))
    (narrow, wide), *_ = Bench(columns).run(
        [(mode, fields, results) for mode in SCALING])
    np.testing.assert_array_equal(narrow, wide)


def test_clamps(rng):
    results = [(rng.integers(-128, 128, 4), zeros(4)[1]) for _ in range(50)]
    Bench(4).check((Mode.CLAMP, command(zero_point=55, minimum=-3, maximum=90), results),
                   rng=rng, offer=0.8)


def test_modes_follow_each_other_at_once(rng):
    """Nothing of a run comes out again in the next one, which takes longer or shorter."""
    clamped = [(rng.integers(-128, 128, 4), zeros(4)[1]) for _ in range(20)]
    runs = [(Mode.CLAMP, command(), clamped)]
    for mode in (Mode.WIDE, Mode.NARROW, Mode.CLAMP, Mode.NARROW, Mode.WIDE):
        results = clamped if mode is Mode.CLAMP else random_results(rng, 4, 20)
        runs.append((mode, command(), results))
    Bench(4).check(*runs)


@pytest.mark.parametrize("mode", list(Mode))
def test_latency_and_throughput(mode):
    bench = Bench(4)
    _, came, taken = bench.run([(mode, command(), [zeros(4)] * 20)])
    assert np.unique(np.subtract(came, taken)).tolist() == [bench.dut.latency(mode)]
    assert np.diff(taken).tolist() == [2 if mode is Mode.WIDE else 1] * 19
