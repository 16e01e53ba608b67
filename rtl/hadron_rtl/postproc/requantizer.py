"""From INT32 results to INT8 activations."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.config import NpuConfig

from ..array.layouts import parameters_layout
from ..control.layouts import ExecuteCommand
from .requantizer_lane import Mode, RequantizerLane

__all__ = ["Mode", "QuantizedResult", "Requantizer"]


class QuantizedResult(data.StructLayout):
    """A result: `valid`, and `values`, ArrayLayout(signed(8), config.columns)."""

    def __init__(self, config: NpuConfig):
        super().__init__({
            "valid": unsigned(1),
            "values": data.ArrayLayout(signed(8), config.columns),
        })


class Requantizer(wiring.Component):
    """Scale INT32 results to INT8, a lane a column.

    It never holds anything up for long: a result is taken in the cycle in which it is offered, a
    wide one in the next. Nothing may hold up what comes out.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    i : In(stream.Signature(ArrayLayout(signed(32), columns)))
        Results.
    parameters : In(parameters_layout(config))
        Of the result that was offered ``PARAMETERS_DELAY`` cycle ago.
    mode : In(Mode)
        What to do. Stable from the cycle before a result is offered while it is inside.
    command : In(ExecuteCommand)
        Zero point and bounds. Stable likewise.
    o : Out(QuantizedResult(config))
        Quantized results, in order; no back-pressure.

    Latency: ``latency(mode)`` cycles from the transfer of a result to its output.
    Throughput: one result a cycle, of wide ones one in two.
    Cost (LFE5U, one lane, yosys 0.66): 2 MULT18X18D, 276 LUT4 and 88 CCU2C, 667 registers;
    with `deep` 75 LUT4, 11 CCU2C and 71 registers more.
    """

    PARAMETERS_DELAY = RequantizerLane.PARAMETERS_DELAY

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(data.ArrayLayout(signed(32), config.columns))),
            "parameters": In(parameters_layout(config)),
            "mode": In(Mode),
            "command": In(ExecuteCommand),
            "o": Out(QuantizedResult(config)),
        })

    def latency(self, mode: Mode) -> int:
        """Return the cycles from a result's transfer to its output."""
        return RequantizerLane.latency(mode)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        second = Signal()
        # A register: all groups take their results with it.
        ready = Signal()
        wide = self.mode == Mode.WIDE
        m.d.sync += [
            second.eq(self.i.valid & wide & ~second),
            ready.eq(~wide | (self.i.valid & ~second)),
        ]
        m.d.comb += self.i.ready.eq(ready)
        scaled = Signal(RequantizerLane.latency(Mode.NARROW))
        # The high bytes of deep results follow the low ones.
        command = self.command
        deep = Signal(reset_less=True)
        if self.config.deep:
            m.d.sync += deep.eq(command.deep_results)
        bounds = Signal(data.ArrayLayout(signed(16), 2), reset_less=True)
        m.d.sync += [
            bounds[0].eq(Mux(deep, command.minimum << 8, command.minimum)),
            bounds[1].eq(Mux(deep, (command.maximum << 8) | 255, command.maximum)),
        ]
        for column in range(self.config.columns):
            m.submodules[f"lane{column}"] = lane = RequantizerLane(deep=self.config.deep)
            m.d.comb += [
                lane.bounds.eq(bounds),
                lane.second.eq(scaled[-1] & deep),
                lane.mode.eq(self.mode),
                lane.command.eq(self.command),
                lane.value.eq(self.i.payload[column]),
                lane.high.eq(second),
                lane.parameters.eq(self.parameters[column]),
                self.o["values"][column].eq(lane.o),
            ]

        # The lanes do not know what is valid.
        clamp = self.mode == Mode.CLAMP
        taken = self.i.valid & self.i.ready
        clamped = Signal(RequantizerLane.latency(Mode.CLAMP) - 1)
        valid = Signal()
        m.d.sync += [
            valid.eq(clamped[-1] | scaled[-2] | (scaled[-1] & deep)),
            clamped.eq(Cat(taken & clamp, clamped)),
            scaled.eq(Cat(taken & ~clamp, scaled)),
        ]
        m.d.comb += self.o.valid.eq(valid)
        return m
