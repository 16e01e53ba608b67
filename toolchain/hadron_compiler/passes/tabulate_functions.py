"""What depends on one tensor alone, element by element, is a function of it: a table.

A sum or product with one constant value is; so is a sum, difference, product or extremum of two
functions of the same tensor. Converters write activations so: x times the logistic function of x
(SiLU), x times a clamped sum (HARD_SWISH).
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import (
    AddAttributes,
    ExtremumAttributes,
    Graph,
    MulAttributes,
    Operation,
    OpKind,
    ProductAttributes,
    SquaredDifferenceAttributes,
    TableAttributes,
    Tensor,
)
from hadron_model.operators.add import add
from hadron_model.operators.mul import mul
from hadron_model.operators.squared_difference import squared_difference
from hadron_model.operators.sub import sub
from hadron_spec.numerics import SHIFT_MAX
from hadron_spec.tflite_quantization import (
    QuantizationError,
    activation_range,
    add_parameters,
    convolution_multiplier,
    squared_difference_parameters,
)

__all__ = ["run"]

Bytes = npt.NDArray[np.int8]
Functions = dict[Tensor, tuple[Tensor, Bytes]]
"""Of a tensor the one it depends on, and its values for those of that, -128 to 127."""

_INPUTS = np.arange(-128, 128, dtype=np.int8)


def run(graph: Graph) -> Graph:
    """Replace what is a function of one tensor; what lowering would refuse stays for it."""
    functions: Functions = {}
    operations = []
    for operation in graph.operations:
        operation = _tabulated(operation, functions)
        attributes = operation.attributes
        if isinstance(attributes, TableAttributes):
            source, values = _function(operation.activations[0], functions)
            table = np.array(attributes.table, np.int8)
            functions[operation.outputs[0]] = (source, table[values.astype(np.int64) + 128])
        operations.append(operation)
    return replace(graph, operations=operations)


def _function(tensor: Tensor, functions: Functions) -> tuple[Tensor, Bytes]:
    return functions.get(tensor, (tensor, _INPUTS))


def _tabulated(operation: Operation, functions: Functions) -> Operation:
    attributes = operation.attributes
    if not isinstance(attributes, AddAttributes | MulAttributes | ProductAttributes
                      | ExtremumAttributes | SquaredDifferenceAttributes):
        return operation
    operands: list[Bytes] = []
    sources: list[Tensor] = []
    for tensor in (operation.required(0), operation.required(1)):
        if tensor.data is not None:
            if tensor.data.min() != tensor.data.max():
                return operation
            operands.append(tensor.data.reshape(-1)[:1].astype(np.int8))
        else:
            source, values = _function(tensor, functions)
            operands.append(values)
            sources.append(source)
    if (len(set(sources)) != 1 or sources[0].deep
            or sources[0].elements != operation.outputs[0].elements):
        return operation
    try:
        table = _table(operation, operands)
    except QuantizationError:
        return operation
    if table is None:
        return operation
    return replace(operation, inputs=[sources[0]],
                   attributes=TableAttributes(tuple(int(value) for value in table)))


def _table(operation: Operation, operands: list[Bytes]) -> Bytes | None:
    """Return the outputs of all inputs as the reference kernel has them."""
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    attributes = operation.attributes
    if isinstance(attributes, ExtremumAttributes):
        return np.asarray((np.minimum if attributes.least else np.maximum)(*operands))
    if isinstance(attributes, SquaredDifferenceAttributes):
        return squared_difference(
            *operands, zero_point_a=a.zero_point, zero_point_b=b.zero_point,
            output_zero_point=output.zero_point,
            parameters=squared_difference_parameters(a.scale, b.scale, output.scale))
    assert isinstance(attributes, AddAttributes | MulAttributes | ProductAttributes)
    minimum, maximum = activation_range(attributes.activation.value, output.scale,
                                        output.zero_point)
    if not isinstance(attributes, AddAttributes):
        multiplier, shift = convolution_multiplier(a.scale, b.scale, output.scale)
        if shift > SHIFT_MAX:
            return None
        return mul(*operands, multiplier=multiplier, shift=shift, zero_point_a=a.zero_point,
                   zero_point_b=b.zero_point, output_zero_point=output.zero_point,
                   minimum=minimum, maximum=maximum)
    kernel = add if operation.kind is OpKind.ADD else sub
    return kernel(*operands, parameters=add_parameters(a.scale, b.scale, output.scale),
                  zero_point_a=a.zero_point, zero_point_b=b.zero_point,
                  output_zero_point=output.zero_point, minimum=minimum, maximum=maximum)
