"""Two columns of the array with all that belongs to them, and their link of the systolic chain."""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from hadron_spec.commands import PARAMETERS, STRIP_PIXELS
from hadron_spec.config import NpuConfig

from ..postproc.delay import delayed
from ..stream.local import LocalWrite
from ..vendor.masked_adder import MaskedAdder
from ..vendor.target import targets_ecp5
from .halved_columns import HalvedColumns
from .layouts import COLUMN_PARAMETERS, Sums
from .lut_queue import LutQueue
from .packed_columns import PackedColumns, columns_latency
from .parameter_memory import ParameterMemory
from .plain_columns import PlainColumns
from .soft_columns import SoftColumns
from .table_lookup import TableLookup
from .weight_memory import WeightMemory
from .window_former import WindowFormer

__all__ = ["ChainLayout", "ColumnGroup"]


class ChainLayout(data.StructLayout):
    """What moves from group to group, one register a group.

    The fields belong to different stages of a group's pipeline. The head of the chain skews them
    once, so that no group has to delay anything.

    Members
    -------
    weight_step : unsigned
        Word of the weight memory to read; of a table, with `x`.
    x : ArrayLayout(signed(8), lanes)
        Activations, zero when there is no step, `ColumnGroup.x_skew` cycles after `weight_step`.
    lookup : unsigned(1)
        `x` is to be looked up.
    push, pixel : unsigned(1), unsigned
        `x` is a pixel, and its place in its row.
    half : unsigned(1)
        Which window to multiply, ``HALF_SKEW`` cycles after `weight_step`.
    tall : unsigned(1)
        Windows are tall. Stable while steps are in flight.
    sums : Sums
        What is added up. Stable while steps are in flight.
    parameters : unsigned(1)
        The word that leaves the weight memory holds parameters, ``PARAMETERS_SKEW`` cycles after.
    clear : unsigned(1)
        The next step begins a result, `ColumnGroup.clear_skew` cycles after.
    high : unsigned(1)
        The addends count 256 times, as long after.
    last : unsigned(1)
        The step ended a result, `ColumnGroup.last_skew` cycles after.
    index : unsigned
        Its parameters, with `last`.
    write_valid, write : unsigned(1), LocalWrite(config)
        A beat for the weight memories.
    x_low : ArrayLayout(unsigned(4), lanes)
        With `config.shallow`: of the number 128 * second + first that two activations make, the low
        bits, of which `x` has the others.
    second : unsigned(1)
        With `config.shallow`, and `last`: push the sums of the second activations.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "weight_step": range(config.weight_steps),
            "x": data.ArrayLayout(signed(8), config.lanes),
            "lookup": unsigned(1),
            "push": unsigned(1),
            "pixel": range(STRIP_PIXELS),
            "half": unsigned(1),
            "tall": unsigned(1),
            "sums": Sums,
            "parameters": unsigned(1),
            "clear": unsigned(1),
            "high": unsigned(1),
            "last": unsigned(1),
            "index": range(ParameterMemory.DEPTH),
            "write_valid": unsigned(1),
            "write": LocalWrite(config),
            **({
                "x_low": data.ArrayLayout(4, config.lanes),
                "second": unsigned(1),
            } if config.shallow else {}),
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
    parameters : Out(ArrayLayout(COLUMN_PARAMETERS, 2))
        Parameters of what `accumulators` were in the cycle before.

    Latency: `latency` cycles from `i.weight_step` to `accumulators`.
    Throughput: one step a cycle.
    """

    PARAMETERS_SKEW = WeightMemory.LATENCY
    HALF_SKEW = WeightMemory.LATENCY - 1

    def __init__(self, *, config: NpuConfig, group: int):
        self.config = config
        self.group = group
        super().__init__({
            "i": In(ChainLayout(config)),
            "o": Out(ChainLayout(config)),
            "pop": In(1),
            "accumulators": Out(data.ArrayLayout(signed(32), 2)),
            "parameters": Out(data.ArrayLayout(COLUMN_PARAMETERS, 2)),
        })

    def x_skew(self, sums: Sums) -> int:
        """Return by how much activations follow the step that is read for them.

        They meet the weights in front of the multipliers, behind a register and, on their way
        through the window former, another one.
        """
        return WeightMemory.LATENCY - (2 if sums is Sums.WINDOWS else 1)

    def _addend_latency(self, sums: Sums) -> int:
        """Return the cycles from the step to what is added to the accumulators."""
        if sums is Sums.ENTRIES:
            return self.x_skew(sums) + TableLookup.LATENCY + 1
        return WeightMemory.LATENCY + columns_latency(self.config.lanes) + 1

    def clear_skew(self, sums: Sums) -> int:
        """Return by how much `clear` follows: it must meet the addend of the step before."""
        return self._addend_latency(sums) - 1

    def last_skew(self, sums: Sums) -> int:
        """Return by how much `last` follows: it must meet the result register."""
        return self._addend_latency(sums) + 1

    def latency(self, sums: Sums) -> int:
        """Return the cycles from `i.weight_step` to `accumulators`."""
        return 1 + self.last_skew(sums) + LutQueue.LATENCY

    def _make_columns(self, platform):
        lanes, shallow = self.config.lanes, self.config.shallow
        if not targets_ecp5(platform):
            return PlainColumns(lanes=lanes, shallow=shallow)
        if 2 * self.group < self.config.dsp_columns:
            return PackedColumns(lanes=lanes, shallow=shallow)
        return HalvedColumns(lanes=lanes) if shallow else SoftColumns(lanes=lanes)

    def _factors(self, m):
        """Return what to multiply: the activations, or a window of one of the group's channels."""
        m.submodules.window_former = former = WindowFormer()
        windows = self._link_sums_is(m, Sums.WINDOWS)
        m.d.comb += [
            former.active.eq(windows),
            former.tall.eq(self.o.tall),
            former.push.eq(self.o.push),
            former.pixel.eq(self.o.pixel),
            former.half.eq(self.o.half),
        ]
        m.d.comb += [
            former.x[channel].eq(self.o.x[self.group + channel * (self.config.columns // 2)])
            for channel in range(2)
        ]
        # The link's register once more, but zero with windows, as these are without: choosing takes
        # a gate less a bit.
        x = Signal(self.o.x.shape(), name="factors_x", reset_less=True)
        m.d.sync += x.eq(self.i.x)
        with m.If(windows):
            m.d.sync += x.eq(0)
        factors = Signal(self.o.x.shape(), reset_less=True)
        m.d.sync += factors.eq(x.as_value() | former.o.as_value())
        return factors

    def _link_sums_is(self, m, sums):
        """Return a register that tells whether `o.sums` is `sums`: hundreds of gates read it."""
        decoded = Signal(name=f"sums_are_{sums.name.lower()}", reset_less=True)
        m.d.sync += decoded.eq(self.i.sums == sums)
        return decoded

    def _second_result(self, m, i, columns):
        """Return the sum of the second activations, a cycle later than that of the first."""
        # As many products as the weight memory has steps and lanes.
        width = len(columns.second_sums[i]) + exact_log2(self.config.weight_steps)
        # A cycle for the addend, as the first sum takes.
        addend = delayed(m, columns.second_sums[i], 1, name=f"second_addend{i}")
        accumulator = Signal(signed(width), name=f"second_accumulator{i}", reset_less=True)
        result = Signal(signed(width), name=f"second_result{i}", reset_less=True)
        clear = Signal(name=f"second_clear{i}")
        m.submodules[f"second_adder{i}"] = adder = MaskedAdder(width=width)
        m.d.comb += [adder.a.eq(accumulator), adder.b.eq(addend)]
        m.d.sync += [
            clear.eq(self.o.clear),
            accumulator.eq(adder.o),
            result.eq(adder.o),
        ]
        with m.If(clear):
            m.d.sync += accumulator.eq(0)
        return result

    def elaborate(self, platform):
        m = Module()
        m.submodules.weights = weights = WeightMemory(
            config=self.config, group=self.group)
        m.submodules.columns = columns = self._make_columns(platform)
        # Wide enough for what the first group holds until the last has its part.
        depth = max(16, 1 << ceil_log2(self.config.columns // 2 + 4))
        m.submodules.results = results = LutQueue(
            shape=data.StructLayout({
                "accumulators": self.accumulators.shape(),
                "index": range(ParameterMemory.DEPTH),
            }), depth=depth, start=self.group)
        m.submodules.parameters = parameters = ParameterMemory()

        for name in self.i.shape().members:
            # What makes something happen starts out idle; the rest is data.
            control = name in ("lookup", "push", "parameters", "clear", "last", "write_valid")
            link = Signal(self.i[name].shape(), name=f"link_{name}", reset_less=not control)
            m.d.sync += link.eq(self.i[name])
            m.d.comb += self.o[name].eq(link)

        m.d.comb += [
            weights.write_valid.eq(self.o.write_valid),
            weights.write.eq(self.o.write),
            columns.x.eq(self._factors(m)),
            columns.weights.eq(weights.weights),
        ]
        if self.config.shallow:
            x_low = Signal.like(columns.x_low, reset_less=True)
            m.d.sync += x_low.eq(self.o.x_low)
            m.d.comb += [
                columns.x_low.eq(x_low),
                columns.shallow.eq(self._link_sums_is(m, Sums.SHALLOW)),
            ]
        entries = self._link_sums_is(m, Sums.ENTRIES)
        lookups = []
        for i in range(2):
            m.submodules[f"lookup{i}"] = lookup = TableLookup(self.config)
            lookups.append(lookup)
            m.d.comb += [
                lookup.valid.eq(self.o.lookup),
                lookup.table.eq(self.o.weight_step),
                lookup.x.eq(self.o.x[2 * self.group + i]),
                lookup.words.eq(weights.weights[i]),
                weights.steps[i].eq(Mux(lookup.reads, lookup.step, self.o.weight_step)),
            ]

        # Bubbles and parameter steps add zero, so the accumulators need no enable. They are
        # cleared before a result rather than loaded by its first step, which would put a gate
        # before each bit of the carry chain.
        for i in range(2):
            accumulator = Signal(signed(32), name=f"accumulator{i}", reset_less=True)
            result = Signal(signed(32), name=f"result{i}", reset_less=True)
            products = columns.sums[i]
            if self.config.deep:
                products = Mux(self.o.high, products << 8, products)
            # Of products and entries one is zero.
            added = Signal(products.shape(), name=f"products{i}", reset_less=True)
            m.submodules[f"adder{i}"] = adder = MaskedAdder(width=32, joins=True)
            m.d.comb += [
                adder.a.eq(accumulator),
                adder.b.eq(added),
                adder.c.eq(delayed(m, lookups[i].entry, 1, name=f"entry{i}")),
            ]
            m.d.sync += [
                added.eq(products),
                accumulator.eq(adder.o),
                result.eq(adder.o),
            ]
            with m.If(self.o.clear):
                m.d.sync += accumulator.eq(0)
            with m.If(entries):
                m.d.sync += added.eq(0)
            m.d.comb += results.i.accumulators[i].eq(
                Mux(self.o.second, self._second_result(m, i, columns), result)
                if self.config.shallow else result)

        index = Signal(range(ParameterMemory.DEPTH), reset_less=True)
        m.d.sync += index.eq(results.o.index)
        m.d.comb += [
            results.push.eq(self.o.last),
            results.i.index.eq(self.o.index),
            results.pop.eq(self.pop),
            self.accumulators.eq(results.o.accumulators),
            parameters.push.eq(self.o.parameters),
            parameters.index.eq(index),
            self.parameters.eq(parameters.o),
        ]
        for i in range(2):
            column = weights.weights[i].as_value()
            for name, (offset, size) in PARAMETERS.items():
                field = parameters.i[i][name]
                m.d.comb += field.eq(column[8 * offset:8 * (offset + size)].as_signed())
        return m
