"""A block RAM of any width, written in whole words, with registered output."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .dp16kd import pseudo_dp16kd
from .target import targets_ecp5

__all__ = ["WideRam"]

_BITS_BY_DEPTH = {512: 36, 1024: 18, 2048: 9, 4096: 4, 8192: 2, 16384: 1}
"""Bits of a word that one DP16KD holds, by the depth of the memory; all of them are used."""


class WideRam(wiring.Component):
    """Memory of `depth` words of `width` bits with one write and one read port.

    Reading a word in the cycle in which it is written is undefined in hardware; the behavioural
    twin returns the old word. All words start as zero.

    Parameters
    ----------
    width : int
        Bits of a word, 1 or more.
    depth : int
        Words, 2 or more; up to 16384 on ECP5.

    Members
    -------
    write : In(1)
        Write `write_data` at `write_address`.
    write_address : In(range(depth))
        Where to write.
    write_data : In(width)
        What to write.
    read_address : In(range(depth))
        Word to read, every cycle.
    read_data : Out(width)
        Word at the `read_address` of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles (array, output register). Throughput: one read, one write a cycle.
    Cost (LFE5U): `blocks` DP16KD, no LUTs.

    Raises
    ------
    ValueError
        When a size is no such number; when elaborated for ECP5, also when `depth` exceeds 16384.

    Source: Lattice FPGA-TN-02204, ECP5 memory usage guide.
    """

    LATENCY = 2

    def __init__(self, *, width: int, depth: int):
        if width < 1:
            raise ValueError(f"width={width}, must be at least 1")
        if depth < 2:
            raise ValueError(f"depth={depth}, must be at least 2")
        self.width = width
        self.depth = depth
        super().__init__({
            "write": In(1),
            "write_address": In(range(depth)),
            "write_data": In(width),
            "read_address": In(range(depth)),
            "read_data": Out(width),
        })

    @property
    def block_bits(self) -> int:
        """Bits of a word in each DP16KD."""
        for depth, bits in _BITS_BY_DEPTH.items():
            if self.depth <= depth:
                return bits
        raise ValueError(f"depth={self.depth}, must be at most {max(_BITS_BY_DEPTH)} on ECP5")

    @property
    def blocks(self) -> int:
        """DP16KD that the memory takes."""
        return -(-self.width // self.block_bits)

    def elaborate(self, platform):
        return self._block_rams() if targets_ecp5(platform) else self._behavioural()

    def _behavioural(self):
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=self.width, depth=self.depth, init=[])
        read = storage.read_port()
        write = storage.write_port()
        output = Signal(self.width, reset_less=True)
        m.d.comb += [
            read.addr.eq(self.read_address),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            self.read_data.eq(output),
        ]
        m.d.sync += output.eq(read.data)
        return m

    def _block_rams(self):
        m = Module()
        bits = self.block_bits
        for first in range(0, self.width, bits):
            part = slice(first, min(first + bits, self.width))
            instance, connection = pseudo_dp16kd(
                width=bits, write=self.write,
                # Blocks of 18 and 36 bits have byte enables.
                byte_enables=Const(15, 4),
                write_address=self.write_address,
                write_data=Cat(self.write_data[part], Const(0, bits))[:bits],
                read_address=self.read_address, read_data=self.read_data[part])
            m.submodules[f"block{first}"] = instance
            m.d.comb += connection
        return m
