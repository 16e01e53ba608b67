"""Right shift that rounds halves away from zero, and saturates."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundingShift"]


class RoundingShift(wiring.Component):
    """Divide by a power of two, halves away from zero, all but the last addition.

    ``o + increment`` is :func:`hadron_spec.numerics.rounding_divide_by_pot` of `i` and `shift`,
    with `o` saturated to its width. Whoever adds something to the result anyway takes `increment`
    as the carry into that adder.

    Bytes are shifted first, so that only a window of ``result_width + 7`` bits goes through the
    finer stage, and only what can become the result comes out of it; the bits above tell no more
    than whether the result saturates.

    Parameters
    ----------
    width : int
        Bits of `i`, more than 8.
    result_width : int
        Bits of `o`, at most `width`.
    shift_max : int
        Largest shift, at least 8.

    Members
    -------
    i : In(signed(width))
        Dividend.
    shift : In(range(shift_max + 1))
        Exponent of the divisor.
    half_up : In(1)
        Round halves up, not away from zero. Stable while values are inside.
    clear : In(1)
        `o` and `increment` are zero in the next cycle.
    o : Out(signed(result_width))
        Quotient, rounded down, saturated.
    increment : Out(1)
        The quotient is to be rounded up.

    Latency: ``LATENCY`` cycles (bytes, bits, saturation). Throughput: one a cycle.

    Source: gemmlowp fixedpoint.h, RoundingDivideByPOT: up when the remainder exceeds half, or
    equals half and the dividend is not negative.

    Raises
    ------
    ValueError
        When a width or `shift_max` is out of range.
    """

    LATENCY = 3

    def __init__(self, *, width: int, result_width: int, shift_max: int):
        if width <= 8:
            raise ValueError(f"width={width}, must be more than 8")
        if not 1 <= result_width <= width:
            raise ValueError(f"result_width={result_width}, must be 1 to width={width}")
        if shift_max < 8:
            raise ValueError(f"shift_max={shift_max}, must be at least 8")
        self.width = width
        self.result_width = result_width
        self.shift_max = shift_max
        super().__init__({
            "i": In(signed(width)),
            "shift": In(range(shift_max + 1)),
            "half_up": In(1),
            "clear": In(1),
            "o": Out(signed(result_width)),
            "increment": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        window_width = min(self.width, self.result_width + 7)
        sign_in = self.i[-1]
        bytes_out = self.shift_max // 8

        def bit(index: int):
            return self.i[min(index, self.width - 1)]

        # Bytes: the window, and of what leaves it the few bits that rounding and saturation need.
        coarse_in = self.shift[3:]
        window_in = self.i
        for n, select in enumerate(coarse_in):
            window_in = Mux(select, window_in >> (8 << n), window_in)
        half_in = Cat(0, *(bit(8 * n + 7) for n in range(bytes_out)))
        tops_in = Cat(*(bit(8 * n + 7) for n in range(bytes_out)))
        below_in = Cat(*(Cat(*(bit(8 * n + k) for k in range(7))).any() for n in range(bytes_out)))
        differs_in = Cat(*(
            Cat(*(bit(k) ^ sign_in for k in range(low, min(low + 8, self.width - 1)))).any()
            for low in range(window_width - 1, self.width - 1, 8)))

        window = Signal(signed(window_width), reset_less=True)
        half = Signal(reset_less=True)
        tops = Signal(bytes_out, reset_less=True)
        below = Signal(bytes_out, reset_less=True)
        differs = Signal(len(differs_in), reset_less=True)
        coarse = Signal(len(coarse_in), reset_less=True)
        fine = Signal(3, reset_less=True)
        sign = Signal(reset_less=True)
        m.d.sync += [
            window.eq(window_in),
            half.eq(half_in.bit_select(coarse_in, 1)),
            tops.eq(tops_in),
            below.eq(below_in),
            differs.eq(differs_in),
            coarse.eq(coarse_in),
            fine.eq(self.shift[:3]),
            sign.eq(sign_in),
        ]

        # Bits: `half` is the one below the window, the first to be shifted out of it.
        extended = Cat(half, window).as_signed()
        top = self.result_width - 1
        shifted = Signal(self.result_width + 1, reset_less=True)
        lost_bytes = Signal(reset_less=True)
        lost_bits = Signal(reset_less=True)
        overflow = Signal(reset_less=True)
        sign_2 = Signal(reset_less=True)
        m.d.sync += [
            shifted.eq(extended >> fine),
            lost_bytes.eq(Cat(
                *(below[n] & (coarse > n) for n in range(bytes_out)),
                *(tops[n] & (coarse > n + 1) for n in range(bytes_out))).any()),
            lost_bits.eq(Cat(*(extended[n] & (fine > n) for n in range(7))).any()),
            overflow.eq(Cat(
                *(differs[n] & (coarse <= n) for n in range(len(differs))),
                *((window[top + n] ^ sign) & (fine <= n)
                  for n in range(window_width - 1 - top))).any()),
            sign_2.eq(sign),
        ]

        # Saturation.
        rail = Cat((~sign_2).replicate(self.result_width - 1), sign_2)
        saturated = Mux(overflow, rail, shifted[1:])
        increment = shifted[0] & (~sign_2 | lost_bytes | lost_bits | self.half_up)
        result = Signal(signed(self.result_width), reset_less=True)
        incremented = Signal(reset_less=True)
        m.d.sync += [result.eq(saturated), incremented.eq(increment)]
        with m.If(self.clear):
            m.d.sync += [result.eq(0), incremented.eq(0)]
        m.d.comb += [self.o.eq(result), self.increment.eq(incremented)]
        return m
