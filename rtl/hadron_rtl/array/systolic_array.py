"""The systolic array: dot products of activations with the weights of all columns."""

from itertools import pairwise

from amaranth.hdl import Assert, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_spec.config import NpuConfig

from ..stream.local import LocalWrite
from .column_group import ColumnGroup
from .layouts import ResultLayout, StepLayout
from .lut_queue import LutQueue

__all__ = ["SystolicArray"]


class SystolicArray(wiring.Component):
    """Groups of two columns, systolic along the columns.

    Each group has its own weight memory and multiplies all lanes with the weights of a step.
    Activations and control enter the first group and move on by one group a cycle, so nothing is
    broadcast and results need no deskewing: each group queues its own, and a result is there when
    the last group has its part.

    There is no back-pressure and no enable. Whoever issues steps holds ``RESULT_DEPTH`` credits:
    one is taken by each step with `last` and given back by each transfer on `results`. A parameter
    step takes none, and at least one result must follow it before the next.

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
    results : Out(stream.Signature(ResultLayout(config)))
        Sums of the steps from `first` to `last`, modulo 2**32.
    busy : Out(1)
        A step is given or on its way. When it falls, all results are in the queue.

    Latency: ``LATENCY`` cycles from a step with `last` to its result. Throughput: one step and one
    result a cycle.

    Reset drops all steps and results, at any cycle and for one cycle or more; the weights stay. The
    next result must begin with `first`.
    """

    RESULT_DEPTH = LutQueue.DEPTH - 1
    """Results that fit. One less than the queues hold: the parameters of the next result may
    already wait while it still has no credit."""

    def __init__(self, *, config: NpuConfig):
        self.config = config
        self._groups = [ColumnGroup(config=config, group=group)
                        for group in range(config.columns // 2)]
        self.LATENCY = self._groups[0].LATENCY + len(self._groups) - 1
        super().__init__({
            "step": In(StepLayout(config)),
            "weights": In(stream.Signature(LocalWrite(config))),
            "results": Out(stream.Signature(ResultLayout(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        groups = self._groups
        for i, group in enumerate(groups):
            m.submodules[f"group{i}"] = group
        for before, group in pairwise(groups):
            m.d.comb += group.i.eq(before.o)

        # Head of the chain: skews the parts of a step as the groups need them.
        head = groups[0].i
        step = self.step
        multiplies = step.valid & ~step.parameters
        ends = multiplies & step.last
        m.d.comb += [
            head.weight_step.eq(step.weight_step),
            head.x.eq(_delay(m, "x", Mux(multiplies, step.x.as_value(), 0), ColumnGroup.X_SKEW,
                             reset_less=True)),
            head.parameters.eq(
                _delay(m, "parameters", step.valid & step.parameters, ColumnGroup.X_SKEW)),
            head.clear.eq(_delay(m, "clear", multiplies & step.first, groups[0].clear_skew)),
            head.last.eq(_delay(m, "last", ends, groups[0].last_skew)),
            self.weights.ready.eq(1),
            head.write_valid.eq(self.weights.valid),
            head.write.eq(self.weights.payload),
        ]

        # Results, counted where they arrive last.
        tail = groups[-1].o
        count = Signal(range(LutQueue.DEPTH + 1))
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
            m.d.comb += [
                group.pop.eq(pop),
                group.pop_parameters.eq(pop & self.results.payload.new_parameters),
            ]
            for j in range(2):
                m.d.comb += [
                    self.results.payload.accumulators[2 * i + j].eq(group.accumulators[j]),
                    self.results.payload.parameters[2 * i + j].eq(group.parameters[j]),
                ]

        # Parameters overtake the steps before them, so the mark is set where the results come out.
        m.submodules.marks = marks = LutQueue(shape=1)
        pending = Signal()
        with m.If(marks.push):
            m.d.sync += pending.eq(0)
        with m.If(_delay(m, "mark", head.parameters,
                         groups[0].last_skew - ColumnGroup.X_SKEW + len(groups))):
            m.d.sync += pending.eq(1)
        m.d.comb += [
            marks.push.eq(tail.last),
            marks.i.eq(pending),
            marks.pop.eq(pop),
            self.results.payload.new_parameters.eq(marks.o),
        ]

        # Cycles until the last step given is through.
        remaining = Signal(range(self.LATENCY + 1))
        with m.If(step.valid):
            m.d.sync += remaining.eq(self.LATENCY - 1)
        with m.Elif(remaining.any()):
            m.d.sync += remaining.eq(remaining - 1)
        m.d.comb += self.busy.eq(step.valid | remaining.any())

        if platform is None:
            m.d.sync += Assert(count + tail.last - pop <= LutQueue.DEPTH,
                               "more results than RESULT_DEPTH")
        return m


def _delay(m, name, value, cycles, *, reset_less=False):
    for i in range(cycles):
        delayed = Signal.like(value, name=f"{name}_delay{i}", reset_less=reset_less)
        m.d.sync += delayed.eq(value)
        value = delayed
    return value
