"""Two columns of the array from LUTs, for activations of eight bits or two of four."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.utils import exact_log2

from hadron_spec.commands import SHALLOW_ODD

from ..postproc.delay import delayed
from ..vendor.masked_adder import MaskedAdder
from .packed_columns import ColumnsSignature, columns_latency
from .soft_dot_product import SoftDotProduct

__all__ = ["HalvedColumns"]


class HalvedColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    SoftColumns for `NpuConfig.shallow`: the halves of activations are added up apart. Their sums
    make those of eight bits, and are themselves those of two activations of four bits.

    Parameters
    ----------
    lanes : int
        Length of the dot products, a power of two of at least 2.

    Members
    -------
    x, weights, sums, shallow, x_low, second_sums
        Those of :class:`~hadron_rtl.array.packed_columns.PackedColumns` with `shallow`.

    Latency: ``LATENCY`` cycles, that of PackedColumns. Throughput: two dot products a cycle, or
    four.
    """

    def __init__(self, *, lanes: int):
        self.lanes = lanes
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes, shallow=True))

    def elaborate(self, platform):
        m = Module()
        x = Signal(data.ArrayLayout(signed(8), self.lanes), reset_less=True)
        weights = Signal(data.ArrayLayout(data.ArrayLayout(signed(8), self.lanes), 2),
                         reset_less=True)
        for lane in range(self.lanes):
            byte0, byte1 = self.weights[0][lane], self.weights[1][lane]
            m.d.sync += [
                x[lane].eq(self._byte(lane)),
                weights[0][lane].eq(byte0),
                weights[1][lane].eq(byte1 + byte0[7]),
            ]
        for column in range(2):
            self._column(m, column, x, weights[column])
        return m

    def _byte(self, lane):
        """Return an activation or, in its halves, the first and the second.

        In {x, x_low} the second has one less where the first is negative.
        """
        x, low = self.x[lane], self.x_low[lane]
        return Mux(self.shallow, Cat(low, (x[3:7] + low[3])[:4]), x.as_unsigned())

    def _column(self, m, column, x, weights):
        """Add up the products of the halves of activations."""
        # Weights that are stored times a power of two make sums as many times as large.
        scale = exact_log2(SHALLOW_ODD) if column else 0
        m.submodules[f"product{column}"] = product = SoftDotProduct(lanes=self.lanes, halves=True)
        m.d.comb += [
            product.a.eq(weights),
            product.b.eq(x),
            product.low_is_signed.eq(self.shallow),
        ]
        low, high = product.low, product.high
        shape = self.sums[column].shape()
        m.submodules[f"whole_adder{column}"] = whole = MaskedAdder(width=shape.width)
        total = Signal(shape, name=f"total{column}", reset_less=True)
        m.d.comb += [whole.a.eq(high << 4), whole.b.eq(low)]
        m.d.sync += total.eq(Mux(self.shallow, low[scale:].as_signed(), whole.o.as_signed()))
        rest = self.LATENCY - (1 + product.LATENCY + 1)
        m.d.comb += [
            self.sums[column].eq(delayed(m, total, rest, name=f"sum{column}")),
            self.second_sums[column].eq(delayed(
                m, high[scale:].as_signed(), rest + 2, name=f"second_sum{column}")),
        ]
