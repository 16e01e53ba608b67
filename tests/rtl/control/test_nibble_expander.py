"""The expander of 4-bit weights against the golden model: every pair."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from hadron_model.memories import expand_nibbles
from hadron_rtl.control.nibble_expander import NibbleExpander
from hadron_spec.commands import SHALLOW_ODD

PAIRS = np.arange(256, dtype=np.uint8)


def expanded(dut, **settings):
    """Return what is made of every pair, of the even and of the odd column."""
    made = []

    async def testbench(ctx):
        ctx.set(dut.i, int.from_bytes(PAIRS.tobytes(), "little"))
        for name, value in settings.items():
            ctx.set(getattr(dut, name), value)
        for odd in range(2):
            ctx.set(dut.odd, odd)
            await ctx.delay(1e-9)
            made.append(ctx.get(dut.o).to_bytes(256, "little"))

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
    return made


def columns(weights):
    return [weights[:, odd].tobytes() for odd in range(2)]


def test_equals_the_golden_model_for_every_pair():
    assert expanded(NibbleExpander(256), enable=0) == [PAIRS.tobytes()] * 2
    assert expanded(NibbleExpander(256), enable=1) == columns(expand_nibbles(PAIRS))


@pytest.mark.parametrize(("shallow", "factor"), [(0, 1), (1, SHALLOW_ODD)])
def test_makes_weights_of_odd_columns_larger_for_two_activations_a_byte(shallow, factor):
    dut = NibbleExpander(256, shallow=True)
    assert expanded(dut, enable=1, shallow=shallow) == columns(expand_nibbles(PAIRS, factor))


def test_stores_one_less_beside_a_negative_weight():
    # The pair (-8, -8) needs more than four bits.
    assert expand_nibbles(np.array([0x88], np.uint8)).view(np.int8).tolist() == [[-8, -9]]


def test_constructor_refuses():
    with pytest.raises(ValueError, match=r"^size=0, must be 1 or more$"):
        NibbleExpander(0)
