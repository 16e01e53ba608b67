"""A sum, difference or product with one constant value is a function of one operand: a table."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hadron_compiler.ir.graph import (
    AddAttributes,
    Graph,
    MulAttributes,
    Operation,
    OpKind,
    TableAttributes,
    Tensor,
)
from hadron_model.operators.add import add
from hadron_model.operators.mul import mul
from hadron_model.operators.sub import sub
from hadron_spec.numerics import SHIFT_MAX
from hadron_spec.tflite_quantization import (
    QuantizationError,
    activation_range,
    add_parameters,
    convolution_multiplier,
)

__all__ = ["run"]

_INPUTS = np.arange(-128, 128, dtype=np.int8)


def run(graph: Graph) -> Graph:
    """Replace what has a constant of one value; what lowering would refuse stays for it."""
    return replace(graph, operations=[_tabulated(operation) for operation in graph.operations])


def _tabulated(operation: Operation) -> Operation:
    attributes = operation.attributes
    if not isinstance(attributes, AddAttributes | MulAttributes):
        return operation
    given = [operation.required(0), operation.required(1)]
    values = [_value(tensor) for tensor in given]
    constants = [position for position, value in enumerate(values) if value is not None]
    if len(constants) != 1:
        return operation
    source = given[1 - constants[0]]
    if source.data is not None or source.elements != operation.outputs[0].elements:
        return operation
    operands = [_INPUTS if value is None else value for value in values]
    try:
        table = _table(operation, operands)
    except QuantizationError:
        return operation
    if table is None:
        return operation
    return replace(operation, inputs=[source],
                   attributes=TableAttributes(tuple(int(value) for value in table)))


def _value(tensor: Tensor) -> npt.NDArray[np.int8] | None:
    """Return the one value that a constant holds."""
    if tensor.data is None or tensor.data.min() != tensor.data.max():
        return None
    return tensor.data.reshape(-1)[:1].astype(np.int8)


def _table(operation: Operation, operands: list[npt.NDArray[np.int8]]
           ) -> npt.NDArray[np.int8] | None:
    """Return the outputs of all inputs as the reference kernel has them."""
    a, b, output = operation.required(0), operation.required(1), operation.outputs[0]
    attributes = operation.attributes
    assert isinstance(attributes, AddAttributes | MulAttributes)
    minimum, maximum = activation_range(attributes.activation.value, output.scale,
                                        output.zero_point)
    if isinstance(attributes, MulAttributes):
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
