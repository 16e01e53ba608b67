"""The loops of an EXECUTE command: one scratchpad address and one weight step a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.loop_counter import LoopCounter
from hadron_spec.commands import LEVELS, Opcode
from hadron_spec.config import NpuConfig

__all__ = ["LoopNest", "Step"]

_WINDOWS_PAUSE = 4
"""Cycles of DEPTHWISE before a kg: two for the last window, two parameter steps."""

_TALL_PAUSE = 2
"""With `tall`: one for the last window, one parameter step."""

_INNER = 3
"""The loops from here on make one result."""


class Step(data.StructLayout):
    """What the loop nest asks for in one cycle.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    valid : unsigned(1)
        There is a step in this cycle.
    parameters : unsigned(1)
        It reads parameters, not weights; address, y and x mean nothing.
    first, last : unsigned(1)
        It begins, ends a result.
    address : unsigned
        Scratchpad byte of lane 0, modulo ``config.act_bytes``.
    y, x : signed(16)
        Row, and byte in the row of lane 0, for the bounds check.
    weight_step : unsigned(16)
        Step of the weight memory; with DEPTHWISE that of the first half of the channels.
    low, high : unsigned(1)
        With `deep`: the step reads low bytes, reads high bytes.
    strip_ends : unsigned(1)
        With `last`: the row was the last of a strip of DEPTHWISE, which ends a row with `last`.
    splits_at : unsigned
        With `row_pairs`: the lane of `split` in the first step of a result, of `split_later` in the
        others.
    """

    def __init__(self, config: NpuConfig):
        super().__init__({
            "valid": unsigned(1),
            "parameters": unsigned(1),
            "first": unsigned(1),
            "last": unsigned(1),
            "address": unsigned((config.act_bytes - 1).bit_length()),
            "y": signed(16),
            "x": signed(16),
            "weight_step": unsigned(16),
            "low": unsigned(1),
            "high": unsigned(1),
            "strip_ends": unsigned(1),
            "splits_at": unsigned((config.lanes - 1).bit_length() if config.row_pairs else 0),
        })


class LoopNest(wiring.Component):
    """Walk the six loops of a command.

    Only the loop counters decide, from flags; which level advances is registered, then the
    differences it selects, then the running address, row, byte and weight step, none of which
    feeds back into a decision. Bubbles therefore cost nothing and a step may be issued each cycle.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    result_depth : int
        Results that fit in the FIFO behind the vector unit, 2 or more: its credits. Results of the
        array need none, as nothing holds them up; wide and shallow ones are two cycles apart.

    Members
    -------
    command : In(ExecuteCommand)
        Stable from the cycle before `start` until the command is done.
    start : In(1)
        Begin the command. Only while not `busy`, with all credits returned.
    credit : In(1)
        A result has left the vector unit's FIFO.
    step : Out(Step(config))
        No back-pressure.
    busy : Out(1)
        Steps are still to be issued.
    stall : Out(1)
        A step that ends a result waits for room for it, or for the result before.

    Latency: `LATENCY` cycles from the decision to the step; the first step is out
    ``LATENCY + 1`` cycles after `start`. Throughput: one step a cycle, no bubble between results
    or groups; the parameter step, which a command that `continues` has none of before its first
    result, takes a cycle. With DEPTHWISE, there are two parameter steps, and
    two idle cycles before them, in which the array finishes; when wide, a pixel in a row that
    completes windows takes two, with a `stride_x` of two only one that completes them. With `tall`,
    there is one of each, and every pixel takes a cycle.
    """

    LATENCY = 2

    def __init__(self, config: NpuConfig, *, result_depth: int):
        if result_depth < 2:
            raise ValueError(f"result_depth={result_depth}, must be 2 or more")
        self.config = config
        self.result_depth = result_depth
        super().__init__({
            "command": In(ExecuteCommand),
            "start": In(1),
            "credit": In(1),
            "step": Out(Step(config)),
            "busy": Out(1),
            "stall": Out(1),
        })

    def _completes(self, m, pixel, row_ends, strip_ends):
        """Tell whether a pixel of DEPTHWISE is one after which wide results need a cycle more."""
        command = self.command
        # Row 0, row 1, then rows 2 and 3 in turns, of which a stride of two skips the latter.
        row = Signal(2)
        place = Signal(2)
        begins = Signal()
        with m.If(self.start):
            m.d.sync += [row.eq(0), place.eq(0), begins.eq(1)]
        with m.Elif(pixel):
            m.d.sync += [place.eq(place + 1), begins.eq(row_ends)]
            with m.If(row_ends):
                m.d.sync += [place.eq(0), row.eq(Mux(strip_ends, 0, Cat(~row[0], row.any())))]
        return (row[1] & ~command.tall & ~(command.stride_y & row[0])
                & (~command.stride_x | ((place == 0) & ~begins)))

    def elaborate(self, platform):
        m = Module()
        command = self.command
        lookup = Signal(reset_less=True)
        windows = Signal(reset_less=True)
        waits = Signal(reset_less=True)
        pauses = Signal(reset_less=True)
        pause = Signal(range(_WINDOWS_PAUSE + 1), reset_less=True)
        sums = Cat(command.opcode == opcode for opcode in (Opcode.MATRIX, Opcode.LOOKUP)).any()
        m.d.sync += [
            lookup.eq(command.opcode == Opcode.LOOKUP),
            windows.eq(command.opcode == Opcode.DEPTHWISE),
            waits.eq((command.opcode == Opcode.DEPTHWISE) & command.wide & ~command.tall),
            # Cycles before a kg, of which the last one or two read parameters.
            pause.eq(Mux(
                command.opcode == Opcode.DEPTHWISE,
                Mux(command.tall, _TALL_PAUSE, _WINDOWS_PAUSE), sums)),
            pauses.eq((command.opcode == Opcode.DEPTHWISE) | sums),
        ]

        # Decide: what is issued in this cycle.
        m.submodules.counter = counter = LoopCounter(levels=len(LEVELS))
        m.d.comb += [
            counter.counts[i].eq(command[f"count_{level}"]) for i, level in enumerate(LEVELS)
        ]
        running = Signal()
        # Means nothing but while `running`, which alone a reset ends.
        waiting = Signal(pause.shape(), reset_less=True)
        parameters = waiting.any()
        # `running`, and not `parameters`.
        walks = Signal()
        first = Signal()
        have_credit = Signal()
        # Of a deep step, low bytes first, then high ones, with which the loops go on.
        deep = Signal(reset_less=True)
        half = Signal()
        low = deep & ~half
        if self.config.deep:
            m.d.sync += deep.eq(command.deep)
        last = counter.inner_last[_INNER - 1] & ~low
        parameter_step = running & ((waiting == 1) | ((waiting == 2) & ~command.tall))
        must_wait = last | waits
        weight_step = Signal()
        # A weight step where it is known to end a result: such a one must have waited.
        ending_step = walks & have_credit & ~low
        takes = ending_step & counter.inner_last[_INNER - 1]
        ends_kg = ending_step & counter.inner_last[0]
        m.d.comb += [
            weight_step.eq(walks & (~must_wait | have_credit)),
            counter.start.eq(self.start),
            counter.advance.eq(Cat(ending_step if level < _INNER else weight_step & ~low
                                   for level in range(counter.levels))),
            self.busy.eq(running),
            self.stall.eq(walks & must_wait & ~have_credit),
        ]
        with m.If(self.start):
            m.d.sync += [first.eq(~command.continues), half.eq(0)]
        with m.Elif(weight_step):
            m.d.sync += [first.eq(last), half.eq(low)]
        with m.If(self.start):
            m.d.sync += [running.eq(1), waiting.eq(Mux(command.continues, 0, pause))]
        with m.Elif(ends_kg):
            m.d.sync += [running.eq(~counter.last[0]),
                         waiting.eq(Mux(counter.last[0], 0, pause))]
        with m.Elif(parameters):
            m.d.sync += waiting.eq(waiting - 1)
        m.d.sync += walks.eq(Mux(
            self.start, command.continues | ~pauses,
            (walks | (running & (waiting == 1))) & ~(ends_kg & (counter.last[0] | pauses))))

        two_cycles = command.wide
        if self.config.shallow:
            two_cycles |= command.shallow
        credits_ = Signal(range(self.result_depth + 1))
        with m.If(self.start):
            m.d.sync += [credits_.eq(self.result_depth), have_credit.eq(1)]
        with m.Elif(pauses):
            paused = self._completes(m, weight_step, last, counter.last[_INNER - 1])
            m.d.sync += have_credit.eq(
                ~(two_cycles & Mux(windows, weight_step & paused, takes)))
        with m.Else():
            m.d.sync += [
                credits_.eq((credits_ + self.credit) - takes),
                have_credit.eq((credits_ > 1) | self.credit | ((credits_ == 1) & ~takes)),
            ]

        # Register the level that advances, then the differences it selects.
        valid = Signal()
        kind = Signal(data.StructLayout({"parameters": 1, "first": 1, "last": 1, "rewind": 1,
                                           "strip_ends": 1, "low": 1, "high": 1}), reset_less=True)
        level = Signal(len(LEVELS), reset_less=True)
        m.d.sync += [
            valid.eq(parameter_step | weight_step),
            kind.parameters.eq(parameter_step),
            kind.first.eq(first & ~parameters),
            kind.last.eq(last & ~parameters),
            kind.rewind.eq(last & ~counter.level[0]),
            kind.strip_ends.eq(counter.last[_INNER - 1]),
            kind.low.eq(low & ~parameters),
            kind.high.eq(half & ~parameters),
            level.eq(Mux(parameter_step | low, 0, counter.level)),
        ]
        step = self.step
        kind_2 = Signal.like(kind, reset_less=True)
        splits_at = Signal(step.splits_at.shape(), reset_less=True)
        m.d.sync += [
            step.valid.eq(valid),
            kind_2.eq(kind),
            splits_at.eq(Mux(kind.first, command.split, command.split_later)),
        ]
        m.d.comb += [
            step.parameters.eq(kind_2.parameters),
            step.first.eq(kind_2.first),
            step.last.eq(kind_2.last),
            step.strip_ends.eq(kind_2.strip_ends),
            step.splits_at.eq(splits_at),
            step.low.eq(kind_2.low),
            step.high.eq(kind_2.high),
        ]

        # Accumulate: what is on the output now, and what it becomes after a valid step.
        for name in ("address", "y", "x"):
            total = Signal(step[name].shape(), name=name, reset_less=True)
            width = len(total)
            difference = Signal(width, name=f"{name}_difference", reset_less=True)
            selected = 0
            for i, outer in enumerate(LEVELS):
                selected |= command[f"{outer}_{name}"].as_unsigned()[:width] & level[i].replicate(
                    width)
            if self.config.deep and name == "address":
                selected |= command.plane_address.as_unsigned()[:width] & kind.low.replicate(width)
            m.d.sync += difference.eq(selected)
            begin = command["source" if name == "address" else f"start_{name}"]
            with m.If(self.start):
                m.d.sync += total.eq(begin)
            with m.Elif(step.valid):
                m.d.sync += total.eq(total + difference)
            m.d.comb += step[name].eq(total)

        # DEPTHWISE, and what is uniform, stays at its weights until it comes to those of other
        # channels.
        stays = Signal(reset_less=True)
        moves = Signal()
        m.d.sync += [
            stays.eq((command.opcode == Opcode.DEPTHWISE) | command.uniform),
            moves.eq(valid & ~kind.low & (~stays | kind.parameters | (kind.last & ~kind.rewind))),
        ]
        current = Signal(16, reset_less=True)
        base = Signal(16, reset_less=True)
        following = Signal(16)
        following_table = Signal(16)
        following_halves = Signal(16)
        m.d.comb += [
            step.weight_step.eq(current),
            following.eq(current + 1),
            following_table.eq(current + self.config.table_steps),
            following_halves.eq(current + 2),
        ]
        with m.If(self.start):
            m.d.sync += [current.eq(command.weight_step), base.eq(command.weight_step)]
        with m.Elif(moves):
            m.d.sync += current.eq(Mux(
                kind_2.parameters, following,
                Mux(windows, following_halves,
                    Mux(kind_2.rewind, base, Mux(lookup, following_table, following)))))
            with m.If(kind_2.parameters):
                m.d.sync += base.eq(following)
        return m
