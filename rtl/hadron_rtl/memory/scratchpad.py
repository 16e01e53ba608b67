"""The activation scratchpad: byte-wide banks with own addresses, read for the array on one port."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.memory.reader import bank_addresses
from hadron_rtl.memory.rotator import Rotator
from hadron_rtl.stream.local import LocalWrite
from hadron_rtl.vendor.byte_ram import ByteRam
from hadron_spec.config import NpuConfig

__all__ = ["ReadBeat", "ResultWrite", "Scratchpad"]


class ResultWrite(data.StructLayout):
    """A result on its way to the scratchpad.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    address : unsigned
        Any byte address.
    data : ArrayLayout(unsigned(8), columns)
        Byte j goes to byte ``address + j``, modulo the scratchpad's size.
    strobe : unsigned(columns)
        Bit j: byte j is written.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "address": unsigned((config.act_bytes - 1).bit_length()),
            "data": data.ArrayLayout(unsigned(8), config.columns),
            "strobe": unsigned(config.columns),
        })


class ReadBeat(data.StructLayout):
    """A beat read for a STORE: `valid`, and `data` of ``config.axi_data_width`` bits."""

    def __init__(self, config: NpuConfig):
        super().__init__({"valid": unsigned(1), "data": unsigned(config.axi_data_width)})


class Scratchpad(wiring.Component):
    """`lanes` banks of bytes; byte address a is in bank a modulo `lanes`.

    Port A is the loop nest's alone. Port B takes one request a cycle: results go first, since
    what makes them cannot wait, then LOAD and STORE in turns. Requests take effect in the order
    in which they are accepted.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    a_rows : In(ArrayLayout(range(rows), lanes))
        Row that port A reads in each bank, every cycle.
    a_data : Out(ArrayLayout(unsigned(8), lanes))
        Bytes at the `a_rows` of ``ByteRam.LATENCY`` cycles ago.
    result : In(stream.Signature(ResultWrite(config), always_ready=True))
        Results.
    result_next : In(1)
        There is a result in the next cycle.
    write : In(stream.Signature(LocalWrite(config)))
        Beats of LOAD.
    read_request : In(stream.Signature(range(act_bytes)))
        Byte address of a beat for STORE, a multiple of the beat's bytes.
    read_data : Out(ReadBeat(config))
        The beats asked for, in order; no back-pressure.

    Latency: ``WRITE_LATENCY`` cycles from an accepted write to the first `a_rows` that sees it;
    ``READ_LATENCY`` cycles from an accepted request to its data. Throughput: one request a cycle.
    """

    _ROUTE_LATENCY = 1 + Rotator.LATENCY
    WRITE_LATENCY = _ROUTE_LATENCY + 1
    READ_LATENCY = _ROUTE_LATENCY + ByteRam.LATENCY + 1

    def __init__(self, config: NpuConfig):
        self.config = config
        self.rows = config.act_bytes // config.lanes
        super().__init__({
            "a_rows": In(data.ArrayLayout(unsigned((self.rows - 1).bit_length()), config.lanes)),
            "a_data": Out(data.ArrayLayout(unsigned(8), config.lanes)),
            "result": In(stream.Signature(ResultWrite(config), always_ready=True)),
            "result_next": In(1),
            "write": In(stream.Signature(LocalWrite(config))),
            "read_request": In(
                stream.Signature(unsigned((config.act_bytes - 1).bit_length()))),
            "read_data": Out(ReadBeat(config)),
        })

    def _arbitrate(self, m):
        """Accept one request; return it, registered: address, bytes with strobes, and read."""
        config = self.config
        result, write, read = self.result, self.write, self.read_request
        # A register, since LOAD is far away; behind a write, a read that waits has its turn.
        may_write = Signal(init=1)
        writes = write.valid & may_write
        m.d.sync += may_write.eq(~self.result_next & ~(writes & read.valid))
        m.d.comb += [
            write.ready.eq(may_write),
            read.ready.eq(~result.valid & ~writes),
        ]

        address = Signal(read.payload.shape(), reset_less=True)
        strobes = Signal(config.lanes, reset_less=True)
        contents = Signal(8 * config.lanes, reset_less=True)
        reads = Signal()
        m.d.sync += [
            address.eq(Mux(result.valid, result.payload.address,
                           Mux(writes, write.payload.address, read.payload))),
            contents.eq(Mux(result.valid, result.payload.data, write.payload.data)),
            strobes.eq(Mux(result.valid, result.payload.strobe,
                           Mux(writes, write.payload.strobe, 0))),
            reads.eq(read.valid & read.ready),
        ]
        return address, strobes, contents, reads

    def elaborate(self, platform):
        m = Module()
        config = self.config
        lanes = config.lanes
        offset_bits = (lanes - 1).bit_length()
        address, strobes, contents, reads = self._arbitrate(m)

        # Route: bytes with their strobes go around to their banks while the rows are found.
        m.submodules.rotator = rotator = Rotator(lanes=lanes, width=9, left=False)
        rows = bank_addresses(m, address, lanes)
        m.d.comb += rotator.amount.eq(address[:offset_bits])
        m.d.comb += [
            rotator.i[lane].eq(Cat(contents.word_select(lane, 8), strobes[lane]))
            for lane in range(lanes)
        ]

        b_data = Signal(data.ArrayLayout(unsigned(8), lanes))
        for bank in range(lanes):
            m.submodules[f"bank{bank}"] = ram = ByteRam(depth=self.rows)
            m.d.comb += [
                ram.a_address.eq(self.a_rows[bank]),
                self.a_data[bank].eq(ram.a_data),
                ram.b_address.eq(rows[bank]),
                ram.b_write.eq(rotator.o[bank][8]),
                ram.b_write_data.eq(rotator.o[bank][:8]),
                b_data[bank].eq(ram.b_data),
            ]

        # Pick the beat out of the row.
        waits = Rotator.LATENCY + ByteRam.LATENCY
        reading = Signal(waits)
        m.d.sync += reading.eq(Cat(reads, reading))
        beats = lanes // config.axi_bytes
        beat = address[config.axi_bytes.bit_length() - 1 : offset_bits]
        for i in range(waits):
            later = Signal.like(beat, name=f"beat_{i + 1}", reset_less=True)
            m.d.sync += later.eq(beat)
            beat = later
        output = Signal(config.axi_data_width, reset_less=True)
        m.d.sync += [
            self.read_data.valid.eq(reading[-1]),
            output.eq(b_data.as_value().word_select(beat, config.axi_data_width)
                      if beats > 1 else b_data),
        ]
        m.d.comb += self.read_data.data.eq(output)
        return m
