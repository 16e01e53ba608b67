"""Whole frames for the pipeline, whatever the sensor sends."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.bayer import PIXEL_BITS

from ..stream.skid import SkidBuffer
from .pixel_stream import BAYER, SIZE_BITS, Pixel, pixel_stream

__all__ = ["FrameErrors", "FrameGuard"]


class FrameErrors(data.Struct):
    """What was wrong with a frame, as the error counters have it."""

    short_line: 1
    long_line: 1
    short_frame: 1
    long_frame: 1
    overflow: 1


class FrameGuard(wiring.Component):
    """Let frames of the right size through, one at a time.

    A frame that goes wrong is filled up at once to its full size, with its last pixel, so that no
    stage after this ever sees part of a frame, and is marked `broken`; what the sensor still sends
    of it is thrown away. What is wrong first counts. Lines after the last are thrown away, too, and
    counted, but they come too late to break the frame.

    See docs/adr/0004-isp-frames.md.

    Parameters
    ----------
    input_bits : int
        Bits of a RAW sample, 8 to 12.

    Members
    -------
    i : In(pixel_stream(input_bits))
        What the sensor sends.
    o : Out(pixel_stream(BAYER))
        Whole frames, left-aligned in 12 bits.
    width, height : In(12)
        Size of a frame, stable from `open` until the next one.
    run : In(1)
        Take frames; otherwise they are thrown away whole.
    live : In(1)
        The source cannot wait: `i` is always ready, and what cannot be passed on breaks the frame.
    open : In(1)
        The pipeline is empty and set up: a frame may begin.
    began : Out(1)
        For one cycle: a frame has begun.
    complete : Out(1)
        All of the frame has been passed on; until the next begins.
    broken : Out(1)
        The frame is not what the sensor saw; stable while `complete`.
    errors : Out(FrameErrors)
        For one cycle each.

    Latency: ``LATENCY`` cycles. Throughput: one pixel a cycle.
    """

    LATENCY = SkidBuffer.LATENCY

    def __init__(self, *, input_bits: int):
        if not 8 <= input_bits <= PIXEL_BITS:
            raise ValueError(f"input_bits={input_bits}, must be 8 to {PIXEL_BITS}")
        self.input_bits = input_bits
        super().__init__({
            "i": In(pixel_stream(input_bits)),
            "o": Out(pixel_stream(BAYER)),
            "width": In(SIZE_BITS),
            "height": In(SIZE_BITS),
            "run": In(1),
            "live": In(1),
            "open": In(1),
            "began": Out(1),
            "complete": Out(1, init=1),
            "broken": Out(1),
            "errors": Out(FrameErrors),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.skid = skid = SkidBuffer(Pixel(self.input_bits))
        wiring.connect(m, wiring.flipped(self.i), skid.i)
        pixel = skid.o.payload
        aligned = Cat(Const(0, PIXEL_BITS - self.input_bits), pixel.data)

        at_first = Signal(init=1)
        columns_left = Signal(SIZE_BITS, reset_less=True)
        lines_left = Signal(SIZE_BITS, reset_less=True)
        # Flags that say where the counters are, from registers: 8 pixels and lines or more.
        line_ends = Signal()
        last_line = Signal()
        frame_ends = Signal()
        passes = Signal()
        # Lines that follow a frame count once.
        followed = Signal(init=1)
        m.d.comb += [
            frame_ends.eq(line_ends & last_line),
            passes.eq(self.o.valid & self.o.ready),
            self.o.payload.first.eq(at_first),
            self.o.payload.last.eq(line_ends),
        ]
        with m.If(passes):
            m.d.sync += [
                at_first.eq(0), columns_left.eq(columns_left - 1),
                line_ends.eq(columns_left == 1),
            ]
            with m.If(line_ends):
                m.d.sync += [
                    columns_left.eq(self.width - 1), lines_left.eq(lines_left - 1),
                    last_line.eq(lines_left == 1),
                ]
            with m.If(frame_ends):
                m.d.sync += self.complete.eq(1)

        m.d.sync += [self.errors.eq(0), self.began.eq(0)]
        # The pixel offered is one of the frame: already in the cycle in which the frame begins, as
        # a live source's pixels cannot be kept waiting.
        passing = Signal()
        offered = Signal(PIXEL_BITS, reset_less=True)
        wrong = Signal(FrameErrors)
        with m.If(passing):
            m.d.comb += [
                wrong.short_frame.eq(pixel.first & ~at_first),
                wrong.short_line.eq(pixel.last & ~line_ends & ~wrong.short_frame),
                wrong.long_line.eq(line_ends & ~pixel.last & ~wrong.short_frame),
                # A live source's next frame is lost, too.
                wrong.overflow.eq(self.live & (wrong.short_frame | (
                    ~self.o.ready & ~wrong.short_line & ~wrong.long_line))),
                # The first pixel of the next frame waits until this one is filled up.
                self.o.valid.eq(skid.o.valid & ~wrong.short_frame),
                skid.o.ready.eq((self.o.ready & ~wrong.short_frame) | self.live),
                self.o.payload.data.eq(aligned),
            ]
            m.d.sync += offered.eq(aligned)
        breaks = Signal()
        m.d.comb += breaks.eq(skid.o.valid & wrong.as_value().any()
                              & (passes | self.live | wrong.short_frame))
        with m.If(breaks):
            m.d.sync += [self.errors.eq(wrong), self.broken.eq(1)]

        with m.FSM():
            with m.State("WAIT"):
                begins = skid.o.valid & pixel.first & self.run
                m.d.sync += [
                    at_first.eq(1),
                    columns_left.eq(self.width - 1),
                    lines_left.eq(self.height - 1),
                    line_ends.eq(0),
                    last_line.eq(0),
                ]
                with m.If(begins & self.open):
                    m.d.comb += passing.eq(1)
                    m.d.sync += [
                        self.began.eq(1), self.complete.eq(0), self.broken.eq(breaks),
                        followed.eq(breaks),
                    ]
                    m.next = "PASS"
                    with m.If(breaks):
                        m.next = "FILL"
                    with m.If(passes):
                        m.d.sync += [at_first.eq(0), columns_left.eq(self.width - 2)]
                with m.Else():
                    m.d.comb += skid.o.ready.eq(~begins | self.live)
                    with m.If(begins & self.live):
                        m.d.sync += [self.errors.overflow.eq(1), followed.eq(1)]
                    with m.Elif(skid.o.valid & pixel.first):
                        m.d.sync += followed.eq(1)
                    with m.Elif(skid.o.valid & ~followed):
                        m.d.sync += [self.errors.long_frame.eq(1), followed.eq(1)]
            with m.State("PASS"):
                m.d.comb += passing.eq(1)
                with m.If(passes & frame_ends):
                    m.next = "WAIT"
                with m.If(breaks):
                    m.d.sync += followed.eq(1)
                    with m.If(~(passes & frame_ends)):
                        m.next = "FILL"
            with m.State("FILL"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.payload.data.eq(offered),
                    skid.o.ready.eq(self.live),
                ]
                with m.If(self.live & skid.o.valid & pixel.first):
                    m.d.sync += self.errors.overflow.eq(1)
                with m.If(passes & frame_ends):
                    m.next = "WAIT"
        return m
