"""Two columns of the array with all that belongs to them, and their link of the systolic chain."""

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.commands import PARAMETERS
from hadron_spec.config import NpuConfig

from ..stream.local import LocalWrite
from ..vendor.masked_adder import MaskedAdder
from ..vendor.target import targets_ecp5
from .layouts import COLUMN_PARAMETERS
from .lut_queue import LutQueue
from .packed_columns import PackedColumns, columns_latency
from .plain_columns import PlainColumns
from .soft_columns import SoftColumns
from .weight_memory import WeightMemory

__all__ = ["ChainLayout", "ColumnGroup"]


class ChainLayout(data.StructLayout):
    """What moves from group to group, one register a group.

    The fields belong to different stages of a group's pipeline. The head of the chain skews them
    once, so that no group has to delay anything.

    Members
    -------
    weight_step : unsigned
        Word of the weight memory to read.
    x : ArrayLayout(signed(8), lanes)
        Activations; zero when there is no step, ``X_SKEW`` cycles after `weight_step`.
    parameters : unsigned(1)
        The word that leaves the weight memory holds parameters, ``X_SKEW`` cycles after.
    clear : unsigned(1)
        The next step begins a result, ``ColumnGroup.clear_skew`` cycles after.
    last : unsigned(1)
        The step ended a result, ``ColumnGroup.last_skew`` cycles after.
    write_valid, write : unsigned(1), LocalWrite(config)
        A beat for the weight memories.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "weight_step": range(config.weight_steps),
            "x": data.ArrayLayout(signed(8), config.lanes),
            "parameters": unsigned(1),
            "clear": unsigned(1),
            "last": unsigned(1),
            "write_valid": unsigned(1),
            "write": LocalWrite(config),
        })


class ColumnGroup(wiring.Component):
    """Weight memory, multipliers, adder trees, accumulators and result queues of two columns.

    Nothing stalls here: whoever issues steps knows that their results fit in the queue.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    group : int
        Which pair of columns. On ECP5, those from `config.dsp_columns` on multiply in LUTs.

    Members
    -------
    i : In(ChainLayout(config))
        Link from the group before, or the head.
    o : Out(ChainLayout(config))
        Link to the next group: `i` one cycle later.
    pop : In(1)
        Drop the oldest accumulators.
    accumulators : Out(ArrayLayout(signed(32), 2))
        Oldest results.
    pop_parameters : In(1)
        Drop the oldest parameters.
    parameters : Out(ArrayLayout(COLUMN_PARAMETERS, 2))
        Oldest parameters.

    Latency: ``LATENCY`` cycles from `i.weight_step` to `accumulators`.
    Throughput: one step a cycle.
    """

    X_SKEW = WeightMemory.LATENCY

    def __init__(self, *, config: NpuConfig, group: int):
        self.config = config
        self.group = group
        # The clear of a step must meet the sums of the step before; `last` the result register.
        self.clear_skew = self.X_SKEW + columns_latency(config.lanes) - 1
        self.last_skew = self.X_SKEW + columns_latency(config.lanes) + 1
        self.LATENCY = 1 + self.last_skew + LutQueue.LATENCY
        super().__init__({
            "i": In(ChainLayout(config)),
            "o": Out(ChainLayout(config)),
            "pop": In(1),
            "accumulators": Out(data.ArrayLayout(signed(32), 2)),
            "pop_parameters": In(1),
            "parameters": Out(data.ArrayLayout(COLUMN_PARAMETERS, 2)),
        })

    def _make_columns(self, platform):
        if not targets_ecp5(platform):
            make = PlainColumns
        elif 2 * self.group < self.config.dsp_columns:
            make = PackedColumns
        else:
            make = SoftColumns
        return make(lanes=self.config.lanes)

    def elaborate(self, platform):
        m = Module()
        m.submodules.weights = weights = WeightMemory(
            config=self.config, group=self.group)
        m.submodules.columns = columns = self._make_columns(platform)
        m.submodules.results = results = LutQueue(
            shape=data.ArrayLayout(signed(32), 2), start=self.group)
        m.submodules.parameters = parameters = LutQueue(
            shape=data.ArrayLayout(COLUMN_PARAMETERS, 2), start=self.group)

        for name in self.i.shape().members:
            # What makes something happen starts out idle; the rest is data.
            control = name in ("parameters", "clear", "last", "write_valid")
            link = Signal(self.i[name].shape(), name=f"link_{name}", reset_less=not control)
            m.d.sync += link.eq(self.i[name])
            m.d.comb += self.o[name].eq(link)

        m.d.comb += [
            weights.write_valid.eq(self.o.write_valid),
            weights.write.eq(self.o.write),
            weights.step.eq(self.o.weight_step),
            columns.x.eq(self.o.x),
            columns.weights.eq(weights.weights),
        ]

        # Bubbles and parameter steps add zero, so the accumulators need no enable. They are
        # cleared before a result rather than loaded by its first step, which would put a gate
        # before each bit of the carry chain.
        for i in range(2):
            accumulator = Signal(signed(32), name=f"accumulator{i}", reset_less=True)
            result = Signal(signed(32), name=f"result{i}", reset_less=True)
            m.submodules[f"adder{i}"] = adder = MaskedAdder(width=32)
            m.d.comb += [adder.a.eq(accumulator), adder.b.eq(columns.sums[i])]
            m.d.sync += [accumulator.eq(adder.o), result.eq(adder.o)]
            with m.If(self.o.clear):
                m.d.sync += accumulator.eq(0)
            m.d.comb += results.i[i].eq(result)

        m.d.comb += [
            results.push.eq(self.o.last),
            results.pop.eq(self.pop),
            self.accumulators.eq(results.o),
            parameters.push.eq(self.o.parameters),
            parameters.pop.eq(self.pop_parameters),
            self.parameters.eq(parameters.o),
        ]
        for i in range(2):
            column = weights.weights[i].as_value()
            for name, (offset, size) in PARAMETERS.items():
                field = parameters.i[i][name]
                m.d.comb += field.eq(column[8 * offset:8 * (offset + size)].as_signed())
        return m
