"""From pixels of one or three bytes to beats of a bus."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .pixel_stream import RGB8, pixel_stream

__all__ = ["TensorBeat", "TensorPacker"]


class TensorBeat(data.StructLayout):
    """Some bytes of a tensor, rows of pixels of channels without gaps; lowest byte first.

    Members
    -------
    data : unsigned(bits)
        The bytes; those after the tensor's end are 0.
    last : unsigned(1)
        The tensor ends here.
    """

    def __init__(self, bits: int):
        super().__init__({"data": bits, "last": 1})


class TensorPacker(wiring.Component):
    """Put the bytes of pixels together, one pixel a cycle.

    Parameters
    ----------
    bits : int
        Bits of a beat: 32, 64 or 128.

    Members
    -------
    i : In(pixel_stream(RGB8))
        Pixels; `last` marks the last of a tensor.
    single : In(1)
        Only the first channel counts. Stable during a tensor.
    o : Out(stream.Signature(TensorBeat(bits)))
        Beats, from a register.

    Latency: ``LATENCY`` cycles from the pixel that fills a beat. Throughput: one pixel a cycle;
    after the last one, a cycle more for each pixel that the last beat could still have held.
    """

    LATENCY = 2

    def __init__(self, *, bits: int):
        if bits not in (32, 64, 128):
            raise ValueError(f"bits={bits}, must be 32, 64 or 128")
        self.bits = bits
        super().__init__({
            "i": In(pixel_stream(RGB8)),
            "single": In(1),
            "o": Out(stream.Signature(TensorBeat(bits))),
        })

    def elaborate(self, platform):
        m = Module()
        size = self.bits // 8
        # The newest byte is the highest; up to two do not belong to the beat any more.
        held = [Signal(8, name=f"byte_{i}", reset_less=True) for i in range(size + 2)]
        count = Signal(range(size + 3))
        rest = Signal(range(size + 3))
        full = Signal()
        ending = Signal()
        ended = Signal()
        closes = Signal()
        moves = Signal()
        takes = Signal()
        m.d.comb += [
            full.eq(count >= size),
            rest.eq(Mux(full, count - size, count)),
            # Of what was pushed after the last pixel nothing counts.
            closes.eq(full & ending & (ended | (rest == 0))),
            # A full beat goes into the output register while the next pixel comes.
            moves.eq(~full | ~self.o.valid | self.o.ready),
            self.i.ready.eq(moves & ~ending),
            takes.eq(moves & (ending | self.i.valid) & ~closes),
        ]
        pixel = [Mux(ending, 0, self.i.payload.data[channel]) for channel in range(3)]
        with m.If(takes):
            m.d.sync += [
                *(byte.eq(Mux(self.single, one, three)) for byte, one, three in zip(
                    held, [*held[1:], pixel[0]], [*held[3:], *pixel], strict=True)),
                count.eq(rest + Mux(self.single, 1, 3)),
                ended.eq(ending),
            ]
            with m.If(self.i.payload.last & ~ending):
                m.d.sync += ending.eq(1)
        with m.Elif(moves & full):
            m.d.sync += count.eq(Mux(closes, 0, rest))
            with m.If(closes):
                m.d.sync += [ending.eq(0), ended.eq(0)]

        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(full)
            with m.Switch(rest[:2]):
                for extra in range(3):
                    with m.Case(extra):
                        m.d.sync += self.o.payload.data.eq(
                            Cat(held[2 - extra:2 - extra + size]))
            m.d.sync += self.o.payload.last.eq(closes)
        return m
