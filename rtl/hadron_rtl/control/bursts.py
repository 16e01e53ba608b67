"""A transfer command, checked and cut into bursts.

Source: Arm IHI 0022, A3.4.1: at most 256 beats, and no burst crosses a 4 KB boundary.
"""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bus import Failure
from hadron_rtl.control.layouts import TransferCommand
from hadron_rtl.stream.axi import ADDRESS_BITS, BURST_BEATS
from hadron_rtl.stream.register import StreamRegister
from hadron_rtl.vendor.compare import is_less
from hadron_spec.commands import COMMAND_ALIGN, LocalSpace
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["BASE_BITS", "BurstGenerator", "transfer_burst"]

BASE_BITS = ADDRESS_BITS - (COMMAND_ALIGN - 1).bit_length()
"""Bits of a base address, the aligned low ones left out."""


def transfer_burst(local_bytes: int, axi_bytes: int, *, shifts: bool = False
                   ) -> data.StructLayout:
    """Return the layout of one burst of a transfer.

    `address` in bytes, `length` in beats less one, `local` in beats, with `shifts` plus `shift`
    bytes; `row_first` and `row_last`:
    the burst begins or ends a row, where strobes apply; `last`: it ends the transfer.
    """
    return data.StructLayout({
        "address": unsigned(ADDRESS_BITS),
        "length": unsigned((BURST_BEATS - 1).bit_length()),
        "local": unsigned((local_bytes // axi_bytes - 1).bit_length()),
        "shift": unsigned((axi_bytes - 1).bit_length() if shifts else 0),
        "row_first": 1,
        "row_last": 1,
        "last": 1,
    })


class BurstGenerator(wiring.Component):
    """Check each row of a transfer, then cut it into bursts.

    A row is checked as it starts: a transfer that leaves its region stops there with ADDRESS,
    behind the bursts of the rows before and without any of that row. The alignment is checked
    before the first; with `shifts`, the rows of space 0 may begin at any byte on chip. A failed
    transfer stays until reset. Of a transfer with `stream`, the bursts' addresses mean nothing.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.
    spaces : sequence of int
        Bytes of the on-chip memory that each value of the field `space` means; one entry if the
        command's `space` has no meaning.
    shifts : bool
        See there.

    Members
    -------
    command : In(stream.Signature(TransferCommand))
        Taken when idle.
    memory_base : In(BASE_BITS)
        MEMORY_BASE // 128; taken with the command.
    memory_bytes : In(32)
        MEMORY_BYTES; likewise.
    o : Out(stream.Signature(transfer_burst))
        Bursts in order.
    first_strobe, last_strobe : Out(axi_bytes)
        Bytes that count in the first and in the last beat of every row; hold until the next
        command's first burst.
    failure : Out(Failure)
        ALIGNMENT or ADDRESS; stays until reset.

    Latency: 4 cycles from command to first burst. Throughput: a burst every second cycle.
    """

    LATENCY = 4

    def __init__(self, *, config: NpuConfig, spaces: Sequence[int], shifts: bool = False):
        if not 1 <= len(spaces) <= len(LocalSpace):
            raise ValueError(f"spaces has {len(spaces)} entries, must be 1 to {len(LocalSpace)}")
        self.config = config
        self.spaces = tuple(spaces)
        self.shifts = shifts
        self.burst = transfer_burst(max(self.spaces), config.axi_bytes, shifts=shifts)
        super().__init__({
            "command": In(stream.Signature(TransferCommand)),
            "memory_base": In(BASE_BITS),
            "memory_bytes": In(32),
            "o": Out(stream.Signature(self.burst)),
            "first_strobe": Out(config.axi_bytes),
            "last_strobe": Out(config.axi_bytes),
            "failure": Out(Failure),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat_bits = (self.config.axi_bytes - 1).bit_length()
        largest = max(self.spaces)
        local_bits = (largest // self.config.axi_bytes - 1).bit_length()
        index_bits = (BURST_BEATS - 1).bit_length()

        # The command. On chip, addresses need only the bits of the largest space; what does not
        # fit them is `outside`, the pitch when it comes to be used.
        narrow = (2 * largest - 1).bit_length()
        rows_left = Signal(16, reset_less=True)
        memory_pitch = Signal(32, reset_less=True)
        local_pitch = Signal(narrow, reset_less=True)
        limit = Signal(range(largest + 1), reset_less=True)
        misaligned = Signal(reset_less=True)
        outside = Signal(reset_less=True)
        # What `memory_end` may be: anything with `stream`.
        memory_limit = Signal(33, reset_less=True)
        pitch_outside = Signal(reset_less=True)
        # The row: it fits once checked, so counts of beats need only the bits of the space. They
        # are of beats less one, as those of AXI are. To come to a row is to add the steps: the
        # command's offsets to what an idle generator has, then the pitches.
        memory_step = Signal(32, reset_less=True)
        local_step = Signal(narrow, reset_less=True)
        row_address = Signal(ADDRESS_BITS, reset_less=True)
        row_begins = Signal(narrow, reset_less=True)
        memory_end = Signal(33, reset_less=True)
        local_end = Signal(narrow + 1, reset_less=True)
        row_beats = Signal(range(largest // self.config.axi_bytes + 1), reset_less=True)
        # The burst.
        address = Signal(ADDRESS_BITS, reset_less=True)
        local = Signal(local_bits, reset_less=True)
        shift = Signal(self.burst["shift"].shape, reset_less=True)
        left = Signal.like(row_beats)
        length = Signal(range(BURST_BEATS), reset_less=True)
        # -(length + 1), which costs no adder.
        less_beats = (~Cat(length, Const(0, 1))).as_signed()
        row_first = Signal(reset_less=True)
        # Set in state ISSUE only: with `setup` all that has the many registers of a row change,
        # which need not care whether the transfer fails.
        row_last = Signal()
        setup = Signal()
        memory_fails = Signal(reset_less=True)
        local_fails = Signal(reset_less=True)
        fails = memory_fails | local_fails

        # A register, so that whoever takes a burst does not reach all of these in the same cycle.
        m.submodules.output = output = StreamRegister(self.burst)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        m.d.comb += [
            output.i.payload.address.eq(Cat(Const(0, beat_bits), address[beat_bits:])),
            output.i.payload.length.eq(length),
            output.i.payload.local.eq(local),
            output.i.payload.shift.eq(shift),
            output.i.payload.row_first.eq(row_first),
            output.i.payload.row_last.eq(row_last),
            output.i.payload.last.eq(row_last & (rows_left == 1)),
        ]

        command = self.command.payload
        limits = Array(Const(size, limit.shape()) for size in self.spaces)
        end_in_beat = Signal(beat_bits, reset_less=True)
        padded = Signal(narrow + 1)
        all_bytes = Const(-1, self.config.axi_bytes)
        m.d.comb += padded.eq(command.memory_offset[:beat_bits] + command.row_bytes[:narrow]
                              - 1)
        to_boundary = ~address[beat_bits : beat_bits + index_bits]
        anywhere = command.space == LocalSpace.ACTIVATIONS if self.shifts else Const(0)

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.command.ready.eq(1)
                m.d.sync += [
                    row_address.eq(Cat(Const(0, ADDRESS_BITS - BASE_BITS), self.memory_base)),
                    memory_end.eq(command.row_bytes[:narrow]),
                    memory_step.eq(command.memory_offset),
                    # The byte on chip where the first beat of a row begins.
                    row_begins.eq(-command.memory_offset[:beat_bits] if self.shifts else 0),
                    local_end.eq(command.row_bytes[:narrow]),
                    local_step.eq(command.local_address),
                    end_in_beat.eq(command.memory_offset + command.row_bytes),
                    row_beats.eq(padded[beat_bits:]),
                    rows_left.eq(command.rows),
                    memory_pitch.eq(command.memory_pitch),
                    local_pitch.eq(command.local_pitch),
                    limit.eq(limits[command.space] if len(self.spaces) > 1 else limits[0]),
                    misaligned.eq(
                        ((command.memory_offset[:beat_bits] != command.local_address[:beat_bits])
                         & ~anywhere)
                        | ((command.rows != 1) & (
                            command.memory_pitch[:beat_bits].any()
                            | (command.local_pitch[:beat_bits].any() & ~anywhere)))),
                    outside.eq(Cat(command.local_address[narrow:],
                                   command.row_bytes[narrow:]).any()),
                    pitch_outside.eq(command.local_pitch[narrow:].any()),
                    memory_limit.eq(self.memory_bytes),
                ]
                with m.If(command.stream):
                    m.d.sync += memory_limit.eq(-1)
                with m.If(self.command.valid):
                    m.d.sync += setup.eq(1)
                    m.next = "SETUP"

            with m.State("SETUP"):
                m.d.sync += [
                    setup.eq(0),
                    memory_step.eq(memory_pitch),
                    local_step.eq(local_pitch),
                    self.first_strobe.eq(all_bytes << memory_step[:beat_bits]),
                    self.last_strobe.eq(Mux(
                        end_in_beat == 0, all_bytes,
                        ~(all_bytes << end_in_beat)[:self.config.axi_bytes])),
                ]
                m.next = "SPLIT"
                with m.If(misaligned):
                    m.d.sync += [
                        self.failure.valid.eq(1),
                        self.failure.code.eq(ErrorCode.ALIGNMENT),
                    ]
                    m.next = "FAILED"

            with m.State("SPLIT"):
                m.d.sync += [
                    memory_fails.eq(is_less(memory_limit, memory_end)),
                    local_fails.eq(is_less(limit, local_end) | outside),
                ]
                with m.If(is_less(to_boundary, left)):
                    m.d.sync += [length.eq(to_boundary), row_last.eq(0)]
                with m.Else():
                    m.d.sync += [length.eq(left), row_last.eq(1)]
                m.next = "ISSUE"

            with m.State("ISSUE"):
                m.d.comb += output.i.valid.eq(~fails)
                with m.If(output.i.ready & fails):
                    m.d.sync += [
                        self.failure.valid.eq(1),
                        self.failure.code.eq(ErrorCode.ADDRESS),
                    ]
                    m.next = "FAILED"
                with m.Elif(output.i.ready):
                    m.d.sync += [
                        row_last.eq(0),
                        address[beat_bits:].eq(address[beat_bits:] - less_beats),
                        local.eq(local - less_beats),
                        left.eq(left + less_beats),
                        row_first.eq(0),
                    ]
                    m.next = "SPLIT"
                    with m.If(row_last & (rows_left == 1)):
                        m.next = "SENT"

            # The strobes hold until the last burst is taken.
            with m.State("SENT"), m.If(output.i.ready):
                m.next = "IDLE"

            with m.State("FAILED"):
                pass

        row = (row_address + memory_step)[:ADDRESS_BITS]
        begins = (row_begins + local_step)[:narrow]
        next_row = row_last & output.i.ready
        with m.If(setup | next_row):
            m.d.sync += [
                row_address.eq(row),
                address.eq(row),
                memory_end.eq(memory_end + memory_step),
                row_begins.eq(begins),
                local.eq(begins[beat_bits:]),
                shift.eq(begins[:beat_bits]),
                local_end.eq(local_end + local_step),
                left.eq(row_beats),
                row_first.eq(1),
            ]
        with m.If(next_row):
            m.d.sync += [outside.eq(pitch_outside), rows_left.eq(rows_left - 1)]
        return m
