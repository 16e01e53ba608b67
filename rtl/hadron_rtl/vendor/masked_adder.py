"""Adder or subtractor in a carry chain whose cells also gate or join operands."""

from amaranth.hdl import Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .target import targets_ecp5

__all__ = ["MaskedAdder"]


class MaskedAdder(wiring.Component):
    """Sum of `a` and `b`, one more if wanted, or their difference, modulo 2**width, in one carry
    chain.

    Each half of a CCU2C adds two products of two bits, so a row of partial products costs nothing
    beyond the chain, and neither does an OR or a choice before it. A chain that the tools infer
    spends a gate a bit on that, a whole cell to feed a constant in at the bottom and another to
    lead the unused carry out at the top; here the lowest half cell makes the first carry and the
    last one leaves its own unconnected.

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
    selects : bool
        There are `c` and `select`; not with `masks` or `joins`.
    negates : bool
        There is `negate`; with no other option.

    Members
    -------
    a, b : In(width)
        Operands; sign or zero extension is the user's.
    a_mask, b_mask : In(width), init all ones
        Bits of the operands that count.
    c : In(width)
        With `joins`, bits to count where `b` has none: ``b | c`` is added.
    select : In(1)
        `c` is added and not `b`.
    negate : In(1)
        `a` is subtracted.
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
                 masks: bool = False, joins: bool = False, selects: bool = False,
                 negates: bool = False):
        if width < 1:
            raise ValueError(f"width={width}, must be at least 1")
        if subtract and carries:
            raise ValueError("carries=True, must be False with subtract=True")
        if joins and (subtract or masks):
            raise ValueError("joins=True, must be False with subtract=True or masks=True")
        if selects and (masks or joins):
            raise ValueError("selects=True, must be False with masks=True or joins=True")
        if negates and (subtract or carries or masks or joins or selects):
            raise ValueError("negates=True, must be False with any other option")
        self.width = width
        self.subtract = subtract
        self.carries = carries
        self.masks = masks
        self.joins = joins
        self.selects = selects
        self.negates = negates
        ones = (1 << width) - 1
        super().__init__({
            "a": In(width),
            "b": In(width),
            **({"a_mask": In(width, init=ones)} if masks or joins else {}),
            **({"b_mask": In(width, init=ones)} if masks else {}),
            **({"c": In(width)} if joins or selects else {}),
            **({"select": In(1)} if selects else {}),
            **({"negate": In(1)} if negates else {}),
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
            if self.selects:
                b = Mux(self.select, self.c, b)
            total = b - a if self.subtract else b + a
            if self.negates:
                total = Mux(self.negate, b - a, total)
            m.d.comb += self.o.eq(total + self.carry if self.carries else total)
        return m

    def _chain(self, m):
        # A half cell computes f(A, B, C, D) xor carry; its carry is the one that comes in where f
        # is 1, else f(A, B, 0, 0). With f = first(A, B) ^ second(B, C, D), where the latter is 0
        # for C = D = 0, that is the carry of the sum: there both operands are equal.
        def first_operand(a, b):
            return (a if self.selects else a ^ b if self.negates else a & b) ^ self.subtract

        def second_operand(b, c, d):
            return (d if b else c) if self.selects else c | d if self.joins else c & d

        adder = sum(
            (first_operand(i & 1, i >> 1 & 1) ^ second_operand(i >> 1 & 1, i >> 2 & 1, i >> 3)) << i
            for i in range(16))
        one = Const(1)
        ones = one.replicate(self.width)
        if self.masks or self.joins:
            beside_a = self.a_mask
        elif self.selects or self.negates:
            beside_a = (self.select if self.selects else self.negate).replicate(self.width)
        else:
            beside_a = ones
        beside_b = self.b_mask if self.masks else self.c if self.joins or self.selects else ones
        pins = list(zip(self.a, beside_a, self.b, beside_b, strict=True))
        # The first carry: f is 0 for C = D = 1, so the carry is f(A, B, 0, 0): A, one or zero ...
        carry_in = self.carry if self.carries else self.negate if self.negates else None
        first, inputs = 0x000F if self.subtract else 0x0000, [one, one]
        if carry_in is not None:
            first, inputs[0] = 0x000A, carry_in
        lowest = 0
        if self.width % 2 == 0 and not (carry_in is not None or self.masks or self.joins
                                        or self.selects):
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
