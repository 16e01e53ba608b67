"""A multiplexer of four inputs that takes two LUTs a bit."""

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .target import targets_ecp5

__all__ = ["Mux4"]

_CHOOSE = 0xCACA
"""LUT4: A where C is 0, else B."""


class Mux4(wiring.Component):
    """One of four values.

    Two LUTs choose one of two each, and the multiplexer behind them one of theirs. Yosys 0.66 does
    not find that, since it is less than any function of six inputs may take, and spends three.

    Parameters
    ----------
    width : int
        Bits of a value.

    Members
    -------
    i : In(ArrayLayout(width, 4))
        Values.
    select : In(2)
        Which one.
    o : Out(width)
        It.

    Latency: ``LATENCY`` = 0. Cost (LFE5U): two LUT4 a bit.

    Source: yosys techlibs/lattice/common_sim.vh, PFUMX.
    """

    LATENCY = 0

    def __init__(self, *, width: int):
        if width < 1:
            raise ValueError(f"width={width}, must be at least 1")
        self.width = width
        super().__init__({
            "i": In(data.ArrayLayout(width, 4)),
            "select": In(2),
            "o": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        if not targets_ecp5(platform):
            m.d.comb += self.o.eq(self.i[self.select])
            return m
        for bit in range(self.width):
            halves = []
            for half in range(2):
                chosen = Signal(name=f"chosen{bit}_{half}")
                m.submodules[f"lut{bit}_{half}"] = Instance(
                    "LUT4", p_INIT=Const(_CHOOSE, 16),
                    i_A=self.i[2 * half][bit], i_B=self.i[2 * half + 1][bit],
                    i_C=self.select[0], i_D=Const(0), o_Z=chosen)
                halves.append(chosen)
            m.submodules[f"mux{bit}"] = Instance(
                "PFUMX", i_BLUT=halves[0], i_ALUT=halves[1], i_C0=self.select[1],
                o_Z=self.o[bit])
        return m
