"""Two columns of the array as plain arithmetic: simulation, and tools that map it well."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.utils import exact_log2

from hadron_spec.commands import SHALLOW_ODD

from ..postproc.delay import delayed
from .packed_columns import ColumnsSignature, columns_latency

__all__ = ["PlainColumns"]


class PlainColumns(wiring.Component):
    """Dot products of the activations with the weights of two columns.

    The behavioural twin of PackedColumns, SoftColumns and HalvedColumns, equal to them in every
    cycle for weights of -127 to 127, and with `shallow` of -7 to 7. It compiles and runs many times
    as fast as they do.

    Parameters
    ----------
    lanes : int
        Length of the dot products, a power of two of at least 2.
    shallow : bool
        Activations may be two of four bits.

    Members
    -------
    x : In(ArrayLayout(signed(8), lanes))
        Activations.
    weights : In(ArrayLayout(ArrayLayout(8, lanes), 2))
        Weights of the even and the odd column, packed: see `hadron_spec.commands.PARAMETERS`.
    sums : Out(ArrayLayout(signed(15 + log2(lanes)), 2))
        Dot products.
    x_low, shallow, second_sums
        Those of :class:`~hadron_rtl.array.packed_columns.PackedColumns`.

    Latency: ``LATENCY`` cycles, that of PackedColumns. Throughput: two dot products a cycle, four
    of activations of four bits.
    """

    def __init__(self, *, lanes: int, shallow: bool = False):
        self.lanes = lanes
        self.has_shallow = shallow
        self.LATENCY = columns_latency(lanes)
        super().__init__(ColumnsSignature(lanes, shallow))

    def elaborate(self, platform):
        m = Module()
        weights = []
        for lane in range(self.lanes):
            byte0, byte1 = self.weights[0][lane], self.weights[1][lane]
            weight1 = Signal(signed(8), name=f"weight1_{lane}")
            m.d.comb += weight1.eq(byte1 + byte0[7])
            weights.append((byte0.as_signed(), weight1))

        for column in range(2):
            own = [pair[column] for pair in weights]
            value = _dot(self.x, own)
            if self.has_shallow:
                first = [low.as_signed() for low in self.x_low]
                # 8 * second is x, one more where the borrow of the first has been taken off.
                second = [(x + low[3]) >> 3 for x, low in zip(self.x, self.x_low, strict=True)]
                if column:
                    own = [weight >> exact_log2(SHALLOW_ODD) for weight in own]
                value = Mux(self.shallow, _dot(first, own), value)
                self._after(m, self.LATENCY + 1, f"second{column}", _dot(second, own),
                            self.second_sums[column])
            self._after(m, self.LATENCY, f"sum{column}", value, self.sums[column])
        return m

    def _after(self, m, latency, name, value, output):
        own = value[:len(output)].as_signed()
        m.d.comb += output.eq(delayed(m, own, latency, name=name))


def _dot(x, weights):
    """Add products in a balanced tree, so that the numbers do not grow by a bit a term."""
    values = [a * b for a, b in zip(x, weights, strict=True)]
    while len(values) > 1:
        values = [sum(values[i:i + 2]) for i in range(0, len(values), 2)]
    return values[0]
