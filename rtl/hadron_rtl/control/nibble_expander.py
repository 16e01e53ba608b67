"""What the weight memory holds of two weights of four bits: a byte for each of two columns."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["NibbleExpander"]


class NibbleExpander(wiring.Component):
    """Make the bytes of one column of a pair from bytes that hold the weights of both.

    Bit-exact with :func:`hadron_model.memories.expand_nibbles`.

    Parameters
    ----------
    size : int
        Bytes, 1 or more.
    shallow : bool
        There is `shallow`.

    Members
    -------
    i : In(8 * size)
        Bytes: the weight of the even column in bits 3:0, that of the odd one in bits 7:4.
    enable : In(1)
        Expand; otherwise the bytes pass as they are.
    odd : In(1)
        The odd column, of which one less is stored where the even one is negative.
    shallow : In(1)
        With `odd`: make the weights SHALLOW_ODD times as large.
    o : Out(8 * size)
        Bytes.

    Latency: none, it is combinational.
    Cost (LFE5U): 16 LUT4 a byte.
    """

    def __init__(self, size: int, *, shallow: bool = False):
        if size < 1:
            raise ValueError(f"size={size}, must be 1 or more")
        self.size = size
        self.has_shallow = shallow
        super().__init__({
            "i": In(8 * size),
            "enable": In(1),
            "odd": In(1),
            "o": Out(8 * size),
            **({"shallow": In(1)} if shallow else {}),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        second = Signal()
        m.d.comb += second.eq(self.enable & self.odd)
        for index in range(self.size):
            pair, made = self.i.word_select(index, 8), self.o.word_select(index, 8)
            even, odd = pair[:4], pair[4:]
            # odd - (even < 0), bit by bit: a subtractor would take a carry chain.
            borrows = [even[3] & ~odd[:bit].any() for bit in range(4)]
            negative = Mux(second, odd[3] | borrows[3], even[3])
            low = Mux(second, odd ^ Cat(borrows), even)
            high = Mux(self.enable, negative.replicate(4), odd)
            if self.has_shallow:
                # 16 * odd - (even < 0): the halves change places.
                shifted = second & self.shallow
                low, high = (Mux(shifted, even[3].replicate(4), low),
                             Mux(shifted, odd ^ Cat(borrows), high))
            m.d.comb += [made[:4].eq(low), made[4:].eq(high)]
        return m
