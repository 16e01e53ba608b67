"""Two columns of the array as plain arithmetic: simulation, and tools that map it well."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring

from .packed_columns import ColumnsSignature, columns_latency

__all__ = ["PlainColumns"]


class PlainColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    The behavioural twin of PackedColumns and SoftColumns, equal to both in every cycle for weights
    of -127 to 127. It compiles and runs many times as fast as they do.

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
        Dot products.

    Latency: ``LATENCY`` cycles, that of PackedColumns. Throughput: two dot products a cycle.
    """

    def __init__(self, *, lanes: int):
        self.lanes = lanes
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes))

    def elaborate(self, platform):
        m = Module()
        even, odd = [], []
        for lane in range(self.lanes):
            byte0, byte1 = self.weights[0][lane], self.weights[1][lane]
            weight1 = Signal(signed(8), name=f"weight1_{lane}")
            m.d.comb += weight1.eq(byte1 + byte0[7])
            even.append(self.x[lane] * byte0.as_signed())
            odd.append(self.x[lane] * weight1)
        for column, products in enumerate((even, odd)):
            value = _sum(products)
            for stage in range(self.LATENCY):
                delayed = Signal(self.sums[column].shape(), name=f"sum{column}_{stage}",
                                 reset_less=True)
                m.d.sync += delayed.eq(value)
                value = delayed
            m.d.comb += self.sums[column].eq(value)
        return m


def _sum(values):
    """Add in a balanced tree, so that the numbers do not grow by a bit a term."""
    while len(values) > 1:
        values = [sum(values[i:i + 2]) for i in range(0, len(values), 2)]
    return values[0]
