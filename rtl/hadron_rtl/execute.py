"""The EXECUTE unit: loop nest, scratchpad, array, vector unit, post-processing and write-back."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.array.layouts import StepLayout, Sums
from hadron_rtl.array.systolic_array import SystolicArray
from hadron_rtl.control.execute_sequencer import ExecuteSequencer
from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.loop_nest import LoopNest
from hadron_rtl.control.window_sequencer import WindowSequencer
from hadron_rtl.memory.reader import ScratchpadReader
from hadron_rtl.memory.scratchpad import ReadBeat, Scratchpad
from hadron_rtl.postproc.pixel_pairs import PixelPairs
from hadron_rtl.postproc.requantizer import Mode, Requantizer
from hadron_rtl.postproc.softmax import Softmax
from hadron_rtl.postproc.vector_unit import VectorUnit
from hadron_rtl.postproc.writer import Writer
from hadron_rtl.stream.local import LocalWrite
from hadron_rtl.vendor.own_register import own_register
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ExecuteUnit"]

_SUMS = {Opcode.MATRIX: Sums.PRODUCTS, Opcode.LOOKUP: Sums.ENTRIES, Opcode.DEPTHWISE: Sums.WINDOWS}
"""What the array adds up."""

_VECTOR_DEPTH = 16
"""Results of the vector unit under way: more than cycles from the loop nest and back to it."""


class ExecuteUnit(wiring.Component):
    """Run EXECUTE commands one after the other; hold the memories they work on.

    From array or vector unit to scratchpad nothing holds a result up; only SOFTMAX takes its own
    time, for which the vector unit has a FIFO and the loop nest its credits.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    command : In(stream.Signature(ExecuteCommand))
        Commands; one is taken while the one before makes its last results.
    done : Out(1)
        For one cycle: all results of a command are in the scratchpad, for whoever reads next.
    write_activations, write_weights, write_table : In(stream.Signature(LocalWrite(config)))
        Writes of LOAD into the scratchpad, the weight memory and the softmax table.
    read_request : In(stream.Signature(address))
        Scratchpad byte address of a beat, a multiple of the beat's bytes.
    read_data : Out(ReadBeat(config))
        The beats asked for, in order, no back-pressure.
    mac_active : Out(1)
        The array is given weights and activations of a MATRIX command in this cycle.
    stall_requantizer : Out(1)
        A step waits for room for its result.

    Latency: a command other than SOFTMAX takes `overhead` cycles beside one a step (parameter steps
    included). Throughput: one step a cycle, of wide results one in two.
    """

    _SEQUENCE = ExecuteSequencer.START + 2
    """Cycles of the sequencer: up to `start`, itself, and `done`."""

    def __init__(self, config: NpuConfig):
        self.config = config
        self._array = SystolicArray(config=config)
        self._requantizer = Requantizer(config)
        local = stream.Signature(LocalWrite(config))
        super().__init__({
            "command": In(stream.Signature(ExecuteCommand)),
            "done": Out(1),
            "write_activations": In(local),
            "write_weights": In(local),
            "write_table": In(local),
            "read_request": In(
                stream.Signature(unsigned((config.act_bytes - 1).bit_length()))),
            "read_data": Out(ReadBeat(config)),
            "mac_active": Out(1),
            "stall_requantizer": Out(1),
        })

    def overhead(self, opcode: Opcode, *, wide: bool = False, shallow: bool = False,
                 tall: bool = False) -> int:
        """Return the cycles from a command's transfer to `done`, less one a step.

        Exact for commands other than SOFTMAX.
        """
        if opcode is Opcode.MAX:
            latency = VectorUnit.LATENCY + self._requantizer.latency(Mode.CLAMP)
        else:
            mode = Mode.WIDE if wide else Mode.NARROW
            sums = Sums.SHALLOW if shallow else _SUMS[opcode]
            latency = (self._array.latency(sums) + wide
                       + self._requantizer.latency(mode))
        if opcode is Opcode.DEPTHWISE:  # The second half of the channels, and their second pixel.
            latency += 2 + (wide and not tall)
        latency += tall  # Their pixels come a cycle later.
        return (self._SEQUENCE + LoopNest.LATENCY + ScratchpadReader.LATENCY + latency
                + PixelPairs.LATENCY + Writer.LATENCY - 1)

    def early_start(self, opcode: Opcode) -> int:
        """Return the cycles from a command's last step to the start of one that is `early`.

        For a command before whose results take no longer than those of a narrow MATRIX; otherwise
        it is as many more. The first result comes in the cycle after the back has decoded the
        command.
        """
        read = LoopNest.LATENCY + ScratchpadReader.LATENCY
        written = (read + self._array.latency(Sums.PRODUCTS)
                   + self._requantizer.latency(Mode.NARROW) + PixelPairs.LATENCY + Writer.LATENCY)
        # A parameter step and one of weights, or one of the vector unit.
        first = read + (VectorUnit.LATENCY + 1 if opcode is Opcode.MAX
                        else self._array.latency(_SUMS[opcode]) + 2)
        return written + ExecuteSequencer.HAND_OVER + 2 - first

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.loop_nest = loop_nest = LoopNest(config, result_depth=_VECTOR_DEPTH)
        m.submodules.scratchpad = scratchpad = Scratchpad(config)
        m.submodules.reader = reader = ScratchpadReader(config)
        m.submodules.array = array = self._array
        m.submodules.vector_unit = vector_unit = VectorUnit(
            config, result_depth=_VECTOR_DEPTH)
        m.submodules.requantizer = requantizer = self._requantizer
        m.submodules.pairs = pairs = PixelPairs(config)
        m.submodules.softmax = softmax = Softmax(config)
        m.submodules.writer = writer = Writer(config)

        m.submodules.commands = commands = ExecuteSequencer(
            config, early={opcode: self.early_start(opcode) for opcode in (*_SUMS, Opcode.MAX)})
        wiring.connect(m, wiring.flipped(self.command), commands.command)
        # The next command's first read comes later than the last write before it.
        assert Scratchpad.WRITE_LATENCY <= LoopNest.LATENCY + ScratchpadReader.ADDRESS_LATENCY + 2
        command, back = commands.front, commands.back
        m.d.comb += [
            loop_nest.command.eq(command),
            loop_nest.start.eq(commands.start),
            commands.stepping.eq(loop_nest.busy),
            writer.command.eq(back),
            writer.counts.eq(commands.counts),
            writer.start.eq(commands.back_start),
            commands.finished.eq(writer.finished),
            self.done.eq(commands.done),
        ]
        uses = self._decode(m, command, commands.start)

        # Memories' other sides.
        wiring.connect(m, wiring.flipped(self.write_activations), scratchpad.write)
        wiring.connect(m, wiring.flipped(self.write_weights), array.weights)
        wiring.connect(m, wiring.flipped(self.write_table), softmax.table)
        wiring.connect(m, wiring.flipped(self.read_request), scratchpad.read_request)
        wiring.connect(m, writer.o, scratchpad.result)
        m.d.comb += [
            scratchpad.result_next.eq(writer.o_next),
            self.read_data.eq(scratchpad.read_data),
        ]

        # Steps: what the reader does not need waits beside it.
        step = loop_nest.step
        late = self._beside_reader(m, step)
        m.d.comb += [
            reader.address.eq(step.address),
            reader.y.eq(step.y),
            reader.x.eq(step.x),
            reader.low.eq(step.low),
            reader.bounded.eq(command.bounded),
            reader.pad.eq(command.pad),
            reader.height.eq(command.height),
            reader.width_bytes.eq(command.width_bytes),
            reader.split.eq(command.split),
            reader.splits_at.eq(step.splits_at),
            reader.split_rows.eq(command.plane_address[(config.lanes - 1).bit_length():]),
            scratchpad.a_rows.eq(reader.bank_addresses),
            reader.bank_data.eq(scratchpad.a_data),
            array.step.eq(self._array_step(m, command, uses, late, reader.o)),
            array.sums.eq(uses.sums),
            array.tall.eq(uses.tall),
            vector_unit.least.eq(uses.least),
            vector_unit.step.valid.eq(late.valid & ~late.parameters & uses.vector),
            vector_unit.step.first.eq(late.first),
            vector_unit.step.last.eq(late.last),
        ]
        m.d.comb += [vector_unit.step.x[i].eq(reader.o[i]) for i in range(config.columns)]
        m.d.sync += self.mac_active.eq(
            array.step.multiply | (array.step.valid & ~array.step.parameters & uses.macs))
        m.d.comb += [
            self.stall_requantizer.eq(loop_nest.stall),
            pairs.start.eq(commands.back_start),
            pairs.pairs.eq(commands.counts.pairs),
            pairs.odd.eq(back.odd),
            pairs.tall.eq(back.tall),
            pairs.single.eq(back.stride_x),
        ]

        self._post_process(m, back, array, vector_unit, requantizer, pairs, softmax, writer)
        m.d.sync += loop_nest.credit.eq(vector_unit.results.valid & vector_unit.results.ready)
        return m

    def _decode(self, m, command, start):
        """Say which parts a command's steps use, from registers that change with its first one."""
        uses = Signal(data.StructLayout({
            "array": 1, "sums": Sums, "windows": 1, "tall": 1, "vector": 1, "least": 1, "macs": 1,
        }), reset_less=True)
        is_ = {opcode: command.opcode == opcode for opcode in Opcode}
        started = Signal(LoopNest.LATENCY + ScratchpadReader.LATENCY)
        m.d.sync += started.eq(Cat(start, started))
        with m.If(started[-1]):
            m.d.sync += [
                uses.macs.eq(is_[Opcode.MATRIX] | is_[Opcode.DEPTHWISE]),
                uses.array.eq(Cat(is_[opcode] for opcode in _SUMS).any()),
                uses.sums.eq(Sums.PRODUCTS),
                uses.windows.eq(is_[Opcode.DEPTHWISE]),
                uses.tall.eq(command.tall),
                uses.vector.eq(is_[Opcode.MAX] | is_[Opcode.SOFTMAX]),
                uses.least.eq(command.least),
            ]
            for opcode, sums in _SUMS.items():
                with m.If(is_[opcode]):
                    m.d.sync += uses.sums.eq(sums)
            if self.config.shallow:
                with m.If(command.shallow):
                    m.d.sync += uses.sums.eq(Sums.SHALLOW)
        return uses

    def _array_step(self, m, command, uses, late, x):
        """Return the array's step; with DEPTHWISE, pixels come and windows are multiplied."""
        m.submodules.sequencer = sequencer = WindowSequencer()
        windows = uses.windows
        pushes = late.valid & ~late.parameters & windows
        multiplies = sequencer.multiply & windows
        step = Signal(StepLayout(self.config))
        # Wide results of two channels; those of tall windows are two cycles apart anyway.
        apart = command.wide & ~command.tall
        # With the last pixel of a kg the loop nest passes on to the weights of the next.
        second_weights = Signal.like(late.weight_step, reset_less=True)
        second_weights_2 = Signal.like(late.weight_step, reset_less=True)
        m.d.sync += [
            second_weights.eq(late.weight_step + 1),
            second_weights_2.eq(Mux(apart, second_weights, late.weight_step + 1)),
        ]
        m.d.comb += [
            sequencer.pixel_valid.eq(pushes),
            sequencer.row_ends.eq(late.last),
            sequencer.strip_ends.eq(late.strip_ends),
            sequencer.wide.eq(apart),
            sequencer.tall.eq(command.tall),
            sequencer.stride_x.eq(command.stride_x),
            sequencer.stride_y.eq(command.stride_y),
            step.valid.eq(late.valid & uses.array & (late.parameters | ~windows)),
            step.multiply.eq(multiplies),
            step.parameters.eq(late.parameters),
            step.first.eq(Mux(windows, ~(command.tall & sequencer.half), late.first)),
            step.last.eq(Mux(windows, ~command.tall | sequencer.half, late.last)),
            step.high.eq(late.high),
            step.weight_step.eq(Mux(sequencer.half, second_weights_2, late.weight_step)),
            step.x.eq(x),
            step.push.eq(pushes),
            step.pixel.eq(sequencer.pixel),
            step.half.eq(sequencer.half),
        ]
        return step

    def _beside_reader(self, m, step):
        """Delay marks and weight step as long as the reader takes."""
        now = Signal(data.StructLayout({
            "parameters": 1, "first": 1, "last": 1, "strip_ends": 1, "high": 1,
            "weight_step": range(self.config.weight_steps),
        }))
        valid = step.valid
        m.d.comb += [now[name].eq(step[name]) for name, _ in now.shape()]
        for i in range(ScratchpadReader.LATENCY):
            later = Signal.like(now, name=f"beside_{i + 1}", reset_less=True)
            later_valid = Signal(name=f"valid_{i + 1}")
            m.d.sync += [later.eq(now), later_valid.eq(valid)]
            now, valid = later, later_valid
        late = Signal(data.StructLayout({"valid": 1, **now.shape().members}))
        m.d.comb += [late.valid.eq(valid), *(late[name].eq(now[name]) for name, _ in now.shape())]
        return late

    def _post_process(self, m, command, array, vector_unit, requantizer, pairs, softmax, writer):
        """Process the results of array or vector unit, and hand them to the writer."""
        sums, vectors = array.results, vector_unit.results
        uses = Signal(data.StructLayout({"vector": 1, "softmax": 1}), reset_less=True)
        mode = Signal(Mode, reset_less=True)
        vector = (command.opcode == Opcode.MAX) | (command.opcode == Opcode.SOFTMAX)
        m.d.sync += [
            uses.vector.eq(vector),
            uses.softmax.eq(command.opcode == Opcode.SOFTMAX),
            pairs.enable.eq(command.opcode == Opcode.DEPTHWISE),
            mode.eq(Mux(vector, Mode.CLAMP, Mux(command.wide, Mode.WIDE, Mode.NARROW))),
        ]
        m.d.comb += [
            requantizer.mode.eq(mode),
            requantizer.command.eq(command),
            requantizer.parameters.eq(array.parameters),
            requantizer.i.valid.eq(
                Mux(uses.vector, vectors.valid & ~uses.softmax, sums.valid)),
            sums.ready.eq(requantizer.i.ready),
            softmax.i.valid.eq(vectors.valid & uses.softmax),
            softmax.i.payload.eq(vectors.payload[0]),
            softmax.count.eq(command.count_ox),
            # The requantizer takes what it only clamps at once.
            vectors.ready.eq(
                ~own_register(m, command.opcode == Opcode.SOFTMAX, name="softmax_takes")
                | softmax.i.ready),
        ]
        for column, value in enumerate(requantizer.i.payload):
            of_vector = own_register(m, vector, name=f"of_vector{column}")
            m.d.comb += value.eq(Mux(of_vector, vectors.payload[column], sums.payload[column]))

        results = writer.results
        m.d.comb += [
            pairs.i.eq(requantizer.o),
            results.valid.eq(Mux(uses.softmax, softmax.o.valid, pairs.o.valid)),
            results.payload.eq(pairs.o["values"]),
        ]
        with m.If(uses.softmax):
            m.d.comb += results.payload[0].eq(softmax.o.payload)
