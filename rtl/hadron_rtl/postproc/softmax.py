"""Softmax over rows of INT8 elements, many rows at a time."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hadron_spec.config import NpuConfig
from hadron_spec.numerics import SOFTMAX_ACCUMULATION_INTEGER_BITS

from ..stream.local import LocalWrite
from ..vendor.block_ram import BlockRam
from ..vendor.byte_ram import ByteRam
from ..vendor.compare import is_less
from .delay import delayed
from .rounding_shift import RoundingShift
from .softmax_divider import SoftmaxDivider
from .softmax_normalizer import SoftmaxNormalizer

__all__ = ["Softmax"]

_TABLE_WORDS = 256
_ROWS = 32
"""Rows whose maximum it holds, in groups of which one is always empty."""
_GROUP = 4


class _Walk:
    """A place in the buffer that goes from element to element and knows where rows end.

    Parameters
    ----------
    elements : int
        Places of the buffer.

    Attributes
    ----------
    address : Signal
        The place.
    row : Signal
        Row modulo twice as many as the unit holds.
    first, last : Signal
        The element is the first, the last of its row.
    """

    def __init__(self, m: Module, name: str, elements: int, advance, count):
        width = exact_log2(elements)
        self.address = Signal(width, name=f"{name}_address")
        self.row = Signal(exact_log2(_ROWS) + 1, name=f"{name}_row")
        self.first = Signal(name=f"{name}_first", init=1)
        self.last = Signal(name=f"{name}_last")
        # Found out an element ahead.
        index = Signal(width, name=f"{name}_index")
        next_to_last = Signal(width, name=f"{name}_next_to_last", reset_less=True)
        single = Signal(name=f"{name}_single", reset_less=True)
        ends = Signal(name=f"{name}_ends")
        m.d.sync += [next_to_last.eq(count - 2), single.eq(count == 1)]
        m.d.comb += self.last.eq(single | ends)
        with m.If(advance):
            m.d.sync += [
                self.address.eq(self.address + 1),
                index.eq(Mux(self.last, 0, index + 1)),
                ends.eq(index == next_to_last),
                self.first.eq(self.last),
                self.row.eq(self.row + self.last),
            ]


class Softmax(wiring.Component):
    """Normalise the exponentials of a row, exactly as TFLite's reference kernel does for INT8.

    An element comes once and stays in a buffer, which is read twice: for the sum of the row's
    exponentials, which a table holds for every difference from the maximum, and for the outputs.
    The maximum of one row is found, another row summed, the reciprocals of more computed and one
    more put out side by side.

    Source: tensorflow/lite/kernels/internal/reference/softmax.h, Softmax; the rules are
    :func:`hadron_spec.numerics.softmax_sum_term`, ``softmax_reciprocal``, ``softmax_output``.

    Parameters
    ----------
    config : NpuConfig
        The instance's sizes.

    Members
    -------
    i : In(stream.Signature(signed(8)))
        Elements, row after row.
    count : In(16)
        Elements of a row, 1 to `config.softmax_row`. Stable while `busy`, and from the cycle before
        an element is offered.
    o : Out(stream.Signature(signed(8), always_ready=True))
        Outputs, zero point -128, in the order of the elements.
    table : In(stream.Signature(LocalWrite(config)))
        Writes to the table: 256 words of 32 bits, little endian, of
        :func:`hadron_spec.numerics.softmax_table`. Bit 31 is ignored. Not while `busy`.
    busy : Out(1)
        An element or an output is inside.

    Latency: up to ``row_latency`` cycles from the last element of a lone row to its first output.
    Throughput: a row of n takes n cycles in, 2 n cycles at the table and, at the multipliers,
    ``7 + n`` products, the largest of which counts, but at least ``row_interval`` cycles. Rows of
    which the buffer does not hold two wait for room. A table beat takes a cycle for each of its
    words.
    Cost (LFE5U-25F-6, placed alone with 4096 elements, seed 1): 3 DP16KD; with one multiplier 1
    MULT18X18D, 1,219 LUT4, 1,054 registers, 183 MHz; with four 4 MULT18X18D, 1,348 LUT4, 1,465
    registers, 181 MHz. With 2048 elements, synthesized alone: 2 DP16KD, 10 registers less.
    """

    _EXP = 1 + ByteRam.LATENCY + 1 + BlockRam.LATENCY
    """From an element's turn to its exponential: address, buffer, difference, table."""
    _SUM = _EXP + 2
    """From an element's turn to the sum: term, addition."""

    def __init__(self, config: NpuConfig):
        self.config = config
        self._divider = SoftmaxDivider(multipliers=config.softmax_multipliers)
        assert self._EXP == SoftmaxDivider.LEAD
        super().__init__({
            "i": In(stream.Signature(signed(8))),
            "count": In(16),
            "o": Out(stream.Signature(signed(8), always_ready=True)),
            "table": In(stream.Signature(LocalWrite(config))),
            "busy": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from an element's turn in the buffer to its output."""
        return self._divider.latency + RoundingShift.LATENCY + 1

    def row_latency(self, elements: int) -> int:
        """Return the most cycles from the last element of a lone row to its first output."""
        maximum = 5
        return (maximum + elements - 1 + self._SUM + self._divider.reciprocal_latency
                + 1 + self._divider.interval - 1 + self.latency)

    @property
    def row_interval(self) -> float:
        """Cycles from row to row when rows are short: one of `contexts` is taken for so long."""
        held = (self._SUM + self._divider.reciprocal_latency + SoftmaxDivider.PERIOD
                + 2 * self._divider.interval)
        return max(SoftmaxNormalizer.INTERVAL, held / self._divider.contexts)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        elements = self.config.softmax_elements
        m.submodules.buffer = buffer = ByteRam(depth=elements)
        m.submodules.table = table = BlockRam(width=32, depth=_TABLE_WORDS)
        m.submodules.maxima = maxima = memory.Memory(shape=signed(8), depth=_ROWS, init=[])
        m.submodules.divider = divider = self._divider
        self._write_table(m, table)

        # Into the buffer, on to the maximum.
        taken = Signal()
        into = _Walk(m, "into", elements, taken, self.count)
        x = Signal(signed(8), reset_less=True)
        arrives, begins, ends = Signal(), Signal(reset_less=True), Signal()
        maximum = Signal(signed(8), reset_less=True)
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        m.d.sync += [
            x.eq(self.i.payload),
            arrives.eq(taken),
            begins.eq(into.first),
            ends.eq(taken & into.last),
            buffer.b_address.eq(into.address),
        ]
        m.d.comb += [buffer.b_write.eq(arrives), buffer.b_write_data.eq(x)]
        with m.If(arrives & (begins | is_less(maximum, x))):
            m.d.sync += maximum.eq(x)
        write_maximum = maxima.write_port()
        known = Signal.like(into.row)
        m.d.comb += [write_maximum.addr.eq(known), write_maximum.data.eq(maximum)]
        m.d.sync += [write_maximum.en.eq(ends), known.eq(known + write_maximum.en)]

        # Out of the buffer: a row's outputs as soon as the divider lets them, else its sum. What
        # may be done in a cycle is decided in the one before; behind the end of a row it is not
        # known yet.
        puts = Signal()
        sums = Signal()
        out = _Walk(m, "out", elements, puts, self.count)
        sum_ = _Walk(m, "sum", elements, sums, self.count)
        ends_out = puts & out.last
        ends_sum = sums & sum_.last
        finished = Signal.like(out.row)
        may_put = Signal()
        may_sum = Signal()
        may_end = Signal()
        pause = Signal(range(SoftmaxNormalizer.INTERVAL))
        context_bits = exact_log2(divider.contexts)
        all_contexts = ((sum_.row[:context_bits] == out.row[:context_bits])
                        & (sum_.row[context_bits] != out.row[context_bits]))
        with m.If(ends_sum):
            m.d.sync += pause.eq(SoftmaxNormalizer.INTERVAL - 2)
        with m.Elif(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        m.d.sync += [
            finished.eq(finished + divider.finished),
            may_put.eq((out.row != finished) & ~ends_out),
            may_sum.eq((sum_.row != known) & ~ends_sum),
            may_end.eq((pause == 0) & ~all_contexts),
        ]
        m.d.comb += [
            puts.eq(divider.free & may_put),
            sums.eq(~puts & may_sum & (may_end | ~sum_.last)),
        ]

        # Room for one element more than may be there in this cycle, and for its row.
        used = Signal(range(elements + 1))
        leaves = Signal()
        room = Signal()
        groups = exact_log2(_ROWS // _GROUP)
        group = into.row[exact_log2(_GROUP):][:groups]
        oldest_group = out.row[exact_log2(_GROUP):][:groups]
        nearly_full = used[-1] | used[:-1].all()
        m.d.sync += [
            leaves.eq(puts),
            room.eq(~nearly_full & ((group + 1)[:groups] != oldest_group)),
        ]
        # `taken` comes late, and is not in the sum.
        with m.If(taken ^ leaves):
            m.d.sync += used.eq(used + Mux(leaves, -1, 1))
        m.d.comb += self.i.ready.eq(room)

        # To the exponential.
        row = Signal(exact_log2(_ROWS), reset_less=True)
        read_maximum = maxima.read_port(domain="comb")
        inverse = Signal(8, reset_less=True)
        m.d.sync += [
            buffer.a_address.eq(Mux(puts, out.address, sum_.address)),
            row.eq(Mux(puts, out.row, sum_.row)),
            inverse.eq(~read_maximum.data),
            # x - maximum + 255, modulo 256
            table.read_address.eq(
                buffer.a_data + delayed(m, inverse, ByteRam.LATENCY - 1, name="inverse")),
        ]
        m.d.comb += read_maximum.addr.eq(row)
        exp = table.read_data[:31]

        total, loads = self._sum(m, exp, sums, sum_)
        m.d.comb += [
            divider.load.eq(loads),
            divider.total.eq(total),
            divider.take.eq(puts),
            divider.take_last.eq(out.last),
            divider.exp.eq(exp),
        ]
        leaves_next = self._output(m, divider)
        inside = Signal(range(self.latency + 1))
        m.d.sync += inside.eq(inside + puts - leaves_next)
        m.d.comb += self.busy.eq((used != 0) | (inside != 0) | self.o.valid)
        return m

    def _write_table(self, m: Module, table):
        """Write the words of a beat one after the other."""
        words = self.config.axi_bytes // 4
        # Registers without reset, since LOAD is far away: a beat stays until its last word, and
        # `word` is 0 behind it. `last` follows `word`.
        word = Signal(range(words), reset_less=True)
        last = Signal(init=words == 1, reset_less=True)
        valid = self.table.valid
        payload = self.table.p
        # And on the way to the memory.
        address = Signal.like(table.write_address, reset_less=True)
        contents = Signal.like(table.write_data, reset_less=True)
        strobe = Signal.like(table.write_strobe, reset_less=True)
        m.d.sync += [
            address.eq(payload.address[2:] + word),
            contents.eq(payload.data.word_select(word, 32)),
            strobe.eq(payload.strobe.word_select(word, 4) & valid.replicate(4)),
        ]
        m.d.comb += [
            self.table.ready.eq(last),
            table.write_address.eq(address),
            table.write_data.eq(contents),
            table.write_strobe.eq(strobe),
        ]
        m.d.sync += [
            word.eq(Mux(valid, word + 1, 0)),
            last.eq(Mux(valid, word == (words - 2) % words, words == 1)),
        ]

    def _sum(self, m: Module, exp, sums, walk: _Walk):
        """Add up the terms of a row; return the sum and whether it is whole in this cycle."""
        dropped = SOFTMAX_ACCUMULATION_INTEGER_BITS
        valid = Signal(self._SUM)
        last = Signal(self._SUM)
        term = Signal(32 - dropped, reset_less=True)
        total = Signal(32, reset_less=True)
        first = delayed(m, walk.first, self._SUM - 1, name="first")
        m.d.sync += [
            valid.eq(Cat(sums, valid)),
            last.eq(Cat(sums & walk.last, last)),
            term.eq((exp >> dropped) + exp[dropped - 1]),
        ]
        with m.If(valid[-2]):
            m.d.sync += total.eq(Mux(first, 0, total) + term)
        return total, last[-1]

    def _output(self, m: Module, divider: SoftmaxDivider):
        """Shift and saturate; return whether there is an output in the next cycle."""
        m.submodules.divide = divide = RoundingShift(width=32, result_width=10, shift_max=35)
        valid = Signal(RoundingShift.LATENCY)
        # Whoever takes outputs is reset as well: it is far away, and so would this one's reset be.
        output_valid = Signal(reset_less=True)
        biased = Signal(10)
        output = Signal(8, reset_less=True)
        m.d.comb += [
            # Not negative, which saves the sign's logic.
            divide.i.eq(divider.product[:31]),
            divide.shift.eq(divider.shift),
            biased.eq(divide.o + divide.increment),
            self.o.valid.eq(output_valid),
            self.o.payload.eq(output),
        ]
        m.d.sync += [
            valid.eq(Cat(divider.valid, valid)),
            output_valid.eq(valid[-1]),
            # Biased by 128, that is, its top bit is inverted.
            output.eq(Mux(biased[8:].any(), 0x7F, biased[:8] ^ 0x80)),
        ]
        return valid[-1]
