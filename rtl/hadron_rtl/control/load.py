"""LOAD: rows of bytes from memory, or from the input stream, to an on-chip memory."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hadron_rtl.control.bursts import BASE_BITS, BurstGenerator
from hadron_rtl.control.bus import AddressRequest, Failure, read_beat
from hadron_rtl.control.layouts import TransferCommand
from hadron_rtl.control.nibble_expander import NibbleExpander
from hadron_rtl.control.stream_reader import StreamRequest, stream_beat
from hadron_rtl.stream.axi import BURST_BEATS
from hadron_rtl.stream.local import LocalWrite
from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_rtl.stream.skid import SkidBuffer
from hadron_spec.commands import LocalSpace
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["LoadUnit"]


class LoadUnit(wiring.Component):
    """Run LOAD commands one after the other.

    Up to `OUTSTANDING` bursts, and about ``BEATS_AHEAD`` beats, are on their way, so that the
    memory's latency is hidden when they hold enough beats. Bytes outside a row are not written
    (strobes), in every space.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    command : In(stream.Signature(TransferCommand))
        Taken when idle.
    done : Out(1)
        One cycle: the last beat of the command has been taken by its memory.
    failure : Out(Failure)
        ALIGNMENT, ADDRESS, BUS_READ or an error of the stream.
    halt : In(1)
        Request no further bursts from the next cycle on, drop the data of those requested. Held
        until `idle`, then reset.
    idle : Out(1)
        No burst is outstanding.
    memory_base, memory_bytes : In
        As `BurstGenerator` takes them.
    request : Out(stream.Signature(AddressRequest)), data : In(stream.Signature(read_beat))
        To and from the memory port. `request` may be withdrawn by `halt`.
    stream_request : Out(stream.Signature(StreamRequest)), stream_data : In(stream_beat, a stream)
        To and from the input stream, likewise; commands with `stream` use these instead.
    write_activations, write_weights, write_table : Out(stream.Signature(LocalWrite))
        The beats, by space.

    Throughput: one beat a cycle, also from burst to burst and from row to row when rows have four
    beats or more and `OUTSTANDING` bursts cover the memory's latency. NIBBLES: a beat every second
    cycle, which is written twice; as SHALLOW_NIBBLES are.
    """

    OUTSTANDING = 16
    BEATS_AHEAD = 64
    """No burst is requested while as many beats are on their way: commands, which come over the
    same port in the order of the requests, need not wait for more."""

    OVERHEAD = 8
    """Cycles from command to `done` beside the beats and the memory's latency."""

    def __init__(self, config: NpuConfig):
        self.config = config
        local = stream.Signature(LocalWrite(config))
        super().__init__({
            "command": In(stream.Signature(TransferCommand)),
            "done": Out(1),
            "failure": Out(Failure),
            "halt": In(1),
            "idle": Out(1),
            "memory_base": In(BASE_BITS),
            "memory_bytes": In(32),
            "request": Out(stream.Signature(AddressRequest)),
            "data": In(stream.Signature(read_beat(config))),
            "stream_request": Out(stream.Signature(StreamRequest)),
            "stream_data": In(stream.Signature(stream_beat(config))),
            "write_activations": Out(local),
            "write_weights": Out(local),
            "write_table": Out(local),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.bursts = bursts = BurstGenerator(
            config=config, spaces=[config.space_bytes(space) for space in config.spaces],
            shifts=config.row_pairs)
        m.submodules.outstanding = outstanding = ReservedFifo(
            shape=bursts.burst, depth=self.OUTSTANDING)

        # Bursts and beats that have been requested and not taken; whether there is room for more,
        # from registers: a burst counts as early as the next can be requested.
        bursts_ahead = Signal(range(self.OUTSTANDING + 1))
        ahead = Signal(range(self.BEATS_AHEAD + BURST_BEATS))
        added = Signal(range(BURST_BEATS + 1))
        has_room = Signal(init=1)
        requested = Signal()
        take = Signal()
        finished = Signal()
        m.d.sync += [
            bursts_ahead.eq(bursts_ahead + requested - finished),
            added.eq(Mux(requested, bursts.o.payload.length + 1, 0)),
            ahead.eq(ahead + added - take),
            has_room.eq((bursts_ahead != self.OUTSTANDING) & (ahead + added < self.BEATS_AHEAD)
                        & ~self.halt),
        ]

        # Commands and bursts.
        space = Signal(LocalSpace, reset_less=True)
        streams = Signal(reset_less=True)
        ends = Signal(reset_less=True)
        # Registers: they choose every byte that is written.
        nibbles = Signal(reset_less=True)
        shallow_nibbles = Signal(reset_less=True)
        running = Signal()
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += [
                running.eq(1),
                space.eq(self.command.payload.space),
                streams.eq(self.command.payload.stream),
                ends.eq(self.command.payload.stream_end),
            ]
            if config.nibbles:
                of_space = self.command.payload.space
                of_shallow = (of_space == LocalSpace.SHALLOW_NIBBLES) & config.shallow
                m.d.sync += [
                    nibbles.eq((of_space == LocalSpace.NIBBLES) | of_shallow),
                    shallow_nibbles.eq(of_shallow),
                ]
        with m.Elif(self.done):
            m.d.sync += running.eq(0)
        m.d.comb += [
            bursts.command.payload.eq(self.command.payload),
            bursts.command.valid.eq(self.command.valid & ~running & ~self.halt),
            self.command.ready.eq(bursts.command.ready & ~running & ~self.halt),
            bursts.memory_base.eq(self.memory_base),
            bursts.memory_bytes.eq(self.memory_bytes),
            self.request.payload.address.eq(bursts.o.payload.address),
            self.request.payload.length.eq(bursts.o.payload.length),
            self.request.valid.eq(bursts.o.valid & has_room & ~streams),
            self.stream_request.payload.length.eq(bursts.o.payload.length),
            self.stream_request.payload.ends.eq(bursts.o.payload.last & ends),
            self.stream_request.valid.eq(bursts.o.valid & has_room & streams),
            bursts.o.ready.eq(
                Mux(streams, self.stream_request.ready, self.request.ready) & has_room),
            requested.eq(bursts.o.valid & bursts.o.ready),
            outstanding.i.payload.eq(bursts.o.payload),
            outstanding.i.valid.eq(requested),
        ]

        # Beats, through a skid buffer, so that what holds up the scratchpad does not reach the
        # memory port in the same cycle; those of nibbles twice, once for each column of a pair.
        # Both sources give only what was asked for, so a beat's burst is known before it comes.
        burst = outstanding.o.payload
        position = Signal(len(burst.length))
        begins = Signal(init=1)
        beat = Signal(read_beat(config))
        ready = Signal()
        m.submodules.writes = writes = SkidBuffer(data.StructLayout({
            "write": LocalWrite(config), "last": unsigned(1)}))
        all_bytes = Const(-1, config.axi_bytes)
        second = Signal()
        whole = Signal()
        offered = Signal()
        put = Signal()
        written = Signal(config.axi_data_width)
        m.d.comb += written.eq(beat.data)
        if config.nibbles:
            m.submodules.expander = expander = NibbleExpander(
                config.axi_bytes, shallow=config.shallow)
            if config.shallow:
                m.d.comb += expander.shallow.eq(shallow_nibbles)
            m.d.comb += [
                expander.i.eq(beat.data),
                expander.enable.eq(nibbles),
                expander.odd.eq(second),
                written.eq(expander.o),
            ]
            with m.If(put):
                m.d.sync += second.eq(nibbles & ~second)
        m.d.comb += [
            whole.eq(second | ~nibbles),
            offered.eq(self.stream_data.valid | self.data.valid),
            put.eq(offered & writes.i.ready),
            ready.eq(writes.i.ready & whole),
            self.data.ready.eq(ready),
            self.stream_data.ready.eq(ready),
            take.eq(offered & ready),
            finished.eq(take & beat.last),
            *(beat[name].eq(Mux(streams, self.stream_data.payload[name], self.data.payload[name]))
              for name in ("data", "error", "last")),
            outstanding.o.ready.eq(finished),
            # What was asked of the stream need not come.
            self.idle.eq((bursts_ahead == 0) | streams),
        ]
        with m.If(take):
            m.d.sync += position.eq(position + 1)
            with m.If(beat.last):
                m.d.sync += position.eq(0)
            m.d.sync += begins.eq(beat.last)
        beat_bits = (config.axi_bytes - 1).bit_length()
        local = Signal(len(burst.local))
        # The column of a pair comes in behind the beats of a row of lanes.
        lane_bits = exact_log2(config.lanes // config.axi_bytes)
        column = Cat(local[:lane_bits], second, local[lane_bits:])
        write = writes.i.payload.write
        m.d.comb += [
            local.eq(burst.local + position),
            writes.i.valid.eq(put & ~self.halt),
            writes.i.payload.last.eq(burst.last & beat.last & whole),
            write.address.eq(
                Cat(burst.shift if config.row_pairs else Const(0, beat_bits),
                    Mux(nibbles, column, local))),
            write.data.eq(written),
            write.strobe.eq(
                Mux(burst.row_first & begins, bursts.first_strobe, all_bytes)
                & Mux(burst.row_last & beat.last, bursts.last_strobe, all_bytes)),
            write.tables.eq(space == LocalSpace.TABLES),
        ]
        weights = [LocalSpace.WEIGHTS, LocalSpace.TABLES, LocalSpace.NIBBLES]
        if config.shallow:
            weights.append(LocalSpace.SHALLOW_NIBBLES)
        for port, targets in (
                (self.write_activations, (LocalSpace.ACTIVATIONS,)),
                (self.write_weights, weights),
                (self.write_table, (LocalSpace.TABLE,))):
            selected = Cat(space == target for target in targets).any()
            m.d.comb += [
                port.payload.eq(writes.o.payload.write),
                port.valid.eq(writes.o.valid & selected),
            ]
            with m.If(selected):
                m.d.comb += writes.o.ready.eq(port.ready | self.halt)
        m.d.sync += self.done.eq(
            writes.o.valid & writes.o.ready & writes.o.payload.last & ~self.halt)

        # Errors; a register, still before `done`.
        m.d.sync += [
            self.failure.valid.eq(bursts.failure.valid | (take & beat.error)),
            self.failure.code.eq(
                Mux(bursts.failure.valid, bursts.failure.code,
                    Mux(streams, self.stream_data.payload.code, ErrorCode.BUS_READ))),
        ]
        return m
