"""The hardware multiplier: 18 x 18 bits, signed, all three registers inside the block."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .target import targets_ecp5

__all__ = ["Multiplier18"]


class Multiplier18(wiring.Component):
    """Signed 18 x 18 multiplier, registered at the inputs, inside and at the output.

    It runs every cycle: the open tools emit no clock enable for the output register of
    MULT18X18D, so whoever must hold a product holds it in the fabric.

    Members
    -------
    a, b : In(signed(18))
        Factors. On ECP5 nothing but wires may stand between a register and these inputs.
    o : Out(signed(36))
        Product of the factors of ``LATENCY`` cycles ago. On ECP5 it takes 3.9 ns to leave the
        block: register it before any logic.

    Latency: ``LATENCY`` cycles. Throughput: one product a cycle.
    Cost (LFE5U): one MULT18X18D.

    Source: Lattice FPGA-TN-02205, ECP5 sysDSP usage guide.
    """

    LATENCY = 3

    a: In(signed(18))
    b: In(signed(18))
    o: Out(signed(36))

    def elaborate(self, platform):
        m = Module()
        if targets_ecp5(platform):
            m.submodules.block = self._mult18x18d()
        else:
            a = Signal(signed(18), reset_less=True)
            b = Signal(signed(18), reset_less=True)
            pipeline = Signal(signed(36), reset_less=True)
            output = Signal(signed(36), reset_less=True)
            m.d.sync += [
                a.eq(self.a),
                b.eq(self.b),
                pipeline.eq(a * b),
                output.eq(pipeline),
            ]
            m.d.comb += self.o.eq(output)
        return m

    def _mult18x18d(self):
        registers = {}
        for name in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"):
            registers[f"p_REG_{name}_CLK"] = "CLK0"
            registers[f"p_REG_{name}_CE"] = "CE0"
            registers[f"p_REG_{name}_RST"] = "RST0"
        return Instance(
            "MULT18X18D",
            **registers,
            p_REG_INPUTC_CLK="NONE",
            p_GSR="DISABLED",
            p_SOURCEB_MODE="B_SHIFT",
            p_RESETMODE="SYNC",
            # All alike, so that each takes one of the few nets a block of multipliers can have.
            **{f"i_CLK{i}": ClockSignal() for i in range(4)},
            **{f"i_CE{i}": Const(1) for i in range(4)},
            **{f"i_RST{i}": Const(0) for i in range(4)},
            i_SIGNEDA=Const(1), i_SIGNEDB=Const(1),
            i_SOURCEA=Const(0), i_SOURCEB=Const(0),
            **{f"i_A{i}": self.a[i] for i in range(18)},
            **{f"i_B{i}": self.b[i] for i in range(18)},
            **{f"i_C{i}": Const(0) for i in range(18)},
            **{f"o_P{i}": self.o[i] for i in range(36)},
        )
