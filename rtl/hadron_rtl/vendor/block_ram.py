"""A block RAM with one write and one read port and registered output."""

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .dp16kd import pseudo_dp16kd
from .target import targets_ecp5

__all__ = ["BlockRam"]

_SHAPES = (
    # (words, bytes a block, bits of a word, byte enables of a block)
    (512, 4, 36, 4),
    (1024, 2, 18, 2),
    (2048, 1, 9, 1),
)
"""Blocks that hold whole bytes. Deeper memories spread each byte over several, see `_NARROW`."""

_NARROW = {4096: 4, 8192: 2, 16384: 1}


class BlockRam(wiring.Component):
    """Memory of `depth` words of `width` bits, each byte written on its own.

    Reading a word in the cycle in which it is written is undefined in hardware; the behavioural
    twin returns the old word. All words start as zero.

    Parameters
    ----------
    width : int
        Bits of a word, a multiple of 32: what one DP16KD holds at 512 words.
    depth : int
        Words, a power of two of at least 2; up to 16384 on ECP5. From 1024 on, each block holds
        fewer bits of a word instead of fewer words, so that no multiplexer follows the output
        register.

    Members
    -------
    write_address : In(range(depth))
        Where to write.
    write_data : In(width)
        What to write.
    write_strobe : In(width // 8)
        Bit i: write byte i of the word.
    read_address : In(range(depth))
        Word to read, every cycle.
    read_data : Out(width)
        Word at the `read_address` of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles (array, output register). Throughput: one read, one write a cycle.
    Cost (LFE5U): one DP16KD for each 32 bits and started 512 words; an OR gate for each.

    Raises
    ------
    ValueError
        When a size is no such number; when elaborated for ECP5, also when `depth` exceeds 16384.

    Source: Lattice FPGA-TN-02204, ECP5 memory usage guide.
    """

    LATENCY = 2

    def __init__(self, *, width: int, depth: int):
        if width < 32 or width % 32:
            raise ValueError(f"width={width}, must be a positive multiple of 32")
        if depth < 2 or depth & (depth - 1):
            raise ValueError(f"depth={depth}, must be a power of two, at least 2")
        self.width = width
        self.depth = depth
        super().__init__({
            "write_address": In(range(depth)),
            "write_data": In(width),
            "write_strobe": In(width // 8),
            "read_address": In(range(depth)),
            "read_data": Out(width),
        })

    def elaborate(self, platform):
        return self._block_rams() if targets_ecp5(platform) else self._behavioural()

    def _behavioural(self):
        m = Module()
        m.submodules.storage = storage = memory.Memory(
            shape=self.width, depth=self.depth, init=[])
        read = storage.read_port()
        write = storage.write_port(granularity=8)
        output = Signal(self.width, reset_less=True)
        m.d.comb += [
            read.addr.eq(self.read_address),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write_strobe),
            self.read_data.eq(output),
        ]
        m.d.sync += output.eq(read.data)
        return m

    def _block_rams(self):
        m = Module()
        for words, block_bytes, bits, enables in _SHAPES:
            if self.depth <= words:
                break
        else:
            if self.depth not in _NARROW:
                raise ValueError(
                    f"depth={self.depth}, must be at most {max(_NARROW)} on ECP5")
            self._spread_bytes(m, _NARROW[self.depth])
            return m
        for first in range(0, self.width // 8, block_bytes):
            strobe = self.write_strobe[first:first + block_bytes]
            data = self.write_data.word_select(first // block_bytes, 8 * block_bytes)
            # Every byte lies in nine bits of the block, as its byte enables want it.
            word = Signal(9 * block_bytes, name=f"word{first}")
            output = Signal(9 * block_bytes, name=f"output{first}")
            for i in range(block_bytes):
                m.d.comb += [
                    word[9 * i:9 * i + 8].eq(data.word_select(i, 8)),
                    self.read_data[8 * (first + i):8 * (first + i) + 8].eq(
                        output[9 * i:9 * i + 8]),
                ]
            instance, connection = pseudo_dp16kd(
                width=bits, write_address=self.write_address, write=strobe.any(),
                byte_enables=strobe if enables > 1 else 0, write_data=word,
                read_address=self.read_address, read_data=output)
            m.submodules[f"block{first}"] = instance
            m.d.comb += connection
        return m

    def _spread_bytes(self, m, bits):
        for first in range(0, self.width, bits):
            part = slice(first, first + bits)
            instance, connection = pseudo_dp16kd(
                width=bits, write_address=self.write_address, write=self.write_strobe[first // 8],
                byte_enables=0, write_data=self.write_data[part],
                read_address=self.read_address, read_data=self.read_data[part])
            m.submodules[f"block{first}"] = instance
            m.d.comb += connection
