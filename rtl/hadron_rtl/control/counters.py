"""The performance counters."""

from amaranth.hdl import Module, Signal
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

    Latency: ``LATENCY`` cycles from event to value.
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
        # A register before the carry chains: the events come from all over the chip.
        events = Signal(self.count)
        m.d.sync += events.eq(self.events)
        for event, value in zip(events, self.values, strict=True):
            m.d.sync += value.eq(value + event)
        with m.If(self.clear):
            m.d.sync += [events.eq(0), *(value.eq(0) for value in self.values)]
        return m
