"""From an operation on single elements of 16 bits to passes over their bytes.

Functions of a byte add up, functions of two bytes do not: what a rounding carries from the low byte
into the high one takes a pass of its own.
"""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.byte_planes import BytePlanesKernel, Operand, Pass, Result, Scratch
from hadron_compiler.codegen.elementwise import BYTES, LookupStage, Table
from hadron_compiler.codegen.integers import RefusedError, bounds
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.ir.graph import (
    AddAttributes,
    AddConstantAttributes,
    ClampAttributes,
    ExtremumAttributes,
    Operation,
    OpKind,
)
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig
from hadron_spec.numerics import ACC_BITS, ADD_LEFT_SHIFT_DEEP, rescale_addend
from hadron_spec.tflite_quantization import add_parameters

__all__ = ["lower_clamp", "lower_deep_extremum", "lower_deep_sum", "lower_deep_sum_with_constant"]

_CARRIED = LookupStage(minimum=-1, maximum=0)
"""What follows a sum of remainders less what carries: -1 where it is less, else 0."""


def _addend_tables(multiplier: int, shift: int) -> tuple[Table, Table, tuple[Table, Table] | None]:
    """Return tables of low and high bytes that add up to `rescale_addend` of a value, but for a
    carry; and the tables whose sum is negative where there is none, if there ever is one.

    Both roundings together divide once, rounding down: the second rounds halves away from zero,
    and of what sign a value is, its high byte says.
    """
    dropped = ACC_BITS - 1 - ADD_LEFT_SHIFT_DEEP
    bits = dropped - shift
    high = 256 * BYTES
    rounding = np.full(256, 1 << (dropped - 1))
    if shift < 0:
        rounding += (1 << (bits - 1)) - np.where(high < 0, 1 << dropped, 0)
    low_quotient, low_rest = np.divmod((BYTES + DEEP_OFFSET) * multiplier, 1 << bits)
    high_quotient, high_rest = np.divmod(high * multiplier + rounding, 1 << bits)
    if int(low_rest.max()) + int(high_rest.max()) < 1 << bits:
        return low_quotient, high_quotient, None
    if bits >= ACC_BITS:
        raise RefusedError(f"the scale of one input is 2**{-shift} times less than the other's; "
                           f"of 16 bits, at most 2**{ACC_BITS - 1 - dropped} times is supported")
    return low_quotient, high_quotient, (low_rest, high_rest - (1 << bits))


def lower_deep_sum(operation: Operation, config: NpuConfig, sign: int) -> Kernel:
    """Return the kernel of ADD or SUB.

    Source: tensorflow/lite/kernels/internal/reference/add.h, AddElementwise of int16_t.
    """
    attributes = operation.attributes
    assert isinstance(attributes, AddAttributes)
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    values = add_parameters(a.scale, b.scale, output.scale, ADD_LEFT_SHIFT_DEEP)
    addends = [_addend_tables(values.multiplier_a, values.shift_a),
               _addend_tables(values.multiplier_b, values.shift_b)]
    smallest, largest = bounds(attributes.activation, output)
    stage = LookupStage(values.multiplier, values.shift, True, 0, smallest >> 8, largest >> 8,
                        deep_results=True)
    planes = [Operand(index, plane) for index in range(2) for plane in range(2)]
    tables = [factor * table for (low, high, _), factor in zip(addends, (1, sign), strict=True)
              for table in (low, high)]
    gathered = [Scratch(place) for place in range(len(planes))]
    passes = [Pass((plane,), place, gathers=True)
              for plane, place in zip(planes, gathered, strict=True)]
    reads: list[Operand | Scratch] = [*planes]
    for index, ((_, _, rests), factor) in enumerate(zip(addends, (1, sign), strict=True)):
        if rests is not None:
            # One command reads planes that lie equally far apart.
            carry = Scratch(len(planes))
            passes = [Pass((plane,), place) for plane, place in zip(planes, gathered, strict=True)]
            passes.append(Pass((Operand(index, 0), Operand(index, 1)), carry, rests, _CARRIED))
            gathered = [*gathered, carry]
            reads = [*gathered]
            tables.append(factor * (BYTES + 1))
    return BytePlanesKernel(config, operation.label, output.shape,
                            [*passes, Pass(tuple(reads), Result(), tuple(tables), stage,
                                           gathered=tuple(gathered))])


