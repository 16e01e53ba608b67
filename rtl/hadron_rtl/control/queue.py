"""Commands that wait for their unit."""

from amaranth.hdl import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.layouts import view_fields
from hadron_spec.commands import COMMAND_WORDS

__all__ = ["CommandQueue", "queue_write", "queued_command"]

CHECKSUM_WORD = 1


def queue_write(axi_data_width: int) -> data.StructLayout:
    """Return the layout with which the decoder fills a queue.

    `valid`: `data` is the next beat of a command, of which word 1 has been replaced by the
    command's index. `commit`, after the last beat: the command is sound and may be run.
    """
    return data.StructLayout({"valid": 1, "data": unsigned(axi_data_width), "commit": 1})


def queued_command(layout: data.StructLayout) -> data.StructLayout:
    """Return the layout of a command of `layout` and its index in the program."""
    return data.StructLayout({"command": layout, "index": unsigned(32)})


class CommandQueue(wiring.Component):
    """Keep commands as beats in LUT RAM and lay out the next one in registers.

    A queue of laid-out commands would cost a register a bit and place.

    Parameters
    ----------
    layout : StructLayout
        `TransferCommand` or `ExecuteCommand`.
    words : int
        Words of a command that hold its fields, 2 to 32.
    depth : int
        Commands that wait beside the one laid out: a power of two.
    axi_data_width : int
        Bits of a beat.

    Members
    -------
    write : In(queue_write)
        Beats; only while not `full`.
    full : Out(1)
        There is no room for another command.
    o : Out(stream.Signature(queued_command(layout)))
        The next command.
    empty : Out(1)
        No command is kept or being laid out; `o` may still offer one.

    Latency: one cycle a beat of `words`, and one.
    """

    def __init__(self, *, layout: data.StructLayout, words: int, depth: int, axi_data_width: int):
        if not 2 <= words <= COMMAND_WORDS:
            raise ValueError(f"words={words!r}, must be 2 to {COMMAND_WORDS}")
        if depth < 1 or depth & (depth - 1):
            raise ValueError(f"depth={depth!r}, must be a power of two")
        self.layout = layout
        self.depth = depth
        self.axi_data_width = axi_data_width
        self.beats = -(-words * 32 // axi_data_width)
        """Beats that are kept; the rest of a command holds no fields."""
        super().__init__({
            "write": In(queue_write(axi_data_width)),
            "full": Out(1),
            "o": Out(stream.Signature(queued_command(layout))),
            "empty": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat_bits = (self.beats - 1).bit_length()
        slot_bits = (self.depth - 1).bit_length()
        m.submodules.memory = kept = memory.Memory(
            shape=unsigned(self.axi_data_width), depth=self.depth << beat_bits, init=[])
        write_port = kept.write_port()
        # LUT RAM reads combinationally; the register is the laid-out command.
        read_port = kept.read_port(domain="comb")

        command_beats = 32 * COMMAND_WORDS // self.axi_data_width
        write_beat = Signal(range(command_beats))
        keeps = Signal(init=1)
        write_slot = Signal(slot_bits)
        # One-hot: the beat that is being laid out, or, last, that all are. It enables the many
        # registers of `words` without another gate; while no command is kept, they take anything.
        stage = Signal(self.beats + 1, init=1)
        read_beat = Signal(beat_bits)
        read_slot = Signal(slot_bits)
        level = Signal(range(self.depth + 1))

        m.d.comb += [
            write_port.addr.eq(Cat(write_beat[:beat_bits], write_slot)),
            write_port.data.eq(self.write.data),
            write_port.en.eq(self.write.valid & keeps),
            self.full.eq(level == self.depth),
        ]
        with m.If(self.write.valid):
            m.d.sync += [
                write_beat.eq(write_beat + 1),
                keeps.eq(keeps & (write_beat != self.beats - 1)),
            ]
        with m.If(self.write.commit):
            m.d.sync += [write_beat.eq(0), keeps.eq(1), write_slot.eq(write_slot + 1)]

        words = Signal(32 * COMMAND_WORDS, reset_less=True)
        m.d.comb += [
            read_port.addr.eq(Cat(read_beat, read_slot)),
            self.empty.eq(level == 0),
            self.o.valid.eq(stage[-1]),
            self.o.payload.command.eq(view_fields(self.layout, words)),
            self.o.payload.index.eq(words.word_select(CHECKSUM_WORD, 32)),
        ]
        for beat in range(self.beats):
            low = beat * self.axi_data_width
            with m.If(stage[beat]):
                m.d.sync += words[low : low + self.axi_data_width].eq(read_port.data)
        filled = stage[-2] & (level != 0)
        with m.If(Mux(stage[-1], self.o.ready, level != 0)):
            m.d.sync += stage.eq(stage.rotate_left(1))
        with m.If(~stage[-1] & (level != 0)):
            m.d.sync += read_beat.eq(Mux(stage[-2], 0, read_beat + 1))
        with m.If(filled):
            m.d.sync += read_slot.eq(read_slot + 1)
        m.d.sync += level.eq(level + self.write.commit - filled)
        return m
