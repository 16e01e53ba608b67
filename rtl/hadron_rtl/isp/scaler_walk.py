"""The scaler's walk along a line, or down a frame: weights of each pixel in the output."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.isp.picture import SCALER_FRACTION

from .pixel_stream import SIZE_BITS

__all__ = ["ScalerWalk"]

_STEP_FRACTION = 16
_DROPPED = _STEP_FRACTION - SCALER_FRACTION
_ONE = 1 << _STEP_FRACTION
_WHOLE = 1 << SCALER_FRACTION
"""Weight of a pixel that lies in one output only."""


class ScalerWalk(wiring.Component):
    """Follow the input from its first pixel on and tell which output each pixel belongs to.

    Bit-exact with :func:`hadron_model.isp.scaler.walk`.

    Members
    -------
    step : In(24)
        Pixels an output covers, U8.16.
    bilinear : In(1)
        Weights by distance from the output's centre, instead of by area.
    skip : In(12)
        Pixels before the first that counts.
    count : In(12)
        Outputs.
    load : In(1)
        Begin anew: the next pixel is the first.
    go : In(1)
        On to the next pixel; `load` comes before it.
    inside : Out(1)
        The pixel counts.
    first : Out(1)
        It is the first that does.
    completes : Out(1)
        It completes an output and begins the next one; only meaningful when `inside`.
    final : Out(1)
        The output in the making is the last one.
    ending, beginning : Out(9)
        Weight of the pixel in the output that it belongs to, and in the next one when it
        completes one; ``LATENCY`` cycles late.

    Latency: ``LATENCY`` cycles for the weights, none for the rest. Throughput: a pixel a cycle.
    """

    LATENCY = 2

    step: In(24)
    bilinear: In(1)
    skip: In(SIZE_BITS)
    count: In(SIZE_BITS)
    load: In(1)
    go: In(1)
    inside: Out(1)
    first: Out(1)
    completes: Out(1)
    final: Out(1)
    ending: Out(SCALER_FRACTION + 1)
    beginning: Out(SCALER_FRACTION + 1)

    def elaborate(self, platform):
        m = Module()
        # How far the end of the output (bilinear: its centre) lies ahead of the pixel's, and half
        # a weight, so that dropping bits rounds; but for one weight, so that the sign tells whether
        # the pixel completes the output.
        ahead = Signal(signed(26), reset_less=True)
        following = Signal(signed(26))
        beyond = Signal(signed(26), reset_less=True)
        begin = Signal(signed(26), reset_less=True)
        m.d.sync += [
            beyond.eq(self.step - _ONE),
            begin.eq(Mux(self.bilinear, beyond >> 1, beyond) - (1 << _DROPPED >> 1)),
        ]
        m.d.comb += [
            self.completes.eq(ahead[-1]),
            following.eq(ahead + Mux(self.completes, beyond, Const(-_ONE, signed(26)))),
        ]

        skipped = Signal(SIZE_BITS, reset_less=True)
        left = Signal(SIZE_BITS, reset_less=True)
        with m.If(self.load):
            m.d.sync += [
                ahead.eq(begin),
                skipped.eq(self.skip),
                left.eq(self.count),
                self.inside.eq(self.skip == 0),
                self.first.eq(1),
                self.final.eq(self.count == 1),
            ]
        with m.Elif(self.go):
            with m.If(self.inside):
                m.d.sync += [ahead.eq(following), self.first.eq(0)]
                with m.If(self.completes):
                    m.d.sync += [
                        left.eq(left - 1),
                        self.final.eq(left == 2),
                        self.inside.eq(~self.final),
                    ]
            with m.Else():
                m.d.sync += [skipped.eq(skipped - 1), self.inside.eq(skipped == 1)]
        self._weights(m, ahead, following)
        return m

    def _weights(self, m: Module, ahead: Signal, following: Signal) -> None:
        """Turn distances, less one, into weights, two cycles later."""
        distance = Signal(SCALER_FRACTION + 1, reset_less=True)
        after = Signal(SCALER_FRACTION + 1, reset_less=True)
        completes = Signal(reset_less=True)
        far = Signal(reset_less=True)
        after_behind = Signal(reset_less=True)
        m.d.sync += [
            distance.eq(ahead[_DROPPED:]),
            after.eq(following[_DROPPED:]),
            completes.eq(self.completes),
            far.eq(ahead[_STEP_FRACTION:-1].any()),
            after_behind.eq(following[-1]),
        ]
        # Distances are negative by one whole weight at most, so their low bits tell all.
        with m.If(completes):
            m.d.sync += self.ending.eq(distance + _WHOLE + 1)
        with m.Elif(self.bilinear):
            m.d.sync += self.ending.eq(Mux(far, 0, ~distance[:-1]))
        with m.Else():
            m.d.sync += self.ending.eq(_WHOLE)
        with m.If(self.bilinear):
            m.d.sync += self.beginning.eq(Mux(after_behind, ~after, 0))
        with m.Else():
            m.d.sync += self.beginning.eq(~distance)
