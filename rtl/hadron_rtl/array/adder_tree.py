"""A balanced tree of adders with a register after each level."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..vendor.masked_adder import MaskedAdder

__all__ = ["AdderTree"]


class AdderTree(wiring.Component):
    """Sum of `count` numbers; every node is one bit wider than its operands.

    Parameters
    ----------
    shape : Shape
        Shape of the numbers.
    count : int
        How many, a power of two of at least 2.
    carries : bool
        There is `carries`. It costs registers alone.

    Members
    -------
    i : In(ArrayLayout(shape, count))
        Numbers.
    carries : In(count - 1)
        Bits that count one each.
    o : Out(Shape(shape.width + log2(count), shape.signed))
        Their sum.

    Latency: ``LATENCY`` = log2(count) cycles. Throughput: one sum a cycle.
    """

    def __init__(self, *, shape: Shape, count: int, carries: bool = False):
        if count < 2 or count & (count - 1):
            raise ValueError(f"count={count}, must be a power of two, at least 2")
        self.shape = Shape.cast(shape)
        self.count = count
        self.has_carries = carries
        self.LATENCY = exact_log2(count)
        super().__init__({
            "i": In(data.ArrayLayout(self.shape, count)),
            "o": Out(Shape(self.shape.width + self.LATENCY, self.shape.signed)),
            **({"carries": In(count - 1)} if carries else {}),
        })

    def elaborate(self, platform):
        m = Module()
        nodes = list(self.i)
        # Those that are left for the levels to come.
        carries = self.carries if self.has_carries else None
        for level in range(1, self.LATENCY + 1):
            shape = Shape(self.shape.width + level, self.shape.signed)
            sums = []
            for i in range(0, len(nodes), 2):
                name = f"{level}_{i // 2}"
                m.submodules[f"adder{name}"] = adder = MaskedAdder(
                    width=shape.width, carries=self.has_carries)
                node = Signal(shape, name=f"sum{name}", reset_less=True)
                m.d.comb += [adder.a.eq(nodes[i]), adder.b.eq(nodes[i + 1])]
                m.d.sync += node.eq(adder.o)
                if carries is not None:
                    m.d.comb += adder.carry.eq(carries[i // 2])
                sums.append(node)
            if carries is not None and len(sums) > 1:
                later = Signal(len(carries) - len(sums), name=f"carries{level}", reset_less=True)
                m.d.sync += later.eq(carries[len(sums):])
                carries = later
            nodes = sums
        m.d.comb += self.o.eq(nodes[0])
        return m
