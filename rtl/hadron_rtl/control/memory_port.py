"""The AXI4 manager: fetch and LOAD share the reads, STORE has the writes.

Source: Arm IHI 0022, A3.2 (handshake), A3.4.1 (bursts), A5 (one ID keeps the order).
"""

from amaranth.hdl import Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bus import AddressRequest, WriteResponse, read_beat, write_beat
from hadron_rtl.stream.axi import Axi4Signature, Burst
from hadron_rtl.stream.register import StreamRegister
from hadron_rtl.stream.reserved_fifo import ReservedFifo
from hadron_rtl.stream.skid import SkidBuffer
from hadron_spec.config import NpuConfig

__all__ = ["MemoryPort"]

CACHE_MODIFIABLE_BUFFERABLE = 0b0011
"""Normal, non-cacheable, bufferable memory (IHI 0022, table A4-5)."""


class MemoryPort(wiring.Component):
    """Put the units' bursts on one AXI4 manager port.

    Every output of the port is a register, so a request once offered stays as it is, whatever the
    units do. It has no abort of its own: what it has taken it finishes.

    Reads return in the order they were requested (one ID); a queue remembers whose they are. The
    fetcher has priority over LOAD. A unit that does not take its data holds up the other's, so
    each must always come to take what it requested.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    m_axi : Out(Axi4Signature)
        The port.
    fetch_request, load_request, store_request : In(stream.Signature(AddressRequest))
        Bursts.
    fetch_data, load_data : Out(stream.Signature(read_beat))
        Their beats.
    store_data : In(stream.Signature(write_beat))
        Beats of the bursts of `store_request`, in order; may come before the burst is requested.
    store_response : Out(WriteResponse)
        The ends of the bursts written.
    read_wait, write_wait, read_taken, write_taken : Out(1)
        This cycle: a read is outstanding and no data came; write data is offered and not taken;
        a beat was read; a beat was written.

    Latency: one cycle each for requests, data read and data written. Throughput: one beat a cycle
    each way, one burst every second cycle.
    """

    READS_OUTSTANDING = 32
    """Bursts: more than the fetcher and LOAD request before they have their data."""

    def __init__(self, config: NpuConfig):
        self.config = config
        request = stream.Signature(AddressRequest)
        super().__init__({
            "m_axi": Out(Axi4Signature(data_width=config.axi_data_width)),
            "fetch_request": In(request),
            "fetch_data": Out(stream.Signature(read_beat(config))),
            "load_request": In(request),
            "load_data": Out(stream.Signature(read_beat(config))),
            "store_request": In(request),
            "store_data": In(stream.Signature(write_beat(config))),
            "store_response": Out(WriteResponse),
            "read_wait": Out(1),
            "write_wait": Out(1),
            "read_taken": Out(1),
            "write_taken": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axi = self.m_axi
        m.submodules.read_address = read_address = StreamRegister(AddressRequest)
        m.submodules.read_data = read_data = SkidBuffer(read_beat(self.config))
        m.submodules.write_address = write_address = StreamRegister(AddressRequest)
        m.submodules.write_data = write_data = SkidBuffer(write_beat(self.config))
        # Whose burst comes next: 1 is the fetcher's.
        m.submodules.owners = owners = ReservedFifo(shape=1, depth=self.READS_OUTSTANDING)

        size = (self.config.axi_bytes - 1).bit_length()
        for channel, buffer in (("ar", read_address), ("aw", write_address)):
            m.d.comb += [
                getattr(axi, channel + "valid").eq(buffer.o.valid),
                getattr(axi, channel + "addr").eq(buffer.o.payload.address),
                getattr(axi, channel + "len").eq(buffer.o.payload.length),
                getattr(axi, channel + "size").eq(size),
                getattr(axi, channel + "burst").eq(Burst.INCR),
                getattr(axi, channel + "cache").eq(CACHE_MODIFIABLE_BUFFERABLE),
                buffer.o.ready.eq(getattr(axi, channel + "ready")),
            ]

        # Read requests.
        m.d.comb += [
            self.fetch_request.ready.eq(read_address.i.ready),
            self.load_request.ready.eq(read_address.i.ready & ~self.fetch_request.valid),
            read_address.i.valid.eq(self.fetch_request.valid | self.load_request.valid),
            read_address.i.payload.eq(Mux(
                self.fetch_request.valid,
                self.fetch_request.payload.as_value(), self.load_request.payload.as_value())),
            owners.i.payload.eq(self.fetch_request.valid),
            owners.i.valid.eq(read_address.i.valid & read_address.i.ready),
        ]

        # Read data. Whose it is is known before it comes.
        fetched = owners.o.payload
        m.d.comb += [
            read_data.i.valid.eq(axi.rvalid),
            read_data.i.payload.data.eq(axi.rdata),
            read_data.i.payload.error.eq(axi.rresp[1]),
            read_data.i.payload.last.eq(axi.rlast),
            axi.rready.eq(read_data.i.ready),
            self.fetch_data.valid.eq(read_data.o.valid & fetched),
            self.fetch_data.payload.eq(read_data.o.payload),
            self.load_data.valid.eq(read_data.o.valid & ~fetched),
            self.load_data.payload.eq(read_data.o.payload),
            read_data.o.ready.eq(Mux(fetched, self.fetch_data.ready, self.load_data.ready)),
            owners.o.ready.eq(read_data.o.valid & read_data.o.ready & read_data.o.payload.last),
        ]

        # Writes.
        wiring.connect(m, wiring.flipped(self.store_request), write_address.i)
        wiring.connect(m, wiring.flipped(self.store_data), write_data.i)
        m.d.comb += [
            axi.wvalid.eq(write_data.o.valid),
            axi.wdata.eq(write_data.o.payload.data),
            axi.wstrb.eq(write_data.o.payload.strobe),
            axi.wlast.eq(write_data.o.payload.last),
            write_data.o.ready.eq(axi.wready),
            axi.bready.eq(1),
        ]
        m.d.sync += [
            self.store_response.valid.eq(axi.bvalid),
            self.store_response.error.eq(axi.bresp[1]),
        ]

        m.d.sync += [
            self.read_wait.eq(owners.o.valid & ~axi.rvalid),
            self.write_wait.eq(axi.wvalid & ~axi.wready),
            self.read_taken.eq(axi.rvalid & axi.rready),
            self.write_taken.eq(axi.wvalid & axi.wready),
        ]
        return m
