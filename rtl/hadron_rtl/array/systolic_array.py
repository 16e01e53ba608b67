"""The systolic array: dot products of activations with the weights of all columns."""

from itertools import pairwise

from amaranth.hdl import Assert, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.config import NpuConfig

from ..stream.local import LocalWrite
from .column_group import ColumnGroup
from .layouts import StepLayout, Sums, parameters_layout
from .parameter_memory import ParameterMemory

__all__ = ["SystolicArray"]


class SystolicArray(wiring.Component):
    """Groups of two columns, systolic along the columns.

    Each group has its own weight memory and multiplies all lanes with the weights of a step.
    Activations and control enter the first group and move on by one group a cycle, so nothing is
    broadcast and results need no deskewing: each group queues its own, and a result is there when
    the last group has its part.

    There is no back-pressure and no enable, and hardly any room: results must be taken as they
    come, each within ``RESULT_CYCLES`` cycles if they come that far apart. At least one result must
    follow a parameter step before the next. With SHALLOW a result is two, in consecutive cycles,
    and steps with `last` come two cycles apart or more.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    step : In(StepLayout(config))
        At most one step a cycle; cycles without one may come at any time.
    weights : In(stream.Signature(LocalWrite(config)))
        Writes to the weight memory, always ready. A step given after a beat sees it; one given
        in the same cycle must not read it.
    sums : In(Sums)
        What steps add up. Stable while they are in flight.
    tall : In(1)
        WINDOWS are tall, of the lower half of a pixel's channels. Stable likewise.
    results : Out(stream.Signature(ArrayLayout(signed(32), columns)))
        Sums of the steps from `first` to `last`, modulo 2**32.
    parameters : Out(parameters_layout(config))
        What the last parameter step before the result read, in the cycle after it was offered.
    busy : Out(1)
        A step is given or on its way. When it falls, all results have been offered.

    Latency: `latency` cycles from a step with `last` to its result. Throughput: one step and one
    result a cycle.

    Reset drops all steps and results, at any cycle and for one cycle or more; the weights stay. The
    next result must begin with `first`.
    """

    RESULT_CYCLES = 2

    def __init__(self, *, config: NpuConfig):
        self.config = config
        self._groups = [ColumnGroup(config=config, group=group)
                        for group in range(config.columns // 2)]
        assert self.latency(Sums.PRODUCTS) <= 2 * ParameterMemory.DEPTH
        super().__init__({
            "step": In(StepLayout(config)),
            "weights": In(stream.Signature(LocalWrite(config))),
            "sums": In(Sums),
            "tall": In(1),
            "results": Out(stream.Signature(data.ArrayLayout(signed(32), config.columns))),
            "parameters": Out(parameters_layout(config)),
            "busy": Out(1),
        })

    def latency(self, sums: Sums) -> int:
        """Return the cycles from a step with `last` to its result, with SHALLOW its second."""
        return (self._groups[0].latency(sums) + len(self._groups) - 1
                + (1 if sums is Sums.SHALLOW else 0))

    def elaborate(self, platform):
        m = Module()
        groups = self._groups
        for i, group in enumerate(groups):
            m.submodules[f"group{i}"] = group
        for before, group in pairwise(groups):
            m.d.comb += group.i.eq(before.o)

        # Head of the chain: skews the parts of a step as the groups need them.
        head, first_group = groups[0].i, groups[0]
        step = self.step
        entries, windows = self.sums == Sums.ENTRIES, self.sums == Sums.WINDOWS
        activations = step.valid & ~step.parameters
        adds = activations | step.multiply
        reads_parameters = step.valid & step.parameters
        index = Signal(range(ParameterMemory.DEPTH))
        with m.If(reads_parameters):
            m.d.sync += index.eq(index + 1)
        # The halves of a pixel's channels have parameters of their own. A tall window's result is
        # that of its second half.
        back = Mux(windows & ~step.half, 2, 1)
        x_skew = first_group.x_skew(Sums.PRODUCTS)

        def follow(name, value, delay_of):
            """Delay a mark as products or, the shorter, table entries need it."""
            early, late = (delay_of(sums) for sums in (Sums.ENTRIES, Sums.PRODUCTS))
            first = _delay(m, name, value, early)
            return Mux(entries, first, _delay(m, f"{name}_late", first, late - early))

        last = follow("last", Cat(adds & step.last, (index - back)[:len(index)]),
                      first_group.last_skew)
        x = step.x
        if self.config.shallow:
            x, last = self._shallow(m, head, activations, last, x_skew)
        m.d.comb += [
            # The words of a step are read at once, those of tables when its activations are there.
            head.weight_step.eq(Mux(
                entries & ~reads_parameters,
                _delay(m, "table", step.weight_step, x_skew, reset_less=True), step.weight_step)),
            head.x.eq(Mux(
                windows, step.x.as_value(),
                _delay(m, "x", Mux(activations, x.as_value(), 0), x_skew, reset_less=True))),
            head.lookup.eq(_delay(m, "lookup", adds & entries, x_skew)),
            head.push.eq(step.push & windows),
            head.pixel.eq(step.pixel),
            head.half.eq(_delay(m, "half", step.half, ColumnGroup.HALF_SKEW)),
            head.tall.eq(self.tall),
            head.sums.eq(self.sums),
            head.parameters.eq(
                _delay(m, "parameters", reads_parameters, ColumnGroup.PARAMETERS_SKEW)),
            head.high.eq(_delay(m, "high", step.high, first_group.clear_skew(Sums.PRODUCTS),
                                reset_less=True)),
            head.clear.eq(follow("clear", adds & step.first, first_group.clear_skew)),
            Cat(head.last, head.index).eq(last),
            self.weights.ready.eq(1),
            head.write_valid.eq(self.weights.valid),
            head.write.eq(self.weights.payload),
        ]

        # Results, counted where they arrive last.
        tail = groups[-1].o
        count = Signal(range(4))
        valid = Signal()
        pop = Signal()
        with m.If(tail.last):
            m.d.sync += valid.eq(1)
        with m.Elif(pop & (count == 1)):
            m.d.sync += valid.eq(0)
        m.d.comb += [
            self.results.valid.eq(valid),
            pop.eq(self.results.valid & self.results.ready),
        ]
        m.d.sync += count.eq(count + tail.last - pop)
        for i, group in enumerate(groups):
            m.d.comb += group.pop.eq(pop)
            for j in range(2):
                m.d.comb += [
                    self.results.payload[2 * i + j].eq(group.accumulators[j]),
                    self.parameters[2 * i + j].eq(group.parameters[j]),
                ]

        # Cycles until the last step given is through.
        longest = self.latency(Sums.SHALLOW if self.config.shallow else Sums.PRODUCTS)
        remaining = Signal(range(longest + 1))
        with m.If(step.valid | step.multiply):
            m.d.sync += remaining.eq(Mux(entries, self.latency(Sums.ENTRIES), longest) - 1)
        with m.Elif(remaining.any()):
            m.d.sync += remaining.eq(remaining - 1)
        m.d.comb += self.busy.eq(step.valid | step.multiply | remaining.any())

        if platform is None:
            m.d.sync += Assert(count + tail.last - pop <= self.RESULT_CYCLES,
                               "a result was not taken in time")
        return m


    def _shallow(self, m, head, activations, last, x_skew):
        """Make one number of the two activations of a byte, and a second `last` of each.

        Return activations, and `last` with its index.
        """
        shallow = self.sums == Sums.SHALLOW
        x = Signal.like(self.step.x)
        lows = []
        for byte, upper in zip(self.step.x, x, strict=True):
            # SHALLOW_OFFSET is taken off by inverting a bit, which then is the sign.
            low = Cat(byte[:3], ~byte[3])
            lows.append(Mux(shallow & activations, low, 0))
            m.d.comb += upper.eq(Mux(shallow, ((byte >> 4) << 3) - low[3], byte))
        second_last = Signal(len(last))
        m.d.sync += second_last.eq(Mux(shallow & last[0], last, 0))
        m.d.comb += [
            head.x_low.eq(_delay(m, "x_low", Cat(lows), x_skew, reset_less=True)),
            head.second.eq(second_last[0]),
        ]
        return x, Mux(second_last[0], second_last, last)


def _delay(m, name, value, cycles, *, reset_less=False):
    for i in range(cycles):
        delayed = Signal.like(value, name=f"{name}_delay{i}", reset_less=reset_less)
        m.d.sync += delayed.eq(value)
        value = delayed
    return value
