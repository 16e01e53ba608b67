"""Piecewise linear curve of the sensor's response."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import LINEARIZE_NODES, PIXEL_BITS

from ..postproc.delay import delayed
from ..vendor.block_ram import BlockRam
from .arithmetic import PRODUCT_LATENCY, product, saturate
from .pixel_stream import BAYER, TablePort, pixel_stream, settings_layout
from .result_buffer import ResultBuffer

__all__ = ["Linearize"]

_NODE_BITS = 13
_PART_BITS = 5
_INDEX_BITS = PIXEL_BITS - _PART_BITS


class Linearize(wiring.Component):
    """Map every pixel through a curve of 128 straight pieces; round half up, saturate.

    Bit-exact with :func:`hadron_model.isp.linearize.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i, o : In, Out(pixel_stream(BAYER))
        Mosaic.
    settings : In(settings_layout("linearize"))
        Whether to.
    nodes : In(TablePort())
        Where the pieces meet.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    """

    _PIPELINE = 1 + BlockRam.LATENCY + 1 + PRODUCT_LATENCY + 1
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(BAYER)),
            "o": Out(pixel_stream(BAYER)),
            "settings": In(settings_layout("linearize")),
            "nodes": In(TablePort()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=BAYER, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        # A word holds both ends of a piece.
        m.submodules.pieces = pieces = BlockRam(width=32, depth=2 << _INDEX_BITS)
        self._write(m, pieces)

        pixel = Signal(PIXEL_BITS, reset_less=True)
        m.d.sync += pixel.eq(self.i.payload.data)
        m.d.comb += pieces.read_address.eq(Cat(pixel[_PART_BITS:], self.nodes.bank))

        low = Signal(_NODE_BITS, reset_less=True)
        rise = Signal(signed(_NODE_BITS + 1), reset_less=True)
        part = Signal(_PART_BITS, reset_less=True)
        pixel_at_node = delayed(m, pixel, BlockRam.LATENCY, name="pixel")
        m.d.sync += [
            low.eq(pieces.read_data[:_NODE_BITS]),
            rise.eq(pieces.read_data[16:16 + _NODE_BITS] - pieces.read_data[:_NODE_BITS]),
            part.eq(pixel_at_node[:_PART_BITS]),
        ]
        risen = product(m, rise, part, name="risen")
        at_product = PRODUCT_LATENCY
        base = delayed(m, low, at_product, name="low")
        original = delayed(m, pixel_at_node, at_product + 1, name="original")
        half = Const(1 << (_PART_BITS - 1), _PART_BITS)
        curved = Signal(signed(_NODE_BITS + 2))
        m.d.comb += curved.eq((Cat(half, base).as_unsigned() + risen) >> _PART_BITS)
        m.d.sync += buffer.i_data.eq(
            Mux(self.settings.enable, saturate(curved, PIXEL_BITS), original))
        return m

    def _write(self, m: Module, pieces: BlockRam) -> None:
        """Write a node as the low end of its piece, a cycle later as the high end of the last."""
        again = Signal()
        index = Signal(range(LINEARIZE_NODES), reset_less=True)
        node = Signal(_NODE_BITS, reset_less=True)
        m.d.sync += again.eq(self.nodes.write)
        with m.If(self.nodes.write):
            m.d.sync += [index.eq(self.nodes.address), node.eq(self.nodes.data)]
        with m.If(again):
            m.d.comb += [
                pieces.write_address.eq(Cat((index - 1)[:_INDEX_BITS], ~self.nodes.bank)),
                pieces.write_data.eq(node << 16),
                pieces.write_strobe.eq(Mux(index == 0, 0, 0b1100)),
            ]
        with m.Else():
            m.d.comb += [
                pieces.write_address.eq(Cat(self.nodes.address[:_INDEX_BITS], ~self.nodes.bank)),
                pieces.write_data.eq(self.nodes.data),
                pieces.write_strobe.eq(
                    Mux(self.nodes.write & ~self.nodes.address[_INDEX_BITS], 0b0011, 0)),
            ]
