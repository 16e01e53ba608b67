"""A byte-wide dual-port memory in block RAM: one slice of the scratchpad."""

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .dp16kd import dp16kd
from .target import targets_ecp5

__all__ = ["ByteRam"]

_BITS_BY_DEPTH = {2048: 9, 4096: 4, 8192: 2, 16384: 1}
"""Width of each DP16KD for every depth: deeper memories put fewer bits in each block, so that no
multiplexer follows the output register."""


class ByteRam(wiring.Component):
    """True dual-port memory of `depth` bytes: port A reads, port B reads or writes.

    Reading a byte on one port in the cycle in which the other writes it is undefined in hardware;
    the behavioural twin returns the old byte. All bytes start as zero.

    Parameters
    ----------
    depth : int
        Bytes, a power of two of at least 2; up to 16384 on ECP5.

    Members
    -------
    a_address : In(range(depth))
        Address that port A reads, every cycle.
    a_data : Out(8)
        Byte at the `a_address` of ``LATENCY`` cycles ago.
    b_address : In(range(depth))
        Address that port B reads or writes, every cycle.
    b_write : In(1)
        Write `b_write_data`; what port B reads of this cycle is undefined.
    b_write_data : In(8)
        Byte to write.
    b_data : Out(8)
        Byte at the `b_address` of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles (array, output register). Throughput: one access a port a cycle.
    Cost (LFE5U): one DP16KD for each started 2048 bytes, no LUTs.

    Raises
    ------
    ValueError
        When `depth` is no such number; when elaborated for ECP5, also when it exceeds 16384.

    Source: Lattice FPGA-TN-02204, ECP5 memory usage guide; yosys techlibs/lattice/brams_16kd.txt.
    """

    LATENCY = 2

    def __init__(self, *, depth: int):
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth={depth}, must be a power of two, at least 2")
        self.depth = depth
        super().__init__({
            "a_address": In(range(depth)),
            "a_data": Out(8),
            "b_address": In(range(depth)),
            "b_write": In(1),
            "b_write_data": In(8),
            "b_data": Out(8),
        })

    def elaborate(self, platform):
        return self._block_rams() if targets_ecp5(platform) else self._behavioural()

    def _behavioural(self):
        m = Module()
        m.submodules.storage = storage = memory.Memory(shape=8, depth=self.depth, init=[])
        read_a = storage.read_port()
        read_b = storage.read_port()
        write = storage.write_port()
        a_output = Signal(8, reset_less=True)
        b_output = Signal(8, reset_less=True)
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

    def _block_rams(self):
        m = Module()
        depth = max(self.depth, min(_BITS_BY_DEPTH))
        if depth not in _BITS_BY_DEPTH:
            raise ValueError(f"depth={self.depth}, must be at most {max(_BITS_BY_DEPTH)} on ECP5")
        bits = _BITS_BY_DEPTH[depth]
        used = min(bits, 8)
        for low in range(0, 8, used):
            part = slice(low, low + used)
            m.submodules[f"block{low // used}"] = dp16kd(
                width=bits,
                a_address=self.a_address,
                a_write=Const(0),
                a_write_data=Const(0),
                a_data=self.a_data[part],
                b_address=self.b_address,
                b_write=self.b_write,
                b_write_data=self.b_write_data[part],
                b_data=self.b_data[part],
            )
        return m
