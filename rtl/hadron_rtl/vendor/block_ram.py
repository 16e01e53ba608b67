"""A block RAM with one write and one read port and registered output."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .dp16kd import pseudo_dp16kd
from .target import targets_ecp5

__all__ = ["BlockRam"]

_BYTES_BY_DEPTH = {512: 4, 1024: 2, 2048: 1}
"""Bytes of a word that one block holds, each in nine of its bits, by the depth of the memory."""

_BITS_BY_DEPTH = {4096: 4, 8192: 2, 16384: 1}
"""Deeper memories spread each byte over several blocks: bits of a word that one block holds."""


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
    write_enable : In(width // 32), init all ones
        Bit i: the strobes of bytes 4 * i to 4 * i + 3 count. It costs nothing up to 1024 words.
    read_address : In(range(depth))
        Word to read, every cycle.
    read_data : Out(width)
        Word at the `read_address` of ``LATENCY`` cycles ago.

    Latency: ``LATENCY`` cycles (array, output register). Throughput: one read, one write a cycle.
    Cost (LFE5U): one DP16KD for each 32 bits and started 512 words, no LUTs.

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
            "write_enable": In(width // 32, init=(1 << width // 32) - 1),
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
            write.en.eq(self._strobes()),
            self.read_data.eq(output),
        ]
        m.d.sync += output.eq(read.data)
        return m

    def _strobes(self):
        """Return the strobes that count."""
        return self.write_strobe & Cat(enable.replicate(4) for enable in self.write_enable)

    def _block_rams(self):
        m = Module()
        depth = max(self.depth, min(_BYTES_BY_DEPTH))
        if depth in _BYTES_BY_DEPTH:
            self._whole_bytes(m, _BYTES_BY_DEPTH[depth])
        elif depth in _BITS_BY_DEPTH:
            self._spread_bytes(m, _BITS_BY_DEPTH[depth])
        else:
            raise ValueError(f"depth={self.depth}, must be at most {max(_BITS_BY_DEPTH)} on ECP5")
        return m

    def _whole_bytes(self, m, block_bytes):
        for first in range(0, self.width // 8, block_bytes):
            strobe = self.write_strobe[first:first + block_bytes]
            word = Signal(9 * block_bytes, name=f"word{first}")
            output = Signal(9 * block_bytes, name=f"output{first}")
            for i in range(block_bytes):
                part = slice(8 * (first + i), 8 * (first + i + 1))
                m.d.comb += [
                    word[9 * i:9 * i + 8].eq(self.write_data[part]),
                    self.read_data[part].eq(output[9 * i:9 * i + 8]),
                ]
            instance, connection = pseudo_dp16kd(
                width=9 * block_bytes,
                write=self._strobes()[first] if block_bytes == 1 else self.write_enable[first // 4],
                # Of blocks of several bytes.
                byte_enables=strobe,
                write_address=self.write_address, write_data=word,
                read_address=self.read_address, read_data=output)
            m.submodules[f"block{first}"] = instance
            m.d.comb += connection

    def _spread_bytes(self, m, block_bits):
        for first in range(0, self.width, block_bits):
            part = slice(first, first + block_bits)
            instance, connection = pseudo_dp16kd(
                width=block_bits, write=self._strobes()[first // 8], byte_enables=Const(0),
                write_address=self.write_address, write_data=self.write_data[part],
                read_address=self.read_address, read_data=self.read_data[part])
            m.submodules[f"block{first}"] = instance
            m.d.comb += connection
