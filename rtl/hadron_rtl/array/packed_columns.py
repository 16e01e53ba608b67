"""Two columns of the array on packed hardware multipliers."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..vendor.masked_adder import MaskedAdder
from .adder_tree import AdderTree
from .packed_multiplier import PackedMultiplier

__all__ = ["ColumnsSignature", "PackedColumns", "columns_latency"]


def columns_latency(lanes: int) -> int:
    """Return the cycles from activations and weights to the sums of two columns."""
    return PackedMultiplier.HIGH_LATENCY + exact_log2(lanes) + 1


class ColumnsSignature(wiring.Signature):
    """Ports of two columns, however they multiply: see :class:`PackedColumns`."""

    def __init__(self, lanes: int):
        super().__init__({
            "x": In(data.ArrayLayout(signed(8), lanes)),
            "weights": In(data.ArrayLayout(data.ArrayLayout(8, lanes), 2)),
            "sums": Out(data.ArrayLayout(signed(15 + exact_log2(lanes)), 2)),
        })


class PackedColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    Same interface and latency as :class:`~hadron_rtl.array.soft_columns.SoftColumns`.

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

    Latency: ``LATENCY`` cycles. Throughput: two dot products a cycle.
    """

    def __init__(self, *, lanes: int):
        self.lanes = lanes
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes))

    def elaborate(self, platform):
        m = Module()
        m.submodules.upper_tree = upper_tree = AdderTree(shape=signed(15), count=self.lanes)
        m.submodules.low_tree = low_tree = AdderTree(shape=10, count=self.lanes)
        m.submodules.high_tree = high_tree = AdderTree(shape=signed(5), count=self.lanes)

        for lane in range(self.lanes):
            m.submodules[f"lane{lane}"] = multiplier = PackedMultiplier()
            m.d.comb += [
                multiplier.x.eq(self.x[lane]),
                multiplier.byte0.eq(self.weights[0][lane]),
                multiplier.byte1.eq(self.weights[1][lane]),
                upper_tree.i[lane].eq(multiplier.upper),
                low_tree.i[lane].eq(multiplier.low),
                high_tree.i[lane].eq(multiplier.high),
            ]

        # The high parts come a cycle later: one register here instead of one a lane.
        assert PackedMultiplier.HIGH_LATENCY == PackedMultiplier.LATENCY + 1
        upper = Signal.like(upper_tree.o, reset_less=True)
        low = Signal.like(low_tree.o, reset_less=True)
        m.d.sync += [upper.eq(upper_tree.o), low.eq(low_tree.o)]

        sum_shape = self.sums.shape().elem_shape
        even = Signal(sum_shape, reset_less=True)
        odd = Signal(sum_shape, reset_less=True)
        m.submodules.even_adder = even_adder = MaskedAdder(width=sum_shape.width)
        m.submodules.odd_adder = odd_adder = MaskedAdder(width=sum_shape.width, subtract=True)
        m.d.comb += [
            even_adder.a.eq(high_tree.o << 10),
            even_adder.b.eq(low),
            odd_adder.a.eq(high_tree.o),
            odd_adder.b.eq(upper),
        ]
        m.d.sync += [even.eq(even_adder.o), odd.eq(odd_adder.o)]
        m.d.comb += [self.sums[0].eq(even), self.sums[1].eq(odd)]
        return m
