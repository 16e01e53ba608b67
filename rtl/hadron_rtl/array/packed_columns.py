"""Two columns of the array on packed hardware multipliers."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..postproc.delay import delayed
from ..vendor.masked_adder import MaskedAdder
from .adder_tree import AdderTree
from .packed_multiplier import SHALLOW_BITS, PackedMultiplier

__all__ = ["ColumnsSignature", "PackedColumns", "columns_latency"]


def columns_latency(lanes: int) -> int:
    """Return the cycles from activations and weights to the sums of two columns."""
    return PackedMultiplier.HIGH_LATENCY + exact_log2(lanes) + 1


class ColumnsSignature(wiring.Signature):
    """Ports of two columns, however they multiply: see :class:`PackedColumns`."""

    def __init__(self, lanes: int, shallow: bool = False):
        bits = exact_log2(lanes)
        super().__init__({
            "x": In(data.ArrayLayout(signed(8), lanes)),
            "weights": In(data.ArrayLayout(data.ArrayLayout(8, lanes), 2)),
            "sums": Out(data.ArrayLayout(signed(15 + bits), 2)),
            **({
                "x_low": In(data.ArrayLayout(4, lanes)),
                "shallow": In(1),
                "second_sums": Out(data.ArrayLayout(signed(SHALLOW_BITS + bits), 2)),
            } if shallow else {}),
        })


class PackedColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    Same interface and latency as :class:`~hadron_rtl.array.soft_columns.SoftColumns`.

    Parameters
    ----------
    lanes : int
        Length of the dot products, a power of two of at least 2.
    shallow : bool
        Activations may be two of four bits; there are the last three members.

    Members
    -------
    x : In(ArrayLayout(signed(8), lanes))
        Activations.
    weights : In(ArrayLayout(ArrayLayout(8, lanes), 2))
        Weights of the even and the odd column, packed: see `hadron_spec.commands.PARAMETERS`.
    sums : Out(ArrayLayout(signed(15 + log2(lanes)), 2))
        Dot products. Exact for weights of -127 to 127.
    shallow : In(1)
        There are two activations a lane, -8 to 7, and weights of -7 to 7, those of the odd column
        times SHALLOW_ODD; `sums` are those of the first. Stable while steps are in flight.
    x_low : In(ArrayLayout(4, lanes))
        With `shallow`, {x, x_low} is 128 * second + first; otherwise zero.
    second_sums : Out(ArrayLayout(signed(7 + log2(lanes)), 2))
        With `shallow`, the dot products of the second activations; otherwise undefined.

    Latency: ``LATENCY`` cycles. Throughput: two dot products a cycle, or four.
    """

    def __init__(self, *, lanes: int, shallow: bool = False):
        self.lanes = lanes
        self.has_shallow = shallow
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes, shallow))

    def elaborate(self, platform):
        m = Module()
        m.submodules.upper_tree = upper_tree = AdderTree(shape=signed(15), count=self.lanes)
        m.submodules.low_tree = low_tree = AdderTree(shape=10, count=self.lanes)
        m.submodules.high_tree = high_tree = AdderTree(shape=signed(5), count=self.lanes)

        multipliers = []
        for lane in range(self.lanes):
            m.submodules[f"lane{lane}"] = multiplier = PackedMultiplier(shallow=self.has_shallow)
            multipliers.append(multiplier)
            m.d.comb += [
                multiplier.x.eq(self.x[lane]),
                multiplier.byte0.eq(self.weights[0][lane]),
                multiplier.byte1.eq(self.weights[1][lane]),
                *([multiplier.x_low.eq(self.x_low[lane])] if self.has_shallow else []),
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
        if self.has_shallow:
            first, second = self._shallow_sums(m, multipliers, upper_tree.o)
            m.d.sync += [
                even.eq(Mux(self.shallow, first[0], even_adder.o.as_signed())),
                odd.eq(Mux(self.shallow, first[1], odd_adder.o.as_signed())),
            ]
            for column, value in enumerate(second):
                total = Signal.like(self.second_sums[column], name=f"second{column}",
                                    reset_less=True)
                m.d.sync += total.eq(value)
                m.d.comb += self.second_sums[column].eq(total)
        return m

    def _shallow_sums(self, m, multipliers, upper):
        """Return the sums of four products a lane, a cycle after `upper`, by activation."""
        shape = self.second_sums.shape().elem_shape
        sums = []
        for i, name in enumerate(("first_even", "second_even", "first_odd")):
            m.submodules[f"{name}_tree"] = tree = AdderTree(
                shape=signed(SHALLOW_BITS), count=self.lanes, carries=i > 0)
            m.d.comb += [tree.i[lane].eq(multiplier.products[i])
                         for lane, multiplier in enumerate(multipliers)]
            total = Signal(shape, name=f"{name}_sum", reset_less=True)
            m.d.sync += total.eq(tree.o)
            if i:
                # What a product lacks is one where that below it is negative: a carry of the tree,
                # and for the last lane one behind it.
                *negative, last = [multiplier.products[i - 1][-1] for multiplier in multipliers]
                m.submodules[f"{name}_adder"] = adder = MaskedAdder(
                    width=shape.width, carries=True)
                m.d.comb += [
                    tree.carries.eq(Cat(negative)),
                    adder.b.eq(tree.o),
                    adder.carry.eq(delayed(m, last, tree.LATENCY, name=f"{name}_last")),
                ]
                m.d.sync += total.eq(adder.o)
            sums.append(total)
        # Without the third products and their carries 128 times the fourth ones are left, less the
        # number of these: bit 6 tells whether there are any.
        m.submodules.rest_adder = adder = MaskedAdder(width=len(upper), subtract=True)
        rest = Signal(signed(len(upper)), reset_less=True)
        m.d.comb += [adder.a.eq(tree.o), adder.b.eq(upper)]
        m.d.sync += rest.eq(adder.o)
        m.submodules.second_odd_adder = adder = MaskedAdder(width=shape.width, carries=True)
        m.d.comb += [
            adder.b.eq(rest[SHALLOW_BITS:]),
            adder.carry.eq(rest[SHALLOW_BITS - 1]),
        ]
        return (sums[0], sums[2]), (sums[1], adder.o.as_signed())
