"""Read a program's commands ahead of their use."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bursts import BASE_BITS
from hadron_rtl.control.bus import AddressRequest, read_beat
from hadron_rtl.stream.axi import ADDRESS_BITS
from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_spec.commands import COMMAND_BYTES
from hadron_spec.config import NpuConfig

__all__ = ["CommandFetcher"]


class CommandFetcher(wiring.Component):
    """Read COMMAND_COUNT commands of 128 bytes each, up to `AHEAD` of them ahead.

    One burst a command: aligned to its size, it crosses no 4 KB boundary. A burst is requested
    only when there is room for all of it, so the data is always taken at once and never holds up
    the memory port.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    start : In(1)
        Begin at `command_base`, when idle.
    command_base : In(BASE_BITS), command_count : In(32)
        COMMAND_BASE // 128 and COMMAND_COUNT, sampled by `start`.
    stop : In(1)
        Request nothing further, from the next cycle on; held until `idle`, then reset.
    idle : Out(1)
        No burst is outstanding.
    request : Out(stream.Signature(AddressRequest)), data : In(stream.Signature(read_beat))
        To and from the memory port. `request` may be withdrawn by `stop`.
    o : Out(stream.Signature(read_beat))
        Beats of commands, in order.

    Latency: 2 cycles from `data` to `o`.
    """

    AHEAD = 2

    def __init__(self, config: NpuConfig):
        self.config = config
        beat = stream.Signature(read_beat(config))
        super().__init__({
            "start": In(1),
            "command_base": In(BASE_BITS),
            "command_count": In(32),
            "stop": In(1),
            "idle": Out(1),
            "request": Out(stream.Signature(AddressRequest)),
            "data": In(beat),
            "o": Out(beat),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beats = COMMAND_BYTES // self.config.axi_bytes
        m.submodules.beats = kept = ReservedFifo(
            shape=read_beat(self.config), depth=self.AHEAD * beats)
        wiring.connect(m, kept.o, wiring.flipped(self.o))

        base = Signal(BASE_BITS, reset_less=True)
        left = Signal(32)
        outstanding = Signal(range(self.AHEAD + 1))
        # Commands requested, of which the last beat has not left.
        ahead = Signal(range(self.AHEAD + 1))
        # A register: whether there is something to request depends on 32 bits of `left`, and
        # `stop` on what is far away.
        pending = Signal()
        requested = Signal()
        received = Signal()
        delivered = Signal()
        m.d.comb += [
            self.request.valid.eq(pending),
            self.request.payload.address.eq(Cat(Const(0, ADDRESS_BITS - BASE_BITS), base)),
            self.request.payload.length.eq(beats - 1),
            requested.eq(self.request.valid & self.request.ready),
            self.data.ready.eq(1),
            received.eq(self.data.valid & self.data.payload.last),
            kept.i.payload.eq(self.data.payload),
            kept.i.valid.eq(self.data.valid),
            delivered.eq(self.o.valid & self.o.ready & self.o.payload.last),
            self.idle.eq(outstanding == 0),
        ]
        m.d.sync += [
            pending.eq((left != 0) & (ahead != self.AHEAD) & ~requested & ~self.stop),
            outstanding.eq(outstanding + requested - received),
            ahead.eq(ahead + requested - delivered),
        ]
        with m.If(self.start):
            m.d.sync += [base.eq(self.command_base), left.eq(self.command_count)]
        with m.Elif(requested):
            m.d.sync += [base.eq(base + 1), left.eq(left - 1)]
        return m
