"""A queue in LUT RAM that keeps no count: others know when it holds any."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LutQueue"]


class LutQueue(wiring.Component):
    """First in, first out. Pushing when full and popping when empty are the user's errors.

    Parameters
    ----------
    shape : ShapeLike
        Shape of an entry.
    depth : int
        Entries, a power of two; 16 take no more than 2.
    start : int
        Entry that is used first, 0 to `depth` - 1. Queues that are popped together begin at
        different ones, or synthesis would make one pointer of theirs, which all had to be near.

    Members
    -------
    push : In(1)
        Enter `i`.
    i : In(shape)
        Entry to push.
    pop : In(1)
        Drop the oldest entry.
    o : Out(shape)
        Oldest entry, from the cycle after its push on.

    Latency: ``LATENCY`` cycle. Throughput: one push and one pop a cycle.
    Cost (LFE5U): one TRELLIS_DPR16X4 for each 4 bits.
    """

    LATENCY = 1

    def __init__(self, *, shape, depth: int = 16, start: int = 0):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth={depth}, must be a power of two, at least 2")
        if not 0 <= start < depth:
            raise ValueError(f"start={start}, must be 0 to {depth - 1}")
        self.shape = shape
        self.depth = depth
        self.start = start
        super().__init__({"push": In(1), "i": In(shape), "pop": In(1), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=self.shape, depth=self.depth, init=[])
        write = storage.write_port()
        read = storage.read_port(domain="comb")
        head = Signal(range(self.depth), init=self.start)
        tail = Signal(range(self.depth), init=self.start)
        m.d.comb += [
            write.addr.eq(head),
            write.data.eq(self.i),
            write.en.eq(self.push),
            read.addr.eq(tail),
            self.o.eq(read.data),
        ]
        with m.If(self.push):
            m.d.sync += head.eq(head + 1)
        with m.If(self.pop):
            m.d.sync += tail.eq(tail + 1)
        return m
