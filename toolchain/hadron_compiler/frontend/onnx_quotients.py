"""ONNX quotients of two tensors, as products by reciprocals in two parts."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from hadron_compiler.frontend.onnx_inputs import Given, settled
from hadron_compiler.frontend.onnx_operands import common_shape, operand
from hadron_compiler.frontend.onnx_values import Function, Image, Pending, quantization
from hadron_compiler.ir.graph import (
    Activation,
    AddAttributes,
    Operation,
    OpKind,
    ProductAttributes,
    Tensor,
)

if TYPE_CHECKING:
    from hadron_compiler.frontend.onnx import OnnxImporter

__all__ = ["quotient", "sum_of_products"]

_SWITCH = 16
"""How many times the least divisor is from where on divisors are large."""


def quotient(importer: "OnnxImporter", given: Given) -> Pending | None:
    """Return a value divided by a tensor: times the reciprocals of its large numbers, plus times
    those of its small ones, for which eight bits would not do together."""
    operands = settled(importer, given)
    if operands is None:
        return None
    dividend, divisor = operands
    shape, last = common_shape(operands)
    assert isinstance(divisor, Image | Function)
    factors = [operand(importer, part, shape, last) for part in _reciprocals(importer, divisor)]
    a = operand(importer, dividend, shape, last)
    return None if a is None else sum_of_products(importer, a, factors, shape, last)


def sum_of_products(importer: "OnnxImporter", a: Tensor, factors: Sequence[Tensor | None],
                    shape: tuple[int, ...], last: bool) -> Pending:
    """Return a tensor times the sum of two others; each product has the steps of the result."""
    def products(output: Tensor) -> list[Tensor | None]:
        made: list[Tensor | None] = []
        for factor in factors:
            product = replace(output, name=f"{output.name} (part)", root=None)
            importer.operations.append(Operation(OpKind.MUL, importer.index, [a, factor],
                                                 [product], ProductAttributes(Activation.NONE)))
            made.append(product)
        return made

    return Pending(importer.label, OpKind.ADD, products,
                   lambda activation, output: AddAttributes(activation), shape, last,
                   importer.index)


def _reciprocals(importer: "OnnxImporter", divisor: Image | Function) -> tuple[Image, Image]:
    """Return two values that add up to the reciprocal of a value: one that is 0 for what is large,
    and one that is the same for all that is small. 0 counts as the least number there is."""
    inner = divisor.apply if isinstance(divisor, Function) else lambda x: x
    source = divisor.source if isinstance(divisor, Function) else divisor
    tensor = source.tensor
    numbers = [inner((q - tensor.zero_point) * tensor.scale) for q in range(-128, 128)]
    largest = 1 / min((abs(number) for number in numbers if number), default=1.0)
    most = largest / _SWITCH

    def reciprocal(x: float) -> float:
        number = inner(x)
        return 1 / number if number else largest

    def of_large(x: float) -> float:
        return min(max(reciprocal(x), -most), most)

    def made(function: Callable[[float], float], end: float, what: str) -> Image:
        low = -end if min(numbers) < 0 else 0.0
        return importer.tabulated(Function(source, function, OpKind.LOGISTIC, importer.index),
                                  f"{tensor.name} (1 / {what})", *quantization(low, end))

    return (made(lambda x: reciprocal(x) - of_large(x), largest - most, "small"),
            made(of_large, most, "large"))
