"""Adder or subtractor in a carry chain whose cells also gate or join operands."""

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .target import targets_ecp5

__all__ = ["MaskedAdder"]


class MaskedAdder(wiring.Component):
    """Sum of `a` and `b`, one more if wanted, or their difference, modulo 2**width, in one carry
    chain.

    Each half of a CCU2C adds two products of two bits, so a row of partial products costs nothing
    beyond the chain, and neither does an OR before it. A chain that the tools infer spends a gate a
    bit on that, a whole cell to feed a constant in at the bottom and another to lead the unused
    carry out at the top; here the lowest half cell makes the first carry and the last one leaves
    its own unconnected.

    Parameters
    ----------
    width : int
        Bits of operands and result, 1 or more.
    subtract : bool
        Subtract `a` instead of adding it.
    carries : bool
        There is `carry`; not with `subtract`. It costs nothing.
    masks : bool
        There are `a_mask` and `b_mask`.
    joins : bool
        There are `a_mask` and `c`; not with `subtract` or `masks`.

    Members
    -------
    a, b : In(width)
        Operands; sign or zero extension is the user's.
    a_mask, b_mask : In(width), init all ones
        Bits of the operands that count.
    c : In(width)
        Bits to count where `b` has none: ``b | c`` is added.
    carry : In(1)
        Added as well.
    o : Out(width)
        `b` plus or minus `a`.

    Latency: ``LATENCY`` = 0. Cost (LFE5U): `width` + 1 LUT4, rounded up to even with any option
    but `subtract`.

    Source: Lattice FPGA-TN-02012, CCU2C; yosys techlibs/lattice/ccu2c_sim.vh.
    """

    LATENCY = 0

    def __init__(self, *, width: int, subtract: bool = False, carries: bool = False,
                 masks: bool = False, joins: bool = False):
        if width < 1:
            raise ValueError(f"width={width}, must be at least 1")
        if subtract and carries:
            raise ValueError("carries=True, must be False with subtract=True")
        if joins and (subtract or masks):
            raise ValueError("joins=True, must be False with subtract=True or masks=True")
        self.width = width
        self.subtract = subtract
        self.carries = carries
        self.masks = masks
        self.joins = joins
        ones = (1 << width) - 1
        super().__init__({
            "a": In(width),
            "b": In(width),
            **({"a_mask": In(width, init=ones)} if masks or joins else {}),
            **({"b_mask": In(width, init=ones)} if masks else {}),
            **({"c": In(width)} if joins else {}),
            **({"carry": In(1)} if carries else {}),
            "o": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        if targets_ecp5(platform):
            self._chain(m)
        else:
            a = self.a & self.a_mask if self.masks or self.joins else self.a
            b = self.b & self.b_mask if self.masks else self.b | self.c if self.joins else self.b
            total = b - a if self.subtract else b + a
            m.d.comb += self.o.eq(total + self.carry if self.carries else total)
        return m

    def _chain(self, m):
        # A half cell computes f(A, B, C, D) xor carry; its carry is the one that comes in where f
        # is 1, else f(A, B, 0, 0). With f = (A & B) ^ (C & D), or C | D, the latter is the carry of
        # the sum: there both operands are equal. Subtracting inverts A & B.
        def second(c, d):
            return c | d if self.joins else c & d

        adder = sum(
            ((i & 3 == 3) ^ self.subtract ^ second(i >> 2 & 1, i >> 3)) << i for i in range(16))
        one = Const(1)
        ones = one.replicate(self.width)
        pins = list(zip(
            self.a, self.a_mask if self.masks or self.joins else ones,
            self.b, self.b_mask if self.masks else self.c if self.joins else ones, strict=True))
        # The first carry: f is 0 for C = D = 1, so the carry is f(A, B, 0, 0): A, one or zero ...
        first, inputs = 0x000F if self.subtract else 0x000A if self.carries else 0x0000, [one, one]
        if self.carries:
            inputs[0] = self.carry
        lowest = 0
        if self.width % 2 == 0 and not (self.carries or self.masks or self.joins):
            # ... or that of bit 0, which stands alone then: half a cell less.
            lowest = 1
            first = 0x000D if self.subtract else 0x0008
            inputs = [self.a[0], self.b[0]]
            m.d.comb += self.o[0].eq(self.a[0] ^ self.b[0])
        halves = [(first, (*inputs, one, one), None)]
        halves += [(adder, pins[i], self.o[i]) for i in range(lowest, self.width)]
        if len(halves) % 2:
            halves.append((0, (one, one, one, one), None))

        carry = None
        for cell in range(len(halves) // 2):
            connections = {}
            if carry is not None:
                connections["i_CIN"] = carry
            for half in range(2):
                init, inputs, output = halves[2 * cell + half]
                connections[f"p_INIT{half}"] = Const(init, 16)
                connections[f"p_INJECT1_{half}"] = "NO"
                for pin, value in zip("ABCD", inputs, strict=True):
                    connections[f"i_{pin}{half}"] = value
                if output is not None:
                    connections[f"o_S{half}"] = output
            if cell < len(halves) // 2 - 1:
                carry = Signal(name=f"carry{cell}")
                connections["o_COUT"] = carry
            m.submodules[f"cell{cell}"] = Instance("CCU2C", **connections)
