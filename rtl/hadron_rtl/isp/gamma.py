"""Tone curves, from linear 12 bits to 8."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS
from hadron_spec.isp.picture import GAMMA_NODES

from ..postproc.delay import delayed
from ..vendor.block_ram import BlockRam
from .pixel_stream import RGB, RGB8, TablePort, pixel_stream, settings_layout
from .result_buffer import ResultBuffer
from .soft_product import soft_product, soft_product_latency

__all__ = ["Gamma"]

_NODE_BITS = 12
_PART_BITS = 4
_INDEX_BITS = PIXEL_BITS - _PART_BITS
_CHANNEL_BIT = (GAMMA_NODES - 1).bit_length()
"""Where the channel begins in a table address: nodes are padded to a power of two."""


class Gamma(wiring.Component):
    """Map each channel through a curve of 256 straight pieces, round half up to 8 bits.

    Bit-exact with :func:`hadron_model.isp.gamma.run`.

    Parameters
    ----------
    config : IspConfig
        The instance.

    Members
    -------
    i : In(pixel_stream(RGB))
        Linear RGB.
    o : Out(pixel_stream(RGB8))
        RGB after gamma; disabled, the upper 8 bits of each channel.
    settings : In(settings_layout("gamma"))
        Whether to.
    nodes : In(TablePort())
        Where the pieces meet, of each channel.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    Cost (LFE5U): three DP16KD; both ends of a piece, and both banks, share one.
    """

    _PRODUCT = soft_product_latency(_PART_BITS)
    _PIPELINE = 1 + BlockRam.LATENCY + 1 + _PRODUCT + 1
    LATENCY = _PIPELINE + ResultBuffer.LATENCY

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(pixel_stream(RGB)),
            "o": Out(pixel_stream(RGB8)),
            "settings": In(settings_layout("gamma")),
            "nodes": In(TablePort()),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = ResultBuffer(shape=RGB8, latency=self._PIPELINE)
        buffer.accept(m, self.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        write = self._follow_writes(m)
        for channel in range(3):
            m.submodules[f"pieces_{channel}"] = pieces = BlockRam(
                width=32, depth=2 << _INDEX_BITS)
            self._write(m, pieces, write, channel)
            m.d.sync += buffer.i_data[channel].eq(self._curve(m, pieces, channel))
        return m

    def _curve(self, m: Module, pieces: BlockRam, channel: int):
        """Return the output of one channel, before the last register."""
        pixel = Signal(PIXEL_BITS, name=f"pixel_{channel}", reset_less=True)
        m.d.sync += pixel.eq(self.i.payload.data[channel])
        m.d.comb += pieces.read_address.eq(Cat(pixel[_PART_BITS:], self.nodes.bank))

        rounding = 8 + _PART_BITS - 4
        low = Signal(_NODE_BITS + 1, name=f"low_{channel}", reset_less=True)
        rise = Signal(signed(_NODE_BITS + 1), name=f"rise_{channel}", reset_less=True)
        part = Signal(_PART_BITS, name=f"part_{channel}", reset_less=True)
        at_node = delayed(m, pixel, BlockRam.LATENCY, name=f"pixel_{channel}")
        m.d.sync += [
            # The rounding of the end goes in here.
            low.eq(pieces.read_data[:_NODE_BITS] + (1 << (rounding - 1 - _PART_BITS))),
            rise.eq(pieces.read_data[16:16 + _NODE_BITS] - pieces.read_data[:_NODE_BITS]),
            part.eq(at_node[:_PART_BITS]),
        ]
        risen = soft_product(m, rise, part, name=f"risen_{channel}")
        base = delayed(m, low, self._PRODUCT, name=f"low_{channel}")
        original = delayed(m, at_node[_PART_BITS:], 1 + self._PRODUCT, name=f"original_{channel}")
        # Nodes reach 255 at most and what lies between them is no more: nothing to saturate.
        curved = Signal(signed(_NODE_BITS + _PART_BITS + 2), name=f"curved_{channel}")
        m.d.comb += curved.eq((base << _PART_BITS) + risen)
        return Mux(self.settings.enable, curved[rounding:rounding + 8], original)

    def _follow_writes(self, m: Module) -> dict[str, Signal]:
        """Remember the last write for a cycle: a node is the end of one piece, too."""
        again = Signal()
        address = Signal(16, reset_less=True)
        node = Signal(_NODE_BITS, reset_less=True)
        m.d.sync += again.eq(self.nodes.write)
        with m.If(self.nodes.write):
            m.d.sync += [address.eq(self.nodes.address), node.eq(self.nodes.data)]
        return {"again": again, "address": address, "node": node}

    def _write(self, m: Module, pieces: BlockRam, write: dict[str, Signal], channel: int) -> None:
        """Write a node as the low end of its piece, a cycle later as the high end of the last."""
        address = self.nodes.address
        index = write["address"][:_CHANNEL_BIT]
        with m.If(write["again"]):
            m.d.comb += [
                pieces.write_address.eq(Cat((index - 1)[:_INDEX_BITS], ~self.nodes.bank)),
                pieces.write_data.eq(write["node"] << 16),
                pieces.write_strobe.eq(Mux(
                    (index != 0) & (write["address"][_CHANNEL_BIT:] == channel), 0b1100, 0)),
            ]
        with m.Else():
            m.d.comb += [
                pieces.write_address.eq(Cat(address[:_INDEX_BITS], ~self.nodes.bank)),
                pieces.write_data.eq(self.nodes.data),
                pieces.write_strobe.eq(Mux(
                    self.nodes.write & ~address[_INDEX_BITS]
                    & (address[_CHANNEL_BIT:] == channel), 0b0011, 0)),
            ]
