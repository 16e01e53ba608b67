"""STORE: rows of bytes from the scratchpad to memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bursts import BASE_BITS, BurstGenerator
from hadron_rtl.control.bus import AddressRequest, Failure, WriteResponse, write_beat
from hadron_rtl.control.layouts import TransferCommand
from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_rtl.stream.skid import SkidBuffer
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["StoreUnit"]


class StoreUnit(wiring.Component):
    """Run STORE commands one after the other.

    Bursts are requested ahead of their data. A halt lets them run out with no byte strobed: the
    bus sees every beat that was announced, the memory keeps its bytes.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    command : In(stream.Signature(TransferCommand))
        Taken when idle.
    done : Out(1)
        One cycle: the memory has answered the last burst of the command.
    failure : Out(Failure)
        ALIGNMENT, ADDRESS or BUS_WRITE.
    halt : In(1)
        Request no further bursts from the next cycle on, finish those requested with strobes 0.
        Held until `idle`, then reset.
    idle : Out(1)
        No burst is outstanding.
    memory_base, memory_bytes : In
        As `BurstGenerator` takes them.
    read_request : Out(stream.Signature(unsigned))
        Scratchpad byte address of a beat, a multiple of the bus width.
    read_data : In(StructLayout{valid, data})
        The beats in order; there is always room.
    request : Out(stream.Signature(AddressRequest)), data : Out(stream.Signature(write_beat))
        To the memory port. Both may be changed by `halt` while not taken.
    response : In(WriteResponse)
        From the memory port.

    Throughput: one beat a cycle, also from burst to burst and from row to row when rows have four
    beats or more, if the scratchpad answers within `READ_AHEAD` - 4 cycles.
    """

    OVERHEAD = 13
    """Cycles from command to `done` beside the beats, the memory's and the scratchpad's latency."""
    UNANSWERED = 16
    """Bursts requested that the memory has not answered."""
    READ_AHEAD = 16
    """Beats between scratchpad and memory port."""

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "command": In(stream.Signature(TransferCommand)),
            "done": Out(1),
            "failure": Out(Failure),
            "halt": In(1),
            "idle": Out(1),
            "memory_base": In(BASE_BITS),
            "memory_bytes": In(32),
            "read_request": Out(stream.Signature(unsigned((config.act_bytes - 1).bit_length()))),
            "read_data": In(data.StructLayout({"valid": 1, "data": config.axi_data_width})),
            "request": Out(stream.Signature(AddressRequest)),
            "data": Out(stream.Signature(write_beat(config))),
            "response": In(WriteResponse),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.bursts = bursts = BurstGenerator(config=config, spaces=(config.act_bytes,))
        m.submodules.to_read = to_read = ReservedFifo(
            shape=bursts.burst, depth=self.UNANSWERED)
        m.submodules.to_write = to_write = ReservedFifo(
            shape=bursts.burst, depth=self.UNANSWERED)
        m.submodules.beats = beats = ReservedFifo(
            shape=config.axi_data_width, depth=self.READ_AHEAD)

        # Commands and bursts. `room` is a cycle late, as early as the next can be requested.
        unanswered = Signal(range(self.UNANSWERED + 1))
        running = Signal()
        room = Signal()
        announce = Signal()
        m.d.comb += [
            bursts.command.payload.eq(self.command.payload),
            bursts.command.valid.eq(self.command.valid & ~running & ~self.halt),
            self.command.ready.eq(bursts.command.ready & ~running & ~self.halt),
            bursts.memory_base.eq(self.memory_base),
            bursts.memory_bytes.eq(self.memory_bytes),
            self.request.payload.address.eq(bursts.o.payload.address),
            self.request.payload.length.eq(bursts.o.payload.length),
            self.request.valid.eq(bursts.o.valid & room),
            bursts.o.ready.eq(self.request.ready & room),
            announce.eq(bursts.o.valid & bursts.o.ready),
            to_read.i.payload.eq(bursts.o.payload),
            to_read.i.valid.eq(announce),
            to_write.i.payload.eq(bursts.o.payload),
            to_write.i.valid.eq(announce),
        ]
        m.d.sync += [
            unanswered.eq(unanswered + announce - self.response.valid),
            room.eq((unanswered != self.UNANSWERED) & ~self.halt),
        ]
        m.d.comb += [
            self.idle.eq(unanswered == 0),
            self.done.eq(running & bursts.command.ready & (unanswered == 0)),
        ]
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += running.eq(0)

        self._read_scratchpad(m, to_read, beats)
        self._write_memory(m, bursts, to_write, beats)

        # Errors; a register, not later than `done`.
        m.d.sync += [
            self.failure.valid.eq(
                bursts.failure.valid | (self.response.valid & self.response.error)),
            self.failure.code.eq(
                Mux(bursts.failure.valid, bursts.failure.code, ErrorCode.BUS_WRITE)),
        ]
        return m

    def _read_scratchpad(self, m: Module, to_read: ReservedFifo, beats: ReservedFifo) -> None:
        burst = to_read.o.payload
        position = Signal(len(burst.length))
        # Places taken by beats requested and not yet sent.
        taken = Signal(range(self.READ_AHEAD + 1))
        beat_bits = (self.config.axi_bytes - 1).bit_length()
        # What holds up the scratchpad does not reach the queues in the same cycle.
        m.submodules.requests = requests = SkidBuffer(self.read_request.payload.shape())
        wiring.connect(m, requests.o, wiring.flipped(self.read_request))
        ask = Signal()
        last = Signal()
        m.d.comb += [
            ask.eq(to_read.o.valid & (taken != self.READ_AHEAD) & requests.i.ready),
            last.eq(position == burst.length),
            to_read.o.ready.eq(ask & last),
            requests.i.valid.eq(ask),
            requests.i.payload.eq(Cat(Const(0, beat_bits), burst.local + position)),
            beats.i.valid.eq(self.read_data.valid),
            beats.i.payload.eq(self.read_data.data),
        ]
        m.d.sync += taken.eq(taken + ask - (beats.o.valid & beats.o.ready))
        with m.If(ask):
            m.d.sync += position.eq(Mux(last, 0, position + 1))

    def _write_memory(self, m: Module, bursts: BurstGenerator,
                      to_write: ReservedFifo, beats: ReservedFifo) -> None:
        burst = to_write.o.payload
        position = Signal(len(burst.length))
        begins = Signal(init=1)
        all_bytes = Const(-1, self.config.axi_bytes)
        out = self.data.payload
        take = Signal()
        m.d.comb += [
            self.data.valid.eq(to_write.o.valid & (beats.o.valid | self.halt)),
            out.data.eq(beats.o.payload),
            out.last.eq(position == burst.length),
            take.eq(self.data.valid & self.data.ready),
            to_write.o.ready.eq(take & out.last),
            beats.o.ready.eq(take),
        ]
        with m.If(~self.halt):
            m.d.comb += out.strobe.eq(
                Mux(burst.row_first & begins, bursts.first_strobe, all_bytes)
                & Mux(burst.row_last & out.last, bursts.last_strobe, all_bytes))
        with m.If(take):
            m.d.sync += [position.eq(Mux(out.last, 0, position + 1)), begins.eq(out.last)]