def lower_deep_sum_with_constant(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of ADD or SUB of one number."""
    attributes = operation.attributes
    assert isinstance(attributes, AddConstantAttributes)
    x, output = operation.required(0), operation.outputs[0]
    scales = (x.scale, attributes.scale)
    a, b = scales[::-1] if attributes.first else scales
    values = add_parameters(a, b, output.scale, ADD_LEFT_SHIFT_DEEP)
    given, other = ((values.multiplier_a, values.shift_a), (values.multiplier_b, values.shift_b))
    if attributes.first:
        given, other = other, given
    signs = (1, 1) if operation.kind is OpKind.ADD else (-1, 1) if attributes.first else (1, -1)
    low, high, rests = _addend_tables(*given)
    added = signs[1] * int(rescale_addend(attributes.value, *other, ADD_LEFT_SHIFT_DEEP))
    tables = [signs[0] * low + added, signs[0] * high]
    smallest, largest = bounds(attributes.activation, output)
    stage = LookupStage(values.multiplier, values.shift, True, 0, smallest >> 8, largest >> 8,
                        deep_results=True)
    reads: tuple[Operand | Scratch, ...] = (Operand(0, 0), Operand(0, 1))
    passes = []
    if rests is not None:
        copies, carry = (Scratch(0), Scratch(1)), Scratch(2)
        passes = [*(Pass((plane,), copy) for plane, copy in zip(reads, copies, strict=True)),
                  Pass(reads, carry, rests, _CARRIED)]
        reads = (*copies, carry)
        tables.append(signs[0] * (BYTES + 1))
    return BytePlanesKernel(config, operation.label, output.shape,
                            [*passes, Pass(reads, Result(), tuple(tables), stage)])


def lower_deep_extremum(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MAXIMUM or MINIMUM.

    The extremum of the high bytes first; then of the low bytes, those of a value with another high
    byte moved so far that they saturate at the other end.
    """
    attributes = operation.attributes
    assert isinstance(attributes, ExtremumAttributes)
    low_a, high_a, extreme, high_b, low_b, a, b = (Scratch(index) for index in range(7))
    least = attributes.least

    def low_bytes(reads: Sequence[Scratch], writes: Scratch) -> Pass:
        factors = {low_a: 1, low_b: 1, high_a: 256, high_b: 256, extreme: -256}
        return Pass(tuple(reads), writes, tuple(factors[plane] * BYTES for plane in reads))

    highest = (Operand(0, 1), Operand(1, 1))
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, [
        Pass(highest, Result(1), least=least),
        Pass(highest, extreme, least=least),
        Pass((Operand(0, 0),), low_a), Pass((Operand(0, 1),), high_a),
        Pass((Operand(1, 0),), low_b), Pass((Operand(1, 1),), high_b),
        low_bytes((low_a, high_a, extreme), a), low_bytes((extreme, high_b, low_b), b),
        Pass((a, b), Result(0), least=least)])


def lower_clamp(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of what brings 16-bit values between two bounds.

    Values saturate at the ends of 16 bits: moved so that a bound lies there, and back.
    """
    attributes = operation.attributes
    assert isinstance(attributes, ClampAttributes)
    lowest, highest = -1 << 15, (1 << 15) - 1
    above, below = highest - attributes.largest, attributes.smallest - lowest
    moves = [(above, -128)] if above else []
    if attributes.smallest % 256 == 0:
        moves.append((-above, attributes.smallest >> 8))
    else:
        moves += [(-above - below, -128), (below, -128)]
    reads: tuple[Operand | Scratch, ...] = (Operand(0, 0), Operand(0, 1))
    passes = []
    for index, (distance, smallest) in enumerate(moves):
        # Wide entries are not shifted left: twice as large, half of them comes out.
        tables = (2 * (BYTES + DEEP_OFFSET), 2 * (256 * BYTES + distance))
        writes = (Result() if index == len(moves) - 1 else Scratch(2 * index, both=True))
        passes.append(Pass(reads, writes, tables, LookupStage(
            1 << 30, 0, True, 0, smallest, 127, deep_results=True)))
        reads = (Scratch(2 * index), Scratch(2 * index + 1))
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, passes)
