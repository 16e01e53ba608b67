"""Functions of 16 bits: LOGISTIC and TANH, which TensorFlow Lite Micro interpolates, LEAKY_RELU and
ABS, which are two lines.

Of a value v, scaled, LOGISTIC and TANH take the line k, of what is above some bits, and the place t
on it, of what is below: starts[k] + t * slopes[k]. All of it is exact:

- k has nine bits: a byte from 0 on and one up to 0, of which one is always at its end.
- t is 64 q + r, a slope 32 s + u. What q has a part in are tables of q and s, q and u, which fit
  into one byte each; r s and r u are quarter squares of sums and differences that do.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hadron_compiler.codegen.byte_planes import BytePlanesKernel, Operand, Pass, Result, Scratch
from hadron_compiler.codegen.elementwise import BYTES, LookupStage, Table
from hadron_compiler.codegen.integers import RefusedError
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.lowering_deep_products import WHOLE
from hadron_compiler.ir.graph import LinesAttributes, Operation, TwoLinesAttributes
from hadron_model.operators.deep_lines import LINES
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import ACC_BITS, quantize_multiplier

__all__ = ["lower_lines", "lower_two_lines"]

_LOW = BYTES + DEEP_OFFSET
_HIGH = 256 * BYTES

_MOST = 1 << (ACC_BITS - 2)
"""What no scaled value exceeds, and no multiple of a line's length that belongs to one."""

_REST_BITS = 6
_DIGIT_BITS = 5
"""Bits of r and u."""


def _quotient(tables: Sequence[Table], bits: int, smallest: int, largest: int, zero_point: int = 0,
              ) -> tuple[tuple[Table, ...], LookupStage]:
    """Return tables and stage of what is left of a sum without its lowest bits, between bounds.

    The multiplier halves, the shift does the rest, and rounds: of what is not negative, half of the
    divisor less is rounded down. One less is too little of zero only, and then out of bounds.
    """
    rounding = 1 + ((1 << bits) >> 1 if bits > 1 else 0)
    return ((tables[0] - rounding, *tables[1:]),
            LookupStage(1 << 30, 1 - bits, True, zero_point, smallest + zero_point,
                        largest + zero_point))


def _of_lines(values: Table) -> tuple[Table, Table]:
    """Return the tables of both bytes of a line that add up to its value."""
    middle = LINES // 2
    return values[middle:] - values[middle], values[:middle + 1]


def lower_lines(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of LOGISTIC or TANH."""
    attributes = operation.attributes
    assert isinstance(attributes, LinesAttributes)
    lines = attributes.lines
    shift, length, last = lines.shift, lines.shift + lines.bits, LINES // 2
    digits = 1 << (lines.bits - _REST_BITS)
    # In an order in which every pass reads neighbours.
    q, low, high, above, below, q_s, q_u, *product = (Scratch(place) for place in range(9))
    r, *halves = (Scratch(place) for place in range(9, 14))
    s, u = low, high

    starts, slopes = (np.array(values, np.int64) for values in (lines.starts, lines.slopes))
    scaled = (lines.multiplier * _LOW + ((1 << shift) >> 1), lines.multiplier * _HIGH)
    # Negative lines count from the first, or from one before what there is; where the high byte is
    # positive, it counts for nothing.
    more = min(last, _MOST >> length)
    negative = (scaled[0] + (more << length), np.minimum(scaled[1], 0))
    k = np.arange(-last, last + 1) << length
    before = (*scaled, *_of_lines(-np.clip(k, -_MOST, _MOST)))
    before_rest = (-np.clip(BYTES, 0, digits - 1) << (shift + _REST_BITS), *before)
    operand = (Operand(0, 0), Operand(0, 1))
    passes = [
        Pass(operand, above, *_quotient(scaled, length, 0, last, -128)),
        Pass(operand, below, *_quotient(negative, length, more - last, more, 127 - more)),
        Pass(operand[:1], low), Pass(operand[1:], high),
        Pass((low, high, above, below), q,
             *_quotient(before, shift + _REST_BITS, 0, digits - 1)),
        Pass((q, low, high, above, below), r, *_quotient(before_rest, shift, 0,
                                                         (1 << _REST_BITS) - 1)),
        Pass((above, below), s, _of_lines(slopes >> _DIGIT_BITS)),
        Pass((above, below), u, _of_lines(slopes & ((1 << _DIGIT_BITS) - 1)))]

    # Two digits in one byte, from -128 on; and their product.
    pair = (BYTES, digits * BYTES - 128)
    of_pair = (BYTES + 128) % digits * ((BYTES + 128) // digits)
    squares = BYTES * BYTES // 4
    passes += [Pass((q, s), q_s, pair), Pass((q, u), q_u, pair)]
    passes += [Pass((r, other), half, (BYTES, sign * BYTES)) for half, (other, sign) in zip(
        halves, ((s, 1), (s, -1), (u, 1), (u, -1)), strict=True)]
    with_r = [weight * squares for weight in (1 << _DIGIT_BITS, -1 << _DIGIT_BITS, 1, -1)]
    with_r[0] = with_r[0] - (1 << 15)
    sums = (*_of_lines(starts), of_pair << (_REST_BITS + _DIGIT_BITS), of_pair << _REST_BITS,
            _LOW, _HIGH + (1 << 15))
    passes += [
        Pass(tuple(halves), replace(product[0], both=True), tuple(2 * table for table in with_r),
             WHOLE),
        Pass((above, below, q_s, q_u, *product), Result(), tuple(2 * table for table in sums),
             replace(WHOLE, shift=-lines.divisor))]
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, passes)


def lower_two_lines(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of LEAKY_RELU or ABS: what comes of values above zero, and of those
    below, of which one is always nothing."""
    attributes = operation.attributes
    assert isinstance(attributes, TwoLinesAttributes)
    x = (Operand(0, 0), Operand(0, 1))
    right, left, least = Scratch(0, both=True), Scratch(2, both=True), Scratch(4, both=True)

    def scaled(tables: Sequence[Table], real: float, smallest: int
               ) -> tuple[tuple[Table, ...], LookupStage]:
        multiplier, shift = quantize_multiplier(real)
        if shift > 15:
            raise RefusedError(f"a slope of {real:.4g} between input and output, at most "
                               f"{1 << 15} is supported")
        # Wide entries are not shifted left.
        return (tuple(table << max(shift, 0) for table in tables),
                LookupStage(multiplier, min(shift, 0), True, 0, smallest, 127, deep_results=True))

    passes = [Pass(x, right, *scaled((_LOW, _HIGH), attributes.right, 0))]
    if attributes.mirrored:
        passes.append(Pass(x, left, *scaled((-_LOW, -_HIGH), attributes.left, 0)))
    else:
        # All that is not negative becomes the largest.
        largest = (1 << 15) - 1
        passes += [
            Pass(x, least, (2 * _LOW, 2 * (_HIGH + largest)), WHOLE),
            Pass((Scratch(4), Scratch(5)), left,
                 *scaled((_LOW, _HIGH - largest), attributes.left, -128))]
    passes.append(Pass(tuple(Scratch(place) for place in range(4)), Result(),
                       (2 * _LOW, 2 * _HIGH, 2 * _LOW, 2 * _HIGH), WHOLE))
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, passes)
