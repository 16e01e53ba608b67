"""The performance counters."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CounterBank"]


class CounterBank(wiring.Component):
    """Count the cycles in which each event holds.

    Parameters
    ----------
    count : int
        Counters, 1 or more.

    Members
    -------
    clear : In(1)
        Set all to 0, the event of this cycle included.
    events : In(count)
        Counter i counts when bit i is set.
    values : Out(32), `count` of them
        Modulo 2**32.

    Latency: ``LATENCY`` cycles from event or `clear` to value.
    """

    LATENCY = 2

    def __init__(self, count: int):
        if count < 1:
            raise ValueError(f"count={count!r}, must be 1 or more")
        self.count = count
        super().__init__({
            "clear": In(1),
            "events": In(count),
            "values": Out(32).array(count),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # A register before the carry chains: the events come from all over the chip. What was
        # counted while `clear` comes through another is 0 again in the end, so nothing else resets
        # these registers.
        events = Signal(self.count, reset_less=True)
        clear = Signal(init=1)
        m.d.sync += [events.eq(self.events), clear.eq(self.clear)]
        for i, output in enumerate(self.values):
            value = Signal(32, reset_less=True, name=f"value{i}")
            m.d.comb += output.eq(value)
            m.d.sync += value.eq(Mux(clear, 0, value + events[i]))
        return m
