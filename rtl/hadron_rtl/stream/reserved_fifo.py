"""A queue in LUT RAM for what had room reserved before it was asked for."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ReservedFifo"]


class ReservedFifo(wiring.Component):
    """Queue without back-pressure at its input: whoever writes holds a credit for the room.

    Parameters
    ----------
    shape : ShapeLike
        Shape of an element.
    depth : int
        Elements that fit, a power of two of at least 2.

    Members
    -------
    i : In(stream.Signature(shape, always_ready=True))
        Elements; at most `depth` more than have left.
    o : Out(stream.Signature(shape))
        Elements in order, from a register.

    Latency: ``LATENCY`` cycles through an empty queue. Throughput: one element a cycle.
    """

    LATENCY = 2

    def __init__(self, *, shape: ShapeLike, depth: int):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth={depth}, must be a power of two, at least 2")
        self.depth = depth
        self.shape = shape
        super().__init__({
            "i": In(stream.Signature(shape, always_ready=True)),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform):
        m = Module()
        # LUT RAM at any depth: a block RAM would merge with the output register, and be slow.
        m.submodules.storage = storage = memory.Memory(
            shape=self.shape, depth=self.depth, init=[], attrs={"ram_style": "distributed"})
        write = storage.write_port()
        read = storage.read_port(domain="comb")
        waiting = Signal(range(self.depth + 1))
        some = Signal()
        take = Signal()
        output = Signal(self.shape, reset_less=True)
        m.d.comb += [
            write.data.eq(self.i.payload),
            write.en.eq(self.i.valid),
            take.eq(some & (~self.o.valid | self.o.ready)),
            self.o.payload.eq(output),
        ]
        m.d.sync += [
            write.addr.eq(write.addr + self.i.valid),
            some.eq((waiting > 1) | self.i.valid | ((waiting == 1) & ~take)),
        ]
        # `take` comes late: it chooses between sums and is in none.
        with m.If(self.i.valid & ~take):
            m.d.sync += waiting.eq(waiting + 1)
        with m.Elif(take & ~self.i.valid):
            m.d.sync += waiting.eq(waiting - 1)
        with m.If(take):
            m.d.sync += [self.o.valid.eq(1), output.eq(read.data), read.addr.eq(read.addr + 1)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
