"""Where the results of a command go in the scratchpad."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.loop_counter import LoopCounter
from hadron_rtl.control.result_counts import ResultCounts
from hadron_rtl.memory.scratchpad import ResultWrite
from hadron_spec.commands import LEVELS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["Writer"]

_LEVELS = (*LEVELS[:3], "px")


class Writer(wiring.Component):
    """Give each result of a command its address.

    The address starts at `destination` and steps by the `destination_` difference of the outermost
    loop that advances. `outputs` bytes of a result are written, `last_outputs` in the last pass of
    loop kg. SOFTMAX has one byte a result, in byte 0. DEPTHWISE has a loop more, px, over the
    outputs of a row; its loop ox is over rows of outputs, which are fewer than those of pixels.
    Deep results have it, too, over their two bytes, and shallow ones over the two that they are.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    command : In(ExecuteCommand), counts : In(ResultCounts)
        The command and its results. Stable from two cycles before `start` until `finished`.
    start : In(1)
        Begin the command; only while idle.
    results : In(stream.Signature(ArrayLayout(signed(8), columns)))
        Results; taken between `start` and the last one, one a cycle.
    o : Out(stream.Signature(ResultWrite(config), always_ready=True))
        Writes, ``LATENCY`` cycles after the result.
    o_next : Out(1)
        There is a write on `o` in the next cycle.
    finished : Out(1)
        The write on `o` is the last of the command.

    Latency: ``LATENCY`` cycles. Throughput: one result a cycle.
    """

    LATENCY = 1

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "command": In(ExecuteCommand),
            "counts": In(ResultCounts),
            "start": In(1),
            "results": In(stream.Signature(data.ArrayLayout(signed(8), config.columns))),
            "o": Out(stream.Signature(ResultWrite(config), always_ready=True)),
            "o_next": Out(1),
            "finished": Out(1),
        })

    def _first_bytes(self, count):
        """Mark the first `count` bytes. By values: comparisons would take a carry chain each."""
        columns = self.config.columns
        return Cat(
            Cat(count == more for more in range(byte + 1, columns + 1)).any()
            for byte in range(columns))

    def elaborate(self, platform):
        m = Module()
        command, results = self.command, self.results
        columns = self.config.columns
        softmax = Signal(reset_less=True)
        m.d.sync += softmax.eq(command.opcode == Opcode.SOFTMAX)
        m.submodules.counter = counter = LoopCounter(levels=len(_LEVELS))
        m.d.comb += [
            counter.counts[0].eq(command.count_kg),
            counter.counts[1].eq(command.count_oy),
            counter.counts[2].eq(self.counts.rows),
            counter.counts[3].eq(self.counts.columns),
        ]

        # Which bytes are written, known before the first result.
        strobe = Signal(columns, reset_less=True)
        last_strobe = Signal(columns, reset_less=True)
        m.d.sync += [
            strobe.eq(Mux(softmax, 1, self._first_bytes(command.outputs))),
            last_strobe.eq(Mux(softmax, 1, self._first_bytes(command.last_outputs))),
        ]

        active = Signal()
        accept = results.valid & active
        m.d.comb += [
            counter.start.eq(self.start),
            counter.advance.eq(accept.replicate(counter.levels)),
            results.ready.eq(active),
            self.o_next.eq(accept),
        ]
        with m.If(self.start):
            m.d.sync += active.eq(1)
        with m.Elif(accept & counter.inner_last[0] & counter.last[0]):
            m.d.sync += active.eq(0)

        write = self.o.payload
        address = Signal(write.address.shape(), reset_less=True)
        difference = Signal(len(address), reset_less=True)
        selected = 0
        for i, level in enumerate(_LEVELS):
            step = command[f"destination_{level}"].as_unsigned()[: len(address)]
            selected |= step & counter.level[i].replicate(len(address))
        contents = Signal(write.data.shape(), reset_less=True)
        strobes = Signal(columns, reset_less=True)
        m.d.sync += [
            self.o.valid.eq(accept),
            self.finished.eq(accept & counter.inner_last[0] & counter.last[0]),
            difference.eq(selected),
            contents.eq(results.payload),
            strobes.eq(Mux(counter.last[0], last_strobe, strobe)),
        ]
        with m.If(self.start):
            m.d.sync += address.eq(command.destination)
        with m.Elif(self.o.valid):
            m.d.sync += address.eq(address + difference)
        m.d.comb += [
            write.address.eq(address),
            write.data.eq(contents),
            write.strobe.eq(strobes),
        ]
        return m
