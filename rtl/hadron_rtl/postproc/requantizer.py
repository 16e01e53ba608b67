"""From INT32 results to INT8 activations."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from hadron_spec.config import NpuConfig

from ..array.layouts import COLUMN_PARAMETERS, parameters_layout
from ..control.layouts import ExecuteCommand
from .requantizer_lane import Mode, RequantizerLane

__all__ = ["Mode", "Requantizer", "ValuesLayout"]


class ValuesLayout(data.StructLayout):
    """One result on its way into the requantizer.

    Members
    -------
    values : ArrayLayout(signed(32), config.columns)
        Value of each column; with ADD, bits 7:0 are A, 15:8 B.
    new_parameters : unsigned(1)
        `parameters` hold from this result on.
    parameters : ArrayLayout(COLUMN_PARAMETERS, config.columns)
        Bias, multiplier, shift of each column; ignored without `new_parameters`.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "values": data.ArrayLayout(signed(32), config.columns),
            "new_parameters": unsigned(1),
            "parameters": parameters_layout(config),
        })


class Requantizer(wiring.Component):
    """Scale INT32 results to INT8, `requant_lanes` columns a cycle.

    Columns pass in groups of `requant_lanes`: lane r takes column r, then r + requant_lanes, and
    so on. A result stays at the input until its last group has been taken; the parameters circle
    in a register for each group, into which they are taken as their columns pass.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    i : In(stream.Signature(ValuesLayout(config)))
        Results. Before the first with `new_parameters`, the parameters are undefined.
    mode : In(Mode)
        What to do. Stable while a result is offered or `busy`.
    command : In(ExecuteCommand)
        Zero points, bounds, addend's multiplier and shift. Stable likewise.
    o : Out(stream.Signature(ArrayLayout(signed(8), config.columns)))
        Quantized results, in order.
    busy : Out(1)
        A result is inside, the output buffer included.

    Latency: ``latency(mode)`` cycles from the first cycle in which a result is valid to the one in
    which `o` is. Throughput: one result in ``GROUPS = columns / requant_lanes`` cycles, without
    gaps; with ADD, new parameters cost ``GROUPS`` cycles more and what the operands in the addend
    scaler still need.
    Cost (LFE5U, `h64`, two lanes, yosys 0.66): 8 MULT18X18D, 1970 LUT4 and 415 CCU2C, 2918
    registers; 144 MHz at speed grade 6 (nextpnr, out of context, one seed).
    """

    _BUFFER = 2
    """The output FIFO: storage, register."""

    def __init__(self, config: NpuConfig):
        self.config = config
        self.groups = config.columns // config.requant_lanes
        # All that can be inside while results leave as they come.
        self.depth = 1 + -(-(self.latency(Mode.ADD) + 1) // self.groups)
        super().__init__({
            "i": In(stream.Signature(ValuesLayout(config))),
            "mode": In(Mode),
            "command": In(ExecuteCommand),
            "o": Out(stream.Signature(data.ArrayLayout(signed(8), config.columns))),
            "busy": Out(1),
        })

    def latency(self, mode: Mode) -> int:
        """Return the cycles from a valid result to its valid output."""
        return RequantizerLane.latency(mode) + self.groups - 1 + self._BUFFER

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = [RequantizerLane() for _ in range(self.config.requant_lanes)]
        for n, lane in enumerate(lanes):
            m.submodules[f"lane{n}"] = lane
        group = Signal(range(self.groups))
        taken = Signal()
        loaded = Signal()
        last_group = Signal()
        m.d.comb += last_group.eq(group == self.groups - 1)

        valids = self._valids(m, taken)
        room = self._collect(m, Cat(*(lane.o for lane in lanes)), valids["result"],
                             taken & (group == 0))

        # With ADD the parameters follow the values by more than a group: they are loaded first,
        # when no operand needs the old ones any more.
        add = Signal()
        load = Signal()
        loading = Signal()
        m.d.comb += [
            add.eq(self.mode == Mode.ADD),
            loading.eq(add & self.i.p.new_parameters & ~loaded),
            load.eq(self.i.valid & loading & ((group != 0) | ~valids["scaling"])),
            taken.eq(self.i.valid & ~loading & ((group != 0) | room)),
            self.i.ready.eq(last_group & ~loading & (room if self.groups == 1 else 1)),
        ]
        with m.If(load | taken):
            m.d.sync += group.eq(Mux(last_group, 0, group + 1))
            with m.If(last_group):
                m.d.sync += loaded.eq(load)

        parameters = self._parameters(
            m, group, turn=Mux(add, load | valids["parameters"], taken),
            fresh=Mux(add, load, self.i.p.new_parameters))
        values = self._groups(self.i.p.values.as_value(), signed(32))
        # The registered product is ready before the first operand has lost its zero point.
        triple_b = Signal(33, reset_less=True)
        m.d.sync += triple_b.eq(
            self.command.multiplier_b[:31] + (self.command.multiplier_b[:31] << 1))
        for n, lane in enumerate(lanes):
            m.d.comb += [
                lane.mode.eq(self.mode),
                lane.command.eq(self.command),
                lane.triple_b.eq(triple_b),
                lane.value.eq(values[group].word_select(n, 32)),
                lane.parameters.eq(parameters.word_select(n, COLUMN_PARAMETERS.size)),
            ]
        return m

    def _groups(self, columns, shape) -> Array:
        """Slice the columns of a result, a group a slice."""
        width = self.config.requant_lanes * shape.width
        return Array(columns.word_select(n, width) for n in range(self.groups))

    def _valids(self, m: Module, taken) -> dict[str, Signal]:
        """Follow the groups through the lanes, which do not know what is valid."""
        delay = RequantizerLane.parameters_delay(Mode.ADD)
        scaling = Signal(max(delay, RequantizerLane.latency(Mode.CLAMP)))
        scaled = Signal(RequantizerLane.latency(Mode.REQUANTIZE))
        parameters = Signal()
        result = Signal()
        m.d.sync += [
            scaling.eq(Cat(taken, scaling)),
            scaled.eq(Cat(Mux(self.mode == Mode.CLAMP, 0, parameters), scaled)),
        ]
        m.d.comb += [
            parameters.eq(Mux(self.mode == Mode.ADD, scaling[delay - 1], taken)),
            result.eq(Mux(self.mode == Mode.CLAMP,
                          scaling[RequantizerLane.latency(Mode.CLAMP) - 1], scaled[-1])),
        ]
        return {"scaling": scaling[:delay].any(), "parameters": parameters, "result": result}

    def _parameters(self, m: Module, group, *, turn, fresh):
        """Hold the parameters; each turn brings the next group's to the front."""
        ring = [Signal(self.config.requant_lanes * COLUMN_PARAMETERS.size, name=f"ring{n}",
                       reset_less=True) for n in range(self.groups)]
        arriving = self._groups(self.i.p.parameters.as_value(), unsigned(COLUMN_PARAMETERS.size))
        front = Signal.like(ring[0], name="front")
        m.d.comb += front.eq(Mux(fresh, arriving[group], ring[0]))
        with m.If(turn):
            m.d.sync += Cat(*ring).eq(Cat(*ring[1:], front))
        return front

    def _collect(self, m: Module, group_bytes, valid, begins):
        """Put the groups of each result together; return whether one more result has room."""
        m.submodules.buffer = buffer = SyncFIFOBuffered(
            width=8 * self.config.columns, depth=self.depth)
        earlier = Signal(8 * self.config.columns - len(group_bytes), reset_less=True)
        collected = Cat(earlier, group_bytes)
        count = Signal(range(self.groups))
        inside = Signal(range(self.depth + 1))
        leaves = Signal()
        m.d.comb += [
            buffer.w_data.eq(collected),
            buffer.w_en.eq(valid & (count == self.groups - 1)),
            self.o.valid.eq(buffer.r_rdy),
            self.o.payload.eq(buffer.r_data),
            buffer.r_en.eq(self.o.ready),
            leaves.eq(self.o.valid & self.o.ready),
            self.busy.eq(inside != 0),
        ]
        with m.If(valid):
            m.d.sync += [
                count.eq(Mux(count == self.groups - 1, 0, count + 1)),
                earlier.eq(collected[len(group_bytes):]),
            ]
        m.d.sync += inside.eq(inside + begins - leaves)
        return inside != self.depth
