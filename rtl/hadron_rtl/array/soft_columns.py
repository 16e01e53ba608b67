"""Two columns of the array on multipliers from LUTs."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring

from ..postproc.delay import delayed
from .packed_columns import ColumnsSignature, columns_latency
from .soft_dot_product import SoftDotProduct, add_shifted

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
        x = Signal(data.ArrayLayout(signed(8), self.lanes), reset_less=True)
        m.d.sync += x.eq(self.x)
        for column in range(2):
            weights = Signal(x.shape(), name=f"weights{column}", reset_less=True)
            for weight, byte0, byte1 in zip(weights, *self.weights, strict=True):
                # The odd column is stored less one where the even one is negative.
                m.d.sync += weight.eq(byte1 + byte0[7] if column else byte0)
            m.submodules[f"product{column}"] = product = SoftDotProduct(lanes=self.lanes)
            m.d.comb += [product.a.eq(x), product.b.eq(weights)]
            total = add_shifted(m, product.low, product.high, 4, name=f"column{column}",
                                width=self.sums[column].shape().width)
            rest = self.LATENCY - (1 + product.LATENCY + 1)
            m.d.comb += self.sums[column].eq(delayed(m, total, rest, name=f"sum{column}"))
        return m
