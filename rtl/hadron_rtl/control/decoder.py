"""Check commands beat by beat and hand each to the queue of its unit."""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hadron_rtl.control.bus import Failure, read_beat
from hadron_rtl.control.queue import queue_write
from hadron_spec.commands import (
    CHECKSUM_SEED,
    COMMAND_WORDS,
    FIELDS,
    LEVELS,
    STRIP_PIXELS,
    TALL_COLUMNS,
    TALL_ROWS,
    WINDOW_COLUMNS,
    WINDOW_ROWS,
    Opcode,
    Unit,
    unit_of,
)
from hadron_spec.config import NpuConfig
from hadron_spec.errors import ErrorCode

__all__ = ["CommandDecoder"]

CHECKSUM_WORD = FIELDS[Opcode.END]["checksum"].word
BOUND_MAX = 32767


def _is(opcodes: Signal, opcode: Opcode) -> Value:
    """Tell whether a command has this opcode, from one bit an opcode."""
    return opcodes[list(Opcode).index(opcode)]


def _broken(words: list[Value], position: Signal, field: str,
            out_of_range: Callable[[Value], Value], opcode: Opcode = Opcode.DEPTHWISE) -> Value:
    """Tell whether the beat at `position` holds the field and the field is out of range."""
    at = FIELDS[opcode][field]
    own_beat, own_word = divmod(at.word, len(words))
    value = words[own_word][at.lsb : at.lsb + at.width]
    return (position == own_beat) & out_of_range(value)


