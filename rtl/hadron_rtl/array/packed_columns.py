"""Two columns of the array on packed hardware multipliers."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from ..postproc.delay import delayed
from ..vendor.masked_adder import MaskedAdder
from .adder_tree import AdderTree
from .packed_multiplier import SHALLOW_BITS, X_LOW_BITS, PackedMultiplier

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
                "x_low": In(data.ArrayLayout(X_LOW_BITS, lanes)),
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
        Length of the dot products, a power of two of at least 2; with `shallow`, at most 32.
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
        With `shallow`, the dot products of the second activations, a cycle after the first;
        otherwise undefined.

    Latency: ``LATENCY`` cycles. Throughput: two dot products a cycle, or four.

    Raises
    ------
    ValueError
        When there are too many lanes for `shallow`.
    """

    def __init__(self, *, lanes: int, shallow: bool = False):
        if shallow and lanes > 32:
            raise ValueError(f"lanes={lanes}, must be at most 32 with shallow=True")
        self.lanes = lanes
        self.has_shallow = shallow
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes, shallow))

    def elaborate(self, platform):
        m = Module()
        shallow = self.has_shallow
        m.submodules.upper_tree = upper_tree = AdderTree(
            shape=signed(15), count=self.lanes, carries=shallow)
        m.submodules.low_tree = low_tree = AdderTree(
            shape=signed(11 + X_LOW_BITS) if shallow else 10, count=self.lanes)
        m.submodules.high_tree = high_tree = AdderTree(shape=signed(5), count=self.lanes)

        multipliers = []
        for lane in range(self.lanes):
            m.submodules[f"lane{lane}"] = multiplier = PackedMultiplier(shallow=shallow)
            multipliers.append(multiplier)
            m.d.comb += [
                multiplier.x.eq(self.x[lane]),
                multiplier.byte0.eq(self.weights[0][lane]),
                multiplier.byte1.eq(self.weights[1][lane]),
                upper_tree.i[lane].eq(multiplier.upper),
                low_tree.i[lane].eq(multiplier.low),
                high_tree.i[lane].eq(multiplier.high),
            ]
            if shallow:
                m.d.comb += [
                    multiplier.x_low.eq(self.x_low[lane]),
                    multiplier.shallow.eq(self.shallow),
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
            even_adder.b.eq(low >> X_LOW_BITS if shallow else low),
            odd_adder.a.eq(high_tree.o),
            odd_adder.b.eq(upper),
        ]
        m.d.sync += [even.eq(even_adder.o), odd.eq(odd_adder.o)]
        m.d.comb += [self.sums[0].eq(even), self.sums[1].eq(odd)]
        if shallow:
            negative = Cat(multiplier.negative for multiplier in multipliers)
            # An adder has a carry each: one is left.
            m.d.comb += upper_tree.carries.eq(negative[:-1])
            left = delayed(m, negative[-1], upper_tree.LATENCY + 1, name="negative")
            first_even = self._separate(m, 0, low, self._upper_bits(m, multipliers))
            first_odd = self._separate(m, 1, upper, high_tree.o)
            m.submodules.first_adder = adder = MaskedAdder(width=len(first_odd), carries=True)
            m.d.comb += [adder.b.eq(first_odd), adder.carry.eq(left)]
            with m.If(self.shallow):
                m.d.sync += [even.eq(first_even), odd.eq(adder.o.as_signed())]
        return m

    def _upper_bits(self, m, multipliers):
        """Return the sum of the upper bits of the first product in `low`: as few as tell those of
        the sum of these products, of which the rest are known."""
        dropped = exact_log2((1 << SHALLOW_BITS) // self.lanes)
        m.submodules.coarse_tree = tree = AdderTree(
            shape=signed(SHALLOW_BITS - dropped), count=self.lanes)
        m.d.comb += [node.eq(multiplier.low[dropped:SHALLOW_BITS].as_signed())
                     for node, multiplier in zip(tree.i, multipliers, strict=True)]
        return delayed(m, tree.o, 1, name="coarse")

    def _separate(self, m, column, total, coarse):
        """Return the first of two sums of products of which `total` is second << 7 plus first;
        make the second one `second_sums`.

        `coarse` adds up the upper bits of the products of the first one. What these lack comes to
        less than 1 << 7 for all lanes together, so that there is one sum that ends as `total` does.
        """
        bits = len(coarse) - exact_log2(self.lanes)
        m.submodules[f"coarse_adder{column}"] = upper = MaskedAdder(width=len(coarse))
        m.submodules[f"second_adder{column}"] = rest = MaskedAdder(
            width=len(self.second_sums[column]), subtract=True)
        m.d.comb += [
            upper.a.eq(coarse),
            upper.b.eq(~total[SHALLOW_BITS - bits:SHALLOW_BITS]),
        ]
        carry = upper.o[bits:].as_signed()
        m.d.comb += [
            rest.a.eq(delayed(m, carry, 1, name=f"carry{column}")),
            rest.b.eq(delayed(m, total[SHALLOW_BITS:].as_signed(), 1, name=f"rest{column}")),
            self.second_sums[column].eq(delayed(m, rest.o, 1, name=f"second{column}")),
        ]
        return Cat(total[:SHALLOW_BITS], carry).as_signed()
