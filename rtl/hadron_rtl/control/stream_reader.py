"""The input stream as LOAD sees it: tensors that begin and end where a program says.

Source: Arm IHI 0051 (AMBA AXI-Stream), 2.2 (handshake), 2.7 (TLAST).
"""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.stream.axi import BURST_BEATS
from hadron_rtl.stream.axi_stream import AxiStreamSignature
from hadron_rtl.stream.register import StreamRegister
from hadron_rtl.stream.skid import SkidBuffer
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["StreamReader", "StreamRequest", "stream_beat"]

StreamRequest = data.StructLayout({
    "length": unsigned((BURST_BEATS - 1).bit_length()),
    "ends": 1,
})
"""Some beats: how many, less one; `ends`: the tensor ends with the last of them."""


def stream_beat(config: NpuConfig) -> data.StructLayout:
    """Return the layout of a beat: `data`, `error` and its `code`, `last` of its request."""
    return data.StructLayout({
        "data": unsigned(config.axi_data_width),
        "error": 1,
        "code": unsigned(max(ErrorCode).bit_length()),
        "last": 1,
    })


class StreamReader(wiring.Component):
    """Give LOAD the beats it asks for; keep a program from the middle of a tensor.

    TLAST must come with the last beat of a request that `ends`, and with no other. A beat that
    breaks this, and one marked as broken (TUSER with TLAST), is passed on with `error`; then none
    is until `stop`. A tensor that was begun and is not wanted any more, because of an error, an
    ABORT or END, is thrown away up to its TLAST, so that what is read next is a tensor's beginning.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    s_axis : In(AxiStreamSignature(data_width=config.axi_data_width))
        Tensors, dense, lowest byte first; TLAST with the last beat; TUSER[0] there: it is broken.
    request : In(stream.Signature(StreamRequest))
        Beats wanted.
    data : Out(stream.Signature(stream_beat(config)))
        The beats. May be withdrawn by `stop`.
    stop : In(1)
        Forget all requests and the tensor that was begun.
    drop : In(1)
        Throw away tensors that begin while there is no request.
    dropped : Out(32)
        Tensors thrown away, in part or whole.
    waits : Out(1)
        A beat is wanted and none is there.

    Latency: ``SkidBuffer.LATENCY`` cycles. Throughput: one beat a cycle, one request every second
    cycle.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "s_axis": In(AxiStreamSignature(data_width=config.axi_data_width)),
            "request": In(stream.Signature(StreamRequest)),
            "data": Out(stream.Signature(stream_beat(config))),
            "stop": In(1),
            "drop": In(1),
            "dropped": Out(32),
            "waits": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat = data.StructLayout({"data": self.config.axi_data_width, "end": 1, "broken": 1})
        m.submodules.entry = entry = SkidBuffer(beat)
        m.submodules.requests = requests = StreamRegister(StreamRequest)
        wiring.connect(m, wiring.flipped(self.request), requests.i)
        m.d.comb += [
            entry.i.valid.eq(self.s_axis.tvalid),
            entry.i.payload.data.eq(self.s_axis.tdata),
            entry.i.payload.end.eq(self.s_axis.tlast),
            entry.i.payload.broken.eq(self.s_axis.tuser[0]),
            self.s_axis.tready.eq(entry.i.ready),
        ]

        # A request is served, one at a time: not while a tensor is thrown away, nor after an error.
        # It is at its last beat; which must end the tensor.
        active = Signal()
        left = Signal(StreamRequest.members["length"], reset_less=True)
        at_last = Signal(reset_less=True)
        ends = Signal(reset_less=True)
        # Beats of the present tensor have been taken; the rest of it is thrown away.
        begun = Signal()
        draining = Signal()
        failed = Signal()

        offered = entry.o.payload
        taken = Signal()
        must_end = Signal()
        m.d.comb += [
            must_end.eq(ends & at_last),
            self.data.valid.eq(entry.o.valid & active & ~self.stop),
            self.data.payload.data.eq(offered.data),
            self.data.payload.last.eq(at_last),
            self.data.payload.error.eq((offered.end != must_end) | (offered.end & offered.broken)),
            self.data.payload.code.eq(Mux(
                ~offered.end, ErrorCode.STREAM_LONG,
                Mux(offered.broken, ErrorCode.STREAM_BROKEN, ErrorCode.STREAM_SHORT))),
            taken.eq(self.data.valid & self.data.ready),
            entry.o.ready.eq(taken | draining),
            requests.o.ready.eq((~active & ~draining & ~failed) | (taken & at_last) | self.stop),
        ]
        m.d.sync += self.waits.eq((active | (requests.o.valid & draining)) & ~self.data.valid)

        with m.If(requests.o.ready):
            m.d.sync += [
                active.eq(requests.o.valid),
                left.eq(requests.o.payload.length),
                at_last.eq(requests.o.payload.length == 0),
                ends.eq(requests.o.payload.ends),
            ]
        with m.Elif(taken):
            m.d.sync += [left.eq(left - 1), at_last.eq(left == 1)]

        with m.If(taken):
            m.d.sync += [begun.eq(~offered.end), failed.eq(self.data.payload.error)]
            with m.If(self.data.payload.error):
                m.d.sync += active.eq(0)
        with m.If(draining & entry.o.valid & offered.end):
            m.d.sync += [draining.eq(0), begun.eq(0), self.dropped.eq(self.dropped + 1)]
        with m.Elif(~draining & ((self.stop & begun)
                                 | (self.drop & entry.o.valid & ~active & ~begun
                                    & ~requests.o.valid))):
            m.d.sync += draining.eq(1)
        with m.If(self.stop):
            m.d.sync += [active.eq(0), failed.eq(0)]
        return m
