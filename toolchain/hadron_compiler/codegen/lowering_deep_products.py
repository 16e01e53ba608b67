"""MUL of 16 bits: by a number, two tables; of two tensors, the products of their bytes.

With 256 h + l for each operand, h signed and l from 0 to 255, the product is

    65536 h h' + 256 (h' l + (h l' + (l l' >> 8))) + (l l' & 255)

where each product of two bytes, h l' with the byte that l l' carries into it, too, has 16 bits:
seven planes, which one pass adds up. All of it is exact.
"""

from collections.abc import Sequence

import numpy as np

from hadron_compiler.codegen.byte_planes import BytePlanesKernel, Operand, Pass, Result, Scratch
from hadron_compiler.codegen.elementwise import BYTES, LookupStage, Table
from hadron_compiler.codegen.integers import bounds, check_right
from hadron_compiler.codegen.kernel import Kernel
from hadron_compiler.codegen.product import half_tables, product_tables
from hadron_compiler.ir.graph import MulAttributes, Operation, ProductAttributes
from hadron_spec.commands import DEEP_OFFSET
from hadron_spec.config import NpuConfig
from hadron_spec.tflite_quantization import convolution_multiplier

__all__ = ["WHOLE", "lower_deep_mul", "lower_deep_product"]

WHOLE = LookupStage(1 << 30, 0, True, 0, -128, 127, deep_results=True)
"""What makes 16 bits of sums that are twice as large: wide ones are not shifted left."""

_LOW = -DEEP_OFFSET
"""The zero point of low bytes."""


def _stage(operation: Operation) -> LookupStage:
    """Return what follows the product."""
    attributes = operation.attributes
    assert isinstance(attributes, MulAttributes | ProductAttributes)
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    multiplier, shift = convolution_multiplier(a.scale, b.scale, output.scale)
    check_right(np.array([shift]))
    smallest, largest = bounds(attributes.activation, output)
    return LookupStage(multiplier, shift, True, 0, smallest >> 8, largest >> 8, deep_results=True)


def lower_deep_mul(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MUL by a constant of one value."""
    data = operation.required(1).data
    assert data is not None
    factor = int(data.ravel()[0])
    tables = (factor * (BYTES + DEEP_OFFSET), 256 * factor * BYTES)
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, [
        Pass((Operand(0, 0), Operand(0, 1)), Result(), tables, _stage(operation))])


def lower_deep_product(operation: Operation, config: NpuConfig) -> Kernel:
    """Return the kernel of MUL of two tensors of one shape."""
    low_a, high_a, low_b, high_b = (Operand(index, plane) for index in range(2)
                                    for plane in range(2))
    highs, high_low, low_high, lows = (Scratch(place, both=True) for place in (0, 2, 4, 6))
    carry, halves = Scratch(7), [Scratch(8 + place) for place in range(4)]

    def product(reads: tuple[Operand, Operand], zero_points: tuple[int, int], writes: Scratch,
                more: int | Table) -> list[Pass]:
        """Return the passes of a product of bytes, plus a number or what the byte in front of the
        halves says."""
        tables: list[Table] = product_tables(*zero_points)
        reading: list[Operand | Scratch] = [*halves]
        if isinstance(more, int):
            tables[0] = tables[0] + more
        else:
            tables, reading = [more, *tables], [carry, *halves]
        return [*(Pass(reads, half, tuple(some))
                  for half, some in zip(halves, half_tables(), strict=True)),
                Pass(tuple(reading), writes, tuple(2 * table for table in tables), WHOLE)]

    def plane(weight: int, least: int, most: int, offset: int = 0) -> Table:
        """Return the table of a byte that holds `least` to `most`, less than `offset` more."""
        return weight * (np.clip(BYTES, least, most) + offset)

    pairs: Sequence[Table] = [
        table for weight, most in ((1 << 16, 64), (1 << 8, 128), (1 << 8, 128))
        for table in (plane(weight, -128, 127, DEEP_OFFSET), plane(256 * weight, -most, most))]
    passes = [
        # Of the low bytes 0 to 255 * 255: 16 bits, less 1 << 15.
        *product((low_a, low_b), (_LOW, _LOW), lows, -1 << 15),
        *product((high_a, low_b), (0, _LOW), low_high, BYTES + DEEP_OFFSET),
        *product((low_a, high_b), (_LOW, 0), high_low, 0),
        *product((high_a, high_b), (0, 0), highs, 0),
        Pass(tuple(Scratch(place) for place in range(7)), Result(),
             (*pairs, plane(1, -128, 127, DEEP_OFFSET)), _stage(operation))]
    return BytePlanesKernel(config, operation.label, operation.outputs[0].shape, passes)
