"""Block RAM behind the NPU's AXI4 port, which the host reaches, too."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In

from hadron_rtl.stream.axi import Axi4Signature, Response
from hadron_rtl.vendor.byte_ram import ByteRam

from .host_bus import HostBus

__all__ = ["OnChipMemory"]

_READ_FIFO_DEPTH = 8


class OnChipMemory(wiring.Component):
    """AXI4 memory of `size` bytes for incrementing bursts of full beats.

    Bursts beyond `size` answer DECERR. Reads and writes run side by side; the host's accesses take
    the writes' port when no write is there.

    Parameters
    ----------
    size : int
        Bytes, a power of two, 2048 to 16384 bytes for each byte of a beat.
    data_width : int
        Bits of a beat: 32, 64 or 128.

    Members
    -------
    axi : In(Axi4Signature(data_width))
        The NPU's port.
    host : In(HostBus())
        32-bit words.

    Latency: ``ByteRam.LATENCY`` + 2 cycles to the first beat. Throughput: one beat a cycle.
    Cost (LFE5U): one DP16KD for every 2048 bytes.

    Raises
    ------
    ValueError
        When `size` is outside these limits.
    """

    def __init__(self, *, size: int, data_width: int):
        lanes = data_width // 8
        if size & (size - 1) or not 2048 * lanes <= size <= 16384 * lanes:
            raise ValueError(f"size={size}, must be a power of two from {2048 * lanes} to "
                             f"{16384 * lanes}")
        self.size = size
        self.data_width = data_width
        super().__init__({
            "axi": In(Axi4Signature(data_width=data_width)),
            "host": In(HostBus()),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = self.data_width // 8
        beats = self.size // lanes
        lane_bits = (lanes - 1).bit_length()
        word_bits = lane_bits - 2
        axi, request, response = self.axi, self.host.request, self.host.response

        read_beat = Signal(range(beats))
        port_b = Signal(range(beats))
        write_data = Signal(self.data_width)
        strobes = Signal(lanes)
        # The blocks stand all over the device: port B starts at registers, as port A does.
        b_address = Signal.like(port_b)
        b_write = Signal.like(strobes)
        b_write_data = Signal.like(write_data)
        m.d.sync += [b_address.eq(port_b), b_write.eq(strobes), b_write_data.eq(write_data)]
        a_data, b_data = [], []
        for lane in range(lanes):
            ram = m.submodules[f"lane{lane}"] = ByteRam(depth=beats)
            m.d.comb += [
                ram.a_address.eq(read_beat),
                ram.b_address.eq(b_address),
                ram.b_write.eq(b_write[lane]),
                ram.b_write_data.eq(b_write_data.word_select(lane, 8)),
            ]
            a_data.append(ram.a_data)
            b_data.append(ram.b_data)

        self._reads(m, read_beat, Cat(*a_data))

        # Writes: one burst at a time.
        left = Signal(9)
        beat = Signal(range(beats))
        writing = Signal()
        out_of_range = Signal()
        m.d.comb += [axi.awready.eq(~writing & ~axi.bvalid), axi.wready.eq(writing)]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [
                writing.eq(1),
                beat.eq(axi.awaddr >> lane_bits),
                left.eq(axi.awlen + 1),
                out_of_range.eq((axi.awaddr >> self.size.bit_length() - 1) != 0),
                axi.bid.eq(axi.awid),
            ]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += [beat.eq(beat + 1), left.eq(left - 1)]
            with m.If((left == 1) | axi.wlast):
                m.d.sync += [
                    writing.eq(0),
                    axi.bvalid.eq(1),
                    axi.bresp.eq(Mux(out_of_range, Response.DECERR, Response.OKAY)),
                ]
        with m.If(axi.bvalid & axi.bready):
            m.d.sync += axi.bvalid.eq(0)

        # Port B: the bursts' writes, else the host.
        host_word = request.p.address[2:2 + word_bits] if word_bits else 0
        host_latency = 1 + ByteRam.LATENCY
        wait = Signal(range(host_latency + 1))
        words = Array(Cat(*b_data).word_select(i, 32) for i in range(1 << word_bits))
        bursts_write = Signal()
        m.d.comb += [
            bursts_write.eq(axi.wvalid & axi.wready),
            port_b.eq(beat),
            # Whether the host writes at all is for the strobes to say.
            write_data.eq(Mux(bursts_write, axi.wdata, request.p.data.replicate(lanes // 4))),
            strobes.eq(axi.wstrb & (bursts_write & ~out_of_range).replicate(lanes)),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(request.valid & ~bursts_write):
                m.d.comb += port_b.eq(request.p.address >> lane_bits)
                with m.If(request.p.write & ((request.p.address >> self.size.bit_length() - 1)
                                             == 0)):
                    m.d.comb += strobes.eq(0b1111 << (host_word << 2))
                m.d.sync += wait.eq(host_latency)
                m.next = "ACCESS"
            with m.State("ACCESS"):
                m.d.sync += wait.eq(wait - 1)
                with m.If(wait == 1):
                    m.d.comb += request.ready.eq(1)
                    m.d.sync += [
                        response.p.data.eq(words[host_word]),
                        response.p.error.eq((request.p.address >> self.size.bit_length() - 1) != 0),
                        response.valid.eq(1),
                    ]
                    m.next = "RESPONSE"
            with m.State("RESPONSE"), m.If(response.ready):
                m.d.sync += response.valid.eq(0)
                m.next = "IDLE"
        return m

    def _reads(self, m, read_beat, data):
        """Read bursts: issue a beat a cycle while the FIFO behind the memory has room."""
        axi = self.axi
        lanes = self.data_width // 8
        left = Signal(9)
        identifier = Signal.like(axi.arid)
        out_of_range = Signal()
        m.submodules.read_fifo = fifo = SyncFIFOBuffered(
            width=self.data_width + 1, depth=_READ_FIFO_DEPTH)
        room = Signal(range(_READ_FIFO_DEPTH + 1), init=_READ_FIFO_DEPTH)
        issue = Signal()
        taken = Signal()
        m.d.comb += [
            issue.eq((left != 0) & (room != 0)),
            taken.eq(axi.rvalid & axi.rready),
        ]
        m.d.sync += room.eq(room - issue + taken)
        # The beats of a burst share identifier and response: take the next one when all are gone.
        m.d.comb += axi.arready.eq((left == 0) & (room == _READ_FIFO_DEPTH))
        with m.If(axi.arvalid & axi.arready):
            m.d.sync += [
                left.eq(axi.arlen + 1),
                read_beat.eq(axi.araddr >> (lanes - 1).bit_length()),
                identifier.eq(axi.arid),
                out_of_range.eq((axi.araddr >> self.size.bit_length() - 1) != 0),
            ]
        with m.If(issue):
            m.d.sync += [left.eq(left - 1), read_beat.eq(read_beat + 1)]
        arriving = Signal(ByteRam.LATENCY)
        last = Signal(ByteRam.LATENCY)
        m.d.sync += [
            arriving.eq((arriving << 1) | issue),
            last.eq((last << 1) | (left == 1)),
        ]
        m.d.comb += [
            fifo.w_en.eq(arriving[-1]),
            fifo.w_data.eq(data | (last[-1] << self.data_width)),
            axi.rvalid.eq(fifo.r_rdy),
            fifo.r_en.eq(axi.rready),
            axi.rdata.eq(fifo.r_data),
            axi.rlast.eq(fifo.r_data[-1]),
            axi.rid.eq(identifier),
            axi.rresp.eq(Mux(out_of_range, Response.DECERR, Response.OKAY)),
        ]
