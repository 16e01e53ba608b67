"""Everything of the NPU but the EXECUTE unit: registers, commands, transfers, memory port."""

from amaranth.hdl import Cat, Module, ResetInserter, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bursts import BASE_BITS
from hadron_rtl.control.counters import CounterBank
from hadron_rtl.control.decoder import CommandDecoder
from hadron_rtl.control.dispatcher import Dispatcher
from hadron_rtl.control.fetcher import CommandFetcher
from hadron_rtl.control.layouts import ExecuteCommand, TransferCommand
from hadron_rtl.control.load import LoadUnit
from hadron_rtl.control.memory_port import MemoryPort
from hadron_rtl.control.queue import CommandQueue
from hadron_rtl.control.registers import ADDRESS_WIDTH, READ_ONLY, READ_WRITE, ControlRegisters
from hadron_rtl.control.sequencer import Sequencer
from hadron_rtl.control.store import StoreUnit
from hadron_rtl.control.stream_reader import StreamReader
from hadron_rtl.control.tokens import TokenCounters
from hadron_rtl.stream.axi import Axi4LiteSignature, Axi4Signature
from hadron_rtl.stream.axi_stream import AxiStreamSignature
from hadron_rtl.stream.local import LocalWrite
from hadron_rtl.vendor.own_register import own_register
from hadron_spec.commands import FIELDS, OTHER_UNITS, QUEUE_COMMANDS, Opcode, Unit
from hadron_spec.config import NpuConfig

__all__ = ["COUNTERS", "Controller", "TraceSignature"]

COUNTERS = (
    "cycles", "load_busy", "execute_busy", "store_busy", "mac_active", "stall_command",
    "stall_load", "stall_store", "stall_requantizer", "memory_read_wait", "memory_write_wait",
    "read_beats", "write_beats", "stream_wait",
)
"""The counters, by the names of their registers."""

_LAYOUTS = {Unit.LOAD: TransferCommand, Unit.EXECUTE: ExecuteCommand, Unit.STORE: TransferCommand}
_OPCODES = {Unit.LOAD: Opcode.LOAD, Unit.EXECUTE: Opcode.MATRIX, Unit.STORE: Opcode.STORE}
_ALIGNED_BITS = 32 - BASE_BITS


class TraceSignature(wiring.Signature):
    """What a simulation records: which layer each unit works on, cycle by cycle.

    Members
    -------
    load, execute, store : Out({busy: Out(1), layer: Out(16)})
        The unit runs a command; that command's field `layer`.
    execute_done : Out(1)
        One cycle: EXECUTE has finished a command.
    mac_active, stall_requantizer : Out(1)
        What the counters of these names count.
    """

    def __init__(self) -> None:
        unit = wiring.Signature({"busy": Out(1), "layer": Out(16)})
        super().__init__({
            **{unit_.name.lower(): Out(unit) for unit_ in Unit},
            "execute_done": Out(1),
            "mac_active": Out(1),
            "stall_requantizer": Out(1),
        })


