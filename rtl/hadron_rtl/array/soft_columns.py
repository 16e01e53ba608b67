"""Two columns of the array on multipliers from LUTs."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring

from .adder_tree import AdderTree
from .packed_columns import ColumnsSignature, columns_latency
from .soft_multiplier import SoftMultiplier

__all__ = ["SoftColumns"]


class SoftColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    The weights come packed, as for the hardware multipliers: the program does not depend on which
    columns have these.

    Parameters
    ----------
    lanes : int
        Length of the dot products, a power of two of at least 2.

    Members
    -------
    x : In(ArrayLayout(signed(8), lanes))
        Activations.
    weights : In(ArrayLayout(ArrayLayout(8, lanes), 2))
        Weights of the even and the odd column, packed: see `hadron_spec.commands.PARAMETERS`.
    sums : Out(ArrayLayout(signed(15 + log2(lanes)), 2))
        Dot products. Exact for weights of -127 to 127.

    Latency: ``LATENCY`` cycles, that of PackedColumns. Throughput: two dot products a cycle.
    """

    def __init__(self, *, lanes: int):
        self.lanes = lanes
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes))

    def elaborate(self, platform):
        m = Module()
        # Products of weights of at least -127 fit in 15 bits.
        trees = [AdderTree(shape=signed(15), count=self.lanes) for _ in range(2)]
        for column, tree in enumerate(trees):
            m.submodules[f"tree{column}"] = tree

        x = Signal(data.ArrayLayout(signed(8), self.lanes), reset_less=True)
        m.d.sync += x.eq(self.x)
        for lane in range(self.lanes):
            byte0 = self.weights[0][lane]
            weights = [Signal(signed(8), name=f"w{column}_{lane}", reset_less=True)
                       for column in range(2)]
            m.d.sync += [
                weights[0].eq(byte0),
                weights[1].eq(self.weights[1][lane] + byte0[7]),
            ]
            for column, tree in enumerate(trees):
                multiplier = SoftMultiplier()
                m.submodules[f"lane{lane}_{column}"] = multiplier
                m.d.comb += [
                    multiplier.a.eq(x[lane]),
                    multiplier.b.eq(weights[column]),
                    tree.i[lane].eq(multiplier.o[:15].as_signed()),
                ]

        latency = 1 + SoftMultiplier.LATENCY + trees[0].LATENCY
        for column, tree in enumerate(trees):
            value = tree.o
            for stage in range(self.LATENCY - latency):
                delayed = Signal.like(tree.o, name=f"sum{column}_{stage}", reset_less=True)
                m.d.sync += delayed.eq(value)
                value = delayed
            m.d.comb += self.sums[column].eq(value)
        return m

