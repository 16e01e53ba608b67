"""The EXECUTE unit: loop nest, scratchpad, array, vector unit, post-processing and write-back."""

from amaranth.hdl import Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.array.systolic_array import SystolicArray
from hadron_rtl.control.layouts import ExecuteCommand
from hadron_rtl.control.loop_nest import LoopNest
from hadron_rtl.memory.reader import ScratchpadReader
from hadron_rtl.memory.scratchpad import ReadBeat, Scratchpad
from hadron_rtl.postproc.requantizer import Mode, Requantizer
from hadron_rtl.postproc.softmax import Softmax
from hadron_rtl.postproc.vector_unit import VectorUnit
from hadron_rtl.postproc.writer import Writer
from hadron_rtl.stream.local import LocalWrite
from hadron_spec.commands import Opcode
from hadron_spec.config import NpuConfig

__all__ = ["ExecuteUnit"]

_MODES = {Opcode.MATRIX: Mode.REQUANTIZE, Opcode.MAX: Mode.CLAMP, Opcode.ADD: Mode.ADD}
"""What the requantizer does; MATRIX with `average` has a mode of its own."""


class ExecuteUnit(wiring.Component):
    """Run EXECUTE commands one after the other; hold the memories they work on.

    ADD's steps go to the array as well as to the vector unit: the array's sums are thrown away,
    but its results carry the parameters of the group, so that the two streams, joined result by
    result, are what the requantizer takes. Each result takes one credit, whichever path it takes.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    command : In(stream.Signature(ExecuteCommand))
        Commands; one is taken when the one before is done.
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
    included). Throughput: one step a cycle, unless its results take the requantizer
    ``columns / requant_lanes`` cycles each and have fewer steps.
    """

    _SEQUENCE = 4
    """Cycles of the sequencer: command register, decode, start; done."""

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

    def overhead(self, opcode: Opcode) -> int:
        """Return the cycles from a command's transfer to `done`, less one a step.

        Exact when the last result meets no other on its way; not for SOFTMAX.
        """
        source = VectorUnit.LATENCY if opcode == Opcode.MAX else self._array.LATENCY
        latency = self._requantizer.latency(_MODES[opcode])
        if opcode == Opcode.ADD:
            latency += self._requantizer.groups
        return (self._SEQUENCE + LoopNest.LATENCY + ScratchpadReader.LATENCY + source + latency
                + Writer.LATENCY - 1)

    def elaborate(self, platform):
        m = Module()
        config = self.config
        credits_ = SystolicArray.RESULT_DEPTH
        m.submodules.loop_nest = loop_nest = LoopNest(config, result_depth=credits_)
        m.submodules.scratchpad = scratchpad = Scratchpad(config)
        m.submodules.reader = reader = ScratchpadReader(config)
        m.submodules.array = array = self._array
        m.submodules.vector_unit = vector_unit = VectorUnit(config, result_depth=credits_)
        m.submodules.requantizer = requantizer = self._requantizer
        m.submodules.softmax = softmax = Softmax(config)
        m.submodules.writer = writer = Writer(config)

        command = Signal(ExecuteCommand, reset_less=True)
        self._sequence(m, command, loop_nest, writer)
        uses = self._decode(m, command)

        # Memories' other sides.
        wiring.connect(m, wiring.flipped(self.write_activations), scratchpad.write)
        wiring.connect(m, wiring.flipped(self.write_weights), array.weights)
        wiring.connect(m, wiring.flipped(self.write_table), softmax.table)
        wiring.connect(m, wiring.flipped(self.read_request), scratchpad.read_request)
        wiring.connect(m, writer.o, scratchpad.result)
        m.d.comb += self.read_data.eq(scratchpad.read_data)

        # Steps: what the reader does not need waits beside it.
        step = loop_nest.step
        late = self._beside_reader(m, step)
        m.d.comb += [
            reader.address.eq(step.address),
            reader.y.eq(step.y),
            reader.x.eq(step.x),
            reader.bounded.eq(command.bounded),
            reader.pad.eq(command.pad),
            reader.height.eq(command.height),
            reader.width_bytes.eq(command.width_bytes),
            scratchpad.a_rows.eq(reader.bank_addresses),
            reader.bank_data.eq(scratchpad.a_data),
            array.step.valid.eq(late.valid & uses.array),
            array.step.parameters.eq(late.parameters),
            array.step.first.eq(late.first),
            array.step.last.eq(late.last),
            array.step.weight_step.eq(late.weight_step),
            array.step.x.eq(reader.o),
            vector_unit.opcode.eq(command.opcode),
            vector_unit.step.valid.eq(late.valid & ~late.parameters & uses.vector),
            vector_unit.step.first.eq(late.first),
            vector_unit.step.last.eq(late.last),
        ]
        m.d.comb += [vector_unit.step.x[i].eq(reader.o[i]) for i in range(config.columns)]
        m.d.sync += self.mac_active.eq(step.valid & ~step.parameters & uses.macs)
        m.d.comb += self.stall_requantizer.eq(loop_nest.stall)

        self._post_process(m, command, uses, array, vector_unit, requantizer, softmax, writer,
                           loop_nest)
        return m

    def _sequence(self, m, command, loop_nest, writer):
        """Take a command, start both ends of the pipeline with it, and wait for its last write."""
        # The next command's first read comes later than the last write before it.
        assert Scratchpad.WRITE_LATENCY <= LoopNest.LATENCY + ScratchpadReader.ADDRESS_LATENCY + 1
        start = Signal()
        m.d.comb += [loop_nest.command.eq(command), writer.command.eq(command),
                     loop_nest.start.eq(start), writer.start.eq(start)]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.command.ready.eq(1)
                m.d.sync += command.eq(self.command.payload)
                with m.If(self.command.valid):
                    m.next = "DECODE"
            with m.State("DECODE"):
                m.next = "START"
            with m.State("START"):
                m.d.comb += start.eq(1)
                m.next = "RUN"
            with m.State("RUN"), m.If(writer.finished):
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"

    def _decode(self, m, command):
        """Say which parts a command uses, from registers."""
        uses = Signal(data.StructLayout({
            "array": 1, "vector": 1, "requantizer": 1, "softmax": 1, "macs": 1,
        }), reset_less=True)
        is_ = {opcode: command.opcode == opcode for opcode in Opcode}
        m.d.sync += [
            uses.macs.eq(is_[Opcode.MATRIX]),
            uses.array.eq(is_[Opcode.MATRIX] | is_[Opcode.ADD]),
            uses.vector.eq(~is_[Opcode.MATRIX]),
            uses.softmax.eq(is_[Opcode.SOFTMAX]),
            uses.requantizer.eq(~is_[Opcode.SOFTMAX]),
        ]
        return uses

    def _beside_reader(self, m, step):
        """Delay marks and weight step as long as the reader takes."""
        now = Signal(data.StructLayout({
            "parameters": 1, "first": 1, "last": 1, "weight_step": range(self.config.weight_steps),
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

    def _post_process(self, m, command, uses, array, vector_unit, requantizer, softmax, writer,
                      loop_nest):
        """Join the results of array and vector unit, process them, and hand them to the writer."""
        sums, vectors = array.results, vector_unit.results
        have_sums = sums.valid | ~uses.array
        have_vectors = vectors.valid | ~uses.vector
        to_requantizer = requantizer.i
        m.d.comb += [
            to_requantizer.valid.eq(have_sums & have_vectors & uses.requantizer),
            to_requantizer.payload.new_parameters.eq(
                sums.payload.new_parameters & uses.array),
            to_requantizer.payload.parameters.eq(sums.payload.parameters),
            sums.ready.eq(to_requantizer.ready & have_vectors & uses.array),
            requantizer.command.eq(command),
            softmax.i.valid.eq(vectors.valid & uses.softmax),
            softmax.i.payload.eq(vectors.payload[0]),
            softmax.count.eq(command.count_ox),
            vectors.ready.eq(Mux(uses.softmax, softmax.i.ready,
                                 to_requantizer.ready & have_sums & uses.vector)),
        ]
        m.d.comb += [
            value.eq(Mux(uses.vector, vectors.payload[column], sums.payload.accumulators[column]))
            for column, value in enumerate(to_requantizer.payload.values)
        ]
        mode = Signal(Mode, reset_less=True)
        m.d.sync += mode.eq(Mux(command.average, Mode.AVERAGE, _MODES[Opcode.MATRIX]))
        for opcode in (Opcode.MAX, Opcode.ADD):
            with m.If(command.opcode == opcode):
                m.d.sync += mode.eq(_MODES[opcode])
        m.d.comb += requantizer.mode.eq(mode)

        m.d.sync += loop_nest.credit.eq(
            Mux(uses.array, sums.valid & sums.ready, vectors.valid & vectors.ready))

        results = writer.results
        m.d.comb += [
            results.valid.eq(Mux(uses.softmax, softmax.o.valid, requantizer.o.valid)),
            results.payload.eq(requantizer.o.payload),
            requantizer.o.ready.eq(results.ready & ~uses.softmax),
            softmax.o.ready.eq(results.ready & uses.softmax),
        ]
        with m.If(uses.softmax):
            m.d.comb += results.payload[0].eq(softmax.o.payload)
