"""Counters in block RAM: one count a cycle, read in between."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..vendor.wide_ram import WideRam

__all__ = ["Histogram"]


class Histogram(wiring.Component):
    """Count how often each word of a memory is named; counts stop at the greatest.

    Parameters
    ----------
    bits : int
        Bits of a count.
    depth : int
        Words.

    Members
    -------
    count : In(1)
        Add one to a word. Not the same word in adjacent cycles.
    address : In(range(depth))
        Which word.
    clear : In(1)
        Set the word at `clear_address` to zero; only while the last count is five cycles ago.
    clear_address : In(range(depth))
        Which word.
    read_address : In(range(depth))
        Word to read, steady until it is there.
    read_data : Out(bits)
        Its count, ``READ_LATENCY`` cycles after a cycle without `count`.

    Throughput: one count a cycle. Cost (LFE5U): the memory and some `bits` times six registers.
    """

    READ_LATENCY = WideRam.LATENCY + 1

    def __init__(self, *, bits: int, depth: int):
        self.bits = bits
        self.depth = depth
        super().__init__({
            "count": In(1),
            "address": In(range(depth)),
            "clear": In(1),
            "clear_address": In(range(depth)),
            "read_address": In(range(depth)),
            "read_data": Out(bits),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.counts = counts = WideRam(width=self.bits, depth=self.depth)
        m.d.comb += counts.read_address.eq(Mux(self.count, self.address, self.read_address))

        # Stage k: k cycles after the count. The memory gives its word at 2, which is looked at,
        # takes one more at 3 and is written at 4; reads that began before that miss it.
        valid = [self.count]
        address = [self.address]
        for stage in range(1, 6):
            stage_valid = Signal(name=f"valid_{stage}")
            stage_address = Signal.like(self.address, name=f"address_{stage}", reset_less=True)
            m.d.sync += [stage_valid.eq(valid[-1]), stage_address.eq(address[-1])]
            valid.append(stage_valid)
            address.append(stage_address)
        base = Signal(self.bits, name="base", reset_less=True)
        more = Signal(self.bits + 1, name="more")
        m.d.comb += more.eq(base + 1)
        written = [Signal(self.bits, name=f"written_{stage}", reset_less=True)
                   for stage in range(4, 7)]
        m.d.sync += Cat(written).eq(
            Cat(more[:-1] | more[-1].replicate(self.bits), *written[:-1]))

        # Counts of the same word two, three and four cycles ago.
        same = Signal(3, reset_less=True)
        m.d.sync += same.eq(Cat(
            valid[stage] & (address[stage] == address[1]) for stage in range(3, 6)))
        value = counts.read_data
        for which, earlier in reversed(list(zip(same, written, strict=True))):
            value = Mux(which, earlier, value)
        m.d.sync += base.eq(value)
        m.d.comb += [
            counts.write.eq(valid[4] | self.clear),
            counts.write_address.eq(Mux(self.clear, self.clear_address, address[4])),
            counts.write_data.eq(Mux(self.clear, 0, written[0])),
        ]
        with m.If(~valid[2]):
            m.d.sync += self.read_data.eq(counts.read_data)
        return m