class Controller(wiring.Component):
    """Fetch, check and dispatch commands; run LOAD and STORE; report.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    s_axil : In(Axi4LiteSignature)
        Control registers.
    m_axi : Out(Axi4Signature)
        Memory.
    s_axis : In(AxiStreamSignature)
        The input stream; see `StreamReader`.
    irq : Out(1)
        Interrupt, level.
    trace : Out(TraceSignature)
        For simulation.
    execute_command : Out(stream.Signature(ExecuteCommand)), execute_done : In(1)
        To and from the EXECUTE unit.
    execute_reset : Out(1)
        Reset the EXECUTE unit: its commands are dropped, its memories keep their bytes.
    mac_active, stall_requantizer : In(1)
        Events to count.
    write_activations, write_weights, write_table : Out(stream.Signature(LocalWrite))
        Bytes loaded.
    read_request : Out(stream.Signature(unsigned)), read_data : In({valid, data})
        Bytes to store.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        local = stream.Signature(LocalWrite(config))
        super().__init__({
            "s_axil": In(Axi4LiteSignature(address_width=ADDRESS_WIDTH)),
            "m_axi": Out(Axi4Signature(data_width=config.axi_data_width)),
            "s_axis": In(AxiStreamSignature(data_width=config.axi_data_width)),
            "irq": Out(1),
            "trace": Out(TraceSignature()),
            "execute_command": Out(stream.Signature(ExecuteCommand)),
            "execute_done": In(1),
            "execute_reset": Out(1),
            "mac_active": In(1),
            "stall_requantizer": In(1),
            "write_activations": Out(local),
            "write_weights": Out(local),
            "write_table": Out(local),
            "read_request": Out(stream.Signature(unsigned((config.act_bytes - 1).bit_length()))),
            "read_data": In(data.StructLayout({"valid": 1, "data": config.axi_data_width})),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        clear = Signal()
        halt = Signal()
        until_cleared = ResetInserter(clear)
        m.submodules.registers = registers = ControlRegisters(config)
        m.submodules.port = port = MemoryPort(config)
        m.submodules.stream_reader = reader = StreamReader(config)
        m.submodules.counters = counters = CounterBank(len(COUNTERS))
        m.submodules.sequencer = sequencer = Sequencer()
        fetcher = CommandFetcher(config)
        decoder = CommandDecoder(config)
        tokens = TokenCounters()
        load = LoadUnit(config)
        store = StoreUnit(config)
        m.submodules.fetcher = until_cleared(fetcher)
        m.submodules.decoder = until_cleared(decoder)
        m.submodules.tokens = until_cleared(tokens)
        m.submodules.load = until_cleared(load)
        m.submodules.store = until_cleared(store)

        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        wiring.connect(m, port.m_axi, wiring.flipped(self.m_axi))
        m.d.comb += [
            self.irq.eq(registers.irq),
            clear.eq(sequencer.clear),
            registers.events.eq(sequencer.events),
            halt.eq(sequencer.halt),
        ]
        m.d.sync += self.execute_reset.eq(halt)

        settings = self._hold_settings(m, registers, sequencer)

        # Commands.
        wiring.connect(m, fetcher.request, port.fetch_request)
        wiring.connect(m, port.fetch_data, fetcher.data)
        wiring.connect(m, fetcher.o, decoder.i)
        m.d.comb += [
            fetcher.start.eq(sequencer.begin),
            fetcher.command_base.eq(settings.command_base[_ALIGNED_BITS:]),
            fetcher.command_count.eq(settings.command_count),
            fetcher.stop.eq(halt | decoder.finished | decoder.failure.valid),
            decoder.enable.eq(sequencer.run),
            decoder.command_count.eq(settings.command_count),
            sequencer.decoder_index.eq(decoder.index),
            sequencer.decoder_failure.eq(decoder.failure),
            sequencer.decoder_blocked.eq(decoder.blocked),
            sequencer.decoder_finished.eq(decoder.finished),
            sequencer.bus_idle.eq(fetcher.idle & load.idle & store.idle),
        ]

        # Dispatch.
        dispatchers = {}
        for unit in Unit:
            name = unit.name.lower()
            # One more command is laid out in registers.
            words = 1 + max(field.word for field in FIELDS[_OPCODES[unit]].values())
            queue = CommandQueue(layout=_LAYOUTS[unit], words=words, depth=QUEUE_COMMANDS[unit] - 1,
                                 axi_data_width=config.axi_data_width)
            dispatcher = Dispatcher(_LAYOUTS[unit])
            m.submodules[name + "_queue"] = until_cleared(queue)
            m.submodules[name + "_dispatcher"] = until_cleared(dispatcher)
            dispatchers[unit] = dispatcher
            wiring.connect(m, queue.o, dispatcher.i)
            state = sequencer.units[unit]
            trace = getattr(self.trace, name)
            m.d.comb += [
                queue.write.eq(decoder.queues[unit]),
                decoder.full[unit].eq(queue.full),
                dispatcher.available.eq(tokens.available[unit]),
                tokens.take[unit].eq(dispatcher.take),
                tokens.send[unit].eq(dispatcher.send),
                dispatcher.hold.eq(halt),
                state.busy.eq(dispatcher.busy),
                state.waiting.eq(dispatcher.waiting.any()),
                state.empty.eq(queue.empty & ~queue.o.valid),
                state.index.eq(dispatcher.index),
                state.overflow.eq(tokens.overflow[unit]),
                trace.busy.eq(dispatcher.busy),
                trace.layer.eq(dispatcher.layer),
            ]

        # LOAD.
        wiring.connect(m, dispatchers[Unit.LOAD].o, load.command)
        wiring.connect(m, load.request, port.load_request)
        wiring.connect(m, port.load_data, load.data)
        wiring.connect(m, wiring.flipped(self.s_axis), reader.s_axis)
        wiring.connect(m, load.stream_request, reader.request)
        wiring.connect(m, reader.data, load.stream_data)
        m.d.comb += [
            reader.stop.eq(own_register(m, halt, name="reader_stop")),
            reader.drop.eq(registers.read_write.stream[0]),
            registers.read_only.stream_dropped.eq(reader.dropped),
        ]
        wiring.connect(m, load.write_activations, wiring.flipped(self.write_activations))
        wiring.connect(m, load.write_weights, wiring.flipped(self.write_weights))
        wiring.connect(m, load.write_table, wiring.flipped(self.write_table))

        # EXECUTE.
        wiring.connect(m, dispatchers[Unit.EXECUTE].o, wiring.flipped(self.execute_command))
        m.d.comb += [
            dispatchers[Unit.EXECUTE].done.eq(self.execute_done),
            self.trace.execute_done.eq(self.execute_done),
            self.trace.mac_active.eq(self.mac_active),
            self.trace.stall_requantizer.eq(self.stall_requantizer),
        ]

        # STORE.
        wiring.connect(m, dispatchers[Unit.STORE].o, store.command)
        wiring.connect(m, store.request, port.store_request)
        wiring.connect(m, store.data, port.store_data)
        wiring.connect(m, store.read_request, wiring.flipped(self.read_request))
        m.d.comb += [
            store.response.eq(port.store_response),
            store.read_data.eq(self.read_data),
        ]

        for unit, transfer in ((Unit.LOAD, load), (Unit.STORE, store)):
            m.d.comb += [
                transfer.halt.eq(own_register(m, halt, name=f"{unit.name.lower()}_halt")),
                transfer.memory_base.eq(settings.memory_base[_ALIGNED_BITS:]),
                transfer.memory_bytes.eq(settings.memory_bytes),
                dispatchers[unit].done.eq(transfer.done),
                sequencer.units[unit].failure.eq(transfer.failure),
            ]

        self._count(m, registers, sequencer, port, dispatchers, counters, reader)
        return m

    def _hold_settings(self, m: Module, registers: ControlRegisters,
                       sequencer: Sequencer) -> data.View:
        """Keep the settings of the running program from software that writes the next one's."""
        settings = Signal(READ_WRITE, reset_less=True)
        with m.If(~sequencer.busy):
            m.d.sync += settings.eq(registers.read_write)
        m.d.sync += [
            sequencer.start.eq(registers.start),
            sequencer.abort.eq(registers.abort),
        ]
        m.d.comb += [
            sequencer.misaligned.eq(Cat(settings.command_base[:_ALIGNED_BITS],
                                        settings.memory_base[:_ALIGNED_BITS]).any()),
            sequencer.watchdog.eq(settings.watchdog),
        ]
        return settings

    def _count(self, m: Module, registers: ControlRegisters, sequencer: Sequencer,
               port: MemoryPort, dispatchers: dict[Unit, Dispatcher],
               counters: CounterBank, reader: StreamReader) -> None:
        execute = dispatchers[Unit.EXECUTE]
        from_load = OTHER_UNITS[Unit.EXECUTE].index(Unit.LOAD)
        from_store = OTHER_UNITS[Unit.EXECUTE].index(Unit.STORE)
        events = {
            "cycles": sequencer.busy,
            "load_busy": dispatchers[Unit.LOAD].busy,
            "execute_busy": execute.busy,
            "store_busy": dispatchers[Unit.STORE].busy,
            "mac_active": self.mac_active,
            "stall_command": sequencer.run & ~execute.busy & ~execute.i.valid,
            "stall_load": execute.waiting[from_load],
            "stall_store": execute.waiting[from_store],
            "stall_requantizer": self.stall_requantizer,
            "memory_read_wait": port.read_wait,
            "memory_write_wait": port.write_wait,
            "read_beats": port.read_taken,
            "write_beats": port.write_taken,
            "stream_wait": reader.waits,
        }
        status = registers.read_only.status
        m.d.comb += [
            counters.clear.eq(sequencer.start & ~sequencer.busy),
            counters.events.eq(Cat(events[name] for name in COUNTERS)),
            *(registers.read_only[name].eq(value)
              for name, value in zip(COUNTERS, counters.values, strict=True)),
            registers.read_only.error_command.eq(sequencer.error_command),
            status.eq(Cat(sequencer.busy, sequencer.status_done, sequencer.status_error,
                          sequencer.status_aborted, Signal(4), sequencer.error_code)),
        ]


assert set(READ_ONLY.members) == {"status", "error_command", "stream_dropped", *COUNTERS}