class CommandDecoder(wiring.Component):
    """Check each command and pass it on; stop at the first that is wrong, and at END.

    In this order: bus error, checksum, opcode, fields. A MATRIX that `continues` must follow one it
    can go on from, of the same program. What needs more than one word is checked by
    the unit (`BurstGenerator`). A weight step is checked where it begins; its further steps wrap
    around in the weight memory.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    i : In(stream.Signature(read_beat))
        Beats of commands.
    enable : In(1)
        A program runs.
    command_count : In(32)
        COMMAND_COUNT; held while `enable`.
    queues : Out(queue_write), one a `Unit`
        To the queues, of which at most one takes a command.
    full : In(3)
        By `Unit`: its queue has no room.
    index : Out(32)
        Index of the command that is being checked.
    blocked : Out(1)
        The next command waits for room in its queue.
    finished : Out(1)
        END has been found; stays until reset.
    failure : Out(Failure)
        BUS_READ, CHECKSUM, OPCODE, FIELD or END_OF_STREAM, of command `index`; stays until reset.

    Throughput: a command every (128 / axi_bytes + 3) cycles.
    """

    def __init__(self, config: NpuConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(read_beat(config))),
            "enable": In(1),
            "command_count": In(32),
            "queues": Out(queue_write(config.axi_data_width)).array(len(Unit)),
            "full": In(len(Unit)),
            "index": Out(32),
            "blocked": Out(1),
            "finished": Out(1),
            "failure": Out(Failure),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat = self.i.payload
        width = self.config.axi_data_width
        words_a_beat = width // 32
        beats = COMMAND_WORDS // words_a_beat
        position = Signal(range(beats))

        # What the header says, registered before the first beat is taken.
        opcode = beat.data[:8]
        opcodes = Signal(len(Opcode))
        units = Signal(len(Unit))
        is_known = Signal()
        is_end = Signal()
        header_checked = [
            opcodes.eq(Cat(opcode == known for known in Opcode)),
            units.eq(Cat(
                Cat(opcode == known for known in Opcode if unit_of(known) == unit).any()
                for unit in Unit)),
        ]
        m.d.comb += [
            is_known.eq(opcodes.any()),
            is_end.eq(_is(opcodes, Opcode.END)),
        ]

        # Beat by beat.
        take = Signal()
        first = Signal()
        checksum = Signal(32, reset_less=True)
        # Whether anything is left of the checksum, in each quarter of its bits.
        unequal = Signal(4)
        bus_error = Signal()
        field_error = Signal()
        # Either of them, for the queues' sake, which have no time for both.
        broke = Signal()
        # The EXECUTE command before has left a sum to go on with.
        continuable = Signal()
        not_tall = Signal()
        m.d.comb += [
            take.eq(self.i.valid & self.i.ready),
            first.eq(position == 0),
        ]
        words = [beat.data.word_select(i, 32) for i in range(words_a_beat)]
        # The rules that a beat breaks, for one cycle. The last beat breaks none.
        assert COMMAND_WORDS - words_a_beat > max(
            field.word for opcode in Opcode for field in FIELDS[opcode].values())
        illegal = self._is_illegal(words, position, opcodes, units, continuable, not_tall)
        broken = Signal(len(illegal))
        errors = Cat(broken.any() | (field_error & ~(take & first)),
                     Mux(take, beat.error | (bus_error & ~first), bus_error))
        m.d.sync += [
            broken.eq(Mux(take, illegal, 0)),
            Cat(field_error, bus_error).eq(errors),
            broke.eq(errors.any()),
        ]
        folded = Signal.like(checksum)
        m.d.comb += folded.eq(self._fold(words, position, checksum))
        with m.If(take):
            m.d.sync += [
                position.eq(position + 1),
                checksum.eq(folded),
                unequal.eq(Cat(folded[i :: len(unequal)].any() for i in range(len(unequal)))),
                not_tall.eq(self._is_not_tall(words, position).any() | (not_tall & ~first)),
            ]

        # To the queues, the checksum replaced by the index.
        indexed = Signal(width)
        m.d.comb += indexed.eq(beat.data)
        with m.If(position == CHECKSUM_WORD // words_a_beat):
            m.d.comb += indexed.word_select(CHECKSUM_WORD % words_a_beat, 32).eq(self.index)
        # A register of its own that says CHECK; what has no unit has no queue either.
        complete = Signal()
        checking = Signal()
        commits = Signal(len(Unit))
        m.d.sync += checking.eq(complete)
        m.d.comb += commits.eq(Mux(checking & ~broke & ~unequal.any(), units, 0))
        with m.If(commits[Unit.EXECUTE]):
            m.d.sync += continuable.eq(
                _is(opcodes, Opcode.MATRIX) & ~self._is_shallow(m, words, position, take))
        for unit in Unit:
            m.d.comb += [
                self.queues[unit].valid.eq(take & units[unit]),
                self.queues[unit].data.eq(indexed),
                self.queues[unit].commit.eq(commits[unit]),
            ]

        # Counted when a command has come, not when it has been found right: that is known late.
        next_index = Signal(32)
        exhausted = Signal()
        m.d.sync += exhausted.eq(next_index == self.command_count)

        def fail(code: ErrorCode) -> None:
            m.d.sync += [self.failure.valid.eq(1), self.failure.code.eq(code)]
            m.next = "STOPPED"

        with m.FSM():
            with m.State("START"), m.If(self.enable):
                m.next = "HEADER"
            with m.State("HEADER"):
                m.d.sync += [header_checked, self.index.eq(next_index)]
                with m.If(exhausted):
                    fail(ErrorCode.END_OF_STREAM)
                with m.Elif(self.i.valid):
                    m.next = "ROUTE"
            with m.State("ROUTE"):
                m.d.comb += self.blocked.eq((units & self.full).any())
                with m.If(~self.blocked):
                    m.next = "BEATS"
            with m.State("BEATS"):
                m.d.comb += self.i.ready.eq(1)
                with m.If(self.i.valid & (position == beats - 1)):
                    m.d.comb += complete.eq(1)
                    m.d.sync += next_index.eq(next_index + 1)
                    m.next = "CHECK"
            with m.State("CHECK"):
                with m.If(bus_error):
                    fail(ErrorCode.BUS_READ)
                with m.Elif(unequal.any()):
                    fail(ErrorCode.CHECKSUM)
                with m.Elif(~is_known):
                    fail(ErrorCode.OPCODE)
                with m.Elif(field_error):
                    fail(ErrorCode.FIELD)
                with m.Elif(is_end):
                    m.d.sync += self.finished.eq(1)
                    m.next = "STOPPED"
                with m.Else():
                    m.next = "START"
            with m.State("STOPPED"):
                pass
        return m

    def _fold(self, words: list[Value], position: Signal, checksum: Signal) -> Value:
        """Fold a beat's words: the checksum is linear, so it is one layer of exclusive or.

        The word that holds it is folded in where it will have come around to its place at the end,
        so that 0 is left of a sound command.
        """
        def fold(value: Value, own: int | None = None) -> Value:
            for i, word in enumerate(words):
                value = (value ^ word.rotate_right(COMMAND_WORDS - 1 - CHECKSUM_WORD) if i == own
                         else value.rotate_left(1) ^ word)
            return value

        own_beat, own = divmod(CHECKSUM_WORD, len(words))
        seed = Const(CHECKSUM_SEED, 32)
        if own_beat == 0:
            return Mux(position == 0, fold(seed, own), fold(checksum))
        return Mux(position == 0, fold(seed),
                   Mux(position == own_beat, fold(checksum, own), fold(checksum)))

    def _is_shallow(self, m: Module, words: list[Value], position: Signal, take: Signal) -> Value:
        """Remember whether the command that passes is `shallow`."""
        if not self.config.shallow:
            return Const(0, 1)
        at = FIELDS[Opcode.MATRIX]["shallow"]
        own_beat, own_word = divmod(at.word, len(words))
        shallow = Signal(reset_less=True)
        with m.If(take & (position == own_beat)):
            m.d.sync += shallow.eq(words[own_word][at.lsb])
        return shallow

    def _is_not_tall(self, words: list[Value], position: Signal) -> Value:
        """One bit a rule: this beat holds the field and `tall`, further on, must not be set."""
        half = self.config.columns // 2
        return Cat(
            _broken(words, position, "count_ox", lambda value: value < TALL_ROWS),
            _broken(words, position, "count_kx", lambda value: value < TALL_COLUMNS),
            _broken(words, position, "outputs", lambda value: value > half),
            _broken(words, position, "last_outputs", lambda value: value > half),
        )

    def _is_illegal(self, words: list[Value], position: Signal, opcodes: Signal,
                    units: Signal, continuable: Signal, not_tall: Signal) -> Value:
        """One bit a rule: this beat holds the field and the field is out of range.

        In the first beat, `opcodes` and `units` already tell what `words` begin with. `not_tall`
        tells what earlier beats say of `tall`.
        """
        config = self.config

        def broken(field: str, opcode: Opcode, out_of_range: Callable[[Value], Value]) -> Value:
            return _broken(words, position, field, out_of_range, opcode)

        def is_zero(value: Value) -> Value:
            return value == 0

        def is_set(value: Value) -> Value:
            return value != 0

        def too_many(value: Value) -> Value:
            return value > config.columns

        load, execute, store = (units[unit] for unit in Unit)
        lookup, softmax, depthwise, matrix = (
            _is(opcodes, opcode)
            for opcode in (Opcode.LOOKUP, Opcode.SOFTMAX, Opcode.DEPTHWISE, Opcode.MATRIX))
        spaces = len(config.spaces)
        # Without either, `once` says of `shallow` as well that it is not there.
        absent = [name for name, there in (
            ("deep", config.deep), ("deep_results", config.deep),
            ("once", config.deep or config.shallow),
            ("shallow", config.shallow or not config.deep)) if not there]
        precision = [execute & broken(name, Opcode.MATRIX, is_set) for name in absent]
        if config.deep:
            precision += [
                execute & ~matrix & broken("deep", Opcode.MATRIX, is_set),
                execute & ~matrix & ~lookup & broken("deep_results", Opcode.MATRIX, is_set)]
        if config.shallow:
            precision.append(execute & ~matrix & broken("shallow", Opcode.MATRIX, is_set))
        if config.deep and config.shallow:
            precision.append(
                execute & broken("shallow", Opcode.MATRIX, is_set)
                & (broken("deep", Opcode.MATRIX, is_set)
                   | broken("deep_results", Opcode.MATRIX, is_set)))
        continues = broken("continues", Opcode.MATRIX, is_set)
        if config.shallow:
            precision.append(execute & continues & broken("shallow", Opcode.MATRIX, is_set))
        pairs = () if config.row_pairs else (execute & broken("split", Opcode.MATRIX, is_set),)
        # Not joined here: what is registered is a comparison and a few bits each.
        windows = (
            broken("count_ox", Opcode.DEPTHWISE, lambda value: value < WINDOW_ROWS),
            broken("count_kx", Opcode.DEPTHWISE, lambda value: value < WINDOW_COLUMNS),
            broken("count_kx", Opcode.DEPTHWISE, lambda value: value > STRIP_PIXELS),
            broken("count_ky", Opcode.DEPTHWISE, lambda value: value != 1),
            broken("count_seg", Opcode.DEPTHWISE, lambda value: value != 1),
        )
        transfer = (
            broken("row_bytes", Opcode.LOAD, is_zero),
            broken("rows", Opcode.LOAD, is_zero),
        )
        compute = (
            *(broken(f"count_{level}", Opcode.MATRIX, is_zero) for level in LEVELS),
            broken("outputs", Opcode.MATRIX, is_zero),
            broken("outputs", Opcode.MATRIX, too_many),
            broken("last_outputs", Opcode.MATRIX, too_many),
            broken("height", Opcode.MATRIX, lambda value: value > BOUND_MAX),
            broken("width_bytes", Opcode.MATRIX, lambda value: value > BOUND_MAX),
            broken("weight_step", Opcode.MATRIX, lambda value: value >= config.weight_steps),
        )
        return Cat(
            *((load | store) & rule for rule in transfer),
            store & broken("stream", Opcode.STORE, lambda value: value != 0),
            load & broken("space", Opcode.LOAD, lambda value: value >= spaces),
            *(execute & rule for rule in compute),
            execute & continues & ~(matrix & continuable),
            *(depthwise & rule for rule in windows),
            execute & (~depthwise | not_tall) & broken("tall", Opcode.DEPTHWISE, is_set),
            execute & ~matrix & broken("uniform", Opcode.MATRIX, is_set),
            lookup & broken("count_kg", Opcode.LOOKUP, lambda value: value != 1),
            softmax & broken("count_ox", Opcode.SOFTMAX,
                             lambda value: value >= config.softmax_elements),
            *precision,
            *pairs,
        )
