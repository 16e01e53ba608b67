"""Histogram: every count arrives, however close the next one; reading disturbs nothing."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_rtl.isp.histogram import Histogram


def _run(addresses, *, bits=8, depth=16):
    """Count at every address that is not None, a cycle each; return all words, read in between."""
    dut = Histogram(bits=bits, depth=depth)
    words = []

    async def bench(ctx):
        for address in addresses:
            ctx.set(dut.count, address is not None)
            ctx.set(dut.address, address or 0)
            await ctx.tick()
        ctx.set(dut.count, 0)
        await ctx.tick().repeat(8)
        for address in range(depth):
            ctx.set(dut.read_address, address)
            # Counting elsewhere must not get in the way of reading.
            ctx.set(dut.count, 1)
            ctx.set(dut.address, depth - 1)
            await ctx.tick()
            ctx.set(dut.count, 0)
            await ctx.tick().repeat(dut.READ_LATENCY)
            words.append(ctx.get(dut.read_data))
        ctx.set(dut.clear, 1)
        for address in range(depth):
            ctx.set(dut.clear_address, address)
            await ctx.tick()
        ctx.set(dut.clear, 0)
        ctx.set(dut.read_address, 3)
        await ctx.tick().repeat(dut.READ_LATENCY + 1)
        assert ctx.get(dut.read_data) == 0

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return words[:-1]


def _expected(addresses, depth=16, limit=255):
    counted = [address for address in addresses if address is not None]
    return np.minimum(np.bincount(counted, minlength=depth), limit).tolist()[:-1]


@pytest.mark.parametrize("distance", [2, 3, 4, 5, 6])
def test_counts_one_word_at_any_distance(distance):
    addresses = ([3] + [None] * (distance - 1)) * 20
    assert _run(addresses) == _expected(addresses)


def test_counts_alternating_words_every_cycle():
    addresses = [3, 5] * 50 + [1, 2, 3] * 20
    assert _run(addresses) == _expected(addresses)


def test_counts_random_words(rng):
    addresses = []
    for _ in range(500):
        address = int(rng.integers(4)) if rng.random() < 0.8 else None
        addresses.append(None if addresses and address == addresses[-1] else address)
    assert _run(addresses) == _expected(addresses)


def test_stops_at_the_greatest_count():
    addresses = [3, None] * 300
    assert _run(addresses) == _expected(addresses)
