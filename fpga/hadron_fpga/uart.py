"""Serial bytes: 8 data bits, no parity, one stop bit."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["UartReceiver", "UartTransmitter"]


def _check_divisor(divisor: int) -> None:
    if divisor < 4:
        raise ValueError(f"divisor={divisor}, must be at least 4 clock cycles a bit")


class UartReceiver(wiring.Component):
    """Bytes from a serial line.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, 4 or more.

    Members
    -------
    rx : In(1)
        The line, synchronised to the clock, idle high.
    o : Out(stream.Signature(8, always_valid=False))
        Bytes. One that is not taken before the next is complete is lost.

    Raises
    ------
    ValueError
        When `divisor` is too small to sample a bit in its middle.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor + self.divisor // 2))
        bit = Signal(range(10))
        shift = Signal(8, reset_less=True)

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)

        with m.If(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Elif((bit == 0) & ~self.rx):  # the start bit; then the middle of the first data bit
            m.d.sync += [timer.eq(self.divisor + self.divisor // 2 - 1), bit.eq(1)]
        with m.Elif(bit == 9):  # the stop bit; a byte without one is a break or noise
            with m.If(self.rx):
                m.d.sync += [self.o.payload.eq(shift), self.o.valid.eq(1)]
            m.d.sync += bit.eq(0)
        with m.Elif(bit != 0):
            m.d.sync += [
                shift.eq(shift[1:] | (self.rx << 7)),
                timer.eq(self.divisor - 1),
                bit.eq(bit + 1),
            ]
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a serial line.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, 4 or more.

    Members
    -------
    i : In(stream.Signature(8))
        Bytes; one is taken every ten bits.
    tx : Out(1)
        The line, idle high.

    Raises
    ------
    ValueError
        When `divisor` is less than 4.
    """

    def __init__(self, *, divisor: int):
        _check_divisor(divisor)
        self.divisor = divisor
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor))
        left = Signal(range(11))
        shift = Signal(9, init=-1)
        m.d.comb += [self.i.ready.eq(left == 0), self.tx.eq(shift[0])]
        with m.If(self.i.ready), m.If(self.i.valid):
            m.d.sync += [
                shift.eq(self.i.payload << 1),
                left.eq(10),
                timer.eq(self.divisor - 1),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [
                shift.eq((shift >> 1) | (1 << 8)),
                left.eq(left - 1),
                timer.eq(self.divisor - 1),
            ]
        return m
