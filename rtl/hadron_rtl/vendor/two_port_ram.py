"""A block RAM with two ports that read, one of which can write."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .dp16kd import dp16kd
from .target import targets_ecp5

__all__ = ["TwoPortRam"]

WIDTH = 18
DEPTH = 1024


class TwoPortRam(wiring.Component):
    """True dual-port memory in one block: port A reads, port B reads or writes.

    Reading a word on one port in the cycle in which the other writes it is undefined in hardware;
    the behavioural twin returns the old word. All words start as zero.

    Parameters
    ----------
    width : int
        Bits of a word, 1 to 18.
    depth : int
        Words, 2 to 1024.

    Members
    -------
    a_address, b_address : In(range(depth))
        Words that the ports read, every cycle; where port B writes.
    a_data, b_data : Out(width)
        Words at the addresses of ``LATENCY`` cycles ago.
    b_write : In(1)
        Write `b_write_data`; what port B reads of this cycle is undefined.
    b_write_data : In(width)
        Word to write.

    Latency: ``LATENCY`` cycles (array, output register). Throughput: one access a port a cycle.
    Cost (LFE5U): one DP16KD, no LUTs.

    Raises
    ------
    ValueError
        When a size is no such number.

    Source: Lattice FPGA-TN-02204, ECP5 memory usage guide.
    """

    LATENCY = 2

    def __init__(self, *, width: int, depth: int):
        if not 1 <= width <= WIDTH:
            raise ValueError(f"width={width}, must be 1 to {WIDTH}")
        if not 2 <= depth <= DEPTH:
            raise ValueError(f"depth={depth}, must be 2 to {DEPTH}")
        self.width = width
        self.depth = depth
        super().__init__({
            "a_address": In(range(depth)),
            "a_data": Out(width),
            "b_address": In(range(depth)),
            "b_write": In(1),
            "b_write_data": In(width),
            "b_data": Out(width),
        })

    def elaborate(self, platform):
        m = Module()
        if targets_ecp5(platform):
            m.submodules.block = dp16kd(
                width=WIDTH,
                a_address=self.a_address, a_write=Const(0), a_write_data=Const(0),
                a_data=self.a_data,
                b_address=self.b_address, b_write=self.b_write,
                b_write_data=Cat(self.b_write_data, Const(0, WIDTH))[:WIDTH], b_data=self.b_data)
            return m
        m.submodules.storage = storage = memory.Memory(
            shape=self.width, depth=self.depth, init=[])
        read_a = storage.read_port()
        read_b = storage.read_port()
        write = storage.write_port()
        a_output = Signal(self.width, reset_less=True)
        b_output = Signal(self.width, reset_less=True)
        m.d.comb += [
            read_a.addr.eq(self.a_address),
            read_b.addr.eq(self.b_address),
            read_b.en.eq(~self.b_write),
            write.addr.eq(self.b_address),
            write.data.eq(self.b_write_data),
            write.en.eq(self.b_write),
            self.a_data.eq(a_output),
            self.b_data.eq(b_output),
        ]
        m.d.sync += [a_output.eq(read_a.data), b_output.eq(read_b.data)]
        return m
