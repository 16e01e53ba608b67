"""The division of softmax: reciprocals of sums, by Newton-Raphson, and products with them."""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from hadron_spec.numerics import SOFTMAX_ACCUMULATION_INTEGER_BITS

from .delay import delayed
from .softmax_normalizer import SoftmaxNormalizer
from .wide_multiplier import WideMultiplier

__all__ = ["SoftmaxDivider"]

_48_OVER_17 = 1515870810
_NEG_32_OVER_17 = -1010580540
"""Q2.29: the straight line that the iteration starts from."""

_STEPS = 7
"""Products: the straight line, then two for each of three iterations."""


class SoftmaxDivider(wiring.Component):
    """Divide exponentials by the sum of their row; many rows' reciprocals are under way at a time.

    Each cycle that may start a product belongs to one of `contexts` slots, which take turns, a turn
    of all in ``PERIOD`` cycles. A row's reciprocal takes the next free context and makes one
    product each time its slot comes round: the period is as long as a product and what becomes of
    it take, so that nothing ever waits. Slots without a reciprocal are free for exponentials.

    With d in [0.5, 1) half the normalised sum: x = 48/17 - 32/17 d, three times
    x += x * (1 - d * x), all in Q2.29.

    Source: tensorflow/lite/kernels/internal/common.h, GetReciprocal; gemmlowp fixedpoint.h,
    one_over_one_plus_x_for_x_in_0_1, as :func:`hadron_spec.numerics.softmax_reciprocal` and
    ``softmax_output`` restate them.

    Parameters
    ----------
    multipliers : int
        Hardware multipliers, 1 or 4.

    Members
    -------
    load : In(1)
        Take `total`; at most every ``SoftmaxNormalizer.INTERVAL`` cycles, while fewer than
        `contexts` rows have been loaded and not wholly divided.
    total : In(32)
        Sum of a row in Q12.19. Zero makes quotients without meaning.
    finished : Out(1)
        One more row, in the order of loads, can be divided from the next cycle on.
    free : Out(1)
        An exponential may be taken in this cycle.
    take : In(1)
        Take one, of the oldest row that is finished; only while `free`.
    take_last : In(1)
        It is the last of its row.
    exp : In(31)
        Exponential in Q0.31, ``LEAD`` cycles after `take`.
    valid : Out(1)
        `product` and `shift` belong to the exponential taken ``latency`` cycles ago.
    product : Out(signed(32))
        Exponential times the significand of the reciprocal.
    shift : Out(range(36))
        Right shift that makes a quotient in Q8 of `product`.

    Latency: ``latency`` cycles from `take`; ``reciprocal_latency`` or, while others are inside, up
    to a ``PERIOD`` more from `load` to `finished`. Throughput: one product in ``interval`` cycles;
    a reciprocal is seven.
    """

    PERIOD = 16
    LEAD = 6
    """The user's way from an element to its exponential."""

    load: In(1)
    total: In(32)
    finished: Out(1)
    free: Out(1)
    take: In(1)
    take_last: In(1)
    exp: In(31)
    valid: Out(1)
    product: Out(signed(32))
    shift: Out(range(36))

    def __init__(self, *, multipliers: int):
        self._multiplier = WideMultiplier(multipliers=multipliers)
        self.interval = self._multiplier.interval
        self.contexts = self.PERIOD // self.interval
        self._product_at = self.LEAD + 1 + self._multiplier.latency
        """Cycle of a product, counted from the beginning of its slot."""
        # Read at LEAD, registered, multiplied; added, saturated, written: before the next read.
        assert self._product_at + 3 <= self.LEAD + self.PERIOD
        super().__init__()

    @property
    def latency(self) -> int:
        """Cycles from `take` to `product`."""
        return self._product_at

    @property
    def reciprocal_latency(self) -> int:
        """Most cycles from `load` of 1.0 or more to `finished`, without waiting for a slot."""
        normalize = max(SoftmaxNormalizer.latency(leading_zeros=zeros)
                        for zeros in range(SOFTMAX_ACCUMULATION_INTEGER_BITS + 1))
        return (normalize + 2 + (_STEPS - 1) * self.PERIOD
                + self._finished_at)

    @property
    def _finished_at(self) -> int:
        """Who takes an exponential in the next cycle finds the reciprocal just written."""
        return self._product_at + 3 - self.LEAD - 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.normalizer = normalizer = SoftmaxNormalizer()
        m.submodules.multiplier = multiplier = self._multiplier
        contexts, lead = self.contexts, self.LEAD
        m.d.comb += [normalizer.load.eq(self.load), normalizer.total.eq(self.total)]

        cycle = Signal(exact_log2(self.PERIOD))
        restarts = Signal()
        phases = exact_log2(self.interval)
        m.d.sync += cycle.eq(cycle + 1)

        def slot_of(cycles_ago: int):
            return (cycle - cycles_ago)[phases:len(cycle)]

        begins = cycle[:phases] == 0
        loaded = Signal(range(contexts))
        with m.If(normalizer.valid):
            m.d.sync += loaded.eq(loaded + 1)
        iterates, step = self._turns(m, normalizer.valid, loaded, slot_of(-1),
                                     ends=cycle[:phases].all())

        # What each slot does, and how far it has come.
        dividing = Signal(range(contexts))
        with m.If(self.take & self.take_last):
            m.d.sync += dividing.eq(dividing + 1)
        work = data.StructLayout({"iterates": 1, "takes": 1, "line": 1, "error": 1, "last": 1})
        now = Signal(work)
        m.d.comb += [
            self.free.eq(begins & ~iterates),
            now.iterates.eq(begins & iterates),
            now.takes.eq(self.take),
            now.line.eq(step == 0),
            now.error.eq(step[0]),
            now.last.eq(step == _STEPS - 1),
        ]
        ago = [now]
        for cycles in range(1, self._product_at + 3):
            then = Signal(work, name=f"work_{cycles}")
            m.d.sync += then.eq(ago[-1])
            ago.append(then)
        # A row that comes when nothing is inside need not wait for its slot; what it takes does not
        # depend on when it comes.
        m.d.comb += restarts.eq(
            normalizer.valid & (loaded == dividing)
            & ~Cat(work.takes for work in ago[:lead + self.interval + 1]).any())
        with m.If(restarts):
            m.d.sync += cycle.eq((loaded << phases) - 1)
        context = delayed(m, Mux(iterates, slot_of(0), dividing), lead, name="context")

        # Operands.
        read, write = {}, {}
        for name, shape in (("d", 31), ("zeros", 5), ("x", signed(32)), ("error", signed(32))):
            m.submodules[name] = storage = memory.Memory(shape=shape, depth=contexts, init=[])
            write[name] = storage.write_port()
            read[name] = storage.read_port(domain="comb")
            m.d.comb += read[name].addr.eq(context)
        for name, value in (("d", normalizer.fraction), ("zeros", normalizer.zeros)):
            m.d.comb += [write[name].addr.eq(loaded), write[name].en.eq(normalizer.valid),
                         write[name].data.eq(value)]
        a = Signal(signed(32), reset_less=True)
        b = Signal(signed(32), reset_less=True)
        shift = Signal(range(36), reset_less=True)
        at = ago[lead]
        refines = ~at.line & ~at.error
        turns = (cycle - lead)[:phases] == 0
        with m.If(turns):
            m.d.sync += [
                a.eq(Mux(at.takes, self.exp, Mux(refines, read["error"].data, read["d"].data))),
                b.eq(Mux(at.line & ~at.takes, _NEG_32_OVER_17, read["x"].data)),
                shift.eq(35 - read["zeros"].data),
            ]
        old = b
        for turn in range((multiplier.latency - 1) // self.interval):
            older = Signal.like(b, name=f"x_{turn}")
            with m.If(turns):
                m.d.sync += older.eq(old)
            old = older
        m.d.comb += [
            multiplier.start.eq(ago[lead + 1].iterates | ago[lead + 1].takes),
            multiplier.a.eq(a),
            multiplier.b.eq(b),
        ]

        # What becomes of the product.
        done = self._product_at
        m.d.comb += [
            self.valid.eq(ago[done].takes),
            self.product.eq(multiplier.o),
            self.shift.eq(delayed(m, shift, multiplier.latency, name="shift")),
            self.finished.eq(ago[self._finished_at].iterates & ago[self._finished_at].last),
        ]
        base = Signal(signed(32), reset_less=True)
        addend = Signal(signed(32))
        updated = Signal(signed(32), reset_less=True)
        result = Signal(signed(32), reset_less=True)
        m.d.sync += base.eq(Mux(ago[done - 1].error, 1 << 29,
                                Mux(ago[done - 1].line, _48_OVER_17, old)))
        m.d.comb += addend.eq(Mux(ago[done].error, ~multiplier.o,
                                  Mux(ago[done].line, multiplier.o, multiplier.o << 2)))
        m.d.sync += [
            updated.eq((Cat(1, base) + Cat(ago[done].error, addend))[1:]),
            result.eq(updated),
        ]
        with m.If(ago[done + 1].last):
            # Twice x, in Q0.31; of a sum of 2**n it is one more than that holds.
            m.d.sync += result.eq(Mux(updated[30], (1 << 31) - 1, updated << 1))
        for name, wanted in (("x", ~ago[done + 2].error), ("error", ago[done + 2].error)):
            m.d.comb += [write[name].addr.eq(slot_of(done + 2)), write[name].data.eq(result),
                         write[name].en.eq(ago[done + 2].iterates & wanted)]
        return m

    def _turns(self, m: Module, load, loaded, following, *, ends):
        """Rotate the slots; return whether the one at hand iterates, and with which product."""
        turn = data.StructLayout({"iterates": 1, "step": range(_STEPS)})
        here = Signal(turn)
        others = [Signal(turn, name=f"turn_{n}") for n in range(1, self.contexts)]
        waiting = Signal(self.contexts)
        again = here.iterates & (here.step != _STEPS - 1)
        with m.If(ends):
            m.d.sync += [
                here.iterates.eq(others[0].iterates | waiting.bit_select(following, 1)),
                here.step.eq(others[0].step),
                *(this.eq(after) for this, after in pairwise(others)),
                others[-1].iterates.eq(again),
                others[-1].step.eq(Mux(again, here.step + 1, 0)),
            ]
        m.d.sync += waiting.eq((waiting & ~(ends << following)) | (load << loaded))
        return here.iterates, here.step
