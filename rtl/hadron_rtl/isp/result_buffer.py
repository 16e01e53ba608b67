"""Back-pressure for a stage whose pipeline never stops."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..postproc.delay import delayed
from ..stream.reserved_fifo import ReservedFifo
from .pixel_stream import Pixel, pixel_stream

__all__ = ["ResultBuffer"]


class ResultBuffer(wiring.Component):
    """Queue at the end of a free-running pipeline, with the credits for its beginning.

    Multipliers and block RAMs of ECP5 run every cycle, so a stage does not hold its pipeline up:
    it starts a pixel only while there is room here, and what it started always finds room. All
    outputs come from registers, so that no ready chain passes a stage.

    Parameters
    ----------
    shape : ShapeLike
        Shape of a result.
    latency : int
        Cycles from `i_valid` to its `i_data`, 0 or more; `i_first` and `i_last` are delayed here.
    ahead : int
        Cycles from `take` to `i_valid`, 0 or more.
    late : bool
        `take` comes a cycle after the one in which there was `room`, from a register.

    Members
    -------
    room : Out(1)
        One more pixel may be started.
    take : In(1)
        A pixel is started; only with `room`, or a cycle after it if `late`.
    i_valid, i_first, i_last : In(1)
        A pixel that was started, `ahead` cycles later, and its marks.
    i_data : In(shape)
        Result, `latency` cycles after its `i_valid`.
    o : Out(pixel_stream(shape))
        Results in order.

    Latency: ``LATENCY`` cycles after `i_data`. Throughput: one pixel a cycle.
    """

    LATENCY = ReservedFifo.LATENCY

    def __init__(self, *, shape: ShapeLike, latency: int, ahead: int = 0,
                 late: bool = False):
        self.shape = shape
        self.latency = latency
        self.ahead = ahead
        self.late = late
        # A credit comes back two cycles after its pixel has left.
        around = ahead + latency + self.LATENCY + 2 + late
        self.depth = 1 << (around - 1).bit_length()
        super().__init__({
            "room": Out(1),
            "take": In(1),
            "i_valid": In(1),
            "i_first": In(1),
            "i_last": In(1),
            "i_data": In(shape),
            "o": Out(pixel_stream(shape)),
        })

    def accept(self, m: Module, stream) -> None:
        """Start every pixel that a pixel stream offers: its marks go in, its data are the stage's.

        For stages with ``ahead=0``; `latency` counts from the cycle in which the pixel is taken.
        """
        taken = stream.valid & self.room
        m.d.comb += [
            stream.ready.eq(self.room),
            self.take.eq(taken),
            self.i_valid.eq(taken),
            self.i_first.eq(stream.payload.first),
            self.i_last.eq(stream.payload.last),
        ]

    def follow(self, m: Module, window) -> None:
        """Let a `LineWindow` start pixels; for stages with ``ahead=LineWindow.LATENCY``."""
        m.d.comb += [
            window.advance.eq(self.room),
            self.take.eq(window.take),
            self.i_valid.eq(window.o_valid),
            self.i_first.eq(window.o.first),
            self.i_last.eq(window.o.last),
        ]

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = ReservedFifo(shape=Pixel(self.shape), depth=self.depth)
        valid = self.i_valid
        for cycle in range(self.latency):
            # Unlike the marks and the data, this one is reset.
            register = Signal(name=f"valid_{cycle + 1}")
            m.d.sync += register.eq(valid)
            valid = register
        m.d.comb += [
            queue.i.valid.eq(valid),
            queue.i.payload.data.eq(self.i_data),
            queue.i.payload.first.eq(delayed(m, self.i_first, self.latency, name="first")),
            queue.i.payload.last.eq(delayed(m, self.i_last, self.latency, name="last")),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        free = Signal(range(self.depth + 1), init=self.depth)
        free_next = Signal(range(self.depth + 1))
        left = Signal()
        room = Signal(init=1)
        m.d.comb += [
            free_next.eq(free - self.take + left),
            self.room.eq(room),
        ]
        m.d.sync += [
            left.eq(self.o.valid & self.o.ready),
            free.eq(free_next),
            room.eq(free_next > self.late),
        ]
        return m
