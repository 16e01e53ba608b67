"""The tokens that hold LOAD, EXECUTE and STORE to the data flow."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import OTHER_UNITS, TOKEN_MAX, Unit

__all__ = ["TokenCounters"]


class TokenCounters(wiring.Component):
    """Count the tokens of each (sender, receiver) pair.

    Bit i of a mask stands for the unit `OTHER_UNITS[unit][i]`.

    Members
    -------
    available : Out(2), one a `Unit`
        There is a token from that other unit. Not valid in the cycle after a `take`.
    take : In(2), one a `Unit`
        Take one of them; only where `available`.
    send : In(2), one a `Unit`
        Send one to that other unit.
    overflow : Out(3)
        By `Unit`, one cycle: it has sent a token to a counter that holds TOKEN_MAX.

    Latency: a token sent is available 2 cycles later; `overflow` comes 1 cycle later.
    """

    def __init__(self) -> None:
        units = len(Unit)
        super().__init__({
            "available": Out(2).array(units),
            "take": In(2).array(units),
            "send": In(2).array(units),
            "overflow": Out(units),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        overflows = {sender: [] for sender in Unit}
        for sender in Unit:
            for send_bit, receiver in enumerate(OTHER_UNITS[sender]):
                take_bit = OTHER_UNITS[receiver].index(sender)
                count = Signal(range(TOKEN_MAX + 1),
                               name=f"{sender.name.lower()}_to_{receiver.name.lower()}")
                is_sent = self.send[sender][send_bit]
                is_taken = self.take[receiver][take_bit]
                m.d.sync += self.available[receiver][take_bit].eq(count != 0)
                with m.If(is_sent & ~is_taken):
                    m.d.sync += count.eq(count + 1)
                with m.Elif(is_taken & ~is_sent):
                    m.d.sync += count.eq(count - 1)
                overflows[sender].append(is_sent & ~is_taken & (count == TOKEN_MAX))
        m.d.sync += self.overflow.eq(Cat(Cat(overflows[unit]).any() for unit in Unit))
        return m
