"""The expander of 4-bit weights against the golden model: every pair."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_model.memories import expand_nibbles
from hadron_rtl.control.nibble_expander import NibbleExpander
from hadron_spec.commands import SHALLOW_ODD


def test_equals_the_golden_model_for_every_pair():
    pairs = np.arange(256, dtype=np.uint8)
    dut = NibbleExpander(256)
    results = {}

    async def testbench(ctx):
        ctx.set(dut.i, int.from_bytes(pairs.tobytes(), "little"))
        for enable in range(2):
            for odd in range(2):
                ctx.set(dut.enable, enable)
                ctx.set(dut.odd, odd)
                await ctx.delay(1e-9)
                results[enable, odd] = ctx.get(dut.o).to_bytes(256, "little")

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
    expected = expand_nibbles(pairs)
    for odd in range(2):
        assert results[0, odd] == pairs.tobytes()
        assert results[1, odd] == expected[:, odd].tobytes()


def test_makes_weights_of_odd_columns_larger_for_two_activations_a_byte():
    pairs = np.arange(256, dtype=np.uint8)
    dut = NibbleExpander(256, shallow=True)
    results = {}

    async def testbench(ctx):
        ctx.set(dut.i, int.from_bytes(pairs.tobytes(), "little"))
        ctx.set(dut.enable, 1)
        for shallow in range(2):
            for odd in range(2):
                ctx.set(dut.shallow, shallow)
                ctx.set(dut.odd, odd)
                await ctx.delay(1e-9)
                results[shallow, odd] = ctx.get(dut.o).to_bytes(256, "little")

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
    for shallow, factor in enumerate((1, SHALLOW_ODD)):
        expected = expand_nibbles(pairs, factor)
        for odd in range(2):
            assert results[shallow, odd] == expected[:, odd].tobytes()


def test_stores_one_less_beside_a_negative_weight():
    # The pair (-8, -8) needs more than four bits.
    assert expand_nibbles(np.array([0x88], np.uint8)).view(np.int8).tolist() == [[-8, -9]]


def test_constructor_refuses():
    with pytest.raises(ValueError, match=r"^size=0, must be 1 or more$"):
        NibbleExpander(0)
